"""What becomes of a queued reply, by every answer that TikTok can give (docs/tiktok-api.md 5.3)."""

from datetime import timedelta

import pytest
import time_machine

from inbox import delivering, receiving, reconciling, sending
from inbox.models import Conversation, ConversationEvent, Message
from tests.factories import NOW, make_agent, make_reply

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def agent():
    return make_agent()


@pytest.fixture
def conversation(tiktok, clock):
    """A customer has written, through a signed webhook."""
    tiktok.connect()
    tiktok.write(tiktok.customer("Ayu"), "Is it in stock?")
    hear(tiktok, clock)
    return Conversation.objects.get()


def hear(tiktok, clock):
    """Let TikTok deliver its webhooks, and let them take effect."""
    with time_machine.travel(clock(), tick=False):
        while tiktok.deliver():
            pass
    receiving.drain(clock=clock)


def deliver(clock):
    delivering.deliver_due(clock=clock)


def test_a_reply_reaches_the_customer_and_is_sent_only_with_tiktoks_id(tiktok, conversation, agent, clock):
    reply = make_reply(conversation, agent, "Yes, it is.")
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, reply.attempts) == ("sent", 1)
    assert reply.tiktok_message_id
    assert tiktok.sends() == ["Yes, it is."]
    kinds = list(ConversationEvent.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["message_received", "reply_queued", "reply_sending", "reply_sent"]


def test_its_echo_adds_no_second_message(tiktok, conversation, agent, clock):
    make_reply(conversation, agent, "Yes, it is.")
    deliver(clock)
    clock.at += SECOND
    hear(tiktok, clock)
    assert Message.objects.filter(direction="outbound").count() == 1
    conversation.refresh_from_db()
    assert conversation.window.replies_used == 1


def test_replies_leave_in_the_order_in_which_they_were_queued(tiktok, conversation, agent, clock):
    for number in range(10):
        make_reply(conversation, agent, f"line {number}")
    deliver(clock)
    assert tiktok.sends() == [f"line {number}" for number in range(10)]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("code", {"code": 40100}),
        ("code", {"code": 50000}),
        ("code", {"code": 51065}),
        ("code", {"code": 40016}),
        ("http_status", {"http_status": 429}),
    ],
)
def test_a_passing_fault_is_tried_again_until_it_works(tiktok, conversation, agent, clock, kind, fields):
    first, second = make_reply(conversation, agent, "one"), make_reply(conversation, agent, "two")
    tiktok.fault(kind, **fields)
    deliver(clock)
    first.refresh_from_db()
    assert (first.state, tiktok.sends()) == ("queued", []), "the second one waits for the first"
    assert first.error_detail
    clock.at += 10 * SECOND
    deliver(clock)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state, tiktok.sends()) == ("sent", "sent", ["one", "two"])
    assert first.error_detail == ""


def test_what_tiktok_answered_with_an_error_of_its_own_is_looked_for_before_it_is_sent_again(
    tiktok, conversation, agent, clock
):
    reply = make_reply(conversation, agent, "Once only")
    tiktok.fault("code", code=50002, after=True)
    deliver(clock)
    clock.at += 10 * SECOND
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, tiktok.sends()) == ("sent", ["Once only"])


def test_while_the_list_can_not_be_read_what_tiktok_left_open_waits(tiktok, conversation, agent, clock):
    reply = make_reply(conversation, agent, "Once only")
    tiktok.fault("code", code=50002, after=True)
    deliver(clock)
    for fault in ({"kind": "http_status"}, {"kind": "code", "code": 40100}):
        tiktok.fault(path="business/message/content/list", **fault)
        clock.at += 60 * SECOND
        deliver(clock)
        reply.refresh_from_db()
        assert (reply.state, reply.error_code) == ("queued", "50002")
    clock.at += 60 * SECOND
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, tiktok.sends()) == ("sent", ["Once only"])


def test_where_the_list_is_refused_what_tiktok_left_open_is_not_said_to_have_failed(
    tiktok, conversation, agent, clock
):
    reply = make_reply(conversation, agent, "Once only")
    tiktok.fault("code", code=50002, after=True)
    deliver(clock)
    tiktok.fault("code", path="business/message/content/list", code=40007)
    clock.at += 60 * SECOND
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, reply.slot) == ("unconfirmed", 1)


