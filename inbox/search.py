"""Finding conversations by what was said in them, by names, and by the operators.

Guarantee: a page of found conversations costs the same for a rare word and for a common one, at any size and
without an age limit. The entries (`SearchEntry`) that hold the words are read newest first and only until the page
is full; what else was asked for is looked at in their conversations alone. At most `EXAMINED` entries are looked
at for one page: then it ends early, and the next page goes on from there.

On PostgreSQL one index knows of each block of 131,072 entries which three letters occur in it, so that a search
goes through the blocks from the newest on and stops. On SQLite FTS5 does the same by itself. What is compared are
letters and digits (`inbox.triggers`): words of one or two letters are found as whole words, others also inside of
words, and Chinese, Thai and their like wherever they stand.
"""

import functools
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Case, Exists, Max, OuterRef, Q, QuerySet, Subquery, TextField, When
from django.db.models.lookups import Lookup
from django.utils.translation import gettext as _

from inbox import search_language as language
from inbox.models import Conversation, Message, SearchEntry
from inbox.search_language import BadSearch
from inbox.search_operators import operator_for, registered
from inbox.triggers import MARKS

# How many entries are looked at in one go: most pages are full after the first.
CHUNKS = (200, 1_000, 4_000)
EXAMINED = sum(CHUNKS)
# How many of the newest conversations with a word are known where the list has an order of its own.
KNOWN = 5_000
FIRST_WIDE = 0x0E00  # from Thai on: scripts without spaces, and symbols
CHEAP = ("assignee", "channel", "is", "quota", "status", "window")
BLOCK = 17  # bits: the index on PostgreSQL is made with it

Kind = SearchEntry.Kind


@dataclass(frozen=True)
class Needle:
    """Words to look for in entries of these kinds (all, if none is named)."""

    text: str
    kinds: tuple[str, ...] = ()

    def as_condition(self) -> Q:
        """The condition over SearchEntry."""
        holds = Q(text__holds=self.text)
        return holds & Q(kind__in=self.kinds) if self.kinds else holds


@dataclass(frozen=True)
class Match:
    """The newest entry by which a conversation was found. `words` are the words as they were written."""

    entry_id: int
    kind: str
    source_id: int
    words: str = ""

    @property
    def message_id(self) -> int | None:
        """The message that holds the words, if it is one."""
        return self.source_id if self.kind == Kind.MESSAGE else None


