"""The language of the search box: words, "phrases", `-not`, `OR`, parentheses, `field:value`.

    any     = all { "OR" all }
    all     = one { one }
    one     = "-" one | "(" any ")" | field ":" value | "phrase" | word

`read` turns what somebody typed into a tree, or raises BadSearch with a sentence that says what to change.
What a field means is not its business (`inbox.search_operators`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

LONGEST = 500  # characters
MOST_PARTS = 40
DEEPEST = 10
FIRST_SYMBOL = 0x2300

# A piece: a bracket, a minus before something, a field with its value, a phrase, or a word.
PIECES = re.compile(
    r"""\s*(?:
      (?P<bracket>[()])
    | (?P<minus>-)(?=[^\s)-])
    | (?P<field>[A-Za-z_]+):(?!//)(?:"(?P<quoted>[^"]*)"|(?P<value>[^\s()"]*))
    | "(?P<phrase>[^"]*)"
    | (?P<word>[^\s()"]+)
    | (?P<quote>")
    )""",
    re.VERBOSE,
)


class BadSearch(ValueError):
    """What was typed can't be searched for; `sentence` says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Words:
    """Find this word or phrase."""

    text: str
    is_phrase: bool = False


@dataclass(frozen=True)
class Field:
    """Find what the operator `name` knows by `value`."""

    name: str
    value: str


@dataclass(frozen=True)
class Not:
    """Leave out what `part` finds."""

    part: "Part"


@dataclass(frozen=True)
class All:
    """Find what every part finds."""

    parts: tuple["Part", ...]


@dataclass(frozen=True)
class Any:
    """Find what at least one part finds."""

    parts: tuple["Part", ...]


Part = Words | Field | Not | All | Any


def read(typed: str) -> Part:
    """Read what somebody typed; raise BadSearch."""
    if len(typed) > LONGEST:
        raise BadSearch(_("A search may have %(n)s characters at most.") % {"n": LONGEST})
    if "\x00" in typed:
        raise BadSearch(_("The search holds a character that nothing can hold. Type it anew."))
    pieces = list(_pieces(typed))
    if not pieces:
        raise BadSearch(_("Type a word, a name or an operator such as is:unread."))
    if len(pieces) > MOST_PARTS:
        raise BadSearch(_("A search may have %(n)s parts at most. Leave some out.") % {"n": MOST_PARTS})
    reader = _Reader(pieces)
    part = reader.any(depth=0)
    if reader.piece:  # only a bracket ends a search before its end
        raise BadSearch(_("A “)” closes nothing. Take it out, or add the “(” that it closes."))
    return part


def _pieces(typed: str) -> Iterator[re.Match[str]]:
    place = 0
    typed = typed.strip()
    while place < len(typed):
        piece = PIECES.match(typed, place)
        if piece is None:  # nothing but spaces is left
            return
        if piece["quote"]:
            raise BadSearch(_("A quotation mark is missing: a phrase stands between two."))
        place = piece.end()
        if piece["word"] is None or _holds_anything(piece["word"]):  # a dash between words says nothing
            yield piece


class _Reader:
    """Reads the pieces from left to right; each method reads one rule of the grammar."""

    def __init__(self, pieces: list[re.Match[str]]) -> None:
        self.pieces = iter(pieces)
        self.piece = next(self.pieces, None)

    def next(self) -> None:
        self.piece = next(self.pieces, None)

    @property
    def at_or(self) -> bool:
        return self.piece is not None and self.piece["word"] == "OR"

    @property
    def at_end(self) -> bool:
        return self.piece is None or self.piece["bracket"] == ")"

    def any(self, *, depth: int) -> Part:
        if depth > DEEPEST:
            raise BadSearch(_("There are too many brackets inside each other."))
        parts = [self.all(depth=depth)]
        while self.at_or:
            self.next()
            parts.append(self.all(depth=depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def all(self, *, depth: int) -> Part:
        parts: list[Part] = []
        while not self.at_end and not self.at_or:
            parts.append(self.one(depth=depth))
        if not parts:
            raise BadSearch(_("Something to look for is missing beside “OR” or between the brackets."))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self, *, depth: int) -> Part:
        piece = self.piece
        if piece is None:
            raise BadSearch(_("Something to leave out is missing after “-”."))
        self.next()
        if piece["minus"]:
            if depth > DEEPEST:
                raise BadSearch(_("There are too many brackets inside each other."))
            return Not(self.one(depth=depth + 1))
        if piece["bracket"]:
            if piece["bracket"] == ")":
                raise BadSearch(_("Something to leave out is missing after “-”."))
            part = self.any(depth=depth + 1)
            if self.at_end and self.piece is None:
                raise BadSearch(_("A “)” is missing."))
            self.next()
            return part
        if piece["field"]:
            return Field(piece["field"].lower(), (piece["quoted"] or piece["value"] or "").strip())
        if piece["phrase"] is not None:
            return Words(_searchable(piece["phrase"]), is_phrase=True)
        return Words(_searchable(piece["word"]))


def _searchable(text: str) -> str:
    if not _holds_anything(text):
        raise BadSearch(_("A phrase between quotation marks needs a letter or a digit to look for."))
    return text.strip()


def _holds_anything(text: str) -> bool:
    """Whether there is anything to find: a letter, a digit or a symbol such as an emoji."""
    return any(letter.isalnum() or ord(letter) >= FIRST_SYMBOL for letter in text)
