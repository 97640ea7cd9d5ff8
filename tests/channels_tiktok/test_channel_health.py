"""What a check finds, by the answers of a TikTok that really works, really refuses and really fails."""

from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command

from channels_tiktok import connecting, health, tokens
from channels_tiktok.errors import ReconnectNeeded
from channels_tiktok.models import Channel, ChannelEvent, Credential
from inbox import receiving
from tests.channels_tiktok.fake_tiktok import GRANT, PROFILE, ok, refusal

pytestmark = pytest.mark.django_db
TOKEN_INFO = "tt_user/token_info/get"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def connected(tiktok) -> Channel:
    """An account that is connected at the local TikTok, which delivers here."""
    return tiktok.connect()


def connect_with(tiktok, scope: str) -> Channel:
    """Connected, with only these permissions left."""
    channel = tiktok.connect()
    given = tiktok.control("/accounts/kopi.corner/tokens", scope=scope)
    Credential.objects.update(access_token=given["access_token"], refresh_token=given["refresh_token"])
    return channel


def check(channel, clock) -> health.Report:
    report = health.check_channel(channel=channel, at=clock())
    channel.refresh_from_db()
    return report


def history(channel) -> list[tuple[str, str]]:
    return list(channel.events.order_by("id").values_list("kind", "detail"))


ALL = ",".join(connecting.SCOPES)


def test_a_channel_that_works_has_no_problem_and_no_new_line_of_history(tiktok, connected, clock):
    report = check(connected, clock)
    assert (report.problems, report.notes) == ([], [])
    assert (connected.checked_at, connected.last_call_at, history(connected)) == (clock(), clock(), [])


# ── TikTok's clear word disconnects ───────────────────────────────────────────────────────────────────


def test_an_owner_who_took_the_access_back(tiktok, connected, clock):
    tiktok.control("/accounts/kopi.corner/revoke")
    report = check(connected, clock)
    assert connected.status == "disconnected"
    assert "no longer accepts the permission" in connected.reason
    assert "Connect the account again" in connected.reason
    assert report.problems == [f"Disconnected: {connected.reason}"]
    assert history(connected) == [("disconnected", connected.reason)]


def test_a_permission_that_ran_out_after_its_year(tiktok, connected, clock):
    clock.at += timedelta(days=366)
    check(connected, clock)
    assert connected.status == "disconnected"
    assert "once a year" in connected.reason


@pytest.mark.parametrize("scope", ["message.list.read", "message.list.send", "message.list.manage"])
def test_a_single_permission_that_was_taken_back_is_named(tiktok, clock, scope):
    channel = connect_with(tiktok, ALL.replace(scope + ",", ""))
    check(channel, clock)
    assert channel.status == "disconnected"
    assert f"“{connecting.SCOPES[scope]}”" in channel.reason


def test_a_refused_send_names_the_missing_permission_too(tiktok, clock):
    channel = connect_with(tiktok, ALL.replace("message.list.send,", ""))

    def send(token):
        return tokens.tiktok().send_message(
            token=token, business_id=channel.business_id, conversation_id="x", text="Hi"
        )

    with pytest.raises(ReconnectNeeded, match="Send direct messages"):
        tokens.with_access(channel=channel, at=clock(), call=send)
    channel.refresh_from_db()
    assert "“Send direct messages”" in channel.reason


def test_an_account_that_is_no_longer_a_business_account(tiktok, clock):
    tiktok.control("/accounts", username="my.life", is_business_account=False)
    channel = tiktok.connect("my.life")
    check(channel, clock)
    assert channel.status == "disconnected"
    assert "no longer a Business Account" in channel.reason


