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
from django.db.models import Q
from django.utils.translation import gettext as _

from inbox import access, reading, timeline, workspace
from inbox.models import Conversation, ConversationEvent, Label, Team
from inbox.people import name_of


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


def assign_team(*, user: Any, conversation_id: int, team: Team | None, at: datetime) -> bool:
    """Hand the conversation to `team`, or to none. False if it was so already."""
    return change(user=user, conversation_id=conversation_id, team=team, at=at)


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
    team: Team | None | Unchanged = UNCHANGED,
    labels: Collection[Label] | None = None,
) -> bool:
    """Make all the given changes or none; what isn't given stays. False if nothing changed."""
    with transaction.atomic():
        conversation = access.lock_conversation_for(user, conversation_id, permission=access.VIEW)
        lines: list[ConversationEvent] = []
        if status is not None or snoozed_until is not None:
            access.require(user, access.CHANGE)
            lines += _change_status(conversation, status or conversation.status, snoozed_until, at=at)
        if not isinstance(assignee, Unchanged):
            access.require(user, access.ASSIGN)
            lines += _assign(conversation, assignee)
        if not isinstance(team, Unchanged):
            access.require(user, access.ASSIGN)
            lines += _assign_team(conversation, team)
        if labels is not None:
            access.require(user, access.LABEL)
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
            reading.mark_unread(conversation=conversation)
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
        raise BadChange(
            "status", _("“%(status)s” is not a status: choose open, snoozed or closed.") % {"status": status}
        )
    if status == Conversation.Status.SNOOZED:
        if snoozed_until is None:
            raise BadChange("snoozed_until", _("Say until when the conversation sleeps."))
        if snoozed_until <= at:
            raise BadChange("snoozed_until", _("Choose a time to come."))
    elif snoozed_until is not None:
        raise BadChange("snoozed_until", _("Only a snoozed conversation sleeps until a time."))
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
        raise BadChange(
            "assignee", _("%(name)s can't see conversations, so can't be given one.") % {"name": name_of(assignee)}
        )
    if assignee and not access.sees(assignee, conversation.channel_id):
        raise BadChange(
            "assignee",
            _("%(name)s is in no team that sees %(channel)s.")
            % {"name": name_of(assignee), "channel": conversation.channel},
        )
    conversation.assignee = assignee
    conversation.save(update_fields=["assignee"])
    yield _line(
        conversation, ConversationEvent.Kind.ASSIGNED, before=before, after=assignee.pk if assignee else None
    )


def take_if_unassigned(conversation: Conversation, *, user: Any, at: datetime) -> list[ConversationEvent]:
    """Give the locked conversation to `user`, who answers it, if nobody has it; give the line, not yet stored."""
    if conversation.assignee_id is not None or not workspace.current().assign_on_first_reply:
        return []
    lines = list(_assign(conversation, user))
    for line in lines:
        line.actor, line.at = user, at
    return lines


def release(*, of: Q, actor: Any, at: datetime, assignee: bool = False, team: bool = False) -> int:
    """Take the `assignee`, or the `team`, off the open and snoozed conversations that fit; give how many.

    Each is a small transaction of its own, with its line. Closed ones keep what they had: it is their history.
    """
    released = 0
    fitting = Conversation.objects.filter(of).exclude(status=Conversation.Status.CLOSED)
    for conversation_id in fitting.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            conversation = access.locked_conversations().filter(of, pk=conversation_id).first()
            if conversation is None:  # somebody was faster
                continue
            lines = [
                *(_assign(conversation, None) if assignee else ()),
                *(_assign_team(conversation, None) if team else ()),
            ]
            for line in lines:
                line.actor, line.at = actor, at
            timeline.record(lines)
            released += 1
    return released


def _assign_team(conversation: Conversation, team: Team | None) -> Iterator[ConversationEvent]:
    before = conversation.team_id
    if before == (team.pk if team else None):
        return
    if team and team.channels.exists() and not team.channels.filter(pk=conversation.channel_id).exists():
        raise BadChange(
            "team",
            _("The team %(team)s doesn't see %(channel)s.") % {"team": team, "channel": conversation.channel},
        )
    conversation.team = team
    conversation.save(update_fields=["team"])
    yield _line(
        conversation,
        ConversationEvent.Kind.TEAM_ASSIGNED,
        before=before,
        after=team.pk if team else None,
        name=team.name if team else "",
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
