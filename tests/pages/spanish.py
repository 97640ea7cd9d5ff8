"""Pages as a Spanish reader meets them: what of them is still English."""

import re
from functools import cache
from html.parser import HTMLParser

from django.conf import settings

from bin import messages

SPOKEN = {"aria-label", "aria-description", "title", "placeholder", "alt", "data-label", "data-title"}
HIDDEN = {"script", "style"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


class _Texts(HTMLParser):
    """Collects what a page says: its text, and what its attributes tell a reader."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag if tag in HIDDEN else ""
        self.texts += [value for name, value in attrs if value and name in SPOKEN]
        self.texts += [value for name, value in attrs if value and dict(attrs).get("id") == "words"]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.texts.append(data)


@cache
def _english() -> tuple[frozenset[str], re.Pattern[str]]:
    """The English texts that Spanish says otherwise: whole, and as patterns where facts are filled in."""
    catalogue = messages.read(settings.BASE_DIR / "locale/es/LC_MESSAGES/django.po")
    spanish = {
        words for one in catalogue for words in ([one.string] if isinstance(one.string, str) else one.string)
    }
    english = {words for one in catalogue if one.id for words in ([one.id] if isinstance(one.id, str) else one.id)}
    english = {" ".join(words.split()) for words in english - spanish}
    patterns = []
    for words in english:
        own = PLACEHOLDER.sub("", words)
        if own != words and len(re.findall("[a-z]{2,}", own)) > 1:
            patterns.append(".+".join(re.escape(part) for part in PLACEHOLDER.split(words)))
    return frozenset(english), re.compile("|".join(patterns))


def english_in(html: str) -> list[str]:
    """Give the texts of a page that the catalogue knows as English."""
    page = _Texts()
    page.feed(html)
    whole, filled_in = _english()
    texts = {" ".join(part.split()) for text in page.texts for part in (text, *text.split("·"))}
    return sorted(text for text in texts if text in whole or filled_in.fullmatch(text))
