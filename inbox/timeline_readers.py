"""Follow the timeline from a cursor that is kept in the database.

Guarantee: each line is given to each reader once and in order, or again after a crash that undid everything the
reader had done with it: the cursor moves in the transaction in which the lines take effect. One worker reads for a
reader at a time. A reader that is new begins with what happens from then on.
"""

from collections.abc import Callable, Sequence

from django.db import transaction

from inbox import timeline
from inbox.models import ConversationEvent, TimelineReader

BATCH = 200


@transaction.atomic
def follow(reader: str, *, take: Callable[[Sequence[ConversationEvent]], None]) -> int:
    """Give the next lines to `take`, inside a transaction; give how many there were, 0 when another one reads.

    `take` may write to the timeline as its last act.
    """
    if not TimelineReader.objects.filter(name=reader).exists():
        TimelineReader.objects.get_or_create(name=reader, defaults={"line": timeline.cursor_now()})
        return 0
    row = TimelineReader.objects.select_for_update(skip_locked=True).filter(name=reader).first()
    lines = timeline.lines_after(row.line, limit=BATCH) if row else []
    if row is None or not lines:
        return 0
    TimelineReader.objects.filter(pk=reader).update(line=lines[-1].pk)
    take(lines)
    return len(lines)
