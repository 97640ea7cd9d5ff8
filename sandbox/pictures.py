"""Pictures that TikTok's content network would serve: avatars, stickers, emoji, covers; drawn on request."""

import colorsys
import hashlib
import io
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, request
from PIL import Image, ImageDraw, ImageFont

from sandbox.store import now, site

cdn = Blueprint("cdn", __name__, url_prefix="/cdn")

DAY = 86400
STICKERS = {"hello": "#fe8a4f", "love": "#e8467c", "thanks": "#2f9e77"}
EMOJI = {"smile": "#f4b83f", "wow": "#5a8dee"}


def hue_of(identifier: str) -> int:
    """A stable colour for an id."""
    return int(hashlib.sha256(identifier.encode()).hexdigest(), 16) % 360


def avatar_url(identifier: str, display_name: str) -> str:
    """A profile picture's address; temporary, as its `x-expires` says (docs/tiktok-api.md 2)."""
    initials = "".join(word[0] for word in display_name.split() if word[0].isascii() and word[0].isalnum())[:2]
    return _address(f"avatar/{hue_of(identifier)}-{quote(initials.upper() or 'T')}.jpeg", days=1)


def sticker_url(name: str) -> str:
    """A sticker's address, valid for 30 days (docs/tiktok-api.md 3.3)."""
    return _address(f"sticker/{name}.png", days=30)


def emoji_url(name: str) -> str:
    """An emoji picture's address, which does not expire (docs/tiktok-api.md 3.3)."""
    return f"{site().public_url}/cdn/emoji/{name}.png"


def cover_url(item_id: str) -> str:
    """A post's cover picture."""
    return _address(f"cover/{hue_of(item_id)}.jpeg", days=1)


def _address(path: str, *, days: int) -> str:
    return f"{site().public_url}/cdn/{path}?x-expires={int(now()) + days * DAY}"


@cdn.before_request
def refuse_expired() -> None:
    """Answer 403 once `x-expires` has passed, as TikTok's content network does."""
    expires = request.args.get("x-expires", "")
    if expires.isdigit() and int(expires) < now():
        abort(403)


@cdn.get("/avatar/<int:hue>-<initials>.jpeg")
def avatar(hue: int, initials: str) -> Response:
    """Initials on the person's colour."""
    return _picture(draw_avatar(hue % 360, initials[:2]), "image/jpeg")


@cdn.get("/cover/<int:hue>.jpeg")
def cover(hue: int) -> Response:
    """A post's cover."""
    return _picture(draw_photo(hue % 360, 270, 480), "image/jpeg")


@cdn.get("/sticker/<name>.png")
def sticker(name: str) -> Response:
    """A sticker with its word."""
    return _picture(draw_face(STICKERS.get(name) or abort(404), name), "image/png")


@cdn.get("/emoji/<name>.png")
def emoji(name: str) -> Response:
    """An emoji picture."""
    return _picture(draw_face(EMOJI.get(name) or abort(404), ""), "image/png")


def _picture(content: bytes, content_type: str) -> Response:
    return Response(content, content_type=content_type, headers={"Cache-Control": "max-age=3600"})


def _rgb(hue: int, lightness: float, saturation: float = 0.45) -> tuple[int, int, int]:
    red, green, blue = colorsys.hls_to_rgb(hue / 360, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _saved(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": 88} if kind == "JPEG" else {}
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@lru_cache(maxsize=256)
def draw_avatar(hue: int, initials: str) -> bytes:
    """A JPEG of 192 × 192 pixels."""
    image = Image.new("RGB", (192, 192), _rgb(hue, 0.42))
    ink = ImageDraw.Draw(image)
    ink.text((96, 98), initials, font=ImageFont.load_default(80), fill=_rgb(hue, 0.96), anchor="mm")
    return _saved(image, "JPEG")


@lru_cache(maxsize=64)
def draw_photo(hue: int, width: int, height: int) -> bytes:
    """A JPEG that looks like a photo from afar: a sky, a sun, two hills."""
    image = Image.new("RGB", (width, height))
    ink = ImageDraw.Draw(image)
    for y in range(height):
        ink.line([(0, y), (width, y)], fill=_rgb((hue + 40 * y // height) % 360, 0.82 - 0.3 * y / height))
    ink.ellipse(
        [width * 0.6, height * 0.18, width * 0.6 + width / 5, height * 0.18 + width / 5], fill=_rgb(48, 0.8)
    )
    ink.ellipse([-width * 0.4, height * 0.62, width * 0.8, height * 1.5], fill=_rgb((hue + 120) % 360, 0.38))
    ink.ellipse([width * 0.3, height * 0.72, width * 1.5, height * 1.6], fill=_rgb((hue + 140) % 360, 0.3))
    return _saved(image, "JPEG")


@lru_cache(maxsize=16)
def draw_face(colour: str, word: str) -> bytes:
    """A transparent PNG: a round face, with a word below where there is one."""
    image = Image.new("RGBA", (240, 240), (0, 0, 0, 0))
    ink = ImageDraw.Draw(image)
    ink.ellipse([40, 8, 200, 168], fill=colour)
    for x in (84, 136):
        ink.ellipse([x, 58, x + 20, 86], fill="#2b2118")
    ink.arc([80, 66, 160, 138], 20, 160, fill="#2b2118", width=8)
    if word:
        ink.text((120, 202), word.upper(), font=ImageFont.load_default(40), fill=colour, anchor="mm")
    return _saved(image, "PNG")
