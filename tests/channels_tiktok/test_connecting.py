from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages

from channels_tiktok import connecting
from channels_tiktok.connecting import begin, disconnect, finish, remove, rename
from channels_tiktok.models import Channel, ChannelEvent, Credential, OAuthState
from tests.channels_tiktok.conftest import NOW
from tests.channels_tiktok.fake_tiktok import GRANT, PROFILE, ok, refusal

pytestmark = pytest.mark.django_db
CODE = "/tt_user/oauth2/token/"
REVOKE = "/tt_user/oauth2/revoke/"


def query_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def come_back(user, *, state=None, at=NOW, channel=None, **changes):
    if state is None:
        state = query_of(begin(user=user, channel=channel, at=NOW))["state"]
    told = {"code": "code-1", "error": "", "error_description": ""}
    return finish(state=state, user=user, at=at, **{**told, **changes})


def nothing_was_made():
    return not Channel.objects.exists() and not Credential.objects.exists()


# ── Begin ─────────────────────────────────────────────────────────────────────────────────────────────


def test_tiktoks_page_is_asked_for_the_core_permissions_only(staff, at):
    url = begin(user=staff, at=at)
    assert url.startswith("http://tiktok.test/v2/auth/authorize?")
    query = query_of(url)
    assert query.pop("state")
    assert query == {
        "client_key": "7400000000000000001",
        "response_type": "code",
        "disable_auto_auth": "1",
        "redirect_uri": "http://testserver/channels/tiktok/callback/",
        "scope": "message.list.read,message.list.send,message.list.manage,"
        "user.info.basic,user.info.username,user.account.type",
    }
    assert "message.list.read%2Cmessage.list.send" in url
    assert quote("http://testserver/channels/tiktok/callback/", safe="") in url


def test_optional_permissions_are_added_once(staff, at, settings):
    settings.TIKTOK_OPTIONAL_SCOPES = ["video.list", "message.list.read"]
    scopes = query_of(begin(user=staff, at=at))["scope"].split(",")
    assert scopes[-1] == "video.list"
    assert len(scopes) == len(set(scopes)) == 7


def test_each_consent_has_a_state_of_its_own_and_old_ones_are_deleted(staff, at):
    first = query_of(begin(user=staff, at=at))["state"]
    assert query_of(begin(user=staff, at=at))["state"] != first
    begin(user=staff, at=at + timedelta(minutes=10))
    assert OAuthState.objects.count() == 1


@pytest.mark.parametrize("name", ["TIKTOK_APP_ID", "TIKTOK_APP_SECRET", "TOKEN_ENCRYPTION_KEYS"])
def test_what_is_not_set_up_is_said_before_anybody_agrees_to_anything(staff, at, settings, name):
    setattr(settings, name, "")
    with pytest.raises(connecting.NotSetUp, match=name):
        begin(user=staff, at=at)


# ── Finish ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_account_is_connected_with_its_tokens_name_history_and_webhook(fake, staff, at):
    channel = come_back(staff)
    assert (channel.business_id, channel.username, channel.display_name) == (
        "biz-1",
        "kopi.corner",
        "Kopi Corner",
    )
    assert (channel.name, channel.status, channel.reason, channel.webhook_error) == (
        "Kopi Corner",
        "connected",
        "",
        "",
    )
    assert (channel.connected_by, channel.connected_at) == (staff, at)
    credential = Credential.objects.get()
    assert (credential.access_token, credential.refresh_token) == ("act.secret.1", "rft.secret.1")
    assert credential.access_expires_at == at + timedelta(hours=24)
    assert credential.refresh_expires_at == at + timedelta(days=365)
    assert "message.list.send" in credential.granted()
    event = ChannelEvent.objects.get()
    assert (event.kind, event.actor, event.at) == ("connected", staff, at)
    assert fake.bodies(CODE)[0] == {
        "client_id": "7400000000000000001",
        "client_secret": "example_app_secret_0001",
        "grant_type": "authorization_code",
        "auth_code": "code-1",
        "redirect_uri": "http://testserver/channels/tiktok/callback/",
    }
    assert fake.bodies("/business/webhook/update/")[0]["callback_url"] == "http://testserver/webhooks/tiktok/"
    assert Channel.objects.get().webhook_error == ""


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ({"display_name": "K" * 200}, "K" * 80),
        ({"display_name": "  "}, "kopi.corner"),
        ({"display_name": "Kopi\x00"}, "Kopi�"),
        ({"display_name": "", "username": ""}, "TikTok account"),
    ],
)
def test_the_name_begins_as_the_accounts_own(fake, staff, profile, name):
    fake.on("/business/get/", ok(**{**PROFILE, **profile}))
    assert come_back(staff).name == name


