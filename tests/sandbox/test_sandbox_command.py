"""`manage.py sandbox` as a process, and the faults that only a real socket can show."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from sandbox.app import create_app
from sandbox.deliveries import post, start
from sandbox.serving import listen

MANAGE = """
import sys
from django.conf import settings
settings.configure(DEBUG={debug}, INSTALLED_APPS=["sandbox"], TIKTOK_APP_ID="", USE_TZ=True)
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "sandbox", *sys.argv[1:]])
"""


def manage(*arguments, debug=True, cwd):
    return subprocess.Popen(
        [sys.executable, "-c", MANAGE.format(debug=debug), *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def served(tmp_path):
    app = create_app(database=tmp_path / "s.sqlite3", app_id="a", app_secret="s", public_url="http://sandbox.test")
    server = listen("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield app, f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_refuses_without_debug(tmp_path):
    process = manage(debug=False, cwd=tmp_path)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "only runs with DEBUG on" in said
    assert list(tmp_path.iterdir()) == []


def test_serves_until_sigterm_and_says_when_the_port_is_taken(tmp_path):
    with listen("127.0.0.1", 0, None) as probe:
        port = str(probe.socket.getsockname()[1])
        taken = manage("--port", port, cwd=tmp_path)
        assert f"Cannot listen on 127.0.0.1:{port}." in taken.communicate(timeout=60)[0]
        assert taken.returncode == 1
    process = manage("--port", port, "--webhook-url", "http://127.0.0.1:1/", cwd=tmp_path)
    assert "Stop it with Ctrl-C" in process.stdout.readline()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/sandbox/api/webhooks") as answer:
        assert b"http://127.0.0.1:1/" in answer.read()
    process.send_signal(signal.SIGTERM)
    assert "stopped" in process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert (tmp_path / "data" / "sandbox.sqlite3").exists()


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "hang_before", "hang_after"])
def test_connection_ends_without_an_answer(served, kind):
    app, origin = served
    app.test_client().post("/sandbox/api/faults", json={"kind": kind, "seconds": 0})
    expected = ConnectionResetError if kind.startswith("reset") else ConnectionError
    with pytest.raises((expected, urllib.error.URLError)) as caught:
        urllib.request.urlopen(f"{origin}/open_api/v1.3/business/webhook/list/", timeout=10)
    reason = getattr(caught.value, "reason", caught.value)
    assert isinstance(reason, expected)
    with urllib.request.urlopen(f"{origin}/open_api/v1.3/business/webhook/list/", timeout=10) as answer:
        assert answer.status == 200


def test_webhooks_leave_over_http_in_the_background(served):
    app, origin = served
    web = app.test_client()
    # The sandbox itself takes the webhook: what answers 405 is retried, and that is enough to see it arrive.
    web.post("/sandbox/api/webhooks", json={"callback_url": f"{origin}/phone/"})
    web.post("/sandbox/api/accounts/kopi.corner/tokens", json={})
    web.post("/sandbox/api/customers/1/messages", json={"account": "kopi.corner", "text": "Hi"})
    stop = start(app, pause=0.01)
    try:
        deadline = time.monotonic() + 20
        while not (delivery := web.get("/sandbox/api/deliveries").get_json()["deliveries"][0])["attempts"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        stop.set()
    assert delivery["last_status"] == 405


def test_nobody_answers_is_status_0():
    assert post("http://127.0.0.1:1/hook/", b"{}", {}) == 0
