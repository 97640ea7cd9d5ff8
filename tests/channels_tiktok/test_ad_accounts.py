"""Connecting an ad account, setting it up, checking and disconnecting it."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client

from channels_tiktok import connecting_ads
from channels_tiktok.models import AdAccount, AdGrant, LeadSubscription
from tests.factories import NOW, make_agent

pytestmark = pytest.mark.django_db
LIST = "/admin/channels_tiktok/adaccount/"
FIRST, SECOND = "7300000000000000011", "7300000000000000012"


@pytest.fixture(autouse=True)
def _now(clock):
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def kim() -> User:
    permissions = ("channels_tiktok.connect_adaccount", "channels_tiktok.view_adaccount")
    return make_agent("kim", permissions=permissions, is_staff=True)


@pytest.fixture
def desk(kim) -> Client:
    client = Client()
    client.force_login(kim)
    return client


def told(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def agree(tiktok, desk, *advertisers: str, answer: str = "authorize"):
    """Go over TikTok's page and back; give the answer to the return."""
    begun = desk.get("/channels/tiktok/ads/connect/")
    page = urlsplit(begun["Location"])
    assert page.path == "/portal/auth"
    form = {"advertiser_id": list(advertisers), "scope": ["12000000", "5"], "answer": answer}
    agreed = tiktok.browser.post(f"{page.path}?{page.query}", data=form)
    back = urlsplit(agreed.headers["Location"])
    return desk.get(f"{back.path}?{back.query}")


def test_one_advertiser_is_connected_at_once_and_set_up_next(tiktok, desk):
    done = agree(tiktok, desk, FIRST)
    account = AdAccount.objects.get()
    assert done["Location"] == f"{LIST}{account.pk}/set-up/"
    assert (account.name, account.status, account.lower_funnel_events) == ("Kopi Corner Ads", "connected", False)
    assert set(account.subscriptions.values_list("lead_source", flat=True)) == {"INSTANT_FORM", "DIRECT_MESSAGE"}
    assert {one["advertiser_id"] for one in tiktok.look("/ads")["subscriptions"]} == {FIRST}


def test_of_several_advertisers_one_is_chosen(tiktok, desk):
    done = agree(tiktok, desk, FIRST, SECOND)
    assert "/choose/" in done["Location"]
    assert not AdAccount.objects.exists()
    page = desk.get(done["Location"]).text
    assert "Kopi Corner Ads" in page
    assert "Batik House Ads" in page
    assert desk.post(done["Location"], {"advertiser_id": "1"}).status_code == 422
    desk.post(done["Location"], {"advertiser_id": SECOND})
    assert AdAccount.objects.get().name == "Batik House Ads"


def test_a_denial_connects_nothing_and_says_so(tiktok, desk):
    done = agree(tiktok, desk, FIRST, answer="deny")
    assert done["Location"] == LIST
    assert "did not agree" in told(done)[0]
    assert not AdGrant.objects.exists()


def test_a_return_counts_once_and_only_for_who_began_it(tiktok, desk, kim):
    page = urlsplit(desk.get("/channels/tiktok/ads/connect/")["Location"])
    state = dict(parse_qsl(page.query))["state"]
    other = Client()
    other.force_login(make_agent("leo", permissions=("channels_tiktok.connect_adaccount",), is_staff=True))
    back = f"/channels/tiktok/ads/callback/?auth_code=abc&state={state}"
    assert "somebody else" in told(other.get(back))[0]
    assert "TikTok's consent" in told(desk.get(back))[-1]
    assert "was not begun here" in told(desk.get(back))[-1]
    assert not AdAccount.objects.exists()


def test_the_token_is_stored_encrypted_and_in_no_page(tiktok, desk, shop):
    account = tiktok.connect_ads(shop)
    token = account.grant.access_token
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM channels_tiktok_adgrant")
        assert token not in cursor.fetchone()[0]
    for page in (LIST, f"{LIST}{account.pk}/set-up/", f"{LIST}{account.pk}/disconnect/"):
        assert token not in desk.get(page).text


@pytest.fixture
def shop(tiktok):
    return tiktok.connect()


@pytest.fixture
def account(tiktok, shop) -> AdAccount:
    return tiktok.connect_ads(event_set_id="", event_set_name="", lower_funnel_events=False)


