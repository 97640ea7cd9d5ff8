"""Conversations in the API: how they look, and how lists of them are narrowed down, ordered and paged."""

from datetime import timedelta

import pytest

from inbox import access, sending
from inbox.models import Conversation, Label, Referral, ReplyWindow
from tests.api.making import make_channel, make_conversation, make_user, now, receive

URL = "/api/v1/conversations/"


def stamp(at):
    return at.isoformat().replace("+00:00", "Z")


def ids(answer):
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def test_a_conversation_shows_exactly_these_fields(api, agent):
    conversation = make_conversation(username="ana", display_name="Ana", assignee=agent)
    message = receive(conversation, "Is it in stock?")
    conversation.labels.set([Label.objects.create(name="vip"), Label.objects.create(name="order")])
    arrived = now()
    conversation.referral = Referral.objects.create(
        conversation=conversation,
        source="ad",
        arrived_at=arrived,
        ref="spring",
        ad_id="ad1",
        ad_name="Spring",
        advertiser_id="adv1",
        prefilled_message="Hi",
        embed_url="https://example.com/ad",
    )
    conversation.save()
    window = conversation.window

    assert api.get(f"{URL}{conversation.pk}/").json() == {
        "id": conversation.pk,
        "channel": conversation.channel_id,
        "contact": {"id": conversation.contact_id, "username": "ana", "display_name": "Ana"},
        "status": "open",
        "snoozed_until": None,
        "assignee": {"id": agent.pk, "username": "agent", "name": "Ada Agent"},
        "team": None,
        "labels": ["order", "vip"],
        "unread_count": 1,
        "last_message": {
            "id": message.pk,
            "direction": "inbound",
            "kind": "text",
            "text": "Is it in stock?",
            "question": None,
            "post": None,
            "source": "customer",
            "state": "received",
            "tiktok_message_id": message.tiktok_message_id,
            "occurred_at": stamp(message.occurred_at),
            "queued_at": None,
            "send_at": None,
            "sent_at": stamp(message.occurred_at),
            "read_at": None,
            "error": None,
            "author": None,
        },
        "referral": {
            "source": "ad",
            "ref": "spring",
            "prefilled_message": "Hi",
            "ad_id": "ad1",
            "ad_name": "Spring",
            "advertiser_id": "adv1",
            "embed_url": "https://example.com/ad",
            "arrived_at": stamp(arrived),
        },
        "window": {
            "opened_at": stamp(window.opened_at),
            "closes_at": stamp(window.opened_at + timedelta(hours=48)),
            "replies_used": 0,
            "replies_left": 10,
            "can_reply": True,
            "reason": None,
        },
    }


def test_a_conversation_in_which_nothing_happened_has_nulls(api):
    conversation = make_conversation()
    shown = api.get(f"{URL}{conversation.pk}/").json()
    assert (shown["assignee"], shown["labels"], shown["last_message"], shown["referral"]) == (None, [], None, None)
    assert shown["window"] == {
        "opened_at": None,
        "closes_at": None,
        "replies_used": None,
        "replies_left": None,
        "can_reply": False,
        "reason": "not_opened_by_customer",
    }


def window_of(api, conversation):
    return api.get(f"{URL}{conversation.pk}/").json()["window"]


def test_the_window_says_why_no_reply_can_leave(api, agent, conversation):
    for number in range(10):
        sending.queue_reply(user=agent, conversation_id=conversation.pk, text=str(number), at=now())
    window = window_of(api, conversation)
    assert (window["replies_used"], window["replies_left"], window["reason"]) == (10, 0, "quota_used")

    closed = make_conversation()
    receive(closed, ago=timedelta(hours=49))
    window = window_of(api, closed)
    assert (window["replies_used"], window["replies_left"], window["can_reply"]) == (0, 0, False)
    assert window["reason"] == "window_closed"

    away = make_conversation(make_channel(status="disconnected"))
    receive(away)
    assert window_of(api, away)["reason"] == "channel_disconnected"


