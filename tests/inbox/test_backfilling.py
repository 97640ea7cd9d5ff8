"""What TikTok's own lists bring (docs/tiktok-api.md 3.2, 3.3): after connecting, between webhooks, without any."""

from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command

from channels_tiktok import polling
from channels_tiktok.errors import TikTokError
from channels_tiktok.models import Channel, ListedConversation, Polling
from inbox import access, backfilling, receiving
from inbox.models import Contact, Conversation, ConversationEvent, Message, Reaction, Referral
from tests.deliveries import milliseconds
from tests.factories import NOW, make_agent

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def channel(tiktok):
    """Connected an hour ago, long after most of what its customers wrote."""
    tiktok.no_webhooks()
    return tiktok.connect()


def poll(clock, **options):
    return backfilling.poll_due(clock=clock, **options)


def hear(tiktok, clock):
    with time_machine.travel(clock(), tick=False):
        while tiktok.deliver():
            pass
    receiving.drain(clock=clock)


def listed_calls(tiktok):
    return len(tiktok.look("/calls?path=business/message/content/list")["calls"])


# ── After connecting ──────────────────────────────────────────────────────────────────────────────────


def test_on_connect_both_types_of_conversation_are_read_with_all_that_tiktok_shows(tiktok, clock):
    channel = tiktok.connect()
    ayu, budi = tiktok.customer("Ayu"), tiktok.customer("Budi")
    written = tiktok.write(ayu, "Old question", timestamp_ms=milliseconds(NOW - 50 * HOUR))
    tiktok.control(f"/threads/{written['conversation_id']}/owner-messages", text="Old answer")
    tiktok.write(budi, "Recent question", timestamp_ms=milliseconds(NOW - HOUR))
    poll(clock)
    assert set(Message.objects.values_list("text", "source")) == {
        ("Old question", "customer"),
        ("Old answer", "owner"),
        ("Recent question", "customer"),
    }
    run = Polling.objects.get(channel=channel)
    assert (run.is_filling, run.were_read, run.to_read) == (False, 2, 2)
    recent = Conversation.objects.get(contact__display_name="Budi")
    assert recent.window.opened_at == NOW - HOUR, "what is still open can be answered"


def test_what_was_written_before_the_account_was_connected_is_nobodys_unread(tiktok, channel, clock):
    customer = tiktok.customer("Ayu")
    tiktok.write(customer, "Before", timestamp_ms=milliseconds(NOW - 50 * HOUR))
    poll(clock)
    agent = make_agent()
    assert access.conversations_for(agent).get().unread_count == 0
    Conversation.objects.update(status="closed")
    clock.at += 20 * MINUTE
    tiktok.write(customer, "After")
    poll(clock)
    conversation = access.conversations_for(agent).get()
    assert (conversation.unread_count, conversation.status) == (1, "open")


@pytest.mark.parametrize(("answered_by", "unread"), [(None, 2), ("owner", 0), ("automatic", 2)])
def test_a_customer_who_still_waits_for_an_answer_is_unread_though_it_was_before(
    tiktok, clock, answered_by, unread
):
    tiktok.connect()
    customer = tiktok.customer("Ayu")
    for hours in (30, 20):
        written = tiktok.write(customer, "Hello?", timestamp_ms=milliseconds(NOW - hours * HOUR))
    if answered_by:
        clock.at -= HOUR
        tiktok.control(f"/threads/{written['conversation_id']}/{answered_by}-messages", text="Yes?")
        clock.at += HOUR
    poll(clock)
    assert access.conversations_for(make_agent()).get().unread_count == unread


def test_what_was_written_while_the_account_was_disconnected_is_news(tiktok, channel, clock):
    customer = tiktok.customer("Ayu")
    tiktok.write(customer, "Before", timestamp_ms=milliseconds(NOW - 50 * HOUR))
    poll(clock)
    Conversation.objects.update(status="closed")
    clock.at += HOUR
    tiktok.write(customer, "Meanwhile")
    clock.at += HOUR
    Channel.objects.update(connected_at=clock())
    poll(clock)
    conversation = access.conversations_for(make_agent()).get()
    assert (conversation.unread_count, conversation.status) == (1, "open")


