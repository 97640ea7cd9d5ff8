"""What a file from outside really is, and small pictures made of it.

Guarantee: nothing is believed but the bytes. A type is what its decoder says, a picture is decoded once before
it is kept, and never one with more pixels than memory should hold. Small pictures carry no metadata.
"""

import io
import warnings
from dataclasses import dataclass, field

from django.utils.translation import gettext_noop
from PIL import Image, ImageOps

PIXEL_LIMIT = 40_000_000
THUMBNAIL_SIDE = 480
PORTRAIT_SIDE = 192
TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height
ORIENTATION = 0x0112

PICTURES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
}
OPENED = ["JPEG", "PNG", "WEBP", "GIF"]  # an MPO is opened as a JPEG
EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
}


class NotShowable(Exception):
    """The file is nothing that may be shown here; the text says why, to people."""


@dataclass(frozen=True)
class File:
    """Bytes with what they are."""

    content: bytes = field(repr=False)
    content_type: str

    @property
    def extension(self) -> str:
        """What its name ends with."""
        return EXTENSIONS[self.content_type]


@dataclass(frozen=True)
class Examined:
    """A file that may be kept. `thumbnail` is None where the file itself is shown: animations, videos."""

    file: File
    width: int | None = None
    height: int | None = None
    thumbnail: File | None = None


def examine(content: bytes) -> Examined:
    """Find out what `content` is; raise NotShowable unless it is a picture or a video that browsers show."""
    video = _video_type(content)
    if video:
        return Examined(File(content, video))
    image = _opened(content)
    width, height = image.size
    if image.getexif().get(ORIENTATION) in TURNED:
        width, height = height, width
    file = File(content, PICTURES[str(image.format)])
    if image.format != "MPO" and getattr(image, "is_animated", False):
        _decoded(image)
        return Examined(file, width, height)
    return Examined(file, width, height, _small(image, THUMBNAIL_SIDE))


def portrait(content: bytes) -> File:
    """A square picture of a person, cut from the middle of `content`; raises NotShowable."""
    image = _upright(_opened(content), PORTRAIT_SIDE * 2)
    return _saved(ImageOps.fit(image, (PORTRAIT_SIDE, PORTRAIT_SIDE)).convert("RGB"))


def _video_type(content: bytes) -> str:
    """The content type by the container's first bytes; empty if it is no video."""
    if content[4:8] == b"ftyp":
        return "video/quicktime" if content[8:12] == b"qt  " else "video/mp4"
    return "video/webm" if content.startswith(b"\x1aE\xdf\xa3") else ""


def _opened(content: bytes) -> Image.Image:
    """The picture with only its head read: its size is known before memory is spent on it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            image = Image.open(io.BytesIO(content), formats=OPENED)
    except Image.DecompressionBombError as error:
        raise NotShowable(gettext_noop("The picture has too many pixels to be opened safely.")) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise NotShowable(
            gettext_noop("TikTok delivered a file that isn't a picture or video we know.")
        ) from error
    if image.width * image.height > PIXEL_LIMIT:
        raise NotShowable(gettext_noop("The picture has too many pixels to be opened safely."))
    return image


def _decoded(image: Image.Image) -> Image.Image:
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, IndexError) as error:
        raise NotShowable(gettext_noop("The picture is damaged or incomplete.")) from error
    return image


def _upright(image: Image.Image, side: int) -> Image.Image:
    """The decoded picture, turned as its camera was held, in colours that can be saved."""
    image.draft("RGB", (side, side))  # a JPEG is decoded no larger than needed
    turned = ImageOps.exif_transpose(_decoded(image))
    is_clear = turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info
    plain = turned.convert("RGBA" if is_clear else "RGB")
    plain.info = {}  # comments, EXIF, XMP: where the picture was taken is nobody's business
    return plain


def _small(image: Image.Image, side: int) -> File:
    plain = _upright(image, side)
    plain.thumbnail((side, side))
    return _saved(plain)


def _saved(image: Image.Image) -> File:
    buffer = io.BytesIO()
    if image.mode == "RGBA":
        image.save(buffer, "WEBP", quality=82)
        return File(buffer.getvalue(), "image/webp")
    image.save(buffer, "JPEG", quality=82, optimize=True)
    return File(buffer.getvalue(), "image/jpeg")
