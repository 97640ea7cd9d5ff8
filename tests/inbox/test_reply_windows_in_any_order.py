"""Whatever happens in whatever order: no window over ten, nothing counted twice, the newest message rules."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox import access, windows
from inbox.models import Message, ReplyWindow
from inbox.sending import cancel_reply
from inbox.windows import ReplyRefused
from tests.factories import NOW, make_agent, make_conversation, make_inbound, make_reply

MINUTES = st.integers(0, 6_000)  # a little over four days: windows open, overlap and close

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["customer", "owner", "reply", "sent", "failed", "cancel"]), MINUTES, st.integers(0, 30)
    ),
    max_size=40,
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_order_of_events_breaks_the_rules(steps):
    with transaction.atomic():
        agent, conversation = make_agent(), make_conversation()
        for number, (step, minute, which) in enumerate(steps):
            take(step, conversation, agent, NOW + timedelta(minutes=minute), which, number)
            check_rules(conversation)
        transaction.set_rollback(True)


def take(step, conversation, agent, at, which, number):
    under_way = list(conversation.messages.filter(source="agent", state="queued").order_by("id"))
    if step == "customer":
        make_inbound(conversation, at=at)
    elif step == "owner":
        owner_writes(conversation, at, number)
    elif step == "reply":
        reply_or_be_refused(conversation, agent, at)
    elif under_way:
        reply = under_way[which % len(under_way)]
        if step == "sent":
            settle(reply, at, number)
        elif step == "failed":
            Message.objects.filter(pk=reply.pk).update(state="failed")
            windows.give_back(Message.objects.get(pk=reply.pk))
        else:
            cancel_reply(user=agent, message_id=reply.pk, at=at)


def reply_or_be_refused(conversation, agent, at):
    """The refusal must be the one that a look at the newest window explains."""
    conversation = access.lock_conversation(conversation.pk)
    window = conversation.window
    expected = (
        "not_opened_by_customer"
        if window is None
        else "window_closed"
        if at >= window.closes_at
        else "quota_used"
        if window.messages.filter(slot__isnull=False).count() >= 10
        else None
    )
    if expected is None:
        assert make_reply(conversation, agent, at=at).window == window
        return
    with pytest.raises(ReplyRefused) as refusal:
        make_reply(conversation, agent, at=at)
    assert refusal.value.code == expected


def owner_writes(conversation, at, number):
    message = Message.objects.create(
        conversation=conversation,
        direction="outbound",
        source="owner",
        state="sent",
        kind="text",
        tiktok_message_id=f"owner-{number}",
        occurred_at=at,
        sent_at=at,
    )
    windows.place_in_window(message)


def settle(reply, at, number):
    reply.state, reply.tiktok_message_id, reply.sent_at, reply.occurred_at = "sent", f"sent-{number}", at, at
    reply.save()
    windows.place_in_window(reply)


def check_rules(conversation):
    conversation.refresh_from_db()
    every = list(ReplyWindow.objects.filter(conversation=conversation).order_by("opened_at", "id"))
    assert conversation.window == (every[-1] if every else None)
    assert conversation.window_closes_at == (every[-1].closes_at if every else None)
    for window in every:
        held = list(window.messages.filter(slot__isnull=False).values_list("slot", flat=True))
        assert len(held) == len(set(held)) == window.replies_used <= 10
        asking = window.messages.filter(slot__isnull=True, source="owner").count()
        assert not asking or window.replies_used == 10, "a slot is free while the owner's message has none"
    for waiting in conversation.messages.filter(source="agent", state="queued"):
        assert waiting.window == conversation.window
    for sent in conversation.messages.filter(source="owner"):
        assert sent.window == window_of(every, sent.sent_at)


def window_of(every, at):
    holding = [window for window in every if window.opened_at <= at]
    return holding[-1] if holding and at < holding[-1].closes_at else None


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(customer=st.lists(MINUTES, max_size=6), owner=st.lists(MINUTES, max_size=25), data=st.data())
def test_customers_and_owners_messages_count_the_same_in_every_order(customer, owner, data):
    events = [("customer", minute) for minute in customer] + [("owner", minute) for minute in owner]
    first, second = data.draw(st.permutations(events)), data.draw(st.permutations(events))
    assert counted_after(first) == counted_after(second)


def counted_after(events):
    with transaction.atomic():
        conversation = make_conversation()
        for number, (who, minute) in enumerate(events):
            at = NOW + timedelta(minutes=minute)
            make_inbound(conversation, at=at) if who == "customer" else owner_writes(conversation, at, number)
        rows = conversation.reply_windows.order_by("opened_at", "replies_used")
        counted = list(rows.values_list("opened_at", "replies_used"))
        transaction.set_rollback(True)
    return counted