# ── Everything else leaves it connected, in words ─────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "http_status", "http_status": 502}, "could not be reached"),
        ({"kind": "hang_after", "seconds": 0}, "could not be reached"),
        ({"kind": "reset_before"}, "could not be reached"),
        ({"kind": "garbage"}, "could not be reached"),
        ({"kind": "code", "code": 51065}, "could not be reached"),
        ({"kind": "code", "code": 40100}, "could not be reached"),
        (
            {"kind": "code", "code": 40100, "message": "App is temporarily restricted."},
            "App is temporarily restricted.",
        ),
        ({"kind": "code", "code": 40118}, "feature or region"),
        ({"kind": "code", "code": 41000}, "country"),
        ({"kind": "code", "code": 40113}, "blocked this app"),
        ({"kind": "code", "code": 40003, "message": "Account suspended."}, "“Account suspended.”"),
        ({"kind": "code", "code": 40003, "message": "Account suspended."}, "log in to TikTok as the account"),
        ({"kind": "code", "code": 49999, "message": "New."}, "“New.”"),
    ],
)
def test_a_fault_or_another_refusal_marks_it_and_the_next_good_check_clears_it(
    tiktok, connected, clock, fault, words
):
    tiktok.fault(**fault, path=TOKEN_INFO, count=2)
    for _ in range(2):
        report = check(connected, clock)
        clock.at += 15 * MINUTE
        assert connected.status == "connected"
        assert words in connected.trouble
        assert report.problems == [connected.trouble]
    trouble = connected.trouble
    assert check(connected, clock).problems == []
    assert (connected.trouble, history(connected)) == ("", [("troubled", trouble), ("recovered", "")])


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"creator_id": "biz-1", "scope": ""},
        {"creator_id": "biz-1", "scope": "2,5,12000000"},
        {"creator_id": "biz-1", "scope": ["message.list.read"]},
        {"creator_id": "somebody-else", "scope": GRANT["scope"]},
        {"creator_id": "somebody-else", "scope": "user.info.basic"},
        {
            "creator_id": "biz-1",
            "scope": "user.info.basic,message.list.read,message.list.send,message.list.manage",
        },
    ],
)
def test_odd_answers_never_disconnect(fake, channel, at, answer):
    fake.on(f"/{TOKEN_INFO}/", ok(**answer))
    fake.on("/business/webhook/list/", ok(callback_url="http://testserver/webhooks/tiktok/"))
    fake.on("/business/message/conversation/list/", ok(conversations="none", has_more="?"))
    fake.on("/business/get/", ok(is_business_account="no", username=7))
    report = health.check_channel(channel=channel, at=at)
    channel.refresh_from_db()
    assert channel.status == "connected"
    assert len(report.problems) == 1
    assert channel.username in ("kopi.corner", "7")


@pytest.mark.parametrize("code", [40003, 40006, 40008, 40300, 41001, 49999])
def test_a_renewal_that_is_refused_for_another_reason_than_its_token_does_not_disconnect(
    fake, make_channel, at, code
):
    channel = make_channel(access_left=MINUTE)
    fake.on("/tt_user/oauth2/refresh_token/", refusal(code))
    fake.on("/business/webhook/list/", ok(callback_url="http://testserver/webhooks/tiktok/"))
    health.check_channel(channel=channel, at=at)
    channel.refresh_from_db()
    assert (channel.status, channel.trouble) == ("connected", health.UNREACHABLE)


def test_a_refused_profile_disconnects_nobody(fake, channel, at):
    fake.on(f"/{TOKEN_INFO}/", ok(creator_id="biz-1", scope=GRANT["scope"]))
    fake.on("/business/get/", refusal(40001, "No."))
    fake.on("/business/message/conversation/list/", ok())
    fake.on("/business/webhook/list/", ok(callback_url="http://testserver/webhooks/tiktok/"))
    report = health.check_channel(channel=channel, at=at)
    assert "did not show the account's profile" in report.problems[0]
    assert channel.status == "connected"


def test_tokens_that_can_not_be_decrypted_are_said_to_be_so(tiktok, connected, clock, settings):
    keys, settings.TOKEN_ENCRYPTION_KEYS = (
        settings.TOKEN_ENCRYPTION_KEYS,
        ["T3RoZXJPdGhlck90aGVyT3RoZXJPdGhlck90aGVyT3Q="],
    )
    assert "TOKEN_ENCRYPTION_KEYS" in check(connected, clock).problems[0]
    assert connected.status == "connected"
    settings.TOKEN_ENCRYPTION_KEYS = keys


def test_a_new_name_at_tiktok_is_taken_over_and_ours_stays(fake, channel, at):
    fake.on(f"/{TOKEN_INFO}/", ok(creator_id="biz-1", scope=GRANT["scope"]))
    fake.on("/business/get/", ok(**{**PROFILE, "username": "kopi.house"}))
    fake.on("/business/message/conversation/list/", ok())
    fake.on("/business/webhook/list/", ok(callback_url="http://testserver/webhooks/tiktok/"))
    report = health.check_channel(channel=channel, at=at)
    assert report.notes == ["The account was called @kopi.corner before."]
    channel.refresh_from_db()
    assert (channel.username, channel.name) == ("kopi.house", "Front desk")


# ── The webhook ───────────────────────────────────────────────────────────────────────────────────────


def test_a_webhook_that_points_elsewhere_is_named_and_not_replaced(tiktok, connected, clock):
    tiktok.control("/webhooks", callback_url="https://other.example.com/webhooks/tiktok/")
    assert "https://other.example.com/webhooks/tiktok/ instead of here" in check(connected, clock).problems[0]
    assert (connected.status, connected.trouble) == ("connected", "")
    assert tiktok.look("/webhooks")["callback_url"] == "https://other.example.com/webhooks/tiktok/"
    connecting.register_webhook(at=clock())
    assert check(connected, clock).problems == []


