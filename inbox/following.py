"""Take on what happened to channels: tell it to the timeline, and act on it.

Guarantee: each line of a channel's history becomes one line of the timeline (`one_line_per_channel_event`), and
what follows from it happens, whatever crashes and however many workers look at once. An event stays to be
followed until all of that is done; every step may be repeated.

- *removed*: the channel's queued replies are cancelled, visibly, a few at a time in a task of its own, so that
  new messages never wait behind them. Until that is done none of the channel's replies leaves, even if the
  account is connected again meanwhile (`removal_unfinished`).
- *connected*: delivery is rung, so that what waited leaves at once.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import ngettext

from channels_tiktok.models import Channel, ChannelEvent
from config.sentences import stored
from config.tasks import ring
from inbox import access, timeline, windows
from inbox.models import Conversation, ConversationEvent, Message
from inbox.sending import copy_last_message, line

BATCH = 100
CANCEL_AT_ONCE = 50
Happened = ChannelEvent.Kind
REMOVED_BEFORE = stored("Not sent: {channel} was removed from this inbox before.")


def follow_channels(*, at: datetime) -> int:
    """Tell what happened to channels since the last time; give how many lines there were. One query if none."""
    if not _to_follow().exists():
        return 0
    told = 0
    while batch := _tell(at=at):
        told += batch
    return told


def cancel_for_removed(*, at: datetime) -> int:
    """Cancel replies of removed channels, up to 50, and ring for more; give how many there were."""
    cancelled = 0
    for event in _to_follow().filter(kind=Happened.REMOVED).order_by("id"):
        cancelled += _cancel_replies(event, at_most=CANCEL_AT_ONCE - cancelled, at=at)
        if cancelled >= CANCEL_AT_ONCE:
            ring("inbox.tasks.cancel_for_removed")
            break
        _mark_followed([event], at=at)
        ring("inbox.tasks.deliver_replies")  # what was written after the account had come back has waited for this
    return cancelled


def removal_unfinished(channel: Any) -> Exists:
    """True in SQL for a channel (its id, or a reference to it) of which replies are still to be cancelled."""
    return Exists(_to_follow().filter(kind=Happened.REMOVED, channel_id=channel))


def _to_follow() -> QuerySet[ChannelEvent]:
    return ChannelEvent.objects.filter(followed_at__isnull=True)


def _mark_followed(events: Iterable[ChannelEvent], *, at: datetime) -> None:
    _to_follow().filter(pk__in=[event.pk for event in events]).update(followed_at=at)


@transaction.atomic
def _tell(*, at: datetime) -> int:
    """Tell up to a hundred events to the timeline; give how many. What a removal asks for is done afterwards."""
    told = ConversationEvent.objects.filter(channel_event=OuterRef("pk"))
    untold = _to_follow().exclude(Exists(told)).order_by("id")
    # Whoever comes second waits for nobody: another worker tells those events.
    events = list(untold.select_for_update(skip_locked=True)[:BATCH])
    if not events:
        return 0
    _mark_followed((event for event in events if event.kind != Happened.REMOVED), at=at)
    if any(event.kind == Happened.CONNECTED for event in events):
        ring("inbox.tasks.deliver_replies")
    if any(event.kind == Happened.REMOVED for event in events):
        ring("inbox.tasks.cancel_for_removed")
    timeline.record(_line(event) for event in events)
    return len(events)


def _line(event: ChannelEvent) -> ConversationEvent:
    return ConversationEvent(
        channel_id=event.channel_id,
        kind=ConversationEvent.Kind.CHANNEL_CHANGED,
        channel_event=event,
        actor_id=event.actor_id,
        data={"happened": event.kind, "detail": event.detail},
        at=event.at,
    )


# ── What follows from a removal ───────────────────────────────────────────────────────────────────────


def _cancel_replies(event: ChannelEvent, *, at_most: int, at: datetime) -> int:
    """Cancel replies that were queued before the channel was removed, up to `at_most`; give how many there were.

    A reply that is being handed over meanwhile is left to its worker: it may have reached the customer.
    """
    waiting = _queued_of(event.channel_id).filter(queued_at__lte=event.at).order_by("deliver_at", "id")
    found = list(waiting.values_list("id", "conversation_id")[:at_most])
    for message_id, conversation_id in found:
        with transaction.atomic():
            conversation = access.lock_conversation(conversation_id)
            _cancel(message_id, conversation, event, at=at)
    return len(found)


def _cancel(message_id: int, conversation: Conversation, event: ChannelEvent, *, at: datetime) -> None:
    name = conversation.channel.name
    won = Message.objects.filter(pk=message_id, state=Message.State.QUEUED).update(
        state=Message.State.CANCELLED,
        try_again_at=None,
        error_code="channel_removed",
        error_detail=REMOVED_BEFORE.format(channel=name),
    )
    if not won:
        return
    message = Message.objects.select_related("conversation", "window").get(pk=message_id)
    windows.give_back(message)
    copy_last_message(conversation)
    kind = ConversationEvent.Kind.REPLY_CANCELLED
    timeline.record([line(message, kind, at=at, actor=event.actor, code="channel_removed")])


def _queued_of(channel_id: int) -> QuerySet[Message]:
    return Message.objects.filter(state=Message.State.QUEUED, conversation__channel_id=channel_id)


def what_stops(channel: Channel) -> list[str]:
    """What a removal of `channel` stops here: `channels_tiktok.dependents` asks."""
    conversations = channel.conversations.filter(status=Conversation.Status.OPEN).count()
    replies = _queued_of(channel.pk).count()
    phrases = []
    if conversations:
        words = ngettext("%(n)s open conversation", "%(n)s open conversations", conversations)
        phrases.append(words % {"n": conversations})
    if replies:
        phrases.append(ngettext("%(n)s queued reply", "%(n)s queued replies", replies) % {"n": replies})
    return phrases
