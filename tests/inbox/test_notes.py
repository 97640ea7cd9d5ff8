"""Notes: for colleagues only, whatever state the conversation is in."""

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django_q.models import OrmQ

from inbox import delivering, drafts, notes, receiving, search_operators, timeline
from inbox.models import Conversation, ConversationEvent, Draft, Message, Note, NoteDraft
from inbox.working import BadChange
from tests.factories import NOW, make_agent, make_conversation, make_inbound, make_reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return make_agent("ana", first_name="Ana")


@pytest.fixture
def conversation() -> Conversation:
    conversation = make_conversation()
    make_inbound(conversation)
    return conversation


def add(conversation, user, text, **fields):
    return notes.add(user=user, conversation_id=conversation.pk, text=text, at=NOW, **fields)


def test_a_note_its_mentions_and_its_line_are_stored_together(conversation, ana, monkeypatch):
    note = add(conversation, ana, "  Ask @ana\r\nfirst ")
    line = ConversationEvent.objects.get(kind="note_added")
    assert (note.text, note.author, note.created_at) == ("Ask @ana\nfirst", ana, NOW)
    assert (line.note, line.actor, line.at) == (note, ana, NOW)
    monkeypatch.setattr(timeline, "record", lambda lines: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        add(conversation, ana, "Ask @ana again")
    assert Note.objects.count() == 1


def test_no_note_ever_reaches_tiktok_or_anything_that_delivers(ana, tiktok, clock):
    channel, customer = tiktok.connect(), tiktok.customer("Ayu")
    tiktok.write(customer, "Is it in stock?")
    with time_machine.travel(clock(), tick=False):
        while tiktok.deliver():
            pass
    receiving.drain(clock=clock)
    conversation = Conversation.objects.get(channel=channel)
    OrmQ.objects.all().delete()
    drafts.save_note(user=ana, conversation_id=conversation.pk, text="Only for the team", at=NOW)
    add(conversation, ana, "Only for the team")
    assert not OrmQ.objects.exists()
    assert Message.objects.count() == 1
    make_reply(conversation, ana, "To the customer")
    delivering.deliver_due(clock=clock)
    assert tiktok.sends() == ["To the customer"]
    assert "Only for the team" not in str(tiktok.look("/calls"))
    conversation.refresh_from_db()
    assert conversation.window.replies_used == 1


def test_a_note_needs_no_open_window(ana):
    never_written = make_conversation()
    assert add(never_written, ana, "Wait for her").pk
    closed = make_conversation()
    make_inbound(closed, at=NOW - timedelta(hours=60))
    assert add(closed, ana, "Too late").pk


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("@ben please", {"ben"}),
        ("ask @Ben.", {"ben"}),
        ("(@ben, @cara!) and @ben", {"ben", "cara"}),
        ("@dee.day-1: look", {"dee.day-1"}),
        ("@eve@shop.test.", {"eve@shop.test"}),
        ("mail ben@ben.test, https://tiktok.com/@ben", set()),
        ("@nobody @stranger @", set()),
    ],
)
def test_who_is_named_is_who_can_read_it(conversation, ana, text, named):
    for username in ("ben", "cara", "dee.day-1", "eve@shop.test"):
        make_agent(username)
    make_agent("stranger", permissions=("inbox.view_label",))
    note = add(conversation, ana, text)
    assert {mention.person.username for mention in note.mentions.all()} == named


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" \n", "Write something first."),
        ("x" * 10_001, "A note has at most 10,000 characters; this has 10,001."),
        ("a\x00b", "The text holds a character that can't be stored."),
    ],
)
def test_what_is_no_note_is_refused_in_words(conversation, ana, text, sentence):
    with pytest.raises(BadChange, match=sentence):
        add(conversation, ana, text)
    assert not Note.objects.exists()


def test_who_may_only_read_writes_none(conversation):
    with pytest.raises(PermissionDenied):
        add(conversation, make_agent("reader", permissions=("inbox.view_conversation",)), "Hello")


def test_the_draft_of_a_note_and_of_a_reply_are_two(conversation, ana):
    mine = {"user": ana, "conversation_id": conversation.pk, "at": NOW}
    drafts.save(**mine, text="Dear Ayu")
    drafts.save_note(**mine, text="She is cross")
    assert Draft.objects.get().text == "Dear Ayu"
    assert NoteDraft.objects.get().text == "She is cross"
    add(conversation, ana, "She is cross", ends_draft=True)
    assert not NoteDraft.objects.exists()
    assert Draft.objects.get().text == "Dear Ayu"
    drafts.save_note(**mine, text="More")
    drafts.save_note(**mine, text="  ")
    assert not NoteDraft.objects.exists()


def test_notes_and_mentions_are_found_by_the_search(conversation, ana):
    ben, other = make_agent("ben"), make_conversation()
    add(conversation, ana, "@ben look")
    add(other, ana, "nothing for anyone")
    make_conversation()

    def found(name, user):
        operator = search_operators.operator_for(*name.split(":"))
        return set(Conversation.objects.filter(operator.condition("", user)))

    assert found("has:note", ana) == {conversation, other}
    assert found("is:mentioned", ben) == {conversation}
    assert found("is:mentioned", ana) == set()


def test_a_colleague_who_leaves_takes_no_note_along(conversation, ana):
    note = add(conversation, ana, "Keep this")
    ana.delete()
    note.refresh_from_db()
    assert (note.text, note.author) == ("Keep this", None)
    assert timezone.is_aware(note.created_at)