def test_a_known_account_is_updated_and_keeps_our_name(fake, staff, channel, at):
    disconnect(channel=channel, reason="Gone.", at=at)
    fake.on(CODE, ok(**{**GRANT, "access_token": "act.new"}))
    fake.on("/business/get/", ok(**{**PROFILE, "username": "kopi.new"}))
    connected = come_back(staff)
    assert connected == channel
    assert (connected.name, connected.username, connected.status, connected.reason) == (
        "Front desk",
        "kopi.new",
        "connected",
        "",
    )
    assert Credential.objects.get().access_token == "act.new"


def test_a_removed_channel_comes_back_with_its_history(fake, staff, channel, at):
    remove(channel=channel, actor=staff, at=at)
    assert come_back(staff) == channel
    assert [event.kind for event in channel.events.order_by("id")] == ["removed", "connected"]


def test_a_name_that_another_channel_has_gets_a_number_and_the_history_says_so(
    fake, staff, channel, make_channel, at
):
    remove(channel=channel, actor=staff, at=at)
    make_channel("biz-2", name="Front Desk", username="teh.corner")
    assert come_back(staff).name == "Front desk 2"
    assert "another channel is called “Front desk”" in channel.events.last().detail


def test_a_state_is_good_for_one_return(fake, staff, at):
    state = query_of(begin(user=staff, at=at))["state"]
    come_back(staff, state=state)
    with pytest.raises(connecting.StateUnknown):
        come_back(staff, state=state)
    assert len(fake.asked(CODE)) == 1


@pytest.mark.parametrize("state", ["", "made-up", "made-up:signature"])
def test_a_forged_state_is_refused(fake, staff, state):
    with pytest.raises(connecting.StateUnknown):
        come_back(staff, state=state)
    assert fake.requests == []


def test_a_consent_that_somebody_else_began_is_refused_and_stays_theirs(fake, staff, colleague, at):
    state = query_of(begin(user=staff, at=at))["state"]
    with pytest.raises(connecting.StateForeign):
        come_back(colleague, state=state)
    with pytest.raises(connecting.StateForeign):
        come_back(None, state=state)
    assert come_back(staff, state=state)


def test_a_consent_that_took_longer_than_ten_minutes_is_refused(fake, staff):
    with pytest.raises(connecting.StateExpired):
        come_back(staff, at=NOW + timedelta(minutes=10))
    assert fake.requests == []


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        ({"error": "access_denied", "code": ""}, connecting.ConsentDenied, "did not agree"),
        ({"error": "x", "error_description": "Bad scope"}, connecting.ConsentDenied, "“Bad scope”"),
        ({"code": ""}, connecting.CodeRefused, "no code"),
    ],
)
def test_a_return_without_consent_says_what_happened(fake, staff, told, kind, words):
    with pytest.raises(kind, match=words):
        come_back(staff, **told)
    assert fake.requests == []
    assert nothing_was_made()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(40110), connecting.CodeRefused),
        (refusal(40002), connecting.CodeRefused),
        (refusal(40101), connecting.AppNotAccepted),
        (refusal(40100), connecting.TikTokAway),
        ((502, b"<html>"), connecting.TikTokAway),
        (requests.ConnectTimeout(), connecting.TikTokAway),
        (requests.ReadTimeout(), connecting.TikTokAway),
        (ok(**{**GRANT, "access_token": ""}), connecting.TikTokAway),
    ],
)
def test_a_code_that_gives_no_tokens_is_explained(fake, staff, reply, kind):
    fake.on(CODE, reply)
    with pytest.raises(kind) as raised:
        come_back(staff)
    assert raised.value.sentence.endswith(".")
    assert nothing_was_made()