def test_a_missing_webhook_is_said_with_the_command_that_makes_it(fake, channel, at):
    fake.on("/business/webhook/list/", ok())
    assert health.ask_webhook() == health.NO_WEBHOOK
    fake.on("/business/webhook/list/", refusal(40101))
    assert "id and secret" in health.ask_webhook()
    fake.on("/business/webhook/list/", (502, b"<html>"))
    assert health.ask_webhook() is None


def test_silence_is_noticed_after_five_minutes_and_ends_with_the_next_delivery(tiktok, connected, clock):
    clock.at += MINUTE
    tiktok.write(tiktok.customer(), "Is anybody there?")
    clock.at += 5 * MINUTE
    assert check(connected, clock).problems == [], "TikTok may still be about to deliver it"
    clock.at += MINUTE
    connected.connected_at -= timedelta(hours=1)
    connected.save()
    assert check(connected, clock).problems == [health.SILENT]
    with time_machine.travel(clock(), tick=False):
        tiktok.deliver()
    assert check(connected, clock).problems == [], "it is delivered, and waits for our own worker"
    receiving.drain(clock=clock)
    assert check(connected, clock).problems == []


def test_what_was_written_before_the_account_was_connected_is_no_silence(tiktok, connected, clock):
    tiktok.write(tiktok.customer(), "Hello")
    clock.at += timedelta(hours=1)
    Channel.objects.update(connected_at=clock())
    clock.at += timedelta(hours=1)
    assert check(connected, clock).problems == []


# ── Many ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_sweep_looks_at_the_longest_unchecked_first_and_ends_when_tiktok_is_away(tiktok, connected, clock):
    other = tiktok.control("/accounts", username="tea.corner")
    second = tiktok.connect(other["username"], name="Tea Corner")
    Channel.objects.filter(pk=second.pk).update(checked_at=clock() - timedelta(hours=1))
    tiktok.fault("http_status", path=TOKEN_INFO)
    assert health.sweep(clock=clock) is False
    connected.refresh_from_db()
    second.refresh_from_db()
    assert (connected.trouble, second.trouble) == (health.UNREACHABLE, "")
    assert health.sweep(clock=clock) is False
    second.refresh_from_db()
    assert second.checked_at == clock()


def test_the_sweep_hands_over_when_its_time_is_up(tiktok, connected, clock):
    def later():
        clock.at += timedelta(seconds=20)
        return clock.at

    assert health.sweep(clock=later) is True


def test_a_check_that_breaks_stops_no_other(tiktok, connected, clock, monkeypatch):
    second = tiktok.connect(tiktok.control("/accounts", username="tea.corner")["username"], name="Tea Corner")
    real = health.check_channel

    def breaking(*, channel, **rest):
        if channel == connected:
            raise ZeroDivisionError
        return real(channel=channel, **rest)

    monkeypatch.setattr(health, "check_channel", breaking)
    reports = {report.channel: report.problems for report in health.check_all(at=clock())}
    assert reports == {connected: ["The check itself failed; the log says why."], second: []}


def test_the_command_says_what_is_wrong_and_ends_with_1(tiktok, connected, clock, capsys):
    with time_machine.travel(clock(), tick=False):
        call_command("check_channels")
        assert "Kopi Corner (@kopi.corner): works." in capsys.readouterr().out
        tiktok.control("/accounts/kopi.corner/revoke")
        for _ in range(2):
            with pytest.raises(CommandError, match="1 of 1 channels need attention"):
                call_command("check_channels")
            assert "Disconnected:" in capsys.readouterr().out


def test_without_channels_the_command_says_so(tiktok, db, capsys):
    call_command("check_channels")
    assert "No channel is connected." in capsys.readouterr().out


# ── What staff are told ───────────────────────────────────────────────────────────────────────────────


def test_notices_say_each_thing_once_and_cost_one_query(make_channel, at, django_assert_num_queries):
    make_channel("biz-1", name="Fine")
    make_channel("biz-2", name="Gone", status="removed")
    make_channel("biz-3", name="Off", status="disconnected", reason="The owner withdrew it.")
    make_channel("biz-4", name="Odd", trouble="One.\nTwo.", webhook_error="Three.")
    ending = make_channel("biz-5", name="Old")
    Credential.objects.filter(pk="biz-5").update(refresh_expires_at=at + timedelta(days=30))
    with django_assert_num_queries(1):
        told = {notice.channel.name: notice.sentence for notice in health.notices(at=at)}
    assert told == {
        "Off": "Off is disconnected: The owner withdrew it.",
        "Odd": "Odd: One. Two. Three.",
        "Old": tokens.consent_ends_soon(ending, at),
    }
    assert "by 31 August 2026" in told["Old"]


def test_history_lines_are_append_only_and_name_their_time(tiktok, connected, clock):
    tiktok.fault("http_status", path=TOKEN_INFO)
    check(connected, clock)
    event = ChannelEvent.objects.get()
    assert (event.kind, event.at, event.actor) == ("troubled", clock(), None)