def test_unread_is_counted_for_whoever_asks(api, agent, teammate, conversation):
    access.mark_seen(user=teammate, conversation=conversation)
    assert api.get(f"{URL}{conversation.pk}/").json()["unread_count"] == 1
    access.mark_seen(user=agent, conversation=conversation)
    assert api.get(f"{URL}{conversation.pk}/").json()["unread_count"] == 0
    receive(conversation, ago=timedelta(0))
    receive(conversation, ago=timedelta(0))
    assert api.get(f"{URL}{conversation.pk}/").json()["unread_count"] == 2


@pytest.fixture
def four(agent, teammate):
    """Four conversations that differ in everything that a list can be narrowed down by."""
    mine = make_conversation(username="ana", display_name="Ana Lima", assignee=agent)
    receive(mine, "Where is my parcel?", ago=timedelta(hours=1))
    theirs = make_conversation(status="closed", assignee=teammate, display_name="Ben")
    receive(theirs, "Thanks a lot", ago=timedelta(hours=43))  # closes in 5 h
    late = make_conversation(status="snoozed", snoozed_until=now() + timedelta(days=1), display_name="Cid")
    receive(late, "Percent 100%", ago=timedelta(hours=50))
    silent = make_conversation(display_name="Dora")
    mine.labels.set([Label.objects.create(name="vip"), Label.objects.create(name="order")])
    access.mark_seen(user=agent, conversation=theirs)
    return {"mine": mine, "theirs": theirs, "late": late, "silent": silent}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "mine theirs late silent"),
        ("status=&q=&channel=&label=&assignee=&unread=&window=&ordering=&cursor=", "mine theirs late silent"),
        ("status=open", "mine silent"),
        ("status=snoozed", "late"),
        ("status=closed", "theirs"),
        ("assignee=me", "mine"),
        ("assignee=none", "late silent"),
        ("assignee=teammate", "theirs"),
        ("label=vip", "mine"),
        ("label=vip&status=closed", ""),
        ("unread=true", "mine late"),
        ("unread=false", "theirs silent"),
        ("window=open", "mine theirs"),
        ("window=closing", "theirs"),
        ("window=closed", "late silent"),
        ("q=lima", "mine"),
        ("q=ANA", "mine"),
        ("q=@ana", "mine"),
        ("q=parcel", "mine"),
        ("q=100%25", "late"),
        ("q=window:closed -percent", "silent"),
        ("q=nothing", ""),
        ("q=is:unread OR ben", "mine late theirs"),
    ],
)
def test_a_list_is_narrowed_down(query, found, four, api):
    assert set(ids(api.get(f"{URL}?{query}"))) == {four[name].pk for name in found.split()}


def test_a_list_is_narrowed_down_by_ids(four, api, teammate):
    mine = four["mine"]
    assert ids(api.get(URL, {"channel": mine.channel_id})) == [mine.pk]
    assert ids(api.get(URL, {"label": Label.objects.get(name="order").pk})) == [mine.pk]
    assert ids(api.get(URL, {"assignee": teammate.pk})) == [four["theirs"].pk]


def test_a_window_that_tiktok_refused_counts_as_closed(four, api):
    ReplyWindow.objects.filter(conversation=four["mine"]).update(refused_at=now(), refusal="No.")
    assert four["mine"].pk in ids(api.get(f"{URL}?window=closed"))
    assert four["mine"].pk not in ids(api.get(f"{URL}?window=open"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "done"),
        ("channel", "999"),
        ("channel", "x"),
        ("channel", "9" * 30),
        ("assignee", "nobody-here"),
        ("assignee", "9" * 30),
        ("assignee", "9" * 5000),
        ("label", "unknown"),
        ("label", "999"),
        ("unread", "maybe"),
        ("window", "ajar"),
        ("ordering", "id"),
        ("cursor", "rubbish"),
        ("cursor", "e30"),
        ("page_size", "0"),
        ("page_size", "101"),
        ("page_size", "x"),
        ("q", "nul\x00"),
    ],
)
def test_a_bad_value_is_refused_and_the_field_named(field, value, four, api):
    answer = api.get(URL, {field: value})
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert all(isinstance(sentence, str) for sentence in answer.json()[field])


