from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command

from channels_tiktok.models import Channel, Credential, OAuthState
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
