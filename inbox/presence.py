"""Who looks at which conversation just now, and who types a reply.

Guarantee: presence rides on the question that every live page asks anyway. A question with nothing new costs one
query here and writes nothing; a page that stays tells so again only every few seconds, and is forgotten when it
stops. It works on any number of hosts, and is only a sign: what stops a second reply is `inbox/sending.py`.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q

from inbox import access
from inbox.models import Presence

SHOWN_FOR = timedelta(seconds=18)  # after the last sign: an idle page asks every five seconds
TOLD_EVERY = timedelta(seconds=8)
TYPING_SHOWN_FOR = timedelta(seconds=6)
TYPING_TOLD_EVERY = timedelta(seconds=2)
KEPT_FOR = timedelta(minutes=10)

# One statement, because every open page asks it every second: the timeline's newest number, what the others do,
# and whether the asker's own sign is fresh.
_NEWS = """
SELECT
  (SELECT MAX(id) FROM inbox_conversationevent),
  (SELECT {joined}(others.conversation_id || ':' || others.agent_id
      || CASE WHEN others.typing_at > %(typed)s THEN ':t' ELSE '' END, ' ')
   FROM inbox_presence others WHERE others.seen_at > %(seen)s AND others.agent_id <> %(agent)s),
  EXISTS (SELECT 1 FROM inbox_presence own WHERE own.agent_id = %(agent)s AND own.conversation_id = %(open)s
      AND own.seen_at > %(told)s AND (NOT %(types)s OR own.typing_at > %(told_typing)s))
"""


@dataclass(frozen=True)
class News:
    """What a page must know to see whether anything changed."""

    cursor: int
    version: str
    is_told: bool


@dataclass(frozen=True)
class Sign:
    """What a page says of its person: the conversation that they look at, if any, and whether they type."""

    conversation_id: int | None = None
    is_typing: bool = False


def news(*, agent_id: int, sign: Sign, at: datetime) -> News:
    """The timeline's newest number, what everybody else does as a short text, and whether `sign` is known."""
    stamp = connection.ops.adapt_datetimefield_value
    asked = {
        "typed": stamp(at - TYPING_SHOWN_FOR),
        "seen": stamp(at - SHOWN_FOR),
        "told": stamp(at - TOLD_EVERY),
        "told_typing": stamp(at - TYPING_TOLD_EVERY),
        "types": sign.is_typing,
        "agent": agent_id,
        "open": sign.conversation_id or 0,
    }
    joined = "STRING_AGG" if connection.vendor == "postgresql" else "GROUP_CONCAT"
    with connection.cursor() as cursor:
        cursor.execute(_NEWS.format(joined=joined), asked)
        newest, others, is_told = cursor.fetchone()
    return News(newest or 0, _version(others), bool(is_told) or sign.conversation_id is None)


def tell(*, user: User, sign: Sign, at: datetime) -> None:
    """Let colleagues know where `user` is. Nobody is seen in a conversation that they may not see themselves."""
    assert sign.conversation_id is not None
    may_see = access.conversations_for(user).filter(pk=sign.conversation_id)
    if not may_see.exists():
        return
    row = Presence(
        agent=user, conversation_id=sign.conversation_id, seen_at=at, typing_at=at if sign.is_typing else None
    )
    # Another page of theirs may be the one that they type in.
    changes = ["seen_at", "typing_at"] if sign.is_typing else ["seen_at"]
    Presence.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["agent", "conversation"], update_fields=changes
    )


def stop_typing(*, user: User, conversation_id: int) -> None:
    """The reply is queued: nobody types it any more."""
    Presence.objects.filter(agent=user, conversation_id=conversation_id).update(typing_at=None)


def leave(*, user: User, conversation_id: int | None = None) -> None:
    """Forget `user` in one conversation, or everywhere."""
    signs = Presence.objects.filter(agent=user)
    (signs if conversation_id is None else signs.filter(conversation_id=conversation_id)).delete()


def others(*, user: User, at: datetime) -> list[Presence]:
    """The colleagues who are in conversations that `user` may see, with `is_typing`; who types comes first."""
    types = ExpressionWrapper(
        Q(typing_at__isnull=False, typing_at__gt=at - TYPING_SHOWN_FOR), output_field=BooleanField()
    )
    return list(
        Presence.objects.filter(seen_at__gt=at - SHOWN_FOR, conversation__channel__in=access.channels_for(user))
        .exclude(agent=user)
        .select_related("agent")
        .annotate(is_typing=types)
        .order_by("conversation_id", "-is_typing", "agent_id")
    )


def forget_old(*, at: datetime) -> int:
    """Delete signs that count no more; give how many."""
    return Presence.objects.filter(seen_at__lt=at - KEPT_FOR).delete()[0]


def _version(signs: str | None) -> str:
    """A short text for "who is where"; empty where nobody is anywhere. No engine promises an order."""
    together: Iterable[Any] = sorted(signs.split(" ")) if signs else ()
    joined = " ".join(together)
    return f"{zlib.crc32(joined.encode()):08x}" if joined else ""
