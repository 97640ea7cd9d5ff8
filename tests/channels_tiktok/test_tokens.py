import logging
import threading
from datetime import timedelta

import pytest
import requests
from django.db import connection
from django.utils import timezone

from channels_tiktok import tokens
from channels_tiktok.errors import (
    AccessExpired,
    AppMisconfigured,
    Busy,
    DirectMessageRefused,
    ReconnectNeeded,
)
from channels_tiktok.models import Channel, ChannelEvent, Credential
from channels_tiktok.tasks import refresh_due_tokens
from channels_tiktok.tokens import access_token, refresh_due, with_access
from tests.channels_tiktok.fake_tiktok import GRANT, ok, refusal

pytestmark = pytest.mark.django_db
REFRESH = "/tt_user/oauth2/refresh_token/"
NEW = {
    **GRANT,
    "access_token": "act.secret.new",
    "refresh_token": "rft.secret.new",
    "refresh_token_expires_in": 1000,
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(tokens.time, "sleep", lambda seconds: None)


@pytest.fixture
def ending(make_channel):
    return make_channel(access_left=timedelta(minutes=4, seconds=59))


@pytest.fixture
def renewing(fake):
    fake.on(REFRESH, ok(**NEW))
    return fake


def status(channel):
    return Channel.objects.get(pk=channel.pk).status


# ── A good token ──────────────────────────────────────────────────────────────────────────────────────


def test_a_token_with_five_minutes_left_is_used_as_it_is(fake, make_channel, at, django_assert_num_queries):
    channel = make_channel(access_left=timedelta(minutes=5))
    with django_assert_num_queries(1):
        assert access_token(channel=channel, at=at) == "act.secret.biz-1"
    assert fake.requests == []


def test_a_token_with_less_is_renewed_and_all_that_came_is_stored(renewing, ending, at):
    assert access_token(channel=ending, at=at) == "act.secret.new"
    credential = Credential.objects.get()
    assert (credential.access_token, credential.refresh_token) == ("act.secret.new", "rft.secret.new")
    assert credential.access_expires_at == at + timedelta(hours=24)
    assert credential.refresh_expires_at == at + timedelta(seconds=1000)
    assert (credential.refreshing_until, credential.refreshed_at) == (None, at)
    assert renewing.bodies(REFRESH) == [
        {
            "client_id": "7400000000000000001",
            "client_secret": "example_app_secret_0001",
            "grant_type": "refresh_token",
            "refresh_token": "rft.secret.biz-1",
        }
    ]


def test_what_tiktok_leaves_out_stays_as_it_was(fake, ending, at):
    before = Credential.objects.get()
    fake.on(REFRESH, ok(access_token="act.secret.new", refresh_token=""))
    assert access_token(channel=ending, at=at) == "act.secret.new"
    after = Credential.objects.get()
    assert (after.refresh_token, after.refresh_expires_at, after.scopes) == (
        before.refresh_token,
        before.refresh_expires_at,
        before.scopes,
    )
    assert after.access_expires_at == at + timedelta(hours=24)


@pytest.mark.parametrize("odd", [{"access_token": ""}, {"access_token": None}, {"open_id": "biz-2"}])
def test_an_answer_without_a_token_or_for_another_account_is_not_stored(fake, ending, at, odd):
    fake.on(REFRESH, ok(**{**NEW, **odd}))
    with pytest.raises(Busy):
        access_token(channel=ending, at=at)
    credential = Credential.objects.get()
    assert (credential.access_token, credential.refreshing_until) == ("act.secret.biz-1", None)
    assert status(ending) == "connected"


@pytest.mark.parametrize(
    "reply",
    [
        refusal(40100),
        refusal(51065),
        (500, b"<html>"),
        (403, b"<html>"),
        (200, b"<html>"),
        requests.ReadTimeout(),
        requests.ConnectTimeout(),
    ],
)
def test_a_passing_fault_never_disconnects(fake, ending, at, reply):
    fake.on(REFRESH, reply)
    with pytest.raises(Busy):
        access_token(channel=ending, at=at)
    assert status(ending) == "connected"
    assert Credential.objects.get().refreshing_until is None


@pytest.mark.parametrize("code", [40103, 40107, 40105, 40002])
def test_a_refused_renewal_disconnects_with_the_reason_and_asks_no_more(fake, ending, at, code):
    fake.on(REFRESH, refusal(code))
    with pytest.raises(ReconnectNeeded) as raised:
        access_token(channel=ending, at=at)
    ending.refresh_from_db()
    assert ending.status == "disconnected"
    assert ending.reason == raised.value.sentence
    assert "Connect the account again." in ending.reason
    assert raised.value.code == code
    assert ChannelEvent.objects.get().detail == ending.reason
    with pytest.raises(ReconnectNeeded, match="Connect the account again"):
        access_token(channel=ending, at=at)
    assert len(fake.asked(REFRESH)) == 1


def test_a_misconfigured_app_is_the_operators_matter_and_disconnects_nobody(fake, ending, at):
    fake.on(REFRESH, refusal(40101))
    with pytest.raises(AppMisconfigured):
        access_token(channel=ending, at=at)
    assert status(ending) == "connected"


@pytest.mark.parametrize("gone", ["disconnected", "removed"])
def test_a_channel_that_is_not_connected_has_no_token(fake, make_channel, at, gone):
    channel = make_channel(status=gone, reason="The owner withdrew it.")
    with pytest.raises(ReconnectNeeded, match="The owner withdrew it"):
        access_token(channel=channel, at=at)


def test_tokens_that_can_not_be_decrypted_are_the_operators_matter(channel, at, settings):
    settings.TOKEN_ENCRYPTION_KEYS = ["T3RoZXJPdGhlck90aGVyT3RoZXJPdGhlck90aGVyT3Q="]
    with pytest.raises(AppMisconfigured, match="TOKEN_ENCRYPTION_KEYS"):
        access_token(channel=channel, at=at)
    assert refresh_due(at=at, everyone=True)[0].error is not None
    settings.TOKEN_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
    assert status(channel) == "connected"


# ── The lease ─────────────────────────────────────────────────────────────────────────────────────────


def test_who_does_not_get_the_lease_waits_for_the_new_token(renewing, ending, at, monkeypatch):
    Credential.objects.update(refreshing_until=at + timedelta(seconds=30))
    looks = []

    def somebody_finishes(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            Credential.objects.update(access_token="act.secret.theirs", refreshing_until=None)

    monkeypatch.setattr(tokens.time, "sleep", somebody_finishes)
    assert access_token(channel=ending, at=at) == "act.secret.theirs"
    assert looks == [0.2, 0.2, 0.2]
    assert renewing.requests == []


def test_who_waits_too_long_is_told_to_try_again(renewing, ending, at):
    Credential.objects.update(refreshing_until=at + timedelta(seconds=30))
    with pytest.raises(Busy):
        access_token(channel=ending, at=at)
    assert renewing.requests == []


def test_a_lease_whose_holder_died_ends_by_itself(renewing, ending, at):
    Credential.objects.update(refreshing_until=at)
    assert access_token(channel=ending, at=at) == "act.secret.new"


def test_who_gets_the_lease_after_a_renewal_does_not_renew_again(renewing, ending, at):
    Credential.objects.update(access_token="act.secret.theirs")
    assert tokens._renewed(ending, stale="act.secret.biz-1", at=at) == "act.secret.theirs"
    assert Credential.objects.get().refreshing_until is None
    assert renewing.requests == []


def test_an_account_that_is_connected_anew_during_a_renewal_keeps_its_new_tokens(fake, ending, at):
    def answer(request):
        Credential.objects.update(access_token="act.secret.anew", refreshing_until=None)
        return ok(**NEW)

    fake.on(REFRESH, answer)
    assert access_token(channel=ending, at=at) == "act.secret.anew"
    assert Credential.objects.get().refresh_token == "rft.secret.biz-1"


def test_a_refused_renewal_does_not_disconnect_an_account_that_was_connected_anew(fake, ending, at):
    def answer(request):
        Credential.objects.update(access_token="act.secret.anew", refreshing_until=None)
        return refusal(40107)

    fake.on(REFRESH, answer)
    with pytest.raises(Busy):
        access_token(channel=ending, at=at)
    assert status(ending) == "connected"


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_eight_threads_that_need_a_token_renew_it_once(fake, make_channel, at, monkeypatch):
    channel = make_channel(access_left=timedelta(minutes=1))
    start, all_wait = threading.Barrier(8), threading.Event()
    waiting, got, failed = set(), [], []

    def wait(seconds):
        waiting.add(threading.get_ident())
        if len(waiting) == 7:
            all_wait.set()
        threading.Event().wait(0.01)

    def answer(request):
        assert all_wait.wait(10), "seven should be waiting for the one that renews"
        return ok(**NEW)

    def need():
        try:
            start.wait()
            got.append(access_token(channel=channel, at=at))
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    monkeypatch.setattr(tokens.time, "sleep", wait)
    fake.on(REFRESH, answer)
    threads = [threading.Thread(target=need) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert got == ["act.secret.new"] * 8
    assert len(fake.asked(REFRESH)) == 1


# ── A call with access ────────────────────────────────────────────────────────────────────────────────


class Call:
    """Refuses the tokens that it is told to, and remembers what it was called with."""

    def __init__(self, refusals):
        self.refusals, self.tokens = refusals, []

    def __call__(self, token):
        self.tokens.append(token)
        if token in self.refusals:
            raise self.refusals[token]
        return "done"


def test_a_refused_token_is_renewed_once_and_the_call_repeated(renewing, channel, at):
    call = Call({"act.secret.biz-1": AccessExpired("Run out.", code=40102)})
    assert with_access(channel=channel, at=at, call=call) == "done"
    assert call.tokens == ["act.secret.biz-1", "act.secret.new"]


@pytest.mark.parametrize(
    "error", [AccessExpired("No.", code=40105), ReconnectNeeded("No permission.", code=40001)]
)
def test_a_token_that_is_refused_after_its_renewal_disconnects_the_channel(renewing, channel, at, error):
    call = Call({"act.secret.biz-1": error, "act.secret.new": error})
    with pytest.raises(ReconnectNeeded):
        with_access(channel=channel, at=at, call=call)
    channel.refresh_from_db()
    assert channel.status == "disconnected"
    assert channel.reason
    assert len(renewing.asked(REFRESH)) == 1


@pytest.mark.parametrize("error", [Busy("Busy."), DirectMessageRefused("Rules.", code=40064)])
def test_other_errors_of_the_call_pass_through_and_cost_no_renewal(renewing, channel, at, error):
    with pytest.raises(type(error)):
        with_access(channel=channel, at=at, call=Call({"act.secret.biz-1": error}))
    assert renewing.requests == []
    assert status(channel) == "connected"


def test_a_token_that_somebody_renewed_meanwhile_is_used_without_renewing_again(renewing, channel, at):
    def call(token):
        if token == "act.secret.biz-1":
            Credential.objects.update(access_token="act.secret.theirs")
            raise AccessExpired("Run out.", code=40102)
        return token

    assert with_access(channel=channel, at=at, call=call) == "act.secret.theirs"
    assert renewing.requests == []


def test_a_passing_fault_of_the_renewal_leaves_the_call_to_be_tried_again(fake, channel, at):
    fake.on(REFRESH, (500, b""))
    with pytest.raises(Busy):
        with_access(channel=channel, at=at, call=Call({"act.secret.biz-1": AccessExpired("x", code=40105)}))
    assert status(channel) == "connected"


# ── Ahead of time ─────────────────────────────────────────────────────────────────────────────────────


def test_access_that_ends_soon_is_renewed_and_one_failure_stops_none(fake, make_channel, at):
    def answer(request):
        return refusal(40107) if b"biz-2" in request.body else ok(**{**NEW, "open_id": ""})

    fake.on(REFRESH, answer)
    for number, hours in enumerate([1, 1, 1, 3], start=1):
        make_channel(f"biz-{number}", access_left=timedelta(hours=hours))
    make_channel("biz-5", access_left=timedelta(hours=1), status="disconnected")
    renewals = {renewal.channel.business_id: renewal.error for renewal in refresh_due(at=at)}
    assert {business_id for business_id, error in renewals.items() if error is None} == {"biz-1", "biz-3"}
    assert isinstance(renewals["biz-2"], ReconnectNeeded)
    assert refresh_due(at=at) == []


def test_the_moment_is_spread_over_half_an_hour(renewing, make_channel, at):
    moments = {tokens._due_before(make_channel(f"biz-{number}"), at) for number in range(20)}
    assert len(moments) > 10
    assert all(timedelta(minutes=90) < moment - at <= timedelta(hours=2) for moment in moments)


def test_the_task_renews_what_is_due(renewing, make_channel):
    channel = make_channel()
    Credential.objects.update(access_expires_at=timezone.now() + timedelta(minutes=30))
    refresh_due_tokens()
    assert Credential.objects.get(pk=channel.business_id).access_token == "act.secret.new"


def test_tokens_show_in_no_log_and_no_error(fake, ending, at, caplog):
    caplog.set_level(logging.DEBUG)
    fake.on(REFRESH, refusal(40107, "Invalid refresh token."))
    with pytest.raises(ReconnectNeeded) as raised:
        access_token(channel=ending, at=at)
    credential = Credential.objects.get()
    shown = f"{caplog.text} {raised.value} {raised.value!r} {credential} {credential!r} {ending!r}"
    assert "secret" not in shown
    assert "REQ1" in caplog.text
