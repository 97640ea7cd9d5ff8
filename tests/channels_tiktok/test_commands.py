from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django_q.models import OrmQ

from channels_tiktok import journal
from channels_tiktok.management.commands.replay_events import a_time
from channels_tiktok.models import Channel, Credential, OAuthState, WebhookEvent
from channels_tiktok.tasks import purge_old_events
from tests.channels_tiktok.fake_tiktok import GRANT, ok, refusal

pytestmark = pytest.mark.django_db
REFRESH = "/tt_user/oauth2/refresh_token/"


@pytest.fixture
def person(monkeypatch, capsys):
    """A person at the terminal, who opens the printed address and pastes the one that TikTok led to."""

    def answers(prompt):
        address = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("http"))
        state = parse_qs(urlsplit(address).query)["state"][0]
        return f"  http://testserver/channels/tiktok/callback/?code=code-1&state={state}  "

    monkeypatch.setattr("builtins.input", answers)


def test_an_account_is_connected_from_the_command_line(fake, person, staff, capsys):
    call_command("connect_channel", user="amira")
    channel = Channel.objects.get()
    assert channel.connected_by == staff
    assert "Connected Kopi Corner (@kopi.corner)." in capsys.readouterr().out


def test_connecting_the_same_account_twice_is_harmless(fake, person):
    call_command("connect_channel")
    call_command("connect_channel")
    assert Channel.objects.get().connected_by is None


def test_a_consent_begun_by_an_earlier_run_is_finished_with_the_address(fake, monkeypatch, capsys):
    def closed(prompt):
        raise EOFError

    monkeypatch.setattr("builtins.input", closed)
    with pytest.raises(CommandError, match="--callback-url"):
        call_command("connect_channel")
    address = capsys.readouterr().out.splitlines()[1]
    state = parse_qs(urlsplit(address).query)["state"][0]
    call_command("connect_channel", callback_url=f"https://x.example/callback/?code=c&state={state}")
    assert Channel.objects.get().status == "connected"
    with pytest.raises(CommandError, match="already finished"):
        call_command("connect_channel", callback_url=f"https://x.example/callback/?code=c&state={state}")


def test_what_goes_wrong_is_said_in_a_sentence(fake, person):
    fake.on("/tt_user/oauth2/token/", refusal(40110))
    with pytest.raises(CommandError, match="already used"):
        call_command("connect_channel")
    with pytest.raises(CommandError, match="no user called nobody"):
        call_command("connect_channel", user="nobody")
    with pytest.raises(CommandError, match="“state”"):
        call_command("connect_channel", callback_url="https://x.example/")
    assert not OAuthState.objects.exists()


def test_a_webhook_that_could_not_be_registered_fails_the_command_but_not_the_channel(fake, person):
    fake.on("/business/webhook/update/", refusal(40113))
    with pytest.raises(CommandError, match="does not deliver messages here yet"):
        call_command("connect_channel")
    assert Channel.objects.get().status == "connected"


def test_the_webhook_is_registered_and_the_former_address_named(fake, channel, capsys):
    Channel.objects.update(webhook_error="It failed.")
    fake.on("/business/webhook/list/", ok(callback_url="https://old.example/"))
    call_command("register_webhook")
    assert capsys.readouterr().out.splitlines() == [
        "Until now TikTok delivered to https://old.example/.",
        "TikTok delivers to http://testserver/webhooks/tiktok/.",
    ]
    assert Channel.objects.get().webhook_error == ""


def test_a_webhook_that_tiktok_refuses_fails_the_command(fake):
    fake.on("/business/webhook/list/", refusal(40101))
    with pytest.raises(CommandError, match="request REQ1"):
        call_command("register_webhook")


def test_access_is_renewed_one_line_per_channel(fake, channel, capsys):
    fake.on(REFRESH, ok(**{**GRANT, "access_token": "act.secret.new"}))
    Credential.objects.update(access_expires_at="2020-01-01T00:00Z")
    call_command("refresh_tokens")
    call_command("refresh_tokens")
    assert capsys.readouterr().out.splitlines() == [
        "Front desk (@kopi.corner): renewed",
        "No access ends soon.",
    ]


