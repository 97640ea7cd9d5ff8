"""The worker is killed and the database crashes while events arrive: the short form of bench/receive_drill.py."""

import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

pytestmark = pytest.mark.postgresql


def test_killed_workers_and_a_restarted_database_lose_nothing_and_take_nothing_twice():
    if connection.vendor != "postgresql":
        pytest.skip("the drill starts a PostgreSQL server of its own: once is enough")
    done = subprocess.run(
        [sys.executable, "bench/receive_drill.py", "200", "--kills", "2", "--seed", "48"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=200,
    )
    if "PostgreSQL is not installed" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 workers killed, 1 database crash" in done.stdout
    for count in ("lost", "doubled", "windows wrong", "timeline wrong", "left in the journal", "refused for good"):
        assert f"{count}: 0" in done.stdout
    median = re.search(r"without a worker: median (\d+) ms", done.stdout)
    assert median
    assert int(median[1]) < 50, "TikTok is answered at once while there is no worker"
