"""Findings of a hostile review, each as a statement that must stay true."""

import json
from datetime import timedelta

import pytest
from django.conf import settings

from channels_tiktok import connecting, journal
from channels_tiktok.models import WebhookEvent
from inbox import delivering, listed, receiving, windows, working
from inbox.models import Conversation, ConversationEvent, Message
from tests.deliveries import deliver, envelope, from_business, from_customer
from tests.factories import NOW, make_agent, make_channel, make_conversation, make_inbound, make_reply

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def channel():
    return make_channel()


@pytest.fixture
def agent():
    return make_agent()


def under_way(reply, **fields):
    Message.objects.filter(pk=reply.pk).update(
        **{"state": "sending", "claimed_until": NOW + MINUTE, "handed_over_at": NOW, "attempts": 1} | fields
    )


def test_a_delivery_nested_without_end_is_parked_and_stops_nobody(channel):
    nested = '{"a":' * 600 + '"\\u0041"' + "}" * 600
    body = json.dumps({"event": "im_receive_msg", "user_openid": channel.business_id, "content": nested}).encode()
    journal.store_delivery(body=body, log_id="", at=NOW)
    good = deliver(channel, "im_receive_msg", from_customer(channel))
    assert good.state == "processed"
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"processed", "failed"}


def test_long_names_are_cut_and_long_ids_are_never(channel):
    deliver(channel, "im_receive_msg", from_customer(channel, message_id="m" * 400, **{"from": "x" * 300}))
    conversation = Conversation.objects.get()
    assert conversation.contact.username == "x" * 100
    assert conversation.messages.get().tiktok_message_id == "m" * 400
    event = deliver(channel, "im_receive_msg", from_customer(channel, message_id="m" * 501))
    assert (event.state, Message.objects.count()) == ("failed", 1)


def test_when_tiktoks_clock_leads_ours_the_quota_still_holds(channel, agent):
    conversation = make_conversation(channel)
    make_inbound(conversation, at=NOW - timedelta(hours=1))
    make_inbound(conversation, at=NOW + 2 * MINUTE)
    for number in range(10):
        reply = make_reply(conversation, agent, at=NOW)
        under_way(reply)
        delivering.settle_sent(reply.pk, tiktok_message_id=f"out-{number}", at=NOW)
    with pytest.raises(windows.ReplyRefused):
        make_reply(conversation, agent, at=NOW)
    conversation.refresh_from_db()
    assert conversation.window.replies_used == 10


def test_the_echo_of_a_reply_that_went_back_to_the_queue_settles_it(channel, agent):
    deliver(channel, "im_receive_msg", from_customer(channel))
    reply = make_reply(Conversation.objects.get(), agent, "On its way")
    under_way(reply, state="queued", claimed_until=None)
    echo = from_business(channel, source="API", at=NOW + MINUTE, text={"body": "On its way"})
    deliver(channel, "im_send_msg", echo)
    reply.refresh_from_db()
    assert reply.state == "sent"
    assert delivering.claim_next(at=NOW + 2 * MINUTE) is None


def test_an_echo_that_tiktok_tidied_up_is_still_ours(channel, agent):
    deliver(channel, "im_receive_msg", from_customer(channel))
    reply = make_reply(Conversation.objects.get(), agent, "hello   wörld\nthere")
    under_way(reply)
    echo = from_business(channel, source="API", at=NOW + MINUTE, text={"body": "hello wo\u0308rld there"})
    deliver(channel, "im_send_msg", echo)
    assert Message.objects.filter(direction="outbound").count() == 1


def test_an_echo_taken_for_another_apps_message_is_merged_when_the_answer_comes(channel, agent):
    deliver(channel, "im_receive_msg", from_customer(channel))
    reply = make_reply(Conversation.objects.get(), agent, "Our words")
    under_way(reply)
    echo = from_business(channel, source="API", at=NOW + MINUTE, text={"body": "Other words"}, message_id="out-1")
    deliver(channel, "im_send_msg", echo)
    twin = Message.objects.get(source="other")
    lines = delivering.settle_sent(reply.pk, tiktok_message_id="out-1", at=NOW + MINUTE)
    conversation = Conversation.objects.get()
    assert Message.objects.filter(direction="outbound").get() == reply
    assert conversation.window.replies_used == 1
    assert [line.data["gone"] for line in lines if line.kind == "message_merged"] == [twin.pk]
    assert ConversationEvent.objects.filter(kind="message_sent_outside", message=reply).exists()


