"""Any shuffle of the same events, with repetitions, leads to the same conversation."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.models import Conversation, Reaction
from tests.deliveries import CUSTOMER, deliver, from_business, from_customer, milliseconds
from tests.factories import NOW, make_channel

LATER = NOW + timedelta(days=5)


def script(channel):
    """A lively conversation, each event at a time of its own."""

    def at(minutes):
        return NOW + timedelta(minutes=minutes)

    def reaction(operation, minutes):
        change = {"operation": operation, "emoji": "❤️", "unique_identifier": CUSTOMER["id"]}
        change |= {"timestamp": milliseconds(at(minutes)), "original_msg_id": "owner-1"}
        return from_customer(channel, at=at(minutes), type="reaction", reaction=[change])

    link = {"source": "short_link", "short_link": {"ref": "bio"}}
    read = {"read": {"last_read_timestamp": milliseconds(at(70))}, "type": None, "message_id": None}
    return [
        ("im_referral_msg", from_customer(channel, at=at(0), referral=link)),
        ("im_receive_msg", from_customer(channel, at=at(1), message_id="in-1")),
        ("im_send_msg", from_business(channel, at=at(2), message_id="owner-1")),
        ("im_receive_msg", from_customer(channel, at=at(60), message_id="in-2", **{"from": "ayu_new"})),
        ("im_send_msg", from_business(channel, at=at(61), message_id="owner-2")),
        ("im_send_msg", from_business(channel, at=at(62), message_id="owner-3")),
        ("im_send_msg", from_business(channel, at=at(80), message_id="app-1", source="API")),
        ("im_send_msg", from_business(channel, at=at(3), message_id="auto-1", auto_message_type="AUTO_REPLY")),
        ("im_mark_read_msg", from_customer(channel, at=at(71), **read)),
        ("im_receive_msg", reaction("ADD", 63)),
        ("im_receive_msg", reaction("REMOVE", 64)),
        ("im_receive_msg", from_customer(channel, at=at(4000), message_id="in-3", type="sticker")),
        ("im_send_msg", from_business(channel, at=at(4001), message_id="owner-4")),
    ]


def outcome(channel):
    conversation = Conversation.objects.get()
    messages = conversation.messages.order_by("occurred_at").values_list(
        "tiktok_message_id", "kind", "source", "state", "occurred_at", "window__opened_at"
    )
    windows = conversation.reply_windows.order_by("opened_at").values_list("opened_at", "replies_used")
    return {
        "messages": list(messages),
        "windows": list(windows),
        "newest": (conversation.window.opened_at, conversation.window_closes_at),
        "last": conversation.last_message.tiktok_message_id,
        "inbound": conversation.inbound_count,
        "read up to": conversation.customer_read_at,
        "contact": conversation.contact.username,
        "referral": conversation.referral.ref,
        "reactions": list(Reaction.objects.values_list("emoji", "is_on")),
    }


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_order_with_repetitions_gives_the_same_end(data):
    assert play(lambda events: events) == play(
        lambda events: data.draw(
            st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=5)))
        )
    )


def play(arrange):
    with transaction.atomic():
        channel = make_channel(business_id="-000BIZ")
        for event, content in arrange(script(channel)):
            deliver(channel, event, content, at=LATER)
        found = outcome(channel)
        transaction.set_rollback(True)
    return found
