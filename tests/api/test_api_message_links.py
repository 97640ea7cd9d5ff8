"""Message links in the API."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messagelinks.models import MessageLink
from tests.api.making import client_of, make_channel, make_conversation, make_user, now
from tests.messagelinks.making import arrive, follow, make_link, write

pytestmark = pytest.mark.django_db
LINKS = "/api/v1/message-links/"
PERMISSIONS = [f"messagelinks.{verb}_messagelink" for verb in ("view", "add", "change", "delete")]


@pytest.fixture
def marketing(db):
    return client_of(make_user("marketing", *PERMISSIONS))


@pytest.fixture
def channel(db):
    return make_channel(username="kopi.corner")


def test_a_link_is_made_and_shows_exactly_these_fields(marketing, channel):
    given = {
        "channel": channel.pk,
        "title": "Bio",
        "ref": "bio_link",
        "message": "Hi & bye",
        "places": "Instagram",
    }
    answer = marketing.post(LINKS, given)
    assert answer.status_code == 201
    link = MessageLink.objects.get()
    stamp = link.created_at.isoformat().replace("+00:00", "Z")
    url = "https://tiktok.me/kopi.corner?ref=bio_link&message=Hi%20%26%20bye"
    nothing = {
        "arrived": 0,
        "conversations": 0,
        "answered": 0,
        "answered_before_closing": 0,
        "median_first_answer_seconds": None,
        "last_arrival_at": None,
    }
    address = {"ref": "bio_link", "message": "Hi & bye", "url": url, "former_url": "", "is_rejected": False}
    expected = {
        "id": link.pk,
        "channel": channel.pk,
        "title": "Bio",
        "same_ref": [],
        "places": "Instagram",
        "created_at": stamp,
        **address,
        **nothing,
        "versions": [{"number": 1, "is_current": True, "made_at": stamp, **address, **nothing}],
    }
    assert answer.json() == expected
    assert marketing.get(f"{LINKS}{link.pk}/").json() == expected
    assert marketing.get(LINKS).json() == {"next": None, "previous": None, "results": [expected]}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"title": " "}, {"title"}),
        ({"ref": "two words"}, {"ref"}),
        ({"message": ""}, {"message"}),
        ({"message": "x" * 501}, {"message"}),
        ({"title": "", "ref": "&", "message": " "}, {"title", "ref", "message"}),
        ({"channel": 999}, {"channel"}),
        ({"channel": None}, {"channel"}),
        ({"places": "x" * 5001}, {"places"}),
    ],
)
def test_what_is_wrong_is_said_field_by_field_and_nothing_is_made(marketing, channel, change, wrong):
    answer = marketing.post(LINKS, {"channel": channel.pk, "title": "Bio", "message": "Hi"} | change)
    assert answer.status_code == 400
    assert set(answer.json()) == wrong
    assert not MessageLink.objects.exists()


def test_a_tag_that_another_link_has_is_told_and_not_refused(marketing, channel):
    make_link(channel, "First")
    answer = marketing.post(LINKS, {"channel": channel.pk, "title": "Second", "ref": "bio", "message": "Other"})
    assert (answer.status_code, answer.json()["same_ref"]) == (201, ["First"])


def test_changing_the_text_makes_a_version_and_the_title_alone_none(marketing, channel):
    link = make_link(channel)
    before = marketing.get(f"{LINKS}{link.pk}/").json()
    renamed = marketing.patch(f"{LINKS}{link.pk}/", {"title": "Renamed"}).json()
    assert (renamed["title"], renamed["url"], len(renamed["versions"])) == ("Renamed", before["url"], 1)
    changed = marketing.patch(f"{LINKS}{link.pk}/", {"message": "Hello"}).json()
    assert changed["url"] != before["url"]
    assert [(one["number"], one["is_current"], one["message"]) for one in changed["versions"]] == [
        (2, True, "Hello"),
        (1, False, "Hi, I'd like a table"),
    ]


def test_all_of_a_change_is_made_or_none(marketing, channel):
    link = make_link(channel)
    answer = marketing.patch(f"{LINKS}{link.pk}/", {"places": "Bio", "message": ""})
    assert answer.status_code == 400
    link.refresh_from_db()
    assert link.places == ""


def test_a_channels_links_and_the_figures_of_some_days(marketing, channel):
    link = make_link(channel)
    make_link(make_channel(), "Elsewhere")
    for days in (1, 20):
        conversation = make_conversation(channel)
        at = now() - timedelta(days=days)
        arrive(conversation, at=at)
        write(conversation, at=at)
    follow()
    [shown] = marketing.get(LINKS, {"channel": channel.pk}).json()["results"]
    assert (shown["id"], shown["arrived"], shown["conversations"], shown["answered"]) == (link.pk, 2, 2, 0)
    since = (now() - timedelta(days=5)).date().isoformat()
    shown = marketing.get(f"{LINKS}{link.pk}/", {"from": since}).json()
    assert (shown["conversations"], shown["versions"][0]["conversations"]) == (1, 1)
    assert marketing.get(LINKS, {"from": "yesterday"}).status_code == 400
    assert marketing.get(LINKS, {"channel": "x"}).status_code == 400


def test_listing_costs_the_same_for_any_number(marketing, channel):
    def cost(number: int) -> int:
        for _ in range(number):
            n = MessageLink.objects.count()
            make_link(channel, f"Link {n}", ref=f"r{n}")
            arrive(make_conversation(channel), ref=f"r{n}")
        follow()
        with CaptureQueriesContext(connection) as captured:
            assert len(marketing.get(LINKS).json()["results"]) == n + 1
        return len(captured)

    assert cost(2) == cost(20) <= 10


def test_deleting_removes_it(marketing, channel):
    link = make_link(channel)
    assert marketing.delete(f"{LINKS}{link.pk}/").status_code == 204
    assert marketing.get(f"{LINKS}{link.pk}/").status_code == 404


NEEDS = {"get": "view", "post": "add", "patch": "change", "delete": "delete"}


@pytest.mark.parametrize("verb", NEEDS.values())
def test_each_call_needs_its_own_permission(channel, verb):
    link = make_link(channel)
    program = client_of(make_user("program", f"messagelinks.{verb}_messagelink"))
    calls = {
        "get": (LINKS, None),
        "post": (LINKS, {"channel": channel.pk, "title": "New", "message": "New"}),
        "patch": (f"{LINKS}{link.pk}/", {"title": "Changed"}),
        "delete": (f"{LINKS}{link.pk}/", None),
    }
    allowed = {
        method for method, (url, body) in calls.items() if getattr(program, method)(url, body).status_code < 300
    }
    assert {NEEDS[method] for method in allowed} == {verb}


def test_strangers_are_refused(client, channel):
    assert client.get(LINKS).status_code == 401
