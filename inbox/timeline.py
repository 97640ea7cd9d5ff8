"""Write and follow the timeline.

Guarantee: numbers become visible in order. Whoever has read up to number N will never find a number below
N later, so a reader keeps one number as its cursor and misses nothing, on any number of hosts.

On PostgreSQL sequence numbers are given before commit, so two transactions could commit in the other order
and a reader would step over the late one. Writers therefore take one advisory lock from their first timeline
row to their commit. `record` must be the last thing that a transaction does: the lock is then held only for
the commit, and nobody waits for a row lock while holding it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from inbox.models import Conversation, ConversationEvent

TIMELINE_LOCK = 4_848


def record(events: Iterable[ConversationEvent]) -> None:
    """Append `events` to the timeline, in the given order, inside the caller's transaction, as its last act."""
    rows = list(events)
    if not rows:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TIMELINE_LOCK])
    # On SQLite transactions are IMMEDIATE: there is only one writer.
    ConversationEvent.objects.bulk_create(rows)


def about(
    conversation: Conversation, kind: ConversationEvent.Kind, *, at: datetime, **data: Any
) -> ConversationEvent:
    """A line about a conversation, not yet stored."""
    return ConversationEvent(
        channel_id=conversation.channel_id, conversation=conversation, kind=kind, data=data, at=at
    )


def cursor_now() -> int:
    """The number of the newest line: where a reader that has just read everything starts to follow."""
    return ConversationEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def lines_after(
    cursor: int, *, channel_ids: Sequence[int] | None = None, limit: int = 500
) -> list[ConversationEvent]:
    """The next lines after `cursor`, oldest first, at most `limit`; only of `channel_ids` where given."""
    lines = ConversationEvent.objects.filter(id__gt=cursor).order_by("id")
    if channel_ids is not None:
        lines = lines.filter(channel_id__in=channel_ids)
    return list(lines[:limit])
