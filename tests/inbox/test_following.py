"""What happens to channels reaches the timeline once, and what follows from it happens."""

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from channels_tiktok import connecting, dependents
from channels_tiktok.models import Channel, ChannelEvent
from inbox import delivering, following, receiving, sending, windows, working
from inbox.models import Conversation, ConversationEvent, Message
from tests.factories import NOW, make_agent, make_channel, make_conversation, make_inbound, make_reply
from tests.races.test_send_race import at_once

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def channel(tiktok) -> Channel:
    return tiktok.connect()


@pytest.fixture
def agent():
    return make_agent()


@pytest.fixture
def conversation(channel) -> Conversation:
    conversation = make_conversation(channel)
    make_inbound(conversation)
    return conversation


def follow(*, at) -> None:
    """What the workers' tasks do."""
    following.follow_channels(at=at)
    following.cancel_for_removed(at=at)


def told() -> list[dict]:
    lines = ConversationEvent.objects.filter(kind="channel_changed").order_by("id")
    return [line.data for line in lines]


def rung() -> set[str]:
    return {row.func() for row in OrmQ.objects.all()}


def test_each_line_of_a_channels_history_becomes_one_line_of_the_timeline(channel, agent):
    connecting.rename(channel=channel, name="Bar", actor=agent, at=NOW)
    connecting.disconnect(channel=channel, reason="The owner withdrew it.", at=NOW + HOUR)
    assert following.follow_channels(at=NOW + HOUR) == 2
    assert following.follow_channels(at=NOW + HOUR) == 0
    assert told() == [
        {"happened": "renamed", "detail": "from “Kopi Corner” to “Bar”"},
        {"happened": "disconnected", "detail": "The owner withdrew it."},
    ]
    renamed = ConversationEvent.objects.get(data__happened="renamed")
    assert (renamed.actor, renamed.at, renamed.conversation) == (agent, NOW, None)


def test_with_nothing_new_it_costs_one_query(channel, django_assert_num_queries):
    with django_assert_num_queries(1):
        following.follow_channels(at=NOW)


@pytest.mark.parametrize("change", ["disconnect", "remove", "rename"])
def test_whatever_happens_to_a_channel_wakes_a_worker_up(channel, change):
    OrmQ.objects.all().delete()
    told = {"disconnect": {"reason": "x"}, "remove": {"actor": None}, "rename": {"actor": None, "name": "Bar"}}
    getattr(connecting, change)(channel=channel, at=NOW, **told[change])
    assert rung() == {"inbox.tasks.drain_journal"}


