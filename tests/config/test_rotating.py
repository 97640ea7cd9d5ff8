"""A new key comes in front, every secret moves under it, and nothing that is renewed meanwhile is lost."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from channels_tiktok import connecting, tokens
from channels_tiktok.models import Channel, Credential
from config import rotating
from config.encryption import SecretUnreadable
from tests.factories import NOW, make_channel
from tests.races.test_send_race import at_once

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
NEW = Fernet.generate_key().decode()


@pytest.fixture
def old(settings) -> str:
    """The key that everything is under when a test begins."""
    return settings.TOKEN_ENCRYPTION_KEYS[0]


@pytest.fixture
def with_new_key(settings, old):
    def put_in_front():
        settings.TOKEN_ENCRYPTION_KEYS = [NEW, old]

    return put_in_front


def stored() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token, refresh_token FROM channels_tiktok_credential ORDER BY business_id")
        return [secret for row in cursor.fetchall() for secret in row]


def under(key: str) -> int:
    """How many secrets can be read with `key` alone."""
    count = 0
    for secret in stored():
        try:
            Fernet(key).decrypt(secret)
            count += 1
        except Exception:
            continue
    return count


def test_every_secret_moves_under_the_first_key_and_stays_what_it_was(settings, with_new_key, capsys, monkeypatch):
    monkeypatch.setattr(rotating, "BATCH", 2)
    for number in range(5):
        make_channel(business_id=f"biz-{number}")
    with_new_key()
    call_command("rotate_token_key")
    assert "10 encrypted anew, 0 already under the first key, 0 unreadable." in capsys.readouterr().out
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    found = Credential.objects.order_by("business_id").values_list("access_token", "refresh_token")
    assert list(found) == [(f"act.biz-{number}", f"rft.biz-{number}") for number in range(5)]
    call_command("rotate_token_key")
    assert "0 encrypted anew, 10 already" in capsys.readouterr().out


def test_after_a_break_it_goes_on_where_it_stopped(with_new_key, monkeypatch):
    monkeypatch.setattr(rotating, "BATCH", 2)
    for number in range(5):
        make_channel(business_id=f"biz-{number}")
    with_new_key()

    def stop(column, looked_at):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotating.rotate(progress=stop)
    assert under(NEW) == 2
    counts = rotating.rotate(progress=lambda column, looked_at: None)
    assert (counts["changed"], counts["current"], under(NEW)) == (8, 2, 10)


def test_a_secret_that_no_key_reads_is_left_alone_and_ends_with_an_error(settings, with_new_key, capsys):
    make_channel(business_id="biz-1")
    settings.TOKEN_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    make_channel(business_id="biz-2")
    lost = stored()[2:]
    with_new_key()
    with pytest.raises(CommandError, match="can't be read"):
        call_command("rotate_token_key")
    assert "2 encrypted anew, 0 already under the first key, 2 unreadable." in capsys.readouterr().out
    assert stored()[2:] == lost


def test_a_token_that_is_renewed_at_that_moment_is_not_overwritten(settings, old, with_new_key, monkeypatch):
    make_channel(business_id="biz-1")
    with_new_key()
    real, renewed = rotating.encrypted_anew, []

    def meanwhile(secret):
        fresh = real(secret)
        if not renewed:
            renewed.append(True)
            settings.TOKEN_ENCRYPTION_KEYS = [old]  # a worker that was not started anew yet
            Credential.objects.update(access_token="act.newer")
            with_new_key()
        return fresh

    monkeypatch.setattr(rotating, "encrypted_anew", meanwhile)
    rotating.rotate(progress=lambda column, looked_at: None)
    assert Credential.objects.get().access_token == "act.newer"
    assert under(NEW) == 2


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="a race needs several real connections")
@pytest.mark.django_db(transaction=True)
def test_beside_renewals_the_newest_tokens_stay(tiktok, with_new_key, clock):
    channel = tiktok.connect()
    with_new_key()

    def renew_or_rotate(index):
        for number in range(15):
            if index:
                rotating.rotate(progress=lambda column, looked_at: None)
            else:
                tokens.refresh_due(at=NOW + timedelta(minutes=number), everyone=True)

    at_once(4, renew_or_rotate)
    assert len(tiktok.look("/calls?path=tt_user/oauth2/refresh_token")["calls"]) == 15
    channel.refresh_from_db()
    assert channel.status == "connected"
    tokens.refresh_due(at=NOW, everyone=True)
    assert Channel.objects.get().status == "connected", "TikTok took the refresh token that is stored"


# ── Keys that are missing ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", [["check"], ["migrate"], ["qcluster"], ["rotate_token_key"]])
def test_without_a_key_nothing_starts_and_the_command_that_makes_one_is_said(command):
    environment = {**os.environ, "TOKEN_ENCRYPTION_KEYS": "", "DEBUG": "false"}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    start = [sys.executable, "manage.py", *command]
    done = subprocess.run(start, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "TOKEN_ENCRYPTION_KEYS is empty" in done.stderr
    assert "Fernet.generate_key()" in done.stderr


def test_with_the_keys_lost_every_account_can_be_connected_again(tiktok, settings):
    channel = tiktok.consent(tiktok.look("/accounts")["accounts"][0]["business_id"], at=NOW)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(SecretUnreadable):
        Credential.objects.get()
    assert tiktok.consent(channel.business_id, at=NOW) == channel
    assert Credential.objects.get().access_token in tiktok.tokens()


def test_with_the_keys_lost_a_channel_can_be_removed(tiktok, settings):
    channel = tiktok.connect()
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    assert connecting.remove(channel=channel, actor=None, at=NOW)
    assert stored() == []


def test_removing_gives_an_expired_access_back_too(tiktok, clock):
    channel = tiktok.consent(tiktok.look("/accounts")["accounts"][0]["business_id"], at=NOW)
    clock.at += timedelta(days=2)
    assert connecting.remove(channel=channel, actor=None, at=clock())
    assert tiktok.look("/accounts")["accounts"][0]["connected"] is False