def test_an_old_message_found_in_the_list_does_not_reopen_a_closed_conversation(tiktok, channel, clock):
    customer = tiktok.customer("Ayu")
    tiktok.write(customer, "Newer", timestamp_ms=milliseconds(NOW + MINUTE))
    clock.at += 2 * MINUTE
    poll(clock)
    Conversation.objects.update(status="closed")
    tiktok.write(customer, "Older, told late", timestamp_ms=milliseconds(NOW + MINUTE / 2))
    polling.ask_for(channel=channel, at=clock())
    ListedConversation.objects.update(read_up_to=None)
    poll(clock)
    assert Message.objects.count() == 2
    assert Conversation.objects.get().status == "closed"


def test_a_run_that_was_cut_short_goes_on_where_it_stopped(tiktok, channel, clock):
    for number in range(5):
        tiktok.write(tiktok.customer(f"Customer {number}"))
    steps = backfilling.poll(channel=claimable(channel, clock), clock=clock)
    next(steps), next(steps)
    del steps  # the worker dies, or its time is over
    run = Polling.objects.get()
    assert (run.were_read, run.to_read, run.is_filling) == (2, 5, True)
    assert run.progress == "Read 2 of 5 conversations from TikTok"
    assert [p.channel for p in backfilling.progress_of([channel])] == [channel]
    clock.at += polling.LEASE
    poll(clock)
    assert Message.objects.count() == 5
    assert listed_calls(tiktok) == 5, "none is read twice"
    assert backfilling.progress_of([channel]) == []


def claimable(channel, clock):
    assert polling.due(at=clock()) == [channel]
    return channel


def test_a_long_run_is_done_in_slices(tiktok, channel, clock):
    for number in range(3):
        tiktok.write(tiktok.customer(f"Customer {number}"))
    assert poll(clock, at_most=timedelta()) == 1
    assert poll(clock, at_most=timedelta()) == 1
    assert poll(clock) == 1


def test_two_workers_never_read_one_channel_at_once(tiktok, channel, clock):
    tiktok.write(tiktok.customer("Ayu"))
    polling.due(at=clock())
    assert polling.claim(channel=channel, at=clock())
    assert polling.claim(channel=channel, at=clock()) is None
    assert not polling.ask_for(channel=channel, at=clock())
    assert poll(clock) == 0
    clock.at += polling.LEASE
    assert poll(clock) == 1, "a worker that was killed holds nothing up for long"


def test_more_than_twenty_messages_are_said_to_be_missing_in_their_place(tiktok, channel, clock):
    customer = tiktok.customer("Ayu")
    for number in range(25):
        tiktok.write(customer, f"line {number}", timestamp_ms=milliseconds(NOW + number * MINUTE))
    clock.at += HOUR
    poll(clock)
    assert Message.objects.count() == 20
    gap = ConversationEvent.objects.get(kind="history_missing")
    assert gap.at < Message.objects.order_by("occurred_at").first().occurred_at
    for number in range(3):
        tiktok.write(customer, f"more {number}")
    clock.at += 20 * MINUTE
    poll(clock)
    assert Message.objects.count() == 23
    assert ConversationEvent.objects.filter(kind="history_missing").count() == 1, "nothing is missing this time"


# ── Between webhooks ──────────────────────────────────────────────────────────────────────────────────


