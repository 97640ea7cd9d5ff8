"""A worker that is killed again and again while TikTok misbehaves: the short form of bench/kill_drill.py."""

import os
import subprocess
import sys

from django.conf import settings

from tests.journeys.conftest import database_url  # noqa: F401  (a fixture)


def test_killed_workers_lose_nothing_and_send_nothing_twice(database_url):  # noqa: F811
    done = subprocess.run(
        [sys.executable, "bench/kill_drill.py", "3", "--seed", "48"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 workers killed" in done.stdout
    for count in ("replies twice", "lost", "out of order", "over quota"):
        assert f"{count}: 0" in done.stdout
