"""What happens when an agent works on a conversation: closes or snoozes it, hands it over, labels it.

Guarantee: a change and its timeline line commit together, or the change is refused in words and nothing is
stored. What already is as asked changes nothing and leaves no line. Several changes at once are one
transaction, with the conversation's row locked.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from enum import Enum
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from inbox import access, timeline
from inbox.models import Conversation, ConversationEvent, Label


class BadChange(ValueError):
    """What the agent asked for can't be. `field` names what is wrong, `sentence` says it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


class Unchanged(Enum):
    """Says "leave it as it is" where None means something."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED


def change_status(
    *, user: Any, conversation_id: int, status: str, snoozed_until: datetime | None = None, at: datetime
) -> bool:
    """Open, snooze (until a time to come) or close the conversation. False if it was so already.

    Raises BadChange, PermissionDenied or Conversation.DoesNotExist, as do the others here.
    """
    return change(user=user, conversation_id=conversation_id, status=status, snoozed_until=snoozed_until, at=at)


def assign(*, user: Any, conversation_id: int, assignee: User | None, at: datetime) -> bool:
    """Hand the conversation to `assignee`, or to nobody. False if it was so already."""
    return change(user=user, conversation_id=conversation_id, assignee=assignee, at=at)


def set_labels(*, user: Any, conversation_id: int, labels: Collection[Label], at: datetime) -> bool:
    """Make `labels` the conversation's labels. False if they were already."""
    return change(user=user, conversation_id=conversation_id, labels=labels, at=at)


def change(
    *,
    user: Any,
    conversation_id: int,
    at: datetime,
    status: str | None = None,
    snoozed_until: datetime | None = None,
    assignee: User | None | Unchanged = UNCHANGED,
    labels: Collection[Label] | None = None,
) -> bool:
    """Make all the given changes or none; what isn't given stays. False if nothing changed."""
    with transaction.atomic():
        conversation = access.lock_conversation_for(user, conversation_id, permission=access.CHANGE)
        lines: list[ConversationEvent] = []
        if status is not None or snoozed_until is not None:
            lines += _change_status(conversation, status or conversation.status, snoozed_until, at=at)
        if not isinstance(assignee, Unchanged):
            lines += _assign(conversation, assignee)
        if labels is not None:
            lines += _set_labels(conversation, labels)
        for line in lines:
            line.actor, line.at = user, at
        timeline.record(lines)
    return bool(lines)


def wake_snoozed(*, at: datetime) -> int:
    """Open the conversations whose sleep is over, as unread; give how many. Each is its own small transaction."""
    over = Conversation.objects.filter(status=Conversation.Status.SNOOZED, snoozed_until__lte=at)
    woken = 0
    for conversation_id in over.values_list("pk", flat=True):
        with transaction.atomic():
            conversation = access.lock_conversation(conversation_id)
            if not over.filter(pk=conversation_id).exists():  # somebody was faster
                continue
            access.mark_unread(conversation=conversation)
            lines = list(_change_status(conversation, Conversation.Status.OPEN, None, at=at))
            for line in lines:
                line.at = at
            timeline.record(lines)
            woken += len(lines)
    return woken


def _change_status(
    conversation: Conversation, status: str, snoozed_until: datetime | None, *, at: datetime
) -> Iterator[ConversationEvent]:
    if status not in Conversation.Status:
        raise BadChange("status", f"“{status}” is not a status: choose open, snoozed or closed.")
    if status == Conversation.Status.SNOOZED:
        if snoozed_until is None:
            raise BadChange("snoozed_until", "Say until when the conversation sleeps.")
        if snoozed_until <= at:
            raise BadChange("snoozed_until", "Choose a time to come.")
    elif snoozed_until is not None:
        raise BadChange("snoozed_until", "Only a snoozed conversation sleeps until a time.")
    before = conversation.status
    if (before, conversation.snoozed_until) == (status, snoozed_until):
        return
    conversation.status, conversation.snoozed_until = status, snoozed_until
    conversation.save(update_fields=["status", "snoozed_until"])
    yield _line(
        conversation,
        ConversationEvent.Kind.STATUS_CHANGED,
        before=before,
        after=status,
        snoozed_until=snoozed_until.isoformat() if snoozed_until else None,
    )


def _assign(conversation: Conversation, assignee: User | None) -> Iterator[ConversationEvent]:
    before = conversation.assignee_id
    if before == (assignee.pk if assignee else None):
        return
    if assignee and not assignee.has_perm(access.VIEW):
        name = assignee.get_full_name() or assignee.get_username()
        raise BadChange("assignee", f"{name} can't see conversations, so can't be given one.")
    conversation.assignee = assignee
    conversation.save(update_fields=["assignee"])
    yield _line(
        conversation, ConversationEvent.Kind.ASSIGNED, before=before, after=assignee.pk if assignee else None
    )


def _set_labels(conversation: Conversation, labels: Collection[Label]) -> Iterator[ConversationEvent]:
    before, after = set(conversation.labels.all()), set(labels)
    if before == after:
        return
    conversation.labels.set(after)
    yield _line(
        conversation,
        ConversationEvent.Kind.LABELS_CHANGED,
        added=sorted(label.name for label in after - before),
        removed=sorted(label.name for label in before - after),
    )


def _line(conversation: Conversation, kind: ConversationEvent.Kind, **data: Any) -> ConversationEvent:
    """A timeline line about `conversation`; `change` signs and dates it."""
    return ConversationEvent(
        channel_id=conversation.channel_id, conversation_id=conversation.pk, kind=kind, data=data
    )
