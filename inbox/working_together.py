"""What happens when an agent works on many conversations at once: closes, opens, snoozes, assigns, labels them.

Guarantee: all changes and their timeline lines commit together, in a fixed number of queries however many
conversations there are, and only conversations that the agent may change are touched. The state before is kept on
the server until the agent's next such change: `undo` brings it back, but for conversations that somebody has
changed since.

Nothing is sent from here: TikTok allows no message to several customers at once.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from inbox import access, timeline
from inbox.models import Conversation, ConversationEvent, Label, LastChange
from inbox.working import UNCHANGED, BadChange, Unchanged

MOST = 200
Status = Conversation.Status
Line = ConversationEvent.Kind


@dataclass
class State:
    """What can be changed about one conversation, in a form that JSON takes."""

    status: str
    snoozed_until: str | None
    assignee: int | None
    labels: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, conversation: Conversation) -> "State":
        """As it is now; the labels are prefetched."""
        until = conversation.snoozed_until
        return cls(
            conversation.status,
            until.isoformat() if until else None,
            conversation.assignee_id,
            sorted(label.pk for label in conversation.labels.all()),
        )


def change_together(
    *,
    user: Any,
    conversation_ids: Collection[int],
    at: datetime,
    status: str | None = None,
    snoozed_until: datetime | None = None,
    assignee: User | None | Unchanged = UNCHANGED,
    add_labels: Sequence[Label] = (),
) -> int:
    """Make the given changes to each of the conversations; give how many changed. Raises BadChange."""
    _check(user, conversation_ids, status, snoozed_until, assignee, at=at)
    if add_labels:
        access.require(user, access.LABEL)
    with transaction.atomic():
        former: dict[str, Any] = {}
        wanted: dict[int, State] = {}
        conversations = _locked(user, conversation_ids)
        for conversation in conversations:
            state = State.of(conversation)
            if status is not None:
                state.status = status
                state.snoozed_until = snoozed_until.isoformat() if snoozed_until else None
            if not isinstance(assignee, Unchanged):
                state.assignee = assignee.pk if assignee else None
            state.labels = sorted({*state.labels, *(label.pk for label in add_labels)})
            wanted[conversation.pk] = state
        before = {conversation.pk: State.of(conversation) for conversation in conversations}
        lines = _bring_to(conversations, wanted, user=user, at=at)
        changed = {line.conversation_id for line in lines}
        former = {str(pk): [vars(before[pk]), vars(wanted[pk])] for pk in wanted if pk in changed}
        if former:
            LastChange.objects.update_or_create(user=user, defaults={"states": former, "at": at})
        timeline.record(lines)
    return len(changed)


def undo(*, user: Any, at: datetime) -> int:
    """Take the agent's last such change back where nothing else happened since; give how many went back."""
    access.require(user, access.CHANGE)
    with transaction.atomic():
        last = LastChange.objects.select_for_update().filter(user=user).first()
        if last is None:
            return 0
        states = {int(pk): (State(**before), State(**after)) for pk, (before, after) in last.states.items()}
        last.delete()
        conversations = [one for one in _locked(user, states.keys()) if State.of(one) == states[one.pk][1]]
        wanted = {one.pk: states[one.pk][0] for one in conversations}
        lines = _bring_to(conversations, wanted, user=user, at=at)
        timeline.record(lines)
    return len({line.conversation_id for line in lines})


def _check(
    user: Any,
    conversation_ids: Collection[int],
    status: str | None,
    snoozed_until: datetime | None,
    assignee: User | None | Unchanged,
    *,
    at: datetime,
) -> None:
    access.require(user, access.CHANGE)
    if not isinstance(assignee, Unchanged):
        access.require(user, access.ASSIGN)
    if len(conversation_ids) > MOST:
        raise BadChange("conversation", _("Choose up to %(n)s conversations at a time.") % {"n": MOST})
    if status is not None and status not in Status:
        raise BadChange("status", _("“%(status)s” is not a status.") % {"status": status})
    if status == Status.SNOOZED and (snoozed_until is None or snoozed_until <= at):
        raise BadChange("snoozed_until", _("Choose a time to come."))
    if isinstance(assignee, User) and not assignee.has_perm(access.VIEW):
        name = assignee.get_full_name() or assignee.get_username()
        raise BadChange("assignee", _("%(name)s can’t see conversations, so can’t be given any.") % {"name": name})


def _locked(user: Any, conversation_ids: Iterable[int]) -> list[Conversation]:
    """Those that the agent may see, locked in the order of their ids, with their labels."""
    seen = access.conversations_for(user).order_by().filter(pk__in=list(conversation_ids)).values("pk")
    return list(access.locked_conversations().filter(pk__in=seen).prefetch_related("labels").order_by("pk"))


def _bring_to(
    conversations: list[Conversation], wanted: dict[int, State], *, user: Any, at: datetime
) -> list[ConversationEvent]:
    """Bring each conversation to its wanted state; give a line for each thing that changed."""
    lines: list[ConversationEvent] = []
    names = dict(Label.objects.values_list("pk", "name"))
    changed, put_on, taken_off = [], [], []
    for conversation in conversations:
        before, after = State.of(conversation), wanted[conversation.pk]
        known = set(after.labels) & names.keys()
        added, removed = known - set(before.labels), set(before.labels) - known
        lines += _lines(
            conversation, before, after, [names[one] for one in added], [names[one] for one in removed]
        )
        put_on += [(conversation.pk, label) for label in added]
        taken_off += [(conversation.pk, label) for label in removed]
        if (before.status, before.snoozed_until, before.assignee) != (
            after.status,
            after.snoozed_until,
            after.assignee,
        ):
            conversation.status = after.status
            conversation.snoozed_until = parse_datetime(after.snoozed_until) if after.snoozed_until else None
            conversation.assignee_id = after.assignee
            changed.append(conversation)
    if changed:
        Conversation.objects.bulk_update(changed, ["status", "snoozed_until", "assignee"])
    _change_labels(put_on, taken_off)
    for line in lines:
        line.actor, line.at = user, at
    return lines


def _change_labels(put_on: list[tuple[int, int]], taken_off: list[tuple[int, int]]) -> None:
    worn = Conversation.labels.through
    if put_on:
        rows = [worn(conversation_id=conversation, label_id=label) for conversation, label in put_on]
        worn.objects.bulk_create(rows, ignore_conflicts=True)
    for label in {label for _conversation, label in taken_off}:
        those = [conversation for conversation, one in taken_off if one == label]
        worn.objects.filter(label_id=label, conversation_id__in=those).delete()


def _lines(
    conversation: Conversation, before: State, after: State, added: list[str], removed: list[str]
) -> Iterable[ConversationEvent]:
    if (before.status, before.snoozed_until) != (after.status, after.snoozed_until):
        until = after.snoozed_until
        yield _line(
            conversation, Line.STATUS_CHANGED, before=before.status, after=after.status, snoozed_until=until
        )
    if before.assignee != after.assignee:
        yield _line(conversation, Line.ASSIGNED, before=before.assignee, after=after.assignee)
    if added or removed:
        yield _line(conversation, Line.LABELS_CHANGED, added=sorted(added), removed=sorted(removed))


def _line(conversation: Conversation, kind: ConversationEvent.Kind, **data: Any) -> ConversationEvent:
    return ConversationEvent(
        channel_id=conversation.channel_id, conversation_id=conversation.pk, kind=kind, data=data
    )
