"""Files that agents might try to send."""

import io
from typing import Any

from PIL import Image


def picture(size: tuple[int, int] = (64, 48), *, mode: str = "RGB", format: str = "JPEG", **options: Any) -> bytes:
    """A small picture as a file."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(file, format, **options)
    return file.getvalue()


def noise(size: tuple[int, int], format: str = "JPEG", **options: Any) -> bytes:
    """A picture that can hardly be compressed."""
    file = io.BytesIO()
    grey = Image.effect_noise(size, 90)
    Image.merge("RGB", (grey, grey.rotate(180), grey.rotate(180).transpose(0))).save(file, format, **options)
    return file.getvalue()


def decoded(content: bytes) -> Image.Image:
    """Open a file again."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image