@dataclass(frozen=True)
class Search:
    """What `user` typed, understood."""

    typed: str
    user: User
    tree: language.Part = field(repr=False)

    @classmethod
    def of(cls, typed: str, user: User) -> "Search":
        """Understand what was typed; raise BadSearch with a sentence."""
        search = cls(typed, user, language.read(typed))
        search.condition  # noqa: B018  # a value that means nothing is refused here, not on the way
        return search

    @cached_property
    def drivers(self) -> tuple[Needle, ...]:
        """Needles of which at least one is in everything that is found; none if words alone don't decide."""
        return _drivers(self.tree) or ()

    @cached_property
    def condition(self) -> Q:
        """The condition over the conversations that `access.conversations_for` gives."""
        return self._condition(self.tree, is_asked_for=True)

    @cached_property
    def known_condition(self) -> Q:
        """The same condition, for a list that has an order of its own: among the newest that hold the words."""
        if not self.drivers:
            return self.condition
        known = {conversation for _, conversation in conversations_with(self.drivers, limit=KNOWN)}
        return Q(pk__in=known) & self.condition

    @cached_property
    def is_counted_cheaply(self) -> bool:
        """Whether an index keeps what is found small: one's own conversations, or windows that are still open."""
        parts = self.tree.parts if isinstance(self.tree, language.All) else (self.tree,)
        fields = {(part.name, part.value.lower()) for part in parts if isinstance(part, language.Field)}
        only_fields = all(isinstance(part, language.Field) and part.name in CHEAP for part in parts)
        mine_and_open = {("assignee", "me"), ("status", "open")} <= fields
        return only_fields and (mine_and_open or any(one[0] == "window" and one[1] != "closed" for one in fields))

    @cached_property
    def explanation(self) -> str:
        """What is looked for, in words."""
        return _("Conversations %(which)s.") % {"which": self._explained(self.tree)}

    @cached_property
    def needles(self) -> list[str]:
        """All words that are asked for: they are marked where they are shown."""
        return list(_asked_words(self.tree))

    # ── Conditions and words, part by part ───────────────────────────────────────────────────────────

    def _condition(self, part: language.Part, *, is_asked_for: bool) -> Q:
        match part:
            case language.All(parts):
                return _joined((self._condition(one, is_asked_for=is_asked_for) for one in parts), operator.and_)
            case language.Any(parts):
                return _joined((self._condition(one, is_asked_for=is_asked_for) for one in parts), operator.or_)
            case language.Not(left_out):
                return ~self._condition(left_out, is_asked_for=False)
            case language.Words() | language.Field(name="from"):
                return self._holds(_needle(part), is_asked_for=is_asked_for)
            case language.Field(name, value):
                return self._operator_condition(name, value)

    def _holds(self, needle: Needle, *, is_asked_for: bool) -> Q:
        if is_asked_for and not self.drivers:
            return Q(pk__in={conversation for _, conversation in conversations_with([needle], limit=KNOWN)})
        entries = SearchEntry.objects.filter(needle.as_condition(), conversation=OuterRef("pk"))
        return Q(Exists(entries))

    def _operator_condition(self, name: str, value: str) -> Q:
        known_operator = operator_for(name, value)
        if known_operator is None:
            known = ", ".join(sorted({f"{one.partition(':')[0]}:" for one in registered()} | {"from:"}))
            words = _(
                "“%(name)s:” is not something to search by. There are: %(known)s. "
                "Put text that holds a colon between quotation marks."
            )
            raise BadSearch(words % {"name": name, "known": known})
        try:
            return known_operator.condition(value, self.user)
        except ValueError as error:
            raise BadSearch(str(error)) from error

    def _explained(self, part: language.Part) -> str:
        match part:
            case language.All(parts):
                return _(" and ").join(self._in_brackets(one) for one in parts)
            case language.Any(parts):
                return _(" or ").join(self._in_brackets(one) for one in parts)
            case language.Not(left_out):
                return _("not %(what)s") % {"what": self._in_brackets(left_out)}
            case language.Words(text):
                return _("with “%(words)s”") % {"words": text}
            case language.Field("from", value):
                return _("with a customer named “%(name)s”") % {"name": value}
            case language.Field(name, value):
                known_operator = operator_for(name, value)
                return known_operator.words(value, self.user) if known_operator else f"{name}:{value}"

    def _in_brackets(self, part: language.Part) -> str:
        words = self._explained(part)
        return f"({words})" if isinstance(part, language.All | language.Any) else words


def understood(typed: str, user: User) -> tuple[Search | None, str]:
    """The search, or the sentence that says why it is none."""
    try:
        return Search.of(typed, user), ""
    except BadSearch as error:
        return None, error.sentence


# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────────


def page_of(
    search: Search, conversations: QuerySet[Conversation], *, size: int, before: int | None = None
) -> tuple[list[Conversation], int | None]:
    """The next `size` conversations found, the newest match first, each with its `match`; and what comes before.

    `before` is the entry where the page before ended. The second value is where the next page goes on, None at
    the end.
    """
    found: dict[int, int] = {}  # conversation: entry
    seen: set[int] = set()
    place, goes_on = before, True
    for chunk in CHUNKS:
        hits = conversations_with(search.drivers, limit=chunk, before=place)
        newest: dict[int, int] = {}
        for entry, conversation in hits:
            newest.setdefault(conversation, entry)
        fresh = {one: entry for one, entry in newest.items() if one not in seen}
        seen |= fresh.keys()
        for one in _fitting(search, conversations, fresh, before=before):
            found[one] = fresh[one]
        place, goes_on = (hits[-1][0] if hits else place), len(hits) == chunk
        if len(found) > size or not goes_on:
            break
    ordered = sorted(found, key=lambda one: -found[one])
    shown = ordered[:size]
    rows = {row.pk: row for row in conversations.filter(pk__in=shown)}
    result = [rows[one] for one in shown if one in rows]
    attach_matches(search, result)
    if len(ordered) > size:
        return result, found[shown[-1]]
    return result, place if goes_on else None


def _fitting(
    search: Search, conversations: QuerySet[Conversation], fresh: dict[int, int], *, before: int | None
) -> Iterable[int]:
    """Those of `fresh` that fit the whole search, and that no earlier page has shown."""
    fitting = conversations.filter(search.condition, pk__in=fresh).order_by()
    if before is not None:
        shown = SearchEntry.objects.filter(_one_of(search.drivers), conversation=OuterRef("pk"), id__gte=before)
        fitting = fitting.exclude(Exists(shown))
    return list(fitting.values_list("pk", flat=True))


