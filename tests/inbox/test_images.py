"""What becomes of the files that agents give, good and bad."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageCms

from inbox import images
from inbox.refusals import BadReply
from tests.pictures import decoded, noise, picture


def refusal(content: bytes) -> str:
    with pytest.raises(BadReply) as refused:
        images.prepare(content)
    assert refused.value.field == "image"
    return refused.value.sentence


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_what_agents_have_becomes_what_tiktok_takes(format):
    made = images.prepare(picture((300, 200), format=format))
    image = decoded(made.content)
    assert (image.size, made.width, made.height) == ((300, 200), 300, 200)
    assert made.content_type == {"PNG": "image/png"}.get(format, "image/jpeg")
    assert Image.MIME[image.format] == made.content_type
    assert max(decoded(made.thumbnail).size) <= 640


def test_a_phones_picture_is_turned_upright_and_tells_nothing_about_the_phone():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "Secret Phone Maker"
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)  # where it was taken
    made = images.prepare(picture((80, 40), exif=exif, comment=b"secret comment"))
    image = decoded(made.content)
    assert image.size == (40, 80)
    assert not image.getexif()
    assert b"Secret" not in made.content
    assert b"secret comment" not in made.content
    assert not {"exif", "icc_profile", "comment", "xmp"} & set(image.info)


def test_what_is_transparent_lies_on_white():
    file = io.BytesIO()
    drawn = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    drawn.putpixel((3, 3), (0, 0, 255, 255))
    drawn.save(file, "PNG")
    image = decoded(images.prepare(file.getvalue()).content).convert("RGB")
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((3, 3)) == (0, 0, 255)


def test_a_palette_with_transparency_lies_on_white():
    drawn = Image.new("P", (10, 10), 0)
    drawn.putpalette([255, 0, 0, 0, 128, 0])
    drawn.putpixel((3, 3), 1)
    file = io.BytesIO()
    drawn.save(file, "PNG", transparency=0)
    image = decoded(images.prepare(file.getvalue()).content).convert("RGB")
    assert (image.getpixel((0, 0)), image.getpixel((3, 3))) == ((255, 255, 255), (0, 128, 0))


def test_sixteen_bits_of_grey_keep_their_shades():
    rows = b"".join(b"\x00" + struct.pack(">3H", 0, 32768, 65535) for _ in range(3))
    image = decoded(images.prepare(png(3, 3, zlib.compress(rows), depth=16)).content).convert("L")
    assert [image.getpixel((x, 1)) for x in range(3)] == pytest.approx([0, 128, 255], abs=2)


def test_printers_colours_become_a_screens():
    image = decoded(images.prepare(picture(mode="CMYK")).content)
    assert image.mode == "RGB"


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "I;16"])
def test_every_kind_of_png_can_be_sent(mode):
    assert decoded(images.prepare(picture(mode=mode, format="PNG")).content).mode in ("L", "RGB")


def test_a_colour_profile_is_applied_and_not_sent():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # one that doesn't fit
    assert decoded(images.prepare(picture(icc_profile=profile)).content).mode == "RGB"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = decoded(images.prepare(picture(icc_profile=srgb)).content)
    assert "icc_profile" not in image.info
    assert image.getpixel((32, 24))[0] == pytest.approx(128, abs=6)


def test_a_large_photograph_is_made_to_fit_in_the_best_quality():
    made = images.prepare(noise((3000, 2200), quality=95))
    assert 1_500_000 < len(made.content) <= images.LARGEST_SENT
    assert made.content_type == "image/jpeg"


def test_a_photograph_as_png_becomes_a_jpeg_and_a_screenshot_stays_png():
    assert images.prepare(noise((1300, 1000), "PNG")).content_type == "image/jpeg"
    assert images.prepare(picture((1300, 1000), format="PNG")).content_type == "image/png"


def test_a_picture_of_one_by_fifty_thousand_is_sent_shorter():
    made = images.prepare(picture((1, 50_000), format="PNG"))
    assert decoded(made.content).size == (1, images.LONGEST_SIDE)


def test_just_under_twenty_megabytes_can_be_given_and_more_not():
    file = picture((2000, 1500))
    padded = file + b"\0" * (images.LARGEST_FILE - len(file))
    assert len(padded) == images.LARGEST_FILE
    assert images.prepare(padded).width == 2000
    assert "up to 20 MB; this has 20.1 MB" in refusal(padded + b"\0")
    assert "20 MB" in refusal(b"\xff" * (30 * 1024 * 1024))


def test_as_many_pixels_as_the_limit_can_be_given_and_more_not():
    grey = zlib.compress(b"\x00" * (50_000 * 126), 1)
    assert "50.05 million" not in refusal(png(50_050, 1000, grey, depth=1))
    assert refusal(png(50_050, 1000, grey, depth=1)).startswith("This picture has 50 million pixels")
    rows = (b"\x00" + b"\x00" * 1250) * 5000
    assert images.prepare(png(10_000, 5000, zlib.compress(rows, 1), depth=1)).width < 10_000


def test_a_decompression_bomb_is_refused_before_it_is_opened():
    bomb = png(60_000, 60_000, zlib.compress(b"\x00" * 10_000_000))
    assert "far too many pixels" in refusal(bomb)
    text = b"Comment\x00\x00" + zlib.compress(b"x" * 200_000_000)
    whole = picture(format="PNG")
    assert refusal(whole[:33] + chunk(b"zTXt", text) + whole[33:]) == images.DAMAGED


@pytest.mark.parametrize(
    "content",
    [
        picture(format="GIF"),
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\x00" * 100,
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00" * 100,
        b"ID3\x03\x00" + b"\x00" * 100,
        b"%PDF-1.7\n" + b"\x00" * 100,
        picture(format="BMP"),
        picture(format="TIFF"),
        b"hello",
    ],
    ids=["gif", "svg", "heic", "mp4", "mp3", "pdf", "bmp", "tiff", "text"],
)
def test_anything_else_is_refused_in_one_sentence_whatever_its_name(content):
    assert refusal(content) == images.NOT_AN_IMAGE


def test_nothing_is_refused():
    assert refusal(b"") == images.EMPTY


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_truncated_picture_is_refused(format, part):
    whole = noise((200, 200), format)
    assert refusal(whole[: int(len(whole) * part)]) == images.DAMAGED


@pytest.mark.parametrize("format", ["WEBP", "PNG"])
def test_a_moving_picture_is_refused_rather_than_sent_still(format):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green")]
    file = io.BytesIO()
    frames[0].save(file, format, save_all=True, append_images=frames[1:])
    assert refusal(file.getvalue()) == images.MOVES
