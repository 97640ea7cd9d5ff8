"""What every test may ask for."""

import os
from datetime import datetime

import pytest

from channels_tiktok import client
from tests.factories import NOW
from tests.local_tiktok import LocalTikTok


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Journeys last: their servers and browsers run until the end, and would slow down all that comes after.

    They share one product, as people do, so they are walked in the order in which they are written.
    """
    items.sort(key=_place)
    if "BROWSER_TESTS_ELSEWHERE" in os.environ:  # `make test` runs them on PostgreSQL, the main job on both
        left_out = [one for one in items if one.get_closest_marker("browser") and one.path.name != MAIN_JOB]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [one for one in items if one not in left_out]


def _place(item: pytest.Item) -> tuple[bool, str, int]:
    if "journeys" not in item.path.parts:
        return False, "", 0
    return True, item.path.name, item.location[1] or 0


MAIN_JOB = "test_main_job.py"


class Clock:
    """The time that a test has set; call it to read it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until the test moves it."""
    return Clock(NOW)


@pytest.fixture
def tiktok(tmp_path, monkeypatch, clock) -> LocalTikTok:
    """A local TikTok that the product's client and webhook really talk to; its clock is the test's."""
    local = LocalTikTok(tmp_path / "sandbox.sqlite3", now=clock)
    monkeypatch.setattr(client, "new_session", local.session)
    return local


@pytest.fixture(autouse=True)
def _files_of_their_own(settings, tmp_path) -> None:
    """What a test stores is gone with it."""
    settings.MEDIA_ROOT = tmp_path / "media"
