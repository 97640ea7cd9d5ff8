"""What apps above the inbox add to its pages, so that nothing is imported upwards.

An app registers in its AppConfig.ready. For a conversation that somebody looks at it gives pieces, each for a
place: a section of the details, an entry of the thread's ⋮ menu, a mark beside the name. For a timeline line of
the kind `TOLD_BY_APP` it gives the words.

Most conversations have nothing to add, so an app names `hints`, conditions that are read with the conversation
itself: `adds` finds them as its attributes and makes a query only where one is true.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, QuerySet

from inbox.models import Conversation, ConversationEvent


class Place(StrEnum):
    """Where a piece is shown."""

    DETAILS = "details"
    MENU = "menu"
    MARK = "mark"


@dataclass(frozen=True)
class Addition:
    """A template with what it shows, which it finds as `addition`."""

    place: Place
    template: str
    shows: Mapping[str, Any] = field(default_factory=dict)


Adds = Callable[[Conversation, User, datetime], Iterable[Addition]]
Tells = Callable[[ConversationEvent], str]

_adding: list[Adds] = []
_hints: dict[str, Exists] = {}
_telling: dict[str, Tells] = {}


def register(adds: Adds, **hints: Exists) -> None:
    """Have `adds(conversation, user, at)` asked for every conversation that is shown."""
    if adds not in _adding:
        _adding.append(adds)
    _hints.update(hints)


def with_hints(conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """The conversations with all hints, for `additions_for`."""
    return conversations.annotate(**_hints)


def register_line(what: str, tells: Tells) -> None:
    """Have `tells(line)` asked for the words of lines whose data says `what`."""
    _telling[what] = tells


def additions_for(conversation: Conversation, user: User, *, at: datetime) -> dict[str, list[Addition]]:
    """What all apps add to a conversation, by place."""
    found: dict[str, list[Addition]] = {place.value: [] for place in Place}
    for adds in _adding:
        for addition in adds(conversation, user, at):
            found[addition.place.value].append(addition)
    return found


def words_of(line: ConversationEvent) -> str:
    """What a line says that an app above has written; empty when that app is gone."""
    tells = _telling.get(str(line.data.get("what", "")))
    return tells(line) if tells else ""
