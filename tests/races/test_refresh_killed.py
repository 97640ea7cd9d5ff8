"""Real processes renew a token over real HTTP: eight at once, and one that is killed at the worst moment."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone
from werkzeug.serving import make_server

from channels_tiktok import tokens
from channels_tiktok.client import tiktok as client
from channels_tiktok.errors import ReconnectNeeded
from channels_tiktok.models import Channel, Credential
from tests.local_tiktok import LocalTikTok

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
REFRESHES = "/calls?path=tt_user/oauth2/refresh_token"

# Renews as the worker does, and stops for good where TikTok has answered and nothing is stored yet.
STOPS_BEFORE_THE_COMMIT = """
import time, django
django.setup()
from django.utils import timezone
from channels_tiktok import tokens
def stop(*args, **kwargs):
    print("answered", flush=True)
    time.sleep(60)
tokens._store = stop
tokens.refresh_due(at=timezone.now())
"""
RENEWS = STOPS_BEFORE_THE_COMMIT.replace("tokens._store = stop\n", "")


class Served:
    """The local TikTok on a real socket, and processes of the product that talk to it."""

    def __init__(self, tmp_path: Path) -> None:
        self.local = LocalTikTok(tmp_path / "sandbox.sqlite3", now=timezone.now)
        self.server = make_server("127.0.0.1", 0, self.local.app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}/open_api/v1.3"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.processes: list[subprocess.Popen[str]] = []

    def run(self, *arguments: str) -> "subprocess.Popen[str]":
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": database_url(),
            "TIKTOK_API_URL": self.url,
        }
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def refreshes(self) -> list[dict]:
        return self.local.look(REFRESHES)["calls"]

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        self.server.shutdown()
        self.server.server_close()


def database_url() -> str:
    """The test's own database, for another process."""
    told = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{told['NAME']}"
    secret = f":{quote(told['PASSWORD'], safe='')}" if told["PASSWORD"] else ""
    host, port = quote(told["HOST"], safe=""), told["PORT"] or 5432
    return f"postgres://{told['USER']}{secret}@{host}:{port}/{told['NAME']}"


@pytest.fixture
def served(tmp_path, settings):
    served = Served(tmp_path)
    settings.TIKTOK_API_URL = served.url
    yield served
    served.end()


@pytest.fixture
def ending(served) -> Channel:
    """A channel whose access ends within the hour."""
    channel = served.local.connect()
    Credential.objects.update(access_expires_at=timezone.now() + timedelta(hours=1))
    return channel


def wait_for(look, *, seconds: float = 30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    pytest.fail("It did not come to pass in time.")


def use(channel, *, at) -> str:
    return tokens.with_access(channel=channel, at=at, call=lambda token: client().token_info(access_token=token))


def test_eight_processes_that_renew_at_once_make_one_call(served, ending):
    served.local.fault("slow", path="tt_user/oauth2/refresh_token", seconds=2)
    processes = [served.run("manage.py", "refresh_tokens") for _ in range(8)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, outputs
    assert len(served.refreshes()) == 1, outputs
    ending.refresh_from_db()
    assert ending.status == "connected"
    use(ending, at=timezone.now())


@pytest.mark.parametrize("moment", ["TikTok has answered", "TikTok has renewed and not answered yet"])
def test_killed_between_tiktoks_renewal_and_our_commit_ends_in_one_clear_sentence(served, ending, moment):
    before = Credential.objects.get()
    if moment == "TikTok has answered":
        process = served.run("-c", STOPS_BEFORE_THE_COMMIT)
        assert process.stdout.readline() == "answered\n"
    else:
        served.local.fault("hang_after", path="tt_user/oauth2/refresh_token", seconds=15)
        process = served.run("-c", RENEWS)
        wait_for(lambda: any(call["done"] for call in served.refreshes()))
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=10) == -signal.SIGKILL

    # Nothing of TikTok's answer is here, and the lease of the dead one still stands.
    left = Credential.objects.get()
    assert (left.access_token, left.refresh_token) == (before.access_token, before.refresh_token)
    assert left.refreshing_until is not None
    assert len(served.refreshes()) == 1

    # Until it ends nobody presents the refresh token a second time; the old access still works.
    use(ending, at=timezone.now())
    assert len(served.refreshes()) == 1

    # Then one renewal is refused, and that is the end of it: a reason in words, and no further call.
    later = timezone.now() + tokens.LEASE
    [renewal] = tokens.refresh_due(at=later)
    assert isinstance(renewal.error, ReconnectNeeded)
    ending.refresh_from_db()
    assert ending.status == "disconnected"
    assert "Connect the account again." in ending.reason
    for minutes in (1, 10, 60):
        assert tokens.refresh_due(at=later + timedelta(minutes=minutes)) == []
        with pytest.raises(ReconnectNeeded, match="Connect the account again"):
            use(ending, at=later + timedelta(minutes=minutes))
    assert [call["code"] for call in served.refreshes()] == [0, 40107]

    # The owner agrees once more, and all is well.
    again = served.local.consent(ending.business_id, at=timezone.now())
    assert (again, again.status) == (ending, "connected")
    use(again, at=timezone.now())


def test_the_processes_use_the_tests_own_database(served, ending):
    assert "test" in database_url()
    assert str(django_settings.DATABASES["default"]["NAME"]) == str(connection.settings_dict["NAME"])