def test_event_sets_are_read_from_tiktok_and_everything_is_set_up_on_one_page(desk, account, shop):
    page = desk.get(f"{LIST}{account.pk}/set-up/").text
    assert "Coffee orders" in page
    assert "Batik orders" not in page
    saved = desk.post(
        f"{LIST}{account.pk}/set-up/",
        {
            "event_set_id": "7600000000000000041",
            "lower_funnel_events": "on",
            "test_event_code": " T1 ",
            "channels": [shop.pk],
        },
    )
    assert saved["Location"] == LIST
    account.refresh_from_db()
    assert (account.event_set_name, account.lower_funnel_events, account.test_event_code) == (
        "Coffee orders",
        True,
        "T1",
    )
    assert list(account.channels.all()) == [shop]
    page = desk.get(LIST).text
    assert "Kopi Corner" in page
    assert "test only" in page


def test_lower_funnel_events_need_an_event_set(desk, account):
    answer = desk.post(f"{LIST}{account.pk}/set-up/", {"event_set_id": "", "lower_funnel_events": "on"})
    assert (answer.status_code, "need a CRM event set" in answer.text) == (422, True)
    answer = desk.post(f"{LIST}{account.pk}/set-up/", {"event_set_id": "1"})
    assert answer.status_code == 422


def test_a_check_finds_a_withdrawn_access_and_disconnects(tiktok, desk, account):
    assert "all is well" in told(desk.post(f"{LIST}{account.pk}/check/"))[0]
    tiktok.control("/ads/revoke", advertiser_id=FIRST)
    assert "no longer accepts" in told(desk.post(f"{LIST}{account.pk}/check/"))[-1]
    account.refresh_from_db()
    assert account.status == "disconnected"
    assert "no longer accepts" in desk.get(LIST).text


def test_a_passing_fault_disconnects_nothing(tiktok, account, clock):
    tiktok.fault("http_status", path="oauth2/advertiser/get")
    assert connecting_ads.check(account=account, at=clock()) == ["TikTok could not be reached at the last check."]
    assert AdAccount.objects.get().status == "connected"


def test_a_check_subscribes_again_where_tiktok_lost_it(tiktok, account, clock):
    for one in tiktok.look("/ads")["subscriptions"]:
        connecting_ads.tiktok_ads().unsubscribe(subscription_id=one["subscription_id"])
    assert connecting_ads.check(account=account, at=clock()) == []
    assert len(tiktok.look("/ads")["subscriptions"]) == 2
    assert LeadSubscription.objects.count() == 2


def test_disconnecting_gives_the_access_back_and_keeps_the_rest(tiktok, desk, account):
    assert "All leads and reports so far" in desk.get(f"{LIST}{account.pk}/disconnect/").text
    desk.post(f"{LIST}{account.pk}/disconnect/")
    account.refresh_from_db()
    assert (account.status, account.grant_id) == ("disconnected", None)
    assert not AdGrant.objects.exists()
    assert not LeadSubscription.objects.exists()
    assert tiktok.look("/ads")["subscriptions"] == []
    agree(tiktok, desk, FIRST)
    assert AdAccount.objects.get().pk == account.pk


def test_an_access_that_two_ad_accounts_use_is_kept_until_the_last_one_goes(tiktok, desk, kim, clock):
    done = agree(tiktok, desk, FIRST, SECOND)
    desk.post(done["Location"], {"advertiser_id": FIRST})
    desk.post(done["Location"], {"advertiser_id": SECOND})
    first, second = AdAccount.objects.order_by("advertiser_id")
    desk.post(f"{LIST}{first.pk}/disconnect/")
    assert connecting_ads.check(account=second, at=clock()) == []
    desk.post(f"{LIST}{second.pk}/disconnect/")
    assert not AdGrant.objects.exists()


def test_an_access_that_nobody_chose_from_is_given_back(tiktok, desk, clock):
    agree(tiktok, desk, FIRST, SECOND)
    assert connecting_ads.give_back_unused(before=clock()) == 0
    assert connecting_ads.give_back_unused(before=clock() + timedelta(days=1)) == 1
    assert not AdGrant.objects.exists()


@pytest.mark.parametrize("step", ["set-up", "check", "disconnect"])
def test_who_may_only_look_does_nothing(tiktok, account, step):
    reader = Client()
    reader.force_login(make_agent("rita", permissions=("channels_tiktok.view_adaccount",), is_staff=True))
    assert reader.get(LIST).status_code == 200
    assert f"{step}/" not in reader.get(LIST).text
    assert reader.get(f"{LIST}{account.pk}/{step}/").status_code == 403
    assert reader.post(f"{LIST}{account.pk}/{step}/").status_code == 403
    assert reader.get("/channels/tiktok/ads/connect/").status_code == 403


def test_with_none_the_page_teaches_the_one_next_step(tiktok, desk):
    page = desk.get(LIST).text
    assert "No ad account is connected yet" in page
    assert "/channels/tiktok/ads/connect/" in page