@pytest.mark.parametrize("scope", connecting.REQUIRED_SCOPES)
def test_a_permission_that_was_left_out_is_named_and_the_access_given_back(fake, staff, scope):
    rest = ",".join(other for other in GRANT["scope"].split(",") if other != scope)
    fake.on(CODE, ok(**{**GRANT, "scope": rest}))
    with pytest.raises(connecting.ScopesMissing) as raised:
        come_back(staff)
    assert connecting.SCOPES[scope] in raised.value.sentence
    assert fake.bodies(REVOKE)[0]["access_token"] == "act.secret.1"
    assert nothing_was_made()


def test_without_the_permission_to_see_the_account_type_it_is_not_asked_for(fake, staff):
    fake.on(CODE, ok(**{**GRANT, "scope": ",".join(connecting.REQUIRED_SCOPES)}))
    fake.on("/business/get/", ok(username="kopi.corner", display_name="Kopi Corner"))
    assert come_back(staff).status == "connected"
    assert "is_business_account" not in fake.query("/business/get/")["fields"]


def test_a_personal_account_is_refused_and_its_access_given_back(fake, staff):
    fake.on("/business/get/", ok(**{**PROFILE, "is_business_account": False}))
    with pytest.raises(connecting.PersonalAccount, match="@kopi.corner is a personal account"):
        come_back(staff)
    assert fake.asked(REVOKE)
    assert nothing_was_made()


def test_a_profile_that_can_not_be_read_leaves_nothing_behind(fake, staff):
    fake.on("/business/get/", (500, b""))
    fake.on(REVOKE, (500, b""))
    with pytest.raises(connecting.TikTokAway):
        come_back(staff)
    assert fake.asked(REVOKE)
    assert nothing_was_made()


def test_reconnecting_with_another_account_names_both_and_changes_neither(fake, staff, make_channel, at):
    wanted = make_channel("biz-2", username="teh.corner", name="Tea", status="disconnected")
    with pytest.raises(connecting.OtherAccount) as raised:
        come_back(staff, channel=wanted)
    assert "@teh.corner" in raised.value.sentence
    assert "@kopi.corner" in raised.value.sentence
    assert fake.asked(REVOKE)
    assert not Channel.objects.filter(business_id="biz-1").exists()


def test_access_of_an_account_that_is_connected_here_is_never_given_back(fake, staff, channel, make_channel):
    wanted = make_channel("biz-2", username="teh.corner", name="Tea", status="disconnected")
    with pytest.raises(connecting.OtherAccount):
        come_back(staff, channel=wanted)
    assert not fake.asked(REVOKE)
    assert Credential.objects.get(pk="biz-1").access_token == "act.secret.biz-1"


def test_a_webhook_that_can_not_be_registered_leaves_the_channel_connected_and_is_said(fake, staff):
    fake.on("/business/webhook/update/", refusal(40113))
    channel = come_back(staff)
    assert channel.status == "connected"
    stored = Channel.objects.get()
    assert "does not deliver messages here yet" in stored.webhook_error
    assert stored.webhook_error == channel.webhook_error
    fake.on("/business/webhook/update/", ok())
    connecting.register_webhook(at=NOW)
    stored.refresh_from_db()
    assert stored.webhook_error == ""
    told = list(ChannelEvent.objects.order_by("pk").values_list("kind", flat=True))
    assert told == ["connected", "troubled", "recovered"], "each change of its state is a row"


# ── Afterwards ────────────────────────────────────────────────────────────────────────────────────────


def test_a_channel_is_disconnected_once_with_the_reason(channel, at):
    twin = Channel.objects.get()
    assert disconnect(channel=channel, reason="TikTok said so.", at=at)
    assert not disconnect(channel=twin, reason="Another.", at=at)
    channel.refresh_from_db()
    assert (channel.status, channel.reason) == ("disconnected", "TikTok said so.")
    assert ChannelEvent.objects.get().detail == "TikTok said so."


