"""Changing a conversation's status, assignee and labels, through the API and without it."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied

from inbox import timeline, working
from inbox.models import Conversation, ConversationEvent, Label
from tests.api.conftest import VIEW
from tests.api.making import make_user, now

SOON = "2999-01-01T09:00:00Z"


@pytest.fixture
def change(api, conversation):
    """PATCH the conversation."""
    return lambda **body: api.patch(f"/api/v1/conversations/{conversation.pk}/", body)


@pytest.fixture
def lines(conversation):
    """What the timeline says of the conversation so far."""

    def read():
        found = ConversationEvent.objects.filter(conversation=conversation).order_by("id")
        return [(line.kind, line.actor and line.actor.username, line.data) for line in found]

    return read


def test_closing_opening_and_snoozing_each_leave_a_line(change, lines):
    assert change(status="closed").json()["status"] == "closed"
    snoozed = change(status="snoozed", snoozed_until=SOON).json()
    assert (snoozed["status"], snoozed["snoozed_until"]) == ("snoozed", SOON)
    opened = change(status="open").json()
    assert (opened["status"], opened["snoozed_until"]) == ("open", None)
    iso = "2999-01-01T09:00:00+00:00"
    assert lines() == [
        ("status_changed", "agent", {"before": "open", "after": "closed", "snoozed_until": None}),
        ("status_changed", "agent", {"before": "closed", "after": "snoozed", "snoozed_until": iso}),
        ("status_changed", "agent", {"before": "snoozed", "after": "open", "snoozed_until": None}),
    ]


def test_a_snooze_is_moved_by_its_time_alone(change):
    change(status="snoozed", snoozed_until=SOON)
    moved = change(snoozed_until="2999-01-02T09:00:00+01:00")
    assert (moved.status_code, moved.json()["snoozed_until"]) == (200, "2999-01-02T08:00:00Z")


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        ({"status": "done"}, "status", '"done" is not a valid choice.'),
        ({"status": None}, "status", "This field may not be null."),
        ({"status": "snoozed"}, "snoozed_until", "Say until when the conversation sleeps."),
        (
            {"status": "snoozed", "snoozed_until": "2020-01-01T00:00:00Z"},
            "snoozed_until",
            "Choose a time to come.",
        ),
        (
            {"status": "snoozed", "snoozed_until": "2999-01-01T09:00:00"},
            "snoozed_until",
            "Give the time zone too, such as 2026-11-22T09:00:00Z.",
        ),
        (
            {"status": "closed", "snoozed_until": SOON},
            "snoozed_until",
            "Only a snoozed conversation sleeps until a time.",
        ),
        ({"snoozed_until": SOON}, "snoozed_until", "Only a snoozed conversation sleeps until a time."),
        ({"assignee": "nobody-here"}, "assignee", "Nobody here has the id or username “nobody-here”."),
        ({"assignee": 99999}, "assignee", "Nobody here has the id or username “99999”."),
        ({"assignee": "gone"}, "assignee", "Nobody here has the id or username “gone”."),
        ({"assignee": "stranger"}, "assignee", "stranger can't see conversations, so can't be given one."),
        ({"assignee": ["agent"]}, "assignee", "Not a valid string."),
        ({"labels": ["vip", "new", "odd"]}, "labels", "There is no label “new”."),
        ({"labels": "vip"}, "labels", 'Expected a list of items but got type "str".'),
        ({"labels": [["vip"]]}, "labels", "Not a valid string."),
        ({"labels": None}, "labels", "This field may not be null."),
    ],
)
def test_what_can_not_be_is_refused_in_words_and_changes_nothing(
    body, field, sentence, change, lines, stranger, conversation
):
    Label.objects.create(name="vip")
    make_user("gone", VIEW, is_active=False)
    answer = change(**body)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert answer.json()[field][0] == sentence
    assert lines() == []
    conversation.refresh_from_db()
    assert (conversation.status, conversation.assignee, conversation.labels.count()) == ("open", None, 0)


def test_a_conversation_is_handed_over_by_id_or_username_and_back_to_nobody(change, lines, agent, teammate):
    assert change(assignee="teammate").json()["assignee"]["id"] == teammate.pk
    assert change(assignee=agent.pk).json()["assignee"]["username"] == "agent"
    assert change(assignee=None).json()["assignee"] is None
    assert lines() == [
        ("assigned", "agent", {"before": None, "after": teammate.pk}),
        ("assigned", "agent", {"before": teammate.pk, "after": agent.pk}),
        ("assigned", "agent", {"before": agent.pk, "after": None}),
    ]


def test_labels_are_set_as_a_whole(change, lines):
    for name in ("vip", "order", "late"):
        Label.objects.create(name=name)
    assert change(labels=["vip", "order", "vip"]).json()["labels"] == ["order", "vip"]
    assert change(labels=["late", "vip"]).json()["labels"] == ["late", "vip"]
    assert change(labels=[]).json()["labels"] == []
    assert lines() == [
        ("labels_changed", "agent", {"added": ["order", "vip"], "removed": []}),
        ("labels_changed", "agent", {"added": ["late"], "removed": ["order"]}),
        ("labels_changed", "agent", {"added": [], "removed": ["late", "vip"]}),
    ]


def test_what_is_already_so_leaves_no_line(change, lines):
    answer = change(status="open", assignee=None, labels=[])
    assert answer.status_code == 200
    assert change().status_code == 200
    assert lines() == []


def test_several_changes_are_made_together(change, lines):
    Label.objects.create(name="vip")
    answer = change(status="closed", assignee="agent", labels=["vip"])
    assert answer.status_code == 200
    assert [kind for kind, _, _ in lines()] == ["status_changed", "assigned", "labels_changed"]


def test_several_changes_are_refused_together(change, lines, conversation, stranger):
    assert change(status="closed", assignee="stranger").status_code == 400
    conversation.refresh_from_db()
    assert conversation.status == "open"
    assert lines() == []


def test_a_change_without_its_line_is_not_stored(conversation, agent, monkeypatch):
    def fail(lines):
        raise RuntimeError

    monkeypatch.setattr(timeline, "record", fail)
    with pytest.raises(RuntimeError):
        working.change_status(user=agent, conversation_id=conversation.pk, status="closed", at=now())
    conversation.refresh_from_db()
    assert conversation.status == "open"


def test_nothing_else_can_be_changed(change, conversation):
    answer = change(channel=999, unread_count=0, window={"can_reply": False}, id=7)
    assert answer.status_code == 200
    assert answer.json()["id"] == conversation.pk
    assert answer.json()["unread_count"] == 1


def test_a_form_changes_only_what_it_names(api, agent, conversation):
    label = Label.objects.create(name="vip")
    working.set_labels(user=agent, conversation_id=conversation.pk, labels=[label], at=now())
    answer = api.patch(f"/api/v1/conversations/{conversation.pk}/", {"status": "closed"}, format="multipart")
    assert (answer.status_code, answer.json()["labels"]) == (200, ["vip"])


def test_the_verbs_say_whether_anything_changed(conversation, agent, teammate):
    at, pk = now(), conversation.pk
    label = Label.objects.create(name="vip")
    until = at + timedelta(hours=1)
    calls = [
        lambda: working.change_status(
            user=agent, conversation_id=pk, status="snoozed", snoozed_until=until, at=at
        ),
        lambda: working.assign(user=agent, conversation_id=pk, assignee=teammate, at=at),
        lambda: working.set_labels(user=agent, conversation_id=pk, labels=[label], at=at),
    ]
    assert [call() for call in calls] == [True, True, True]
    assert [call() for call in calls] == [False, False, False]
    assert set(ConversationEvent.objects.values_list("at", flat=True)) == {at}
    assert set(ConversationEvent.objects.values_list("channel_id", flat=True)) == {conversation.channel_id}


def test_the_verbs_refuse_whoever_may_not(conversation, stranger):
    with pytest.raises(PermissionDenied):
        working.change_status(user=stranger, conversation_id=conversation.pk, status="closed", at=now())


def test_the_verbs_refuse_what_is_not_there_and_no_status(conversation, agent):
    with pytest.raises(Conversation.DoesNotExist):
        working.assign(user=agent, conversation_id=999, assignee=None, at=now())
    with pytest.raises(working.BadChange, match="not a status"):
        working.change_status(user=agent, conversation_id=conversation.pk, status="done", at=now())