def test_an_echo_that_waits_in_the_journal_is_read_before_anything_is_sent_again(
    tiktok, conversation, agent, clock
):
    """The list lags, so it doesn't show what TikTok carried out; only the unread echo tells."""
    tiktok.control("/settings", list_lag=300)
    reply = make_reply(conversation, agent, "Once only")
    tiktok.fault("code", code=50002, after=True)
    deliver(clock)
    clock.at += 60 * SECOND
    with time_machine.travel(clock(), tick=False):
        tiktok.deliver()
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, reply.error_code, tiktok.sends()) == ("queued", "50002", ["Once only"])
    receiving.drain(clock=clock)
    clock.at += 60 * SECOND
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, tiktok.sends()) == ("sent", ["Once only"])


def test_what_tiktok_left_open_can_not_be_taken_back_nor_said_to_have_failed_at_the_close(
    tiktok, conversation, agent, clock
):
    reply = make_reply(conversation, agent, "Once only")
    tiktok.fault("code", code=50002, after=True)
    deliver(clock)
    assert not sending.cancel_reply(user=agent, message_id=reply.pk, at=clock())
    clock.at = conversation.window_closes_at
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, reply.slot) == ("unconfirmed", 1)
    reconciling.reconcile_due(clock=clock)
    reply.refresh_from_db()
    assert (reply.state, tiktok.sends()) == ("sent", ["Once only"])


def test_a_worker_that_was_held_up_past_its_lease_sends_nothing(tiktok, conversation, agent, clock):
    reply = make_reply(conversation, agent)
    message = delivering.claim_next(at=clock())
    clock.at += delivering.LEASE
    delivering.settle_abandoned(at=clock())
    delivering.deliver(message, clock=clock)
    reply.refresh_from_db()
    assert (reply.state, tiktok.sends()) == ("unconfirmed", [])


def test_temporarily_restricted_is_left_alone_for_five_minutes(tiktok, conversation, agent, clock):
    reply = make_reply(conversation, agent)
    tiktok.fault("code", code=40100, message="App is temporarily restricted.")
    deliver(clock)
    clock.at += timedelta(minutes=4, seconds=59)
    deliver(clock)
    assert tiktok.sends() == []
    clock.at += 2 * SECOND
    deliver(clock)
    reply.refresh_from_db()
    assert reply.state == "sent"


def test_a_retry_after_the_close_is_not_made_and_the_slot_is_given_back(tiktok, conversation, agent, clock):
    clock.at = conversation.window_closes_at - 2 * SECOND
    reply = make_reply(conversation, agent, at=clock())
    tiktok.fault("code", code=40100, message="App is temporarily restricted.")
    deliver(clock)
    reply.refresh_from_db()
    conversation.refresh_from_db()
    assert (reply.state, reply.slot, conversation.window.replies_used) == ("failed", None, 0)


def test_a_reply_that_still_waits_when_its_window_closes_fails_in_words(tiktok, conversation, agent, clock):
    reply = make_reply(conversation, agent)
    clock.at = conversation.window_closes_at
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, reply.error_code, tiktok.sends()) == ("failed", "window_closed", [])
    assert "window closed" in reply.error_detail
    assert reply.slot is None


@pytest.mark.parametrize("code", [40002, 40007, 40000, 40908, 41234])
def test_a_refusal_for_certain_frees_the_slot_and_says_why(tiktok, conversation, agent, clock, code):
    reply = make_reply(conversation, agent)
    tiktok.fault("code", code=code, message="No.")
    deliver(clock)
    reply.refresh_from_db()
    conversation.refresh_from_db()
    assert (reply.state, reply.error_code, reply.slot) == ("failed", str(code), None)
    assert reply.error_detail
    assert reply.tiktok_request_id
    assert conversation.window.replies_used == 0