def test_the_database_refuses_a_second_line_for_the_same_event(channel):
    connecting.disconnect(channel=channel, reason="x", at=NOW)
    following.follow_channels(at=NOW)
    again = ConversationEvent(
        channel=channel, kind="channel_changed", channel_event=ChannelEvent.objects.get(), at=NOW
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        ConversationEvent.objects.bulk_create([again])


def test_a_crash_before_the_end_repeats_the_work_and_not_the_line(
    channel, conversation, agent, clock, monkeypatch
):
    reply = make_reply(conversation, agent)
    connecting.remove(channel=channel, actor=agent, at=NOW + HOUR)

    def crash(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(following, "_cancel", crash)
        with pytest.raises(KeyboardInterrupt):
            follow(at=NOW + HOUR)
    follow(at=NOW + HOUR)
    reply.refresh_from_db()
    assert (reply.state, len(told())) == ("cancelled", 1)


# ── Removed ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_removed_channels_queued_replies_are_cancelled_visibly(tiktok, channel, conversation, agent, clock):
    now_due = make_reply(conversation, agent, "one")
    later = make_reply(conversation, agent, "two", deliver_at=NOW + 5 * HOUR)
    connecting.remove(channel=channel, actor=agent, at=NOW + HOUR)
    clock.at += HOUR
    OrmQ.objects.all().delete()
    receiving.drain(clock=clock)
    assert rung() == {"inbox.tasks.cancel_for_removed"}
    following.cancel_for_removed(at=clock())
    for reply in (now_due, later):
        reply.refresh_from_db()
        assert (reply.state, reply.slot, reply.error_code) == ("cancelled", None, "channel_removed")
        assert reply.error_detail == "Not sent: Kopi Corner was removed from this inbox before."
    conversation.refresh_from_db()
    assert conversation.window.replies_used == 0
    lines = ConversationEvent.objects.filter(kind="reply_cancelled")
    assert {(line.message_id, line.actor) for line in lines} == {(now_due.pk, agent), (later.pk, agent)}
    delivering.deliver_due(clock=clock)
    assert tiktok.sends() == []


def test_also_when_the_account_is_back_before_anybody_looked(tiktok, channel, conversation, agent, clock):
    reply = make_reply(conversation, agent, "old")
    connecting.remove(channel=channel, actor=agent, at=NOW + HOUR)
    tiktok.consent(channel.business_id, at=NOW + 2 * HOUR)
    clock.at += 2 * HOUR
    new = make_reply(conversation, agent, "new", at=NOW + 2 * HOUR)
    delivering.deliver_due(clock=clock)
    assert set(Message.objects.filter(source="agent").values_list("state", flat=True)) == {"queued"}
    OrmQ.objects.all().delete()
    following.cancel_for_removed(at=clock())
    assert rung() == {"inbox.tasks.deliver_replies"}
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    new.refresh_from_db()
    assert (reply.state, new.state in ("queued", "cancelled")) == ("cancelled", False)


def test_what_is_being_handed_over_is_left_to_its_worker(channel, conversation, agent):
    reply = make_reply(conversation, agent)
    assert delivering.claim_next(at=NOW) == reply
    connecting.remove(channel=channel, actor=agent, at=NOW + HOUR)
    follow(at=NOW + HOUR)
    reply.refresh_from_db()
    assert (reply.state, reply.slot) == ("sending", 1)


def test_other_channels_replies_stay(channel, conversation, agent):
    connecting.remove(channel=make_channel("Other"), actor=agent, at=NOW)
    reply = make_reply(conversation, agent)
    follow(at=NOW)
    reply.refresh_from_db()
    assert reply.state == "queued"


def test_many_are_cancelled_a_few_at_a_time(channel, conversation, agent, monkeypatch):
    monkeypatch.setattr(following, "CANCEL_AT_ONCE", 4)
    for number in range(10):
        make_reply(conversation, agent, f"line {number}")
    connecting.remove(channel=channel, actor=agent, at=NOW)
    following.follow_channels(at=NOW)
    left = []
    for _ in range(3):
        OrmQ.objects.all().delete()
        following.cancel_for_removed(at=NOW)
        left.append((Message.objects.filter(state="queued").count(), "inbox.tasks.cancel_for_removed" in rung()))
    assert left == [(6, True), (2, True), (0, False)]
    assert len(told()) == 1


def test_conversations_of_a_removed_channel_are_readable_and_can_be_worked_on_but_not_answered(
    client, channel, conversation, agent
):
    connecting.remove(channel=channel, actor=agent, at=NOW)
    with pytest.raises(windows.ReplyRefused, match="can be read, not answered"):
        sending.queue_reply(user=agent, conversation_id=conversation.pk, text="Hi", at=NOW)
    assert working.change_status(user=agent, conversation_id=conversation.pk, status="closed", at=NOW)
    assert working.assign(user=agent, conversation_id=conversation.pk, assignee=agent, at=NOW)
    client.force_login(agent)
    page = client.get(f"/inbox/{conversation.pk}/").text
    assert "Is the blue one" in page or "blue one" in page
    assert "was removed" in page


# ── Disconnected, and connected again ─────────────────────────────────────────────────────────────────


def test_replies_wait_while_disconnected_and_leave_when_it_is_connected_again(
    tiktok, channel, conversation, agent, clock
):
    customer = tiktok.customer()
    tiktok.write(customer, "Hello")
    theirs = tiktok.look("/phone?account=kopi.corner&customer=" + str(customer))["thread"]
    Conversation.objects.filter(pk=conversation.pk).update(tiktok_conversation_id=theirs["conversation_id"])
    reply = make_reply(conversation, agent, "Still there?")
    connecting.disconnect(channel=channel, reason="x", at=NOW)
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    assert (reply.state, tiktok.sends()) == ("queued", [])
    tiktok.consent(channel.business_id, at=NOW + HOUR)
    OrmQ.objects.all().delete()
    clock.at += HOUR
    following.follow_channels(at=clock())
    assert rung() == {"inbox.tasks.deliver_replies"}
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    assert (reply.state, tiktok.sends()) == ("sent", ["Still there?"])


def test_replies_whose_window_closes_while_disconnected_fail_in_words(channel, conversation, agent, clock):
    reply = make_reply(conversation, agent)
    connecting.disconnect(channel=channel, reason="x", at=NOW)
    clock.at = conversation.window_closes_at
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    assert (reply.state, reply.error_detail) == (
        "failed",
        "Not sent: the reply window closed before TikTok took it.",
    )


def test_a_banned_account_says_so(tiktok, channel, clock):

    tiktok.control("/accounts/kopi.corner/revoke", reason=4)
    with time_machine.travel(clock(), tick=False):
        tiktok.deliver()
    receiving.drain(clock=clock)
    channel.refresh_from_db()
    assert (channel.status, channel.reason) == ("disconnected", "TikTok banned the account.")
    assert told() == [{"happened": "disconnected", "detail": "TikTok banned the account."}]


# ── Who can repair it ─────────────────────────────────────────────────────────────────────────────────


def test_the_lock_names_up_to_three_who_can_repair_it(channel, conversation):
    connecting.disconnect(channel=channel, reason="The owner withdrew it.", at=NOW)
    conversation.channel.refresh_from_db()

    def sentence():
        return windows.allowance(conversation, at=NOW).sentence

    assert sentence().endswith("Someone who may connect channels can repair it under Channels.")
    may = ("channels_tiktok.connect_channel",)
    make_agent("budi", permissions=may, first_name="Budi")
    assert sentence().endswith("withdrew it. Budi can repair it under Channels.")
    make_agent("root", permissions=(), first_name="Ana", is_superuser=True)
    make_agent("gone", permissions=may, first_name="Aaa", is_active=False)
    for name in ("Chandra", "Dewi"):
        make_agent(name.lower(), permissions=may, first_name=name)
    assert sentence().endswith("Ana, Budi or Chandra can repair it under Channels.")


def test_a_connected_channel_asks_for_nobody(conversation, django_assert_num_queries):
    conversation = Conversation.objects.select_related("channel", "contact", "window").get()
    with django_assert_num_queries(0):
        assert windows.allowance(conversation, at=NOW).can_reply


def test_the_api_asks_once_for_a_whole_page_of_conversations(client, channel, agent):
    for _ in range(2):
        make_inbound(make_conversation(channel))
    client.force_login(agent)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/api/v1/conversations/").status_code == 200
        return len(captured)

    connecting.disconnect(channel=channel, reason="x", at=NOW)
    two = queries()
    for _ in range(10):
        make_inbound(make_conversation(channel))
    assert queries() == two


# ── Before it is removed ──────────────────────────────────────────────────────────────────────────────


def test_what_stops_with_a_channel_is_said_in_numbers(channel, conversation, agent):
    assert dependents.what_stops(make_channel("Other")) == []
    make_reply(conversation, agent)
    assert dependents.what_stops(channel) == ["1 open conversation", "1 queued reply"]
    second = make_conversation(channel)
    make_inbound(second)
    make_reply(second, agent)
    assert dependents.what_stops(channel) == ["2 open conversations", "2 queued replies"]


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="a race needs several real connections")
@pytest.mark.django_db(transaction=True)
def test_eight_workers_tell_each_event_once():
    channel = make_channel()
    for number in range(250):
        connecting.rename(channel=channel, name=f"Name {number}", actor=None, at=NOW)
    at_once(8, lambda index: following.follow_channels(at=NOW))
    following.follow_channels(at=NOW)
    assert len(told()) == 250
    assert not ChannelEvent.objects.filter(followed_at__isnull=True).exists()