def test_a_renewal_that_failed_fails_the_command(fake, channel, capsys):
    fake.on(REFRESH, refusal(40107))
    with pytest.raises(CommandError, match="1 of 1 could not be renewed"):
        call_command("refresh_tokens", all=True)
    assert "not renewed: TikTok no longer accepts" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["connect_channel", "register_webhook", "refresh_tokens"])
def test_help_comes_with_an_example(command, capsys):
    with pytest.raises(SystemExit):
        call_command(command, "--help")
    assert f"manage.py {command}" in capsys.readouterr().out


# ── The journal ───────────────────────────────────────────────────────────────────────────────────────


def store(number, *, at, state="processed", ago=timedelta()):
    event = journal.store_delivery(body=b'{"n": %d}' % number, log_id="", at=at - ago)
    settled = None if state == "pending" else at - ago
    WebhookEvent.objects.filter(pk=event.pk).update(state=state, settled_at=settled, error="why")
    return event


def states():
    return list(WebhookEvent.objects.order_by("id").values_list("state", flat=True))


@pytest.mark.parametrize(
    ("options", "replayed"),
    [
        ({"state": "failed"}, [1]),
        ({"since": "2026-08-01T00:00:00Z"}, [1, 2]),
        ({"until": "2026-08-01"}, [0]),
        ({"since": "2026-07-01", "state": "processed"}, [0, 2]),
    ],
)
def test_settled_events_are_replayed_by_state_and_time(at, capsys, options, replayed):
    store(0, at=at, ago=timedelta(days=2))
    store(1, at=at, state="failed")
    store(2, at=at)
    call_command("replay_events", **{"dry_run": True, **options_of(options)})
    assert "pending" not in states()
    call_command("replay_events", **options_of(options))
    assert [place for place, state in enumerate(states()) if state == "pending"] == replayed
    assert f"{len(replayed)} of {len(replayed)}" in capsys.readouterr().out


def options_of(texts):
    return {name: text if name == "state" else a_time(text) for name, text in texts.items()}


def test_events_are_replayed_by_number(at):
    first, second = store(0, at=at), store(1, at=at)
    call_command("replay_events", str(second.pk))
    assert states() == ["processed", "pending"]
    with pytest.raises(CommandError, match="no such settled event"):
        call_command("replay_events", str(first.pk), "999999")
    with pytest.raises(CommandError, match="Say which"):
        call_command("replay_events")
    with pytest.raises(CommandError, match="not a time"):
        call_command("replay_events", "--since", "yesterday")


def test_many_events_are_replayed_in_batches(at, monkeypatch, capsys):
    monkeypatch.setattr(journal, "REPLAYED_AT_ONCE", 2)
    for number in range(5):
        store(number, at=at)
    call_command("replay_events", state="processed")
    assert "2 of 5 event(s)" in capsys.readouterr().out
    assert states() == ["pending"] * 5


def test_old_settled_events_are_purged_in_batches(at, monkeypatch, capsys):
    monkeypatch.setattr(journal, "PURGED_AT_ONCE", 2)
    old = timedelta(days=31)
    for number in range(3):
        store(number, at=at, ago=old)
    for number, state in enumerate(["failed", "pending", "ignored"], start=3):
        store(number, at=at, ago=old, state=state)
    store(6, at=at, ago=timedelta(days=29))
    with time_machine.travel(at, tick=False):
        call_command("purge_events")
        assert states() == ["failed", "pending", "processed"], "what was never dealt with stays"
        assert "4 event(s) settled before 2026-07-02" in capsys.readouterr().out
        call_command("purge_events", days=28, with_failed=True)
    assert states() == ["pending"]
    with pytest.raises(CommandError, match="negative"):
        call_command("purge_events", days=-1)


def test_the_daily_purge_works_in_small_pieces(at, monkeypatch):
    monkeypatch.setattr(journal, "PURGED_AT_ONCE", 2)
    for number in range(3):
        store(number, at=at, ago=timedelta(days=31))
    with time_machine.travel(at, tick=False):
        purge_old_events()
        assert len(states()) == 1
        assert OrmQ.objects.count() == 1, "it rings for the rest"
        purge_old_events()
        purge_old_events()
    assert states() == []
