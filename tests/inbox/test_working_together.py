"""Several conversations at once: what changes, what it costs, and the way back."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inbox import working, working_together
from inbox.models import Conversation, ConversationEvent, Label
from inbox.working import BadChange
from inbox.working_together import change_together, undo
from tests.factories import make_agent, make_channel
from tests.pages.rows import make_conversation, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(db):
    return make_agent("ana", first_name="Ana")


@pytest.fixture
def several():
    channel = make_channel()
    return [make_conversation(f"N{number}", channel=channel) for number in range(5)]


def ids(conversations) -> set[int]:
    return {conversation.pk for conversation in conversations}


def lines_of(conversation: Conversation) -> list[tuple[str, dict]]:
    lines = ConversationEvent.objects.filter(conversation=conversation).order_by("id")
    return [(line.kind, line.data) for line in lines]


def test_closing_several_leaves_a_line_in_each_that_was_open(ana, several):
    at = timezone.now()
    working.change_status(user=ana, conversation_id=several[0].pk, status="closed", at=at)
    assert change_together(user=ana, conversation_ids=ids(several), status="closed", at=at) == 4
    assert set(Conversation.objects.values_list("status", flat=True)) == {"closed"}
    for conversation in several:
        assert [kind for kind, _data in lines_of(conversation)] == ["status_changed"]
    line = ConversationEvent.objects.filter(conversation=several[1]).get()
    assert (line.actor, line.at, line.data["before"], line.data["after"]) == (ana, at, "open", "closed")


def test_labels_are_added_to_those_that_are_there(ana, several):
    old, new = Label.objects.create(name="Old"), Label.objects.create(name="New")
    several[0].labels.add(old)
    several[1].labels.add(new)
    assert change_together(user=ana, conversation_ids=ids(several), add_labels=[new], at=timezone.now()) == 4
    assert set(several[0].labels.all()) == {old, new}
    assert lines_of(several[0]) == [("labels_changed", {"added": ["New"], "removed": []})]
    assert lines_of(several[1]) == []


def test_undo_brings_back_what_was_before(ana, several):
    at, ben, vip = timezone.now(), make_agent("ben"), Label.objects.create(name="VIP")
    working.assign(user=ana, conversation_id=several[0].pk, assignee=ben, at=at)
    until = at + timedelta(hours=4)
    changed = change_together(
        user=ana,
        conversation_ids=ids(several),
        status="snoozed",
        snoozed_until=until,
        assignee=ana,
        add_labels=[vip],
        at=at,
    )
    assert changed == 5
    first = Conversation.objects.get(pk=several[0].pk)
    assert (first.status, first.snoozed_until, first.assignee) == ("snoozed", until, ana)
    assert undo(user=ana, at=at) == 5
    first = Conversation.objects.get(pk=several[0].pk)
    assert (first.status, first.snoozed_until, first.assignee) == ("open", None, ben)
    assert not first.labels.exists()
    assert lines_of(first)[-1] == ("labels_changed", {"added": [], "removed": ["VIP"]})
    assert undo(user=ana, at=at) == 0  # once


def test_undo_leaves_alone_what_somebody_changed_since(ana, several):
    at = timezone.now()
    change_together(user=ana, conversation_ids=ids(several), status="closed", at=at)
    write(several[0])  # a message of the customer: as receiving does, it opens the conversation
    Conversation.objects.filter(pk=several[0].pk).update(status="open")
    working.assign(user=make_agent("ben"), conversation_id=several[1].pk, assignee=ana, at=at)
    assert undo(user=ana, at=at) == 3
    assert Conversation.objects.get(pk=several[1].pk).status == "closed"


def test_undo_is_ones_own(ana, several):
    change_together(user=ana, conversation_ids=ids(several), status="closed", at=timezone.now())
    assert undo(user=make_agent("ben"), at=timezone.now()) == 0
    assert set(Conversation.objects.values_list("status", flat=True)) == {"closed"}


def test_only_who_may_change_conversations_changes_them(several):
    reader = make_agent("reader", permissions=("inbox.view_conversation",))
    with pytest.raises(PermissionDenied):
        change_together(user=reader, conversation_ids=ids(several), status="closed", at=timezone.now())
    blind = make_agent("blind", permissions=("inbox.change_conversation",))
    assert change_together(user=blind, conversation_ids=ids(several), status="closed", at=timezone.now()) == 0
    assert set(Conversation.objects.values_list("status", flat=True)) == {"open"}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"status": "gone"}, "status"),
        ({"status": "snoozed"}, "snoozed_until"),
        ({"status": "snoozed", "snoozed_until": timezone.now() - timedelta(hours=1)}, "snoozed_until"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(ana, several, asked, field):
    with pytest.raises(BadChange) as refused:
        change_together(user=ana, conversation_ids=ids(several), at=timezone.now(), **asked)
    assert refused.value.field == field
    assert set(Conversation.objects.values_list("status", flat=True)) == {"open"}


def test_who_cannot_see_conversations_is_given_none(ana, several):
    with pytest.raises(BadChange, match="can’t see conversations"):
        change_together(
            user=ana, conversation_ids=ids(several), assignee=make_agent("x", permissions=()), at=timezone.now()
        )


def test_at_most_two_hundred_at_a_time(ana):
    with pytest.raises(BadChange, match="up to 200"):
        change_together(user=ana, conversation_ids=range(1, 202), status="closed", at=timezone.now())


def test_a_batch_costs_the_same_number_of_queries_whatever_its_size(ana):
    channel, label = make_channel(), Label.objects.create(name="VIP")
    costs = []
    for size in (2, 2, 25):  # beyond, SQLite writes the timeline in two portions
        conversations = [make_conversation(channel=channel) for _ in range(size)]
        ana.has_perm("inbox.view_conversation")  # once per request
        with CaptureQueriesContext(connection) as queries:
            working_together.change_together(
                user=ana,
                conversation_ids=ids(conversations),
                status="closed",
                assignee=ana,
                add_labels=[label],
                at=timezone.now(),
            )
        costs.append(len(queries))
    assert costs[1] == costs[2]  # the first one of all makes the row that later ones change
