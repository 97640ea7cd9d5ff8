"""From whatever file an agent gives to a picture that TikTok takes: checked, turned upright, made to fit.

Guarantee: what comes out is a JPEG or PNG of at most 3 MB (docs/tiktok-api.md 3.4) that was decoded and encoded
anew, so it holds neither metadata nor anything hidden behind the picture. What can't become one is refused in
one sentence before anything is stored, and no file makes us decode more pixels than the limit.
"""

import io
import threading
from dataclasses import dataclass, field
from typing import Protocol

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from inbox.refusals import BadReply

LARGEST_FILE = 20 * 1024 * 1024  # bytes, what agents may give
LARGEST_SENT = 3 * 1024 * 1024  # bytes, what TikTok takes
MOST_PIXELS = 50_000_000
SENT_PIXELS = 16_000_000  # more than any phone shows; a JPEG of these nearly always fits
LONGEST_SIDE = 12_000
THUMBNAIL = (640, 640)
TAKEN = ("JPEG", "PNG", "WEBP")
QUALITIES = (95, 90, 85, 80, 72, 64)

NOT_AN_IMAGE = gettext_noop("This can't be sent as a picture. Choose a JPEG, PNG or WebP.")
DAMAGED = gettext_noop("This picture is damaged or incomplete. Save it anew and try again.")
TOO_LARGE = gettext_noop("Pictures may have up to 20 MB; this has {size:.1f} MB. Choose a smaller one.")
TOO_MANY_PIXELS = gettext_noop(
    "This picture has {pixels} million pixels; up to 50 can be sent. Make it smaller first."
)
FAR_TOO_MANY_PIXELS = gettext_noop("This picture has far too many pixels; up to 50 million can be sent.")
MOVES = gettext_noop("TikTok takes still pictures only, and this one moves. Send a single frame of it.")
EMPTY = gettext_noop("This file is empty.")

# A decoded picture can take 200 MB: one at a time in each process.
_decoding = threading.Lock()


class File(Protocol):
    """Whatever gives bytes."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Picture:
    """A picture as it will be sent, and a small one to show in the thread."""

    content: bytes = field(repr=False)
    content_type: str
    width: int
    height: int
    thumbnail: bytes = field(repr=False)

    @property
    def suffix(self) -> str:
        """The ending of its file's name."""
        return ".png" if self.content_type == "image/png" else ".jpg"


def prepare(file: File | bytes) -> Picture:
    """Check and convert what an agent gave. Raises BadReply("image", …)."""
    content = _read(file)
    try:
        with _decoding, Image.open(io.BytesIO(content), formats=TAKEN) as opened:
            _check(opened)
            is_png = opened.format == "PNG"
            return _encoded(_flat(_in_srgb(_smaller(_upright(opened)))), lossless=is_png)
    except BadReply:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadReply("image", _(FAR_TOO_MANY_PIXELS)) from error
    except UnidentifiedImageError as error:
        raise BadReply("image", _(DAMAGED if _begins_like_a_picture(content) else NOT_AN_IMAGE)) from error
    except Exception as error:  # a broken file makes the decoders raise nearly anything
        raise BadReply("image", _(DAMAGED)) from error


def _read(file: File | bytes) -> bytes:
    content = file if isinstance(file, bytes) else file.read(LARGEST_FILE + 1)
    if not content:
        raise BadReply("image", _(EMPTY))
    if len(content) > LARGEST_FILE:
        size = len(content) if isinstance(file, bytes) else getattr(file, "size", len(content))
        raise BadReply("image", _(TOO_LARGE).format(size=max(size / 1024 / 1024, 20.1)))
    return content


def _begins_like_a_picture(content: bytes) -> bool:
    return content.startswith((b"\xff\xd8\xff", b"\x89PNG")) or (
        content.startswith(b"RIFF") and content[8:12] == b"WEBP"
    )


def _check(image: Image.Image) -> None:
    """Judge by the header, before a single pixel is decoded."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise BadReply("image", _(TOO_MANY_PIXELS).format(pixels=round(width * height / 1_000_000)))
    # A phone's JPEG may hold a second picture (depth, motion): its first one is what the phone shows.
    if image.format != "JPEG" and getattr(image, "is_animated", False):
        raise BadReply("image", _(MOVES))


def _upright(image: Image.Image) -> Image.Image:
    """Decode, and turn the way in which the camera was held."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        # 16 bits of grey: `convert` would cut everything above 255 off.
        profile = image.info.get("icc_profile")
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
        image.info["icc_profile"] = profile
    elif image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    return ImageOps.exif_transpose(image)


def _smaller(image: Image.Image) -> Image.Image:
    """Take off the pixels that nobody would see."""
    width, height = image.size
    factor = min(1.0, (SENT_PIXELS / (width * height)) ** 0.5, LONGEST_SIDE / max(width, height))
    return _scaled(image, factor)


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    if factor >= 1:
        return image
    width, height = image.size
    profile = image.info.get("icc_profile")
    small = image.resize((max(1, round(width * factor)), max(1, round(height * factor))), Image.Resampling.LANCZOS)
    small.info["icc_profile"] = profile
    return small


def _in_srgb(image: Image.Image) -> Image.Image:
    """Apply the colour profile, which is not sent along: without it phones take every picture for sRGB."""
    profile = image.info.get("icc_profile")
    mode = image.mode if image.mode in ("L", "RGB", "RGBA") else "RGB"
    if not profile:
        return image.convert(mode)
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if alpha else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # a profile that doesn't fit: as without it
        converted = colours.convert("RGB")
    assert converted is not None  # None only when it works in place
    if alpha:
        converted.putalpha(alpha)
    return converted


def _flat(image: Image.Image) -> Image.Image:
    """Lay what is transparent on white: TikTok shows the picture on whatever its theme is."""
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _encoded(image: Image.Image, *, lossless: bool) -> Picture:
    """The best that fits: a drawing or screenshot stays PNG, anything else is the best JPEG under the limit."""
    clean = Image.new(image.mode, image.size)
    clean.paste(image)  # pixels only: no EXIF, no profile, no comment
    content = _saved(clean, "PNG") if lossless else b""
    if lossless and len(content) <= LARGEST_SENT:
        return Picture(content, "image/png", *clean.size, _thumbnail(clean))
    thumbnail = _thumbnail(clean)
    while True:
        for quality in QUALITIES:
            content = _saved(clean, "JPEG", quality=quality, subsampling=0 if quality > 85 else 2)
            if len(content) <= LARGEST_SENT:
                return Picture(content, "image/jpeg", *clean.size, thumbnail)
        clean = _scaled(clean, 0.8)


def _thumbnail(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail(THUMBNAIL)
    return _saved(small, "JPEG", quality=82)


def _saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