def attach_matches(search: Search, rows: Sequence[Any]) -> None:
    """Give each of `rows` as `match` the newest entry by which it was found. One query."""
    newest = (
        SearchEntry.objects.filter(_one_of(search.drivers), conversation_id__in=[row.pk for row in rows])
        .values("conversation_id")
        .annotate(newest=Max("id"))
        .values("newest")
    )
    message = Message.objects.filter(pk=OuterRef("source_id")).values("text")
    entries = SearchEntry.objects.filter(pk__in=newest).annotate(
        words=Case(When(kind=Kind.MESSAGE, then=Subquery(message)), default="said")
    )
    matches = {one.conversation_id: Match(one.pk, one.kind, one.source_id, one.words or "") for one in entries}
    for row in rows:
        row.match = matches.get(row.pk)


def _one_of(needles: Iterable[Needle]) -> Q:
    return _joined((needle.as_condition() for needle in needles), operator.or_)


def _joined(conditions: Iterable[Q], join: Callable[[Q, Q], Q]) -> Q:
    return functools.reduce(join, conditions)


# ── The tree ──────────────────────────────────────────────────────────────────────────────────────────


def _needle(part: language.Part) -> Needle:
    if isinstance(part, language.Words):
        return Needle(part.text)
    assert isinstance(part, language.Field)
    if not any(letter.isalnum() or ord(letter) >= 0x2300 for letter in part.value):
        raise BadSearch(_("Say whom to look for after “from:”."))
    return Needle(part.value.removeprefix("@"), (Kind.CONTACT,))


def _drivers(part: language.Part) -> tuple[Needle, ...] | None:
    """Needles of which everything that `part` finds holds one; None if there are none."""
    match part:
        case language.Words() | language.Field(name="from"):
            return (_needle(part),)
        case language.All(parts):
            ways = [way for way in map(_drivers, parts) if way]
            # The longest words are the rarest; of several that any may be, the shortest counts.
            return max(ways, key=lambda way: min(_weight(one) for one in way)) if ways else None
        case language.Any(parts):
            alternatives = [_drivers(one) for one in parts]
            return None if None in alternatives else tuple(one for way in alternatives for one in way or ())
        case _:
            return None


def _weight(needle: Needle) -> int:
    wide = sum(ord(letter) >= FIRST_WIDE for letter in needle.text)
    return len(needle.text) + 2 * wide + (100 if needle.kinds else 0)


def _asked_words(part: language.Part) -> Iterable[str]:
    match part:
        case language.Words() | language.Field(name="from"):
            yield _needle(part).text
        case language.All(parts) | language.Any(parts):
            for one in parts:
                yield from _asked_words(one)


# ── The index ─────────────────────────────────────────────────────────────────────────────────────────


def conversations_with(
    needles: Sequence[Needle], *, limit: int, before: int | None = None
) -> list[tuple[int, int]]:
    """The newest entries that hold one of `needles`, each with its conversation; only those before an entry."""
    ask = _ask_postgresql if connection.vendor == "postgresql" else _ask_sqlite
    statement, values = ask(needles, limit=limit, before=before)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [(entry, conversation) for entry, conversation in cursor.fetchall()]


def _ask_postgresql(needles: Sequence[Needle], *, limit: int, before: int | None) -> tuple[str, list[Any]]:
    """From the newest block on, until there are enough: the loop asks for a block only when it needs it."""
    holds, values = [], []
    for needle in needles:
        kinds = " AND kind = ANY(%s)" if needle.kinds else ""
        holds.append(f"(text LIKE inbox_search_pattern(%s){kinds})")
        values += [needle.text, *([list(needle.kinds)] if needle.kinds else [])]
    newest = "(SELECT coalesce(max(id), 0) FROM inbox_searchentry)" if before is None else "%s::bigint"
    statement = f"""
        SELECT hit.id, hit.conversation_id
        FROM generate_series({newest} >> {BLOCK}, 0, -1) AS block, LATERAL (
            SELECT id, conversation_id FROM inbox_searchentry
            WHERE (id >> {BLOCK}) = block AND ({" OR ".join(holds)}) {"" if before is None else "AND id < %s"}
            ORDER BY id DESC LIMIT %s
        ) AS hit LIMIT %s"""  # noqa: S608
    start = [] if before is None else [before]
    return statement, [*start, *values, *start, limit, limit]