def test_with_webhooks_off_polling_alone_brings_everything_with_reactions_and_quotes(tiktok, channel, clock):
    poll(clock)
    customer = tiktok.customer("Ayu")
    first = tiktok.write(customer, "First")["message"]["message_id"]
    clock.at += 3 * MINUTE
    poll(clock)
    for kind in ("image", "video", "sticker", "emoji", "share_post", "other"):
        clock.at += MINUTE
        tiktok.write(customer, None, kind=kind)
    tiktok.write(customer, "Quoting", referenced_message_id=first)
    tiktok.write(customer, None, kind="reaction", referenced_message_id=first, emoji="🔥")
    clock.at += 16 * MINUTE
    poll(clock)
    assert sorted(Message.objects.values_list("kind", flat=True)) == sorted(
        ["text", "image", "video", "sticker", "emoji", "share_post", "unsupported", "text"]
    )
    assert Message.objects.get(text="Quoting").quoted_message_id == first
    assert Reaction.objects.get().is_on
    tiktok.write(customer, None, kind="reaction_remove", referenced_message_id=first, emoji="🔥")
    tiktok.write(customer, "Took it back")
    clock.at += 16 * MINUTE
    poll(clock)
    assert not Reaction.objects.get().is_on


def test_what_webhooks_brought_is_not_asked_for_again_and_counts_once(tiktok, clock):
    tiktok.connect()
    poll(clock)
    customer = tiktok.customer("Ayu")
    tiktok.write(customer, "Hi")
    hear(tiktok, clock)
    clock.at += 3 * MINUTE
    poll(clock)
    assert listed_calls(tiktok) == 1, "a new conversation is read once, for the customer's name and picture"
    tiktok.write(customer, "Again")
    hear(tiktok, clock)
    clock.at += 16 * MINUTE
    poll(clock)
    assert listed_calls(tiktok) == 1
    assert (Message.objects.count(), Conversation.objects.get().inbound_count) == (2, 2)
    clock.at += polling.THOROUGH_EVERY
    poll(clock)
    assert listed_calls(tiktok) == 2, "but now and then all that changed is looked at"


def test_somebody_new_is_looked_at_soon_for_the_name_and_the_picture(tiktok, clock):
    tiktok.connect()
    poll(clock)
    tiktok.write(tiktok.customer("Ayu Lestari"))
    hear(tiktok, clock)
    assert Contact.objects.get().display_name == ""
    clock.at += polling.SOON
    poll(clock)
    assert Contact.objects.get().display_name == "Ayu Lestari"


def test_polling_slows_down_while_webhooks_bring_everything_and_speeds_up_when_they_fall_silent(tiktok, clock):
    channel = tiktok.connect()
    pauses = []
    for _ in range(4):
        Channel.objects.update(last_event_at=clock())
        poll(clock)
        run = Polling.objects.get(channel=channel)
        pauses.append(run.next_run_at - clock())
        clock.at = run.next_run_at
    assert pauses == [4 * MINUTE, 8 * MINUTE, 15 * MINUTE, 15 * MINUTE]
    clock.at += polling.SILENT_AFTER
    poll(clock)
    assert Polling.objects.get().next_run_at - clock() == 2 * MINUTE


def test_tiktok_being_away_is_said_and_tried_again(tiktok, channel, clock):
    tiktok.write(tiktok.customer("Ayu"))
    tiktok.fault("code", path="business/message/conversation/list", code=50000)
    assert poll(clock) == 0
    run = Polling.objects.get()
    assert run.error
    assert run.next_run_at == clock() + MINUTE
    clock.at += MINUTE
    poll(clock)
    assert Message.objects.count() == 1
    assert Polling.objects.get().error == ""


def test_one_conversation_that_tiktok_refuses_does_not_hold_up_the_others(tiktok, channel, clock):
    for number in range(3):
        tiktok.write(tiktok.customer(f"Customer {number}"))
    tiktok.fault("code", path="business/message/content/list", code=40002)
    poll(clock)
    assert Message.objects.count() == 3, "it was only refused once"
    tiktok.write(1, "More")
    tiktok.fault("code", path="business/message/content/list", code=40002, count=3)
    clock.at += 20 * MINUTE
    poll(clock)
    assert Polling.objects.get().next_run_at > clock(), "after three refusals it is left alone"


def test_access_that_ends_stops_the_run_and_disconnects(tiktok, channel, clock):
    tiktok.write(tiktok.customer("Ayu"))
    tiktok.fault("code", path="business/message/conversation/list", code=40001, count=2)
    poll(clock)
    assert Channel.objects.get().status == "disconnected"
    assert polling.due(at=clock() + HOUR) == []
    with pytest.raises(TikTokError):
        list(backfilling.poll(channel=channel, clock=lambda: clock() + HOUR))


