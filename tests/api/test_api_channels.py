"""Channels in the API."""

import pytest

from channels_tiktok.models import ChannelEvent, Credential
from tests.api.making import client_of, make_channel, make_user, now

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(db):
    return make_user("keeper", *(f"channels_tiktok.{verb}_channel" for verb in ("view", "rename", "remove")))


@pytest.fixture
def keepers_api(keeper):
    return client_of(keeper)


def test_a_channel_shows_exactly_these_fields(api):
    seen = now()
    channel = make_channel(
        business_id="+biz01",
        username="kopi",
        display_name="Kopi",
        name="Coffee",
        connected_at=seen,
        last_event_at=seen,
    )
    stamp = seen.isoformat().replace("+00:00", "Z")
    expected = {
        "id": channel.pk,
        "business_id": "+biz01",
        "username": "kopi",
        "display_name": "Kopi",
        "name": "Coffee",
        "status": "connected",
        "reason": "",
        "connected_at": stamp,
        "last_event_at": stamp,
    }
    assert api.get(f"/api/v1/channels/{channel.pk}/").json() == expected
    assert api.get("/api/v1/channels/").json() == {"next": None, "previous": None, "results": [expected]}


def test_removed_and_disconnected_channels_stay_listed_with_the_reason(api):
    make_channel(status="removed", credential=None, connected_at=None)
    make_channel(status="disconnected", reason="TikTok refused the access.")
    shown = api.get("/api/v1/channels/").json()["results"]
    assert [(row["status"], row["reason"], row["last_event_at"]) for row in shown] == [
        ("removed", "", None),
        ("disconnected", "TikTok refused the access.", None),
    ]


def test_listing_channels_costs_the_same_for_any_number(api, django_assert_num_queries):
    for number in (3, 57):
        for _ in range(number):
            make_channel()
        with django_assert_num_queries(4):  # token, permissions (2), channels
            answer = api.get("/api/v1/channels/?page_size=100")
    assert len(answer.json()["results"]) == 60


def test_renaming_shows_the_new_name(keepers_api, keeper, tiktok):
    channel = make_channel(name="Old")
    answer = keepers_api.patch(f"/api/v1/channels/{channel.pk}/", {"name": "New"})
    assert (answer.status_code, answer.json()["name"]) == (200, "New")
    assert ChannelEvent.objects.get().actor == keeper


def test_a_bad_name_is_refused_in_words(keepers_api):
    channel = make_channel(name="Old")
    answer = keepers_api.patch(f"/api/v1/channels/{channel.pk}/", {"name": " "})
    assert (answer.status_code, answer.json()) == (400, {"name": ["A channel needs a name."]})
    answer = keepers_api.patch(f"/api/v1/channels/{channel.pk}/", {"name": None})
    assert (answer.status_code, answer.json()) == (400, {"name": ["This field may not be null."]})


def test_nothing_but_the_name_can_be_changed(keepers_api):
    channel = make_channel(name="Old", username="kopi")
    answer = keepers_api.patch(f"/api/v1/channels/{channel.pk}/", {"username": "other", "status": "removed"})
    assert answer.status_code == 200
    assert (answer.json()["username"], answer.json()["status"]) == ("kopi", "connected")


def test_deleting_removes_the_channel_and_keeps_it_listed(keepers_api, keeper, tiktok):
    channel = make_channel()
    answer = keepers_api.delete(f"/api/v1/channels/{channel.pk}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not Credential.objects.exists()
    assert ChannelEvent.objects.get().actor == keeper
    assert keepers_api.get(f"/api/v1/channels/{channel.pk}/").json()["status"] == "removed"


def test_renaming_and_removing_each_need_their_own_permission(tiktok):
    channel = make_channel()
    url = f"/api/v1/channels/{channel.pk}/"
    renamer = client_of(make_user("renamer", "channels_tiktok.rename_channel"))
    remover = client_of(make_user("remover", "channels_tiktok.remove_channel"))
    assert renamer.delete(url).status_code == 403
    assert remover.patch(url, {"name": "New"}).status_code == 403
    assert not ChannelEvent.objects.exists()
    assert renamer.patch(url, {"name": "New"}).status_code == 200
    assert remover.delete(url).status_code == 204


@pytest.mark.parametrize("method", ["post", "put"])
def test_channels_are_connected_by_consent_not_by_the_api(method, keepers_api):
    answer = getattr(keepers_api, method)("/api/v1/channels/", {"name": "New"})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