def _ask_sqlite(needles: Sequence[Needle], *, limit: int, before: int | None) -> tuple[str, list[Any]]:
    patterns = [pattern_on_sqlite(needle.text) for needle in needles]
    kinds = {kind for needle in needles for kind in needle.kinds} if all(one.kinds for one in needles) else set()
    if all(len(pattern) >= 3 for pattern in patterns) and len({one.kinds for one in needles}) == 1:
        table, holds = (
            "inbox_searchentry_text found JOIN inbox_searchentry entry ON entry.id = found.rowid",
            "inbox_searchentry_text MATCH %s",
        )
        values: list[Any] = [" OR ".join(f'"{pattern}"' for pattern in patterns)]
        place = "found.rowid"
    else:  # fewer than three letters of a script without spaces: FTS5 has no index for these
        table, place, parts, values = "inbox_searchentry entry", "entry.id", [], []
        for needle, pattern in zip(needles, patterns, strict=True):
            parts.append(f"(entry.text LIKE %s{_kinds_on_sqlite(needle.kinds)})")
            values += [f"%{pattern}%", *needle.kinds]
        holds, kinds = f"({' OR '.join(parts)})", set()
    if before is not None:
        holds, values = f"{holds} AND {place} < %s", [*values, before]
    statement = (
        f"SELECT entry.id, entry.conversation_id FROM {table} WHERE {holds}"  # noqa: S608
        f"{_kinds_on_sqlite(sorted(kinds))} ORDER BY {place} DESC LIMIT %s"
    )
    return statement, [*values, *sorted(kinds), limit]


def _kinds_on_sqlite(kinds: Sequence[str]) -> str:
    return f" AND entry.kind IN ({', '.join(['%s'] * len(kinds))})" if kinds else ""


def pattern_on_sqlite(words: str) -> str:
    """The words as SQLite compares them: what `inbox_search_pattern` is on PostgreSQL, without the `%`."""
    compared = " ".join(words.lower().translate({ord(mark): " " for mark in MARKS}).split())
    first, last = compared.partition(" ")[0], compared.rpartition(" ")[2]
    return f"{' ' if _is_short(first) else ''}{compared}{' ' if _is_short(last) else ''}"


def _is_short(word: str) -> bool:
    """Whether it is found as a whole word only."""
    return len(word) < 3 and not any(ord(letter) >= FIRST_WIDE for letter in word)


@TextField.register_lookup
class Holds(Lookup):
    """Whether an entry's text holds words. For the entries of some conversations: it never uses the index."""

    lookup_name = "holds"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, values = self.process_lhs(compiler, connection)
        return f"{column} LIKE %s", [*values, f"%{pattern_on_sqlite(str(self.rhs))}%"]

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        column, values = self.process_lhs(compiler, connection)
        # Joined to nothing, so that PostgreSQL doesn't look all the index through for every entry with the words.
        return f"({column} || '') LIKE inbox_search_pattern(%s)", [*values, str(self.rhs)]


# ── Shown ─────────────────────────────────────────────────────────────────────────────────────────────


def marked(words: str, needles: Iterable[str], *, length: int = 120) -> list[tuple[str, bool]]:
    """A line of `words` around the first one looked for, in parts: each text, and whether it was looked for."""
    wanted = [pattern for pattern in map(_shown_pattern, needles) if pattern]
    line = " ".join(words.split())
    if not wanted:
        return [(line[:length], False)]
    looked_for = re.compile("|".join(wanted), re.IGNORECASE)
    first = looked_for.search(line)
    start = max(0, first.start() - length // 3) if first else 0
    if start:
        start = line.rfind(" ", 0, start) + 1 or start
    shown = line[start : start + length]
    parts, place = [("…", False)] if start else [], 0
    for found in looked_for.finditer(shown):
        if found.end() > found.start():
            parts += [(shown[place : found.start()], False), (found[0], True)]
            place = found.end()
    parts.append((shown[place:] + ("…" if start + length < len(line) else ""), False))
    return [part for part in parts if part[0]]


def _shown_pattern(needle: str) -> str:
    """A pattern for the needle as somebody may have written it, with other marks between its words."""
    words = (
        re.findall(r"\w+|[^\w\s]", needle)
        if any(ord(letter) >= 0x2300 for letter in needle)
        else re.findall(r"[^\W_]+", needle)
    )
    words = [word for word in words if word.isalnum() or ord(word[0]) >= 0x2300]
    if not words:
        return ""
    joined = r"[\W_]+".join(map(re.escape, words))
    before = r"(?<![^\W_])" if _is_short(words[0]) else ""
    after = r"(?![^\W_])" if _is_short(words[-1]) else ""
    return f"{before}{joined}{after}"