# ── Who the customer is, and how they came ────────────────────────────────────────────────────────────


def test_names_and_picture_come_from_the_list(tiktok, channel, clock):
    tiktok.write(tiktok.customer("Ayu Lestari", username="ayu_les", is_follower=True))
    poll(clock)
    contact = Contact.objects.get()
    assert (contact.display_name, contact.username, contact.is_follower) == ("Ayu Lestari", "ayu_les", True)
    assert contact.picture_fetch_at == NOW


@pytest.mark.parametrize("webhook_first", [True, False])
def test_an_ads_referral_counts_once_though_list_and_webhook_write_its_time_differently(
    tiktok, clock, webhook_first
):
    clock.at += timedelta(milliseconds=321)
    tiktok.connect()
    customer = tiktok.customer("Ayu")
    tiktok.control(f"/customers/{customer}/referrals", account="kopi.corner", source="ad")
    tiktok.write(customer)
    if webhook_first:
        hear(tiktok, clock)
    poll(clock)
    hear(tiktok, clock)
    referral = Referral.objects.get()
    assert (referral.ad_name, referral.arrived_at) == ("Raya promo – DM", clock())


@pytest.mark.parametrize("webhook_first", [True, False])
def test_a_links_referral_counts_once_though_the_list_gives_it_no_time(tiktok, clock, webhook_first):
    tiktok.connect()
    customer = tiktok.customer("Ayu")
    tiktok.write(customer)
    clock.at += MINUTE
    tiktok.control(f"/customers/{customer}/referrals", account="kopi.corner", source="short_link", ref="bio")
    if webhook_first:
        hear(tiktok, clock)
    poll(clock)
    assert Conversation.objects.get().referral.ref == "bio"
    hear(tiktok, clock)
    referral = Referral.objects.get()
    assert (referral.arrived_at, referral.is_arrival_known) == (clock(), True)


def test_a_customer_who_only_came_by_an_ad_is_there_without_a_message(tiktok, channel, clock):
    customer = tiktok.customer("Ayu")
    tiktok.control(f"/customers/{customer}/referrals", account="kopi.corner", source="ad")
    poll(clock)
    conversation = Conversation.objects.get()
    assert (conversation.contact.display_name, conversation.referral.source) == ("Ayu", "ad")
    assert conversation.window is None


# ── By hand ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_sync_by_hand_reads_everything_that_changed_and_says_how_far_it_is(tiktok, channel, clock, capsys):
    customers = [tiktok.customer(f"Customer {number}") for number in range(2)]
    with time_machine.travel(clock(), tick=False):
        call_command("sync_messages")
        assert "0 conversation(s) read" in capsys.readouterr().out
        for customer in customers:
            tiktok.write(customer)
        call_command("sync_messages", channel="@Kopi.Corner")
        told = capsys.readouterr().out
        assert "Kopi Corner (@kopi.corner): 1 of 2 conversations read" in told
        assert "2 of 2 conversations read" in told
        assert Message.objects.count() == 2
        call_command("sync_messages", channel=str(channel.pk))
        assert "0 conversation(s) read, 0 change(s) found" in capsys.readouterr().out
        with pytest.raises(CommandError, match="No connected channel is called nobody"):
            call_command("sync_messages", channel="nobody")


def test_a_sync_that_tiktok_stops_exits_with_an_error_and_goes_on_later(tiktok, channel, clock, capsys):
    tiktok.write(tiktok.customer("Ayu"))
    tiktok.fault("code", path="business/message/conversation/list", code=50000)
    with time_machine.travel(clock(), tick=False):
        with pytest.raises(CommandError, match="1 of 1 channel"):
            call_command("sync_messages")
        assert "stopped:" in capsys.readouterr().err
        call_command("sync_messages")
    assert Message.objects.count() == 1