@pytest.mark.parametrize(
    ("ordering", "found"),
    [
        ("-last_message_at", "silent mine theirs late"),
        ("last_message_at", "late theirs mine silent"),
        ("closes_at", "late theirs mine silent"),
    ],
)
def test_a_list_is_ordered(ordering, found, four, api):
    assert ids(api.get(URL, {"ordering": ordering})) == [four[name].pk for name in found.split()]


def walk(api, link, way="next"):
    """The pages from `link` on."""
    while link:
        page = api.get(link).json()
        yield page
        link = page[way]


def pages(api, query):
    return [[row["id"] for row in page["results"]] for page in walk(api, f"{URL}?{query}")]


@pytest.mark.parametrize("ordering", ["-last_message_at", "last_message_at", "closes_at"])
def test_pages_show_everyone_once_even_with_equal_and_missing_times(ordering, api, db):
    channel, same = make_channel(), now() - timedelta(hours=1)
    for number in range(7):
        conversation = make_conversation(channel, last_message_at=same)
        if number % 2:
            receive(conversation, ago=timedelta(hours=1 if number < 4 else 2))
    whole = ids(api.get(URL, {"ordering": ordering}))
    assert len(set(whole)) == 7
    for size in (1, 2, 3, 6, 7):
        found = pages(api, f"ordering={ordering}&page_size={size}")
        assert sum(found, []) == whole
        assert all(len(page) == size for page in found[:-1])
        last = list(walk(api, f"{URL}?ordering={ordering}&page_size={size}"))[-1]
        back = [[row["id"] for row in page["results"]] for page in walk(api, last["previous"], "previous")]
        assert sum(reversed(back), []) == whole[: 7 - len(found[-1])]


def test_pages_hold_still_while_conversations_move(api, db):
    channel = make_channel()
    for number in range(6):
        make_conversation(channel, last_message_at=now() - timedelta(hours=number))
    whole = ids(api.get(URL))
    first = api.get(f"{URL}?page_size=2").json()
    # The third one moves to the top and a new one arrives: nobody else is shown twice or left out.
    Conversation.objects.filter(pk=whole[2]).update(last_message_at=now() + timedelta(minutes=1))
    make_conversation(channel, last_message_at=now() + timedelta(minutes=2))
    rest = [row["id"] for page in walk(api, first["next"]) for row in page["results"]]
    assert rest == whole[3:]


def test_the_links_keep_the_filters(api, four):
    page = api.get(f"{URL}?window=open&page_size=1").json()
    assert "window=open" in page["next"]
    assert page["next"].startswith("http://testserver/api/v1/conversations/?")
    assert page["previous"] is None


def test_a_cursor_of_another_ordering_is_refused(api, four):
    link = api.get(f"{URL}?page_size=1").json()["next"]
    answer = api.get(f"{link}&ordering=closes_at")
    assert (answer.status_code, list(answer.json())) == (400, ["cursor"])


def test_listing_costs_the_same_for_any_number(api, agent, django_assert_num_queries):
    label = Label.objects.create(name="vip")
    channel = make_channel()
    for number in (3, 57):
        for _ in range(number):
            conversation = make_conversation(channel, assignee=agent)
            receive(conversation)
            conversation.labels.add(label)
        with django_assert_num_queries(5):  # token, permissions (2), conversations, labels
            answer = api.get(f"{URL}?page_size=100")
    assert len(ids(answer)) == 60


def test_people_without_a_full_name_go_by_their_username(api, db):
    make_conversation(assignee=make_user("bea"))
    assert api.get(URL).json()["results"][0]["assignee"]["name"] == "bea"


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_conversations_begin_and_end_on_tiktok_not_here(method, api, conversation):
    answer = getattr(api, method)(f"{URL}{conversation.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
