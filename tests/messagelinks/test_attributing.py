"""By which link or ad a customer came, and what became of it, in whatever order that becomes known."""

from datetime import timedelta
from itertools import permutations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inbox.models import Conversation, Message
from messagelinks import attributing, linking, listing
from messagelinks.models import Arrival, Following, LinkVersion, MessageLink
from messagelinks.tasks import attribute_to_version
from tests.factories import NOW, make_agent, make_channel, make_conversation, make_inbound
from tests.messagelinks.making import (
    answer,
    arrivals,
    arrive,
    arrive_by_ad,
    be_listed,
    follow,
    make_link,
    write,
)

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def link() -> MessageLink:
    return make_link()


@pytest.fixture
def conversation(link) -> Conversation:
    return make_conversation(link.channel)


def only() -> Arrival:
    return Arrival.objects.get()


# ── Which version ─────────────────────────────────────────────────────────────────────────────────────


def test_ref_and_text_tell_the_version(link, conversation):
    old = linking.current_version(link)
    linking.edit(link=link, message="Hello", actor=None, at=NOW - timedelta(days=1))
    new = linking.current_version(link)
    arrive(conversation)
    follow()
    assert only().version == old
    arrive(conversation, message="Hello", at=NOW + MINUTE)
    follow()
    assert {one.version for one in Arrival.objects.all()} == {old, new}


def test_a_link_without_a_tag_is_known_by_its_text(conversation, link):
    bare = make_link(link.channel, "Bare", ref="", message="Just hi")
    arrive(conversation, ref="", message="Just hi")
    follow()
    assert only().version.link == bare


@pytest.mark.parametrize(("ref", "text"), [("bio", "Another text"), ("other", "Hi, I'd like a table"), ("", "")])
def test_what_fits_no_version_belongs_to_none_and_keeps_its_ref(conversation, ref, text):
    arrive(conversation, ref=ref, message=text)
    follow()
    assert (only().version, only().ref) == (None, ref)


def test_the_same_ref_on_another_channel_is_another_link(link):
    elsewhere = make_conversation(make_channel())
    arrive(elsewhere)
    follow()
    assert only().version is None


def test_where_tiktok_gives_no_text_the_newest_version_with_the_ref_is_meant(link, conversation):
    linking.edit(link=link, message="Hello", actor=None, at=NOW - timedelta(days=1))
    linking.edit(link=link, message="Later", actor=None, at=NOW + timedelta(days=1))
    arrive(conversation, message="", review="REJECT")
    follow()
    assert only().version.message == "Hello"


def test_a_ref_that_comes_percent_encoded_is_the_same(link, conversation):
    linking.edit(link=link, ref="a=b", actor=None, at=NOW - HOUR)
    arrive(conversation, ref="a%3Db")
    follow()
    assert (only().version.ref, only().ref) == ("a=b", "a=b")


def test_text_that_differs_in_white_space_alone_is_told_apart_where_tiktok_does(link, conversation):
    linking.edit(link=link, message="Hi, I'd like a table ", actor=None, at=NOW - HOUR)
    arrive(conversation)
    arrive(conversation, message="Hi, I'd like a table ", at=NOW + MINUTE)
    follow()
    assert list(Arrival.objects.order_by("arrived_at").values_list("version__number", flat=True)) == [1, 2]


@pytest.mark.parametrize(
    ("review", "is_rejected"), [("PASS", False), ("REJECT", True), ("reject", True), ("", False)]
)
def test_tiktoks_newest_verdict_on_the_text_is_the_links(link, conversation, review, is_rejected):
    arrive(conversation, at=NOW - HOUR, review="PASS" if is_rejected else "REJECT" if review else "")
    arrive(conversation, review=review)
    follow()
    [listed] = listing.listed(listing.with_versions(MessageLink.objects.all()))
    assert listed.current.is_rejected == is_rejected


