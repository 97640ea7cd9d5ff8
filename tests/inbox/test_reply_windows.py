"""Reply windows: when they open, what they allow, where replies belong (docs/tiktok-api.md 5.1)."""

from datetime import timedelta

import pytest

from inbox import windows
from inbox.models import ConversationEvent, Message
from inbox.sending import BadReply, cancel_reply, queue_reply
from inbox.windows import ReplyRefused
from tests.factories import NOW, make_agent, make_channel, make_conversation, make_inbound, make_reply

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def agent():
    return make_agent()


@pytest.fixture
def conversation():
    return make_conversation()


def test_nobody_may_write_before_the_customer_has(conversation, agent):
    with pytest.raises(ReplyRefused) as refusal:
        make_reply(conversation, agent)
    assert refusal.value.code == "not_opened_by_customer"
    assert Message.objects.count() == 0
    assert ConversationEvent.objects.count() == 0


def test_a_reply_takes_a_slot_and_is_queued_with_its_timeline_line(conversation, agent):
    make_inbound(conversation)
    reply = make_reply(conversation, agent)
    conversation.refresh_from_db()
    assert (reply.state, reply.slot, reply.window) == ("queued", 1, conversation.window)
    assert conversation.window.replies_used == 1
    assert conversation.last_message == reply
    assert list(ConversationEvent.objects.values_list("kind", "message")) == [("reply_queued", reply.pk)]


def test_the_eleventh_reply_is_refused_in_words(conversation, agent):
    make_inbound(conversation)
    for _ in range(10):
        make_reply(conversation, agent)
    with pytest.raises(ReplyRefused, match="All 10 replies are used") as refusal:
        make_reply(conversation, agent)
    assert refusal.value.code == "quota_used"
    assert Message.objects.filter(source="agent").count() == 10


def test_the_window_is_open_until_just_before_48_hours(conversation, agent):
    make_inbound(conversation)
    make_reply(conversation, agent, at=NOW + 48 * HOUR - timedelta(microseconds=1))
    with pytest.raises(ReplyRefused) as refusal:
        make_reply(conversation, agent, at=NOW + 48 * HOUR)
    assert refusal.value.code == "window_closed"


def test_each_customer_message_brings_48_hours_and_ten_replies(conversation, agent):
    make_inbound(conversation)
    for _ in range(10):
        make_reply(conversation, agent)
    Message.objects.filter(source="agent").update(state="failed")  # out of the way: they stay where they are
    make_inbound(conversation, at=NOW + HOUR)
    reply = make_reply(conversation, agent, at=NOW + 48 * HOUR)
    assert reply.slot == 1
    assert reply.window.closes_at == NOW + 49 * HOUR


def test_a_late_older_message_never_shortens_the_newest_window(conversation):
    make_inbound(conversation, at=NOW)
    make_inbound(conversation, at=NOW - 5 * HOUR)
    conversation.refresh_from_db()
    assert conversation.window_closes_at == NOW + 48 * HOUR
    assert conversation.reply_windows.count() == 2


def test_replies_that_still_wait_move_into_the_window_that_the_customer_opens(conversation, agent):
    make_inbound(conversation)
    waiting = [make_reply(conversation, agent) for _ in range(3)]
    old = waiting[0].window
    make_inbound(conversation, at=NOW + HOUR)
    conversation.refresh_from_db()
    old.refresh_from_db()
    assert old.replies_used == 0
    assert conversation.window.replies_used == 3
    assert {reply.slot for reply in conversation.window.messages.all()} == {1, 2, 3}


def test_a_reply_sent_after_a_message_that_we_learn_of_late_counts_in_its_window(conversation, agent):
    make_inbound(conversation)
    reply = make_reply(conversation, agent, at=NOW + 2 * HOUR)
    Message.objects.filter(pk=reply.pk).update(
        state="sent", tiktok_message_id="m1", sent_at=NOW + 2 * HOUR, occurred_at=NOW + 2 * HOUR
    )
    late = make_inbound(conversation, at=NOW + HOUR)
    reply.refresh_from_db()
    assert reply.window == late.opened_window
    assert (late.opened_window.replies_used, conversation.messages.first().pk) is not None
    late.opened_window.refresh_from_db()
    assert late.opened_window.replies_used == 1


def test_a_reply_sent_before_the_customers_newest_message_stays_in_the_older_window(conversation, agent):
    first = make_inbound(conversation)
    reply = make_reply(conversation, agent)
    Message.objects.filter(pk=reply.pk).update(state="sent", tiktok_message_id="m1", sent_at=NOW + HOUR)
    make_inbound(conversation, at=NOW + 2 * HOUR)
    reply.refresh_from_db()
    conversation.refresh_from_db()
    assert reply.window == first.opened_window
    assert conversation.window.replies_used == 0


def test_taking_a_reply_back_frees_its_slot(conversation, agent):
    make_inbound(conversation)
    first, second = make_reply(conversation, agent), make_reply(conversation, agent)
    assert cancel_reply(user=agent, message_id=first.pk, at=NOW)
    assert not cancel_reply(user=agent, message_id=first.pk, at=NOW)
    third = make_reply(conversation, agent)
    conversation.refresh_from_db()
    assert (second.slot, third.slot, conversation.window.replies_used) == (2, 1, 2)


def test_a_disconnected_channel_takes_no_reply_and_says_why(agent):
    conversation = make_conversation(make_channel())
    make_inbound(conversation)
    channel = conversation.channel
    channel.status, channel.reason, channel.credential = "disconnected", "The access token ended.", None
    channel.save()
    with pytest.raises(ReplyRefused, match="The access token ended") as refusal:
        make_reply(conversation, agent)
    assert refusal.value.code == "channel_disconnected"


def test_tiktoks_own_refusal_locks_the_window_with_tiktoks_words(conversation, agent):
    make_inbound(conversation)
    reply = make_reply(conversation, agent)
    windows.refuse_until_customer_writes(reply, words="You are sending messages too fast.", at=NOW)
    with pytest.raises(ReplyRefused, match="You are sending messages too fast"):
        make_reply(conversation, agent)
    make_inbound(conversation, at=NOW + HOUR)
    make_reply(conversation, agent, at=NOW + HOUR)


@pytest.mark.parametrize(
    ("text", "field"), [("", "text"), ("  \n ", "text"), ("x" * 6001, "text"), ("a\x00b", "text")]
)
def test_what_cannot_be_a_reply_is_refused_without_using_a_slot(conversation, agent, text, field):
    make_inbound(conversation)
    with pytest.raises(BadReply) as bad:
        make_reply(conversation, agent, text)
    conversation.refresh_from_db()
    assert bad.value.field == field
    assert conversation.window.replies_used == 0


def test_six_thousand_characters_are_taken_and_line_breaks_kept(conversation, agent):
    make_inbound(conversation)
    assert len(make_reply(conversation, agent, "🙂" * 6000).text) == 6000
    assert make_reply(conversation, agent, "one\r\ntwo").text == "one\ntwo"


def test_a_reply_can_be_planned_only_inside_the_window(conversation, agent):
    make_inbound(conversation)
    planned = queue_reply(
        user=agent, conversation_id=conversation.pk, text="Good morning", at=NOW, deliver_at=NOW + 47 * HOUR
    )
    assert planned.deliver_at == NOW + 47 * HOUR
    with pytest.raises(BadReply, match="closes at 2026-08-03 12:00 UTC"):
        queue_reply(user=agent, conversation_id=conversation.pk, text="Late", at=NOW, deliver_at=NOW + 48 * HOUR)
