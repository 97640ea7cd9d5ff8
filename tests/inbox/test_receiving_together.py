"""What customers write is taken in many at a time, and ends as if each had been taken in by itself."""

import random
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from channels_tiktok import journal
from channels_tiktok.models import WebhookEvent
from inbox import receiving, receiving_together, sending
from inbox.models import Attachment, Contact, Conversation, ConversationEvent, Message, ReplyWindow
from tests.deliveries import envelope, from_business, from_customer
from tests.factories import NOW, make_agent, make_channel

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=3)


@pytest.fixture
def one_by_one(monkeypatch):
    """Switch the taking in of many off."""

    def switch():
        monkeypatch.setattr(receiving, "receive_together", lambda pairs, channels: ([], []))

    return switch


def letter(channel, customer, number, *, minutes=None, **fields):
    person = {"id": f"customer-{customer}", "role": "personal_account"}
    content = from_customer(channel, at=NOW + timedelta(minutes=number if minutes is None else minutes))
    content |= {"from": f"name_{customer}", "from_user": person, "unique_identifier": person["id"]}
    content |= {"conversation_id": f"conversation-{customer}", "message_id": f"{customer}-{number}"}
    return "im_receive_msg", content | fields


def store(channel, events):
    for number, (event, content) in enumerate(events):
        body = envelope(channel, event, content, at=NOW + timedelta(seconds=number))
        journal.store_delivery(body=body, log_id="", at=LATER)


def drain():
    receiving.drain(clock=lambda: LATER)
    assert not WebhookEvent.objects.exclude(state="processed").exists()


def outcome():
    """Everything that agents can see, in words that don't depend on our own ids."""
    messages = Message.objects.order_by("conversation__tiktok_conversation_id", "occurred_at", "tiktok_message_id")
    conversations = Conversation.objects.order_by("tiktok_conversation_id")
    return {
        "messages": list(
            messages.values_list(
                "tiktok_message_id", "kind", "source", "state", "text", "window__opened_at", "slot"
            )
        ),
        "windows": list(
            ReplyWindow.objects.order_by("opened_by__tiktok_message_id").values_list(
                "opened_by__tiktok_message_id", "opened_at", "closes_at", "replies_used"
            )
        ),
        "conversations": list(
            conversations.values_list(
                "tiktok_conversation_id",
                "status",
                "inbound_count",
                "created_at",
                "last_message__tiktok_message_id",
                "last_message_at",
                "window__opened_by__tiktok_message_id",
                "window_closes_at",
                "contact__tiktok_user_id",
            )
        ),
        "contacts": list(
            Contact.objects.order_by("tiktok_user_id").values_list("tiktok_user_id", "username", "named_at")
        ),
        "files": sorted(Attachment.objects.values_list("message__tiktok_message_id", "kind", "media_id")),
        "timeline": sorted(
            ConversationEvent.objects.values_list("kind", "message__tiktok_message_id", "conversation__status")
        ),
    }


def busy_hour(channel):
    """Forty customers: most only write, some have echoes, late messages, repetitions, new names, pictures."""
    events = []
    for customer in range(40):
        for number in range(customer % 4 + 1):
            picture = {"type": "image", "image": {"media_id": f"media-{customer}"}} if customer % 7 == 3 else {}
            events.append(letter(channel, customer, number, **picture))
        if customer % 5 == 1:
            events.append(("im_send_msg", _echo(channel, customer)))
        if customer % 5 == 2:
            events.append(letter(channel, customer, 90, minutes=-30))
        if customer % 9 == 4:
            events.append(letter(channel, customer, 91, minutes=91, **{"from": "renamed"}))
        if customer % 11 == 5:
            events.append(events[-1])
    random.Random(48).shuffle(events)  # noqa: S311
    return events


def _echo(channel, customer):
    person = {"id": f"customer-{customer}", "role": "personal_account"}
    return from_business(
        channel,
        at=NOW + timedelta(minutes=2),
        conversation_id=f"conversation-{customer}",
        message_id=f"owner-{customer}",
        to_user=person,
        unique_identifier=person["id"],
    )


def test_taking_in_many_ends_as_taking_in_one_by_one(one_by_one):
    together = play_busy_hour()
    one_by_one()
    assert play_busy_hour() == together


def play_busy_hour():
    with transaction.atomic():
        channel = make_channel(business_id="-000BIZ")
        events = busy_hour(channel)
        store(channel, events[: len(events) // 2])
        drain()
        Conversation.objects.filter(tiktok_conversation_id="conversation-7").update(status="closed")
        store(channel, events[len(events) // 2 :])
        drain()
        found = outcome()
        transaction.set_rollback(True)
    return found


def test_a_batch_of_customers_costs_the_same_queries_whatever_its_size():
    channel = make_channel()

    def queries_for(customers):
        store(channel, [letter(channel, customer, 0) for customer in customers])
        with CaptureQueriesContext(connection) as queries:
            receiving.process_batch(at=LATER)
        return len(queries)

    assert queries_for(range(1)) == queries_for(range(100, 115))


def test_a_reply_that_waits_moves_to_the_window_that_the_customer_opens():
    channel = make_channel()
    store(channel, [letter(channel, 1, 0)])
    drain()
    conversation = Conversation.objects.get()
    reply = sending.queue_reply(user=make_agent(), conversation_id=conversation.pk, text="Soon", at=LATER)
    store(channel, [letter(channel, 1, 60)])
    drain()
    reply.refresh_from_db()
    conversation.refresh_from_db()
    assert reply.window_id == conversation.window_id
    assert conversation.window.replies_used == 1


def test_what_the_database_refuses_in_a_batch_is_gone_through_one_by_one(monkeypatch):
    """A poison event among many fails alone."""
    channel = make_channel()
    store(channel, [letter(channel, customer, 0) for customer in range(3)])

    def refuse(conversations):
        raise ValueError("not together")

    monkeypatch.setattr(receiving_together, "_save", refuse)
    drain()
    assert Message.objects.count() == 3
    assert Conversation.objects.filter(inbound_count=1, last_message__isnull=False).count() == 3