def test_the_list_of_tiktok_tells_of_links_too_also_of_two_at_once(link, conversation):
    make_link(link.channel, "Flyer", ref="flyer")
    be_listed(conversation, ("bio", "Hi, I'd like a table"), ("flyer", "Hi, I'd like a table"))
    follow()
    assert {one.version.link.title for one in Arrival.objects.all()} == {"Bio", "Flyer"}
    assert set(conversation.referrals.values_list("ref", flat=True)) == {"bio", "flyer"}


def test_a_link_whose_list_told_of_it_before_it_was_made_here_takes_its_arrivals_on():
    conversation = make_conversation()
    be_listed(conversation, ("bio", "Hi, I'd like a table"))
    follow()
    assert only().version is None
    link = make_link(conversation.channel, at=NOW + HOUR)
    attribute_to_version(linking.current_version(link).pk)
    assert only().version.link == link


# ── What became of it ─────────────────────────────────────────────────────────────────────────────────


def test_started_answered_and_how_long_it_took(conversation):
    ana = make_agent()
    arrive(conversation)
    follow()
    assert (only().started_at, only().answered_at, only().answer_seconds) == (None, None, None)
    write(conversation, at=NOW + MINUTE)
    answer(conversation, ana, at=NOW + 11 * MINUTE)
    answer(conversation, ana, at=NOW + 20 * MINUTE)
    follow()
    one = only()
    assert (one.started_at, one.answered_at) == (NOW + MINUTE, NOW + 11 * MINUTE)
    assert (one.in_time, one.answer_seconds) == (True, 600)


@pytest.mark.parametrize(("source", "counts"), [("owner", True), ("other", True), ("automatic", False)])
def test_people_answer_and_automatic_messages_do_not(conversation, source, counts):
    arrive(conversation)
    write(conversation)
    answer(conversation, None, at=NOW + MINUTE, source=source)
    follow()
    assert bool(only().answered_at) == counts


def test_a_reply_that_never_left_answers_nobody(conversation):
    arrive(conversation)
    write(conversation)
    reply = answer(conversation, make_agent(), at=NOW + MINUTE)
    Message.objects.filter(pk=reply.pk).update(state="failed", tiktok_message_id=None, sent_at=None)
    follow()
    assert only().answered_at is None


def test_an_answer_after_the_window_had_closed_is_late(conversation):
    arrive(conversation)
    write(conversation)
    write(conversation, at=NOW + 49 * HOUR)
    answer(conversation, make_agent(), at=NOW + 50 * HOUR)
    follow()
    assert (only().in_time, only().answer_seconds) == (False, 50 * 3600)


def test_what_was_said_before_the_customer_came_is_not_its_doing(conversation):
    write(conversation, at=NOW - HOUR)
    answer(conversation, make_agent(), at=NOW - 30 * MINUTE)
    arrive(conversation)
    follow()
    assert (only().started_at, only().answered_at) == (None, None)


def test_two_arrivals_that_lead_to_one_message_wait_for_one_answer(conversation):
    arrive(conversation)
    arrive(conversation, at=NOW + MINUTE)
    write(conversation, at=NOW + 2 * MINUTE)
    answer(conversation, make_agent(), at=NOW + 3 * MINUTE)
    follow()
    assert sorted(Arrival.objects.values_list("answer_seconds", flat=True), key=str) == [60, None]


def test_first_and_last_touch_over_links_and_ads(conversation):
    arrive(conversation, at=NOW + HOUR)
    arrive_by_ad(conversation, at=NOW)
    arrive(conversation, ref="gone", at=NOW + 2 * HOUR)
    follow()
    touches = Arrival.objects.order_by("arrived_at").values_list("source", "ref", "is_first", "is_last")
    assert list(touches) == [
        ("ad", "", True, False),
        ("short_link", "bio", False, False),
        ("short_link", "gone", False, True),
    ]


# ── In every order ────────────────────────────────────────────────────────────────────────────────────


def steps_of(conversation, ana, link):
    """What may become known in any order: two arrivals by links, one by an ad, a message, an owner's answer."""
    return {
        "by link": lambda: arrive(conversation, at=NOW),
        "by ad": lambda: arrive_by_ad(conversation, at=NOW + HOUR),
        "by old text": lambda: arrive(conversation, message="Old", at=NOW - HOUR, review="REJECT"),
        "message": lambda: write(conversation, at=NOW + MINUTE),
        "answer": lambda: answer(conversation, ana, at=NOW + 5 * MINUTE, source="owner"),
    }