@pytest.mark.parametrize(
    ("reply", "said"), [(ok(), ""), ((500, b""), "TikTok did not take the access back."), (refusal(40105), "")]
)
def test_removing_gives_the_access_back_as_well_as_it_can_says_so_and_deletes_the_tokens(
    fake, channel, staff, at, reply, said
):
    fake.on(REVOKE, reply)
    assert remove(channel=channel, actor=staff, at=at)
    assert fake.bodies(REVOKE)[0]["access_token"] == "act.secret.biz-1"
    assert (channel.status, channel.credential) == ("removed", None)
    assert not Credential.objects.exists()
    assert not remove(channel=channel, actor=staff, at=at)
    happened = ChannelEvent.objects.get()
    assert happened.kind == "removed"
    assert happened.detail.startswith(said)
    assert bool(happened.detail) == bool(said)


def test_renaming_trims_and_notes_who_did_it(channel, staff, at):
    assert rename(channel=channel, name="  Bar  ", actor=staff, at=at)
    assert not rename(channel=channel, name="Bar", actor=staff, at=at)
    assert Channel.objects.get().name == "Bar"
    event = ChannelEvent.objects.get()
    assert (event.detail, event.actor) == ("from “Front desk” to “Bar”", staff)


@pytest.mark.parametrize(("name", "words"), [("", "needs a name"), (" \n", "needs a name"), ("x" * 81, "has 81")])
def test_a_name_that_can_not_be_is_refused_in_words(channel, staff, at, name, words):
    with pytest.raises(connecting.NameRefused, match=words):
        rename(channel=channel, name=name, actor=staff, at=at)


# ── In the browser ────────────────────────────────────────────────────────────────────────────────────


def told(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def browser(client, staff):
    client.force_login(staff)
    with time_machine.travel(NOW, tick=False):
        yield client


def test_a_person_goes_to_tiktok_and_comes_back_to_the_channels(fake, browser):
    away = browser.get("/channels/tiktok/connect/")
    assert away.status_code == 302
    assert away["Location"].startswith("http://tiktok.test/v2/auth/authorize?")
    back = browser.get("/channels/tiktok/callback/", {"code": "c", "state": query_of(away["Location"])["state"]})
    channel = Channel.objects.get()
    assert (back.status_code, back["Location"]) == (302, f"/admin/channels_tiktok/channel/{channel.pk}/connected/")
    assert LogEntry.objects.get().get_change_message() == "Connected as @kopi.corner."
    assert told(back) == ["Kopi Corner (@kopi.corner) is connected."]
    assert browser.get("/channels/tiktok/")["Location"] == "/admin/channels_tiktok/channel/"


def test_reconnecting_begins_with_the_channel(fake, browser, channel):
    browser.get("/channels/tiktok/connect/", {"channel": channel.pk})
    assert OAuthState.objects.get().channel == channel


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"state": "x", "code": "c"},
        {"error": "access_denied"},
        {"state": "\x00", "code": "\x00"},
        {"state": "é:é"},
    ],
)
def test_whatever_comes_back_ends_on_the_channels_with_a_sentence(fake, browser, query):
    back = browser.get("/channels/tiktok/callback/", query)
    assert (back.status_code, back["Location"]) == (302, "/channels/tiktok/")
    assert len(told(back)) == 1


@pytest.mark.parametrize("channel", ["", "x", "²", "999", "9" * 18])
def test_a_channel_that_does_not_exist_is_simply_not_reconnected(fake, browser, channel):
    assert browser.get("/channels/tiktok/connect/", {"channel": channel}).status_code == 302


def test_a_failing_webhook_is_told_beside_the_success(fake, browser):
    fake.on("/business/webhook/update/", (500, b""))
    state = query_of(browser.get("/channels/tiktok/connect/")["Location"])["state"]
    back = browser.get("/channels/tiktok/callback/", {"code": "c", "state": state})
    assert len(told(back)) == 2


def test_what_is_not_set_up_is_told_in_the_browser(browser, settings):
    settings.TIKTOK_APP_ID = ""
    assert "TIKTOK_APP_ID" in told(browser.get("/channels/tiktok/connect/"))[0]


@pytest.mark.parametrize("path", ["connect/", "callback/?code=c&state=s"])
def test_who_is_not_logged_in_or_not_permitted_gets_no_further(client, django_user_model, path):
    response = client.get(f"/channels/tiktok/{path}")
    assert response["Location"].startswith("/login/?next=/channels/tiktok/")
    client.force_login(django_user_model.objects.create_user("agent"))
    assert client.get(f"/channels/tiktok/{path}").status_code == 403