def test_tiktoks_40064_is_final_keeps_the_slot_and_locks_until_the_customer_writes(
    tiktok, conversation, agent, clock
):
    reply = make_reply(conversation, agent)
    tiktok.fault("code", code=40064)
    deliver(clock)
    reply.refresh_from_db()
    conversation.refresh_from_db()
    assert (reply.state, reply.slot, conversation.window.refused_at) == ("failed", 1, NOW)
    assert "too fast" in conversation.window.refusal


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("hang_after", {"seconds": 0}),
        ("reset_after", {}),
        ("http_status", {"http_status": 502, "after": True}),
        ("empty_message_id", {}),
        ("garbage", {}),
    ],
)
def test_an_unknown_outcome_is_never_sent_again_and_the_echo_settles_it(
    tiktok, conversation, agent, clock, kind, fields
):
    reply = make_reply(conversation, agent, "Once only")
    tiktok.fault(kind, **fields)
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, reply.slot) == ("unconfirmed", 1)
    for _ in range(3):
        clock.at += timedelta(minutes=2)
        deliver(clock)
    assert tiktok.sends() == ["Once only"]
    hear(tiktok, clock)
    reply.refresh_from_db()
    assert reply.state == "sent"
    assert Message.objects.filter(direction="outbound").count() == 1


def test_an_unconfirmed_reply_is_found_in_tiktoks_list_when_no_echo_comes(tiktok, conversation, agent, clock):
    reply = make_reply(conversation, agent, "Once only")
    tiktok.fault("hang_after", seconds=0)
    deliver(clock)
    clock.at += 10 * SECOND
    reconciling.reconcile_due(clock=clock)
    reply.refresh_from_db()
    assert reply.state == "sent"
    assert tiktok.sends() == ["Once only"]


def test_one_reading_of_the_list_tells_of_all_that_are_unconfirmed_there(tiktok, conversation, agent, clock):
    for number in range(3):
        make_reply(conversation, agent, f"line {number}")
        tiktok.fault("reset_after")
    deliver(clock)
    clock.at += 10 * SECOND
    assert reconciling.reconcile_due(clock=clock) == 3
    assert set(Message.objects.filter(source="agent").values_list("state", flat=True)) == {"sent"}
    assert len(tiktok.look("/calls?path=business/message/content/list")["calls"]) == 1


def test_an_unconfirmed_reply_that_tiktok_doesnt_have_is_said_to_be_so_after_growing_looks(
    tiktok, conversation, agent, clock
):
    reply = make_reply(conversation, agent)
    tiktok.fault("reset_before")
    deliver(clock)
    for _ in range(6):
        clock.at += timedelta(minutes=15)
        reconciling.reconcile_due(clock=clock)
    reply.refresh_from_db()
    assert (reply.state, reply.looks, reply.try_again_at) == ("unconfirmed", 4, None)
    assert "never confirmed" in reply.error_detail
    assert tiktok.sends() == []


def test_a_worker_that_died_while_sending_leaves_the_reply_unconfirmed(tiktok, conversation, agent, clock):
    reply = make_reply(conversation, agent)
    assert delivering.claim_next(at=clock()) == reply
    clock.at += delivering.LEASE - SECOND
    deliver(clock)
    reply.refresh_from_db()
    assert reply.state == "sending"
    clock.at += SECOND
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, tiktok.sends()) == ("unconfirmed", [])


def test_an_expired_token_is_renewed_and_the_reply_goes_out(tiktok, conversation, agent, clock):
    reply = make_reply(conversation, agent)
    tiktok.fault("code", code=40102)
    deliver(clock)
    reply.refresh_from_db()
    assert (reply.state, len(tiktok.sends())) == ("sent", 1)


def test_withdrawn_access_disconnects_the_channel_and_the_reply_waits_for_reconnecting(
    tiktok, conversation, agent, clock
):
    reply = make_reply(conversation, agent)
    tiktok.fault("code", code=40105, count=5)
    tiktok.fault("code", path="tt_user/oauth2/refresh_token", code=40107)
    deliver(clock)
    reply.refresh_from_db()
    conversation.channel.refresh_from_db()
    assert (reply.state, conversation.channel.status) == ("queued", "disconnected")
    assert ConversationEvent.objects.filter(kind="channel_changed").exists()
    clock.at += timedelta(minutes=1)
    deliver(clock)
    assert tiktok.sends() == []


def test_what_waits_is_sent_into_the_window_that_the_customer_opened_meanwhile(tiktok, conversation, agent, clock):
    for number in range(10):
        make_reply(conversation, agent, f"line {number}")
    clock.at += SECOND
    tiktok.write(1, "One more thing")
    hear(tiktok, clock)
    deliver(clock)
    conversation.refresh_from_db()
    assert conversation.window.replies_used == 10
    assert len(tiktok.sends()) == 10
