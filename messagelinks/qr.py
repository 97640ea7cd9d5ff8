"""QR codes of message links, as SVG and PNG, for print.

Guarantee: a code has the quiet zone of four modules around it that readers need, black on white, and error
correction that allows for a scratch; what it says is the link's address, character for character.
"""

import io
from dataclasses import dataclass
from xml.sax.saxutils import escape

import segno
from django.utils.translation import gettext as _
from PIL import Image, ImageDraw, ImageFont

QUIET_ZONE = 4  # modules, as ISO/IEC 18004 asks for
SIZES = (25, 50, 100, 150)  # millimetres
USUAL_SIZE = 50
CAPTION_LIMIT = 60
DOTS_PER_INCH = 300
MILLIMETRES_PER_INCH = 25.4
SMALLEST_MODULE = 0.33  # millimetres that a phone's camera still tells apart, in print
CAPTION_SHARE = 0.1  # of the width


class QrRefused(Exception):
    """A code that can't be made, and why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Code:
    """A QR code, not yet drawn."""

    symbol: segno.QRCode
    caption: str = ""

    @classmethod
    def of(cls, address: str, *, caption: str = "") -> "Code":
        """Raise QrRefused when the address doesn't fit into any code."""
        caption = " ".join("".join(sign for sign in caption if sign.isprintable()).split())[:CAPTION_LIMIT]
        try:
            return cls(segno.make(address, error="m", micro=False), caption)
        except segno.DataOverflowError:
            sentence = _(
                "This address is too long for a QR code: emoji and letters beyond a to z take up to 12 characters "
                "each in an address. Shorten the prefilled message."
            )
        raise QrRefused(sentence)

    @property
    def modules(self) -> int:
        """How many modules the code is wide, quiet zone included."""
        return int(self.symbol.symbol_size(border=QUIET_ZONE)[0])

    @property
    def smallest_size(self) -> int:
        """The smallest width in print that phones read without trouble, in millimetres."""
        return round(self.modules * SMALLEST_MODULE + 0.5)

    def as_svg(self, *, millimetres: int) -> bytes:
        """Draw it as SVG, `millimetres` wide."""
        side = self.modules
        room = side * CAPTION_SHARE if self.caption else 0
        drawn = io.BytesIO()
        self.symbol.save(
            drawn,
            kind="svg",
            border=QUIET_ZONE,
            xmldecl=False,
            svgclass=None,
            lineclass=None,
            light="#fff",
            nl=False,
        )
        high = round(millimetres * (side + room) / side, 2)
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{millimetres}mm" height="{high}mm" '
            f'viewBox="0 0 {side} {side + room:g}"><rect width="{side}" height="{side + room:g}" fill="#fff"/>'
        )
        return (opening + drawn.getvalue().decode() + self._caption_as_svg(side) + "</svg>").encode()

    def _caption_as_svg(self, side: int) -> str:
        if not self.caption:
            return ""
        size = min(side * CAPTION_SHARE * 0.6, side * 1.7 / max(len(self.caption), 1))
        return (
            f'<text x="{side / 2:g}" y="{side * (1 + CAPTION_SHARE * 0.25):g}" font-size="{size:.3g}" fill="#000" '
            f'font-family="sans-serif" text-anchor="middle">{escape(self.caption)}</text>'
        )

    def as_png(self, *, millimetres: int) -> bytes:
        """Draw it as PNG for 300 dots per inch, as near to `millimetres` as whole dots per module allow.

        Raise QrRefused when the caption has characters for which we have no letters.
        """
        dots = millimetres / MILLIMETRES_PER_INCH * DOTS_PER_INCH
        scale = max(1, round(dots / self.modules))
        drawn = io.BytesIO()
        self.symbol.save(drawn, kind="png", border=QUIET_ZONE, scale=scale, light="#fff")
        with Image.open(drawn) as code:
            picture = self._with_caption(code.convert("L"))
        out = io.BytesIO()
        picture.save(out, "PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH), optimize=True)
        return out.getvalue()

    def _with_caption(self, code: Image.Image) -> Image.Image:
        if not self.caption:
            return code
        room = round(code.width * CAPTION_SHARE)
        font = ImageFont.load_default(size=max(8, room * 0.6))
        if not isinstance(font, ImageFont.FreeTypeFont) or not _can_write(font, self.caption):
            raise QrRefused(_("We have no letters for this caption in a PNG. Take the SVG, or leave it out."))
        while font.getlength(self.caption) > code.width * 0.96 and font.size > 6:
            font = font.font_variant(size=font.size * 0.9)
        picture = Image.new("L", (code.width, code.height + room), 255)
        picture.paste(code, (0, 0))
        place = (code.width / 2, code.height + room * 0.3)
        ImageDraw.Draw(picture).text(place, self.caption, fill=0, font=font, anchor="mm")
        return picture


def _can_write(font: ImageFont.FreeTypeFont, text: str) -> bool:
    """Whether the font has each character: what it lacks looks like what no font has."""
    missing = bytes(font.getmask("\uffff"))
    return all(sign == " " or bytes(font.getmask(sign)) != missing for sign in text)
