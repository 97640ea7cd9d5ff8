"""QR codes, read back by a decoder that has nothing to do with the maker."""

import io
import re
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from messagelinks import qr
from messagelinks.addresses import address_of
from messagelinks.qr import Code, QrRefused
from tests.messagelinks.test_addresses import ENCODED

SVG = "{http://www.w3.org/2000/svg}"


def read(picture: Image.Image) -> str:
    found = zxingcpp.read_barcodes(picture)
    assert len(found) == 1
    return found[0].text


def png_of(address: str, **more) -> Image.Image:
    code = Code.of(address, caption=more.pop("caption", ""))
    return Image.open(io.BytesIO(code.as_png(**({"millimetres": 50} | more))))


def drawn(svg: bytes, scale: int = 8) -> Image.Image:
    """Draw what segno's SVG has: strokes of one module's width, from left to right."""
    root = ElementTree.fromstring(svg)
    side = int(root.find(SVG + "svg").get("width"))
    picture = Image.new("L", (side * scale, side * scale), 255)
    draw = ImageDraw.Draw(picture)
    [path] = [one for one in root.iter(SVG + "path") if one.get("stroke")]
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([^Mmh]*)", path.get("d")):
        values = [float(n) for n in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            box = (x * scale, (y - 0.5) * scale, (x + values[0]) * scale - 1, (y + 0.5) * scale - 1)
            draw.rectangle(box, fill=0)
            x += values[0]
    return picture


@pytest.mark.parametrize("text", ENCODED)
def test_a_code_says_the_address_character_for_character(text):
    address = address_of(username="kopi.corner", ref="bio", message=text)
    assert read(png_of(address)) == address
    assert read(drawn(Code.of(address).as_svg(millimetres=50))) == address


@pytest.mark.parametrize("size", qr.SIZES)
def test_sizes_are_those_of_the_print(size):
    code = Code.of("https://tiktok.me/kopi.corner?ref=bio&message=Hi")
    picture = Image.open(io.BytesIO(code.as_png(millimetres=size)))
    assert picture.width / picture.info["dpi"][0] * 25.4 == pytest.approx(size, rel=0.05)
    svg = ElementTree.fromstring(code.as_svg(millimetres=size))
    assert svg.get("width") == f"{size}mm"


def test_four_modules_of_white_are_around_it():
    code = Code.of("https://tiktok.me/kopi.corner?ref=bio&message=Hi")
    picture = Image.open(io.BytesIO(code.as_png(millimetres=50)))
    module = picture.width // code.modules
    dark = Image.eval(picture.convert("L"), lambda value: 255 - value).getbbox()
    assert dark == (4 * module, 4 * module, picture.width - 4 * module, picture.height - 4 * module)


def test_a_caption_stands_below_and_the_code_still_reads():
    address = "https://tiktok.me/kopi.corner?ref=bio&message=Hi"
    plain, captioned = png_of(address), png_of(address, caption="Scan & order, table 5")
    assert captioned.height > plain.height
    below = captioned.convert("L").crop((0, plain.height, captioned.width, captioned.height))
    assert below.getextrema() == (0, 255)
    assert read(captioned) == address
    svg = ElementTree.fromstring(Code.of(address, caption="<b>Bar & \u0637").as_svg(millimetres=50))
    assert svg.find(SVG + "text").text == "<b>Bar & \u0637"


def test_a_caption_without_letters_for_it_is_refused_rather_than_drawn_as_boxes():
    with pytest.raises(QrRefused, match="Take the SVG"):
        png_of("https://tiktok.me/kopi.corner?message=Hi", caption="\u0637\u0627\u0648\u0644\u0629")


def test_an_address_that_fits_into_no_code_is_refused_in_words():
    with pytest.raises(QrRefused, match="Shorten the prefilled message"):
        Code.of(address_of(username="kopi.corner", ref="bio", message="🎉" * 500))


def test_a_fine_code_says_how_large_it_must_be_printed():
    short = Code.of(address_of(username="kopi.corner", ref="", message="Hi"))
    long = Code.of(address_of(username="kopi.corner", ref="", message="x" * 500))
    assert short.smallest_size < 25 < long.smallest_size


def test_the_svg_needs_no_inline_style():
    svg = Code.of("https://tiktok.me/kopi.corner?message=Hi", caption="Bar").as_svg(millimetres=50).decode()
    assert "style" not in svg
    assert "<script" not in svg