def test_what_was_never_confirmed_long_ago_takes_nothing_from_the_next_window(channel, agent):
    conversation = make_conversation(channel)
    make_inbound(conversation)
    reply = make_reply(conversation, agent)
    under_way(reply, state="unconfirmed", claimed_until=None)
    make_inbound(conversation, at=NOW + timedelta(hours=1))
    conversation.refresh_from_db()
    assert conversation.window.replies_used == 0


def test_a_withdrawal_from_before_the_account_was_connected_again_is_old_news(channel):
    event = deliver(channel, "authorization.removed", {"reason": 1}, at=NOW - timedelta(hours=2))
    channel.refresh_from_db()
    assert (event.state, channel.status) == ("ignored", "connected")


def test_one_odd_entry_of_tiktoks_list_keeps_no_other_out(channel):
    good = from_customer(channel) | {"message_type": "TEXT"}
    odd = from_customer(channel, message_id="m" * 501) | {"message_type": "TEXT"}
    assert listed.receive_list(channel=channel, messages=[odd, good], at=NOW) == 1


def test_a_message_from_between_consent_and_commit_is_taken_up_once_the_account_is_connected(channel):
    channel.business_id, known = "-000NEW", channel.business_id
    journal.store_delivery(body=envelope(channel, "im_receive_msg", from_customer(channel)), log_id="", at=NOW)
    receiving.drain(clock=lambda: NOW)
    assert WebhookEvent.objects.get().state == "ignored"
    make_channel(business_id="-000NEW")
    assert journal.reconsider(business_id="-000NEW", at=NOW + MINUTE) == 1
    receiving.drain(clock=lambda: NOW + MINUTE)
    assert Message.objects.get().conversation.channel.business_id == "-000NEW"
    assert known != "-000NEW"


def test_a_channel_whose_tokens_cannot_be_read_can_still_be_removed(channel, settings):
    settings.TOKEN_ENCRYPTION_KEYS = ["YW5vdGhlci1rZXktb2YtMzItYnl0ZXMtbG9uZy0hIQ=="[:44]]
    settings.TOKEN_ENCRYPTION_KEYS = ["MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="]
    assert connecting.remove(channel=channel, actor=None, at=NOW)


def test_a_snoozed_conversation_wakes_when_its_time_has_come(channel, agent):
    conversation = make_conversation(channel)
    make_inbound(conversation)
    working.change_status(
        user=agent, conversation_id=conversation.pk, status="snoozed", snoozed_until=NOW + MINUTE, at=NOW
    )
    assert working.wake_snoozed(at=NOW) == 0
    assert working.wake_snoozed(at=NOW + MINUTE) == 1
    conversation.refresh_from_db()
    assert (conversation.status, conversation.snoozed_until) == ("open", None)


def test_a_text_of_invisible_characters_is_no_text(channel, agent):
    conversation = make_conversation(channel)
    make_inbound(conversation)
    with pytest.raises(ValueError, match="Write something first"):
        make_reply(conversation, agent, "\u200b \u2060")


def test_a_webhook_sent_in_chunks_is_read_whole(client, channel):
    from io import BytesIO

    from django.test import RequestFactory
    from django.utils import timezone

    from channels_tiktok.views import webhook
    from tests.deliveries import signature

    body = envelope(channel, "im_receive_msg", from_customer(channel))
    request = RequestFactory().post(
        "/webhooks/tiktok/",
        content_type="application/json",
        headers={"Tiktok-Signature": signature(body, at=timezone.now())},
    )
    del request.META["CONTENT_LENGTH"]
    request.META |= {"wsgi.input_terminated": True, "wsgi.input": BytesIO(body)}
    assert webhook(request).status_code == 200
    assert WebhookEvent.objects.get().state == "pending"
    assert settings.TIKTOK_APP_SECRET
