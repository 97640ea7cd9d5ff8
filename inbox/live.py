"""What changed on a page since it last asked.

Guarantee: a page that follows its cursor misses nothing and never needs a reload. One question costs a single
query of its own while nothing happens; otherwise the answer holds only the pieces that changed, rendered by
the same templates as the page.
"""

from dataclasses import dataclass, field
from datetime import datetime

from inbox import access, additions, notifying, thread, timeline
from inbox.listing import Listing, counts_cursor_and_views, counts_of, rows_among
from inbox.models import Conversation, ConversationEvent, SavedView
from inbox.notifying import Notice
from inbox.thread import Item

TOO_MANY = 200
LINES = 1_000
# These lines don't name the messages that they change.
TOUCHES_EVERY_MESSAGE = {
    ConversationEvent.Kind.MESSAGES_READ,
    ConversationEvent.Kind.REACTION_CHANGED,
    ConversationEvent.Kind.CONTACT_CHANGED,
}


@dataclass(frozen=True)
class Changes:
    """The pieces of a page that changed, and the cursor to ask with next."""

    cursor: int
    listing: Listing
    counts: dict[str, int] = field(default_factory=dict)
    saved: list[SavedView] = field(default_factory=list)
    saved_counts: dict[int, int] = field(default_factory=dict)
    rows: list[Conversation] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    conversation: Conversation | None = None
    channels: bool = False
    items: list[Item] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    reload: bool = False
    nothing: bool = False  # what happened is none of this person's business; only the cursor moves on


def changes_after(cursor: int, *, listing: Listing, conversation_id: int | None, at: datetime) -> Changes | None:
    """What happened after `cursor` to the list and to the open conversation; None if nothing did."""
    lines = timeline.lines_after(cursor, limit=LINES)
    if not lines:
        return None
    user = listing.user
    access.require(user, access.VIEW)
    newest, many = lines[-1].pk, len(lines) == LINES
    lines = [line for line in lines if access.sees(user, line.channel_id)]
    if not lines and not many:
        return Changes(newest, listing, nothing=True)
    touched = {line.conversation_id for line in lines if line.conversation_id}
    channels = {line.channel_id for line in lines if line.conversation_id is None}
    if len(touched) > TOO_MANY or many:
        return Changes(newest, listing, reload=True)
    counts, _, saved = counts_cursor_and_views(user, at=at)
    rows = rows_among(listing, touched, at=at)
    conversation = _open_conversation(listing, conversation_id, touched, channels)
    items: list[Item] = []
    merged: list[int] = []
    if conversation and conversation.pk in touched:
        mine = [line for line in lines if line.conversation_id == conversation.pk]
        merged = [line.data["gone"] for line in mine if line.kind == ConversationEvent.Kind.MESSAGE_MERGED]
        items = thread.changed_items(
            conversation,
            {line.message_id for line in mine if line.message_id},
            all_of_them=any(line.kind in TOUCHES_EVERY_MESSAGE for line in mine),
            at=at,
        )
    return Changes(
        newest,
        listing,
        counts=counts,
        saved=saved,
        saved_counts=counts_of(saved, user),
        rows=rows,
        gone=sorted(touched - {row.pk for row in rows}),
        conversation=conversation,
        channels=bool(channels),
        items=items,
        merged=merged,
        notices=notifying.notices_for(user, lines, at=at),
    )


def _open_conversation(
    listing: Listing, conversation_id: int | None, touched: set[int], channels: set[int]
) -> Conversation | None:
    """The open conversation, if it or its channel changed."""
    if conversation_id is None or not (conversation_id in touched or channels):
        return None
    open_now = access.conversations_for(listing.user).prefetch_related(None).filter(pk=conversation_id)
    found = additions.with_hints(open_now).first()
    if found and (found.pk in touched or found.channel_id in channels):
        return found
    return None