ORDERS = list(permutations(("by link", "by ad", "by old text", "message", "answer")))


@pytest.mark.parametrize("follows_each_time", [True, False])
@pytest.mark.parametrize("start", range(0, 120, 12))
def test_every_order_of_events_ends_the_same(start, follows_each_time):
    """120 orders; the worker looks after each event, or once at the end."""
    link = make_link(message="Old")
    linking.edit(link=link, message="Hi, I'd like a table", actor=None, at=NOW - timedelta(days=10))
    ana = make_agent()
    found = []
    for order in (ORDERS[0], *ORDERS[start : start + 12]):
        conversation = make_conversation(link.channel)
        steps = steps_of(conversation, ana, link)
        for name in order:
            steps[name]()
            if follows_each_time:
                follow()
        follow()
        rows = conversation.arrivals.order_by("arrived_at").values()
        found.append(
            [{k: v for k, v in row.items() if k not in ("referral_id", "conversation_id")} for row in rows]
        )
    assert len(found[0]) == 3
    assert all(one == found[0] for one in found)
    assert [row["answer_seconds"] for row in found[0]] == [240, 240, None]
    assert [row["started_at"] for row in found[0]] == [NOW + MINUTE, NOW + MINUTE, None]


def test_a_version_that_becomes_known_after_its_first_arrival_gets_it(conversation, link):
    """Our clock may be ahead of TikTok's, and the worker may look before the version is stored."""
    arrive(conversation, message="Brand new", at=NOW)
    follow()
    assert only().version is None
    linking.edit(link=link, message="Brand new", actor=None, at=NOW + MINUTE)
    attribute_to_version(linking.current_version(link).pk)
    assert only().version.number == 2


def test_a_webhook_that_tells_the_time_later_moves_the_arrival(conversation):
    be_listed(conversation, ("bio", "Hi, I'd like a table"))
    follow()
    arrive(conversation, at=NOW + HOUR)
    follow()
    assert only().arrived_at == NOW + HOUR


# ── Following ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_crash_between_two_batches_loses_and_doubles_nothing(conversation, monkeypatch):
    for number in range(6):
        arrive(conversation, at=NOW + number * MINUTE)
    monkeypatch.setattr(attributing, "LINES", 2)
    kept = attributing.attribute
    calls = []

    def crash_the_second_time(ids):
        calls.append(ids)
        if len(calls) == 2:
            raise RuntimeError("killed")
        kept(ids)

    monkeypatch.setattr(attributing, "attribute", crash_the_second_time)
    with pytest.raises(RuntimeError):
        follow()
    assert Following.objects.get().read_up_to > 0
    follow()
    assert len(arrivals()) == 6


def test_following_again_changes_nothing_and_costs_three_queries(conversation, django_assert_max_num_queries):
    arrive(conversation)
    follow()
    before = arrivals()
    with django_assert_max_num_queries(5):  # the row, a transaction, the lock, the lines
        follow()
    assert arrivals() == before


def test_a_batch_costs_the_same_for_one_conversation_and_for_many(link):
    def cost(number: int) -> int:
        for _ in range(number):
            one = make_conversation(link.channel)
            arrive(one)
            make_inbound(one)
        with CaptureQueriesContext(connection) as captured:
            follow()
        return len(captured)

    cost(1)
    assert cost(1) == cost(20)


def test_conversations_that_came_by_nothing_are_left_alone(django_assert_num_queries):
    ids = [make_conversation().pk for _ in range(3)]
    with django_assert_num_queries(1):
        attributing.attribute(ids)
    assert not Arrival.objects.exists()


def test_an_erased_conversation_takes_its_arrivals_with_it(conversation):
    arrive(conversation)
    follow()
    conversation.delete()
    assert not Arrival.objects.exists()
    assert LinkVersion.objects.count() == 1
