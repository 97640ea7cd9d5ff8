"""Take turns at TikTok: at most TIKTOK_QPS calls in a second for the whole app.

Guarantee: however many processes and threads send, their turns are 1/TIKTOK_QPS seconds apart, because one
row holds the time from which the next turn is free, and each taker moves it on by a conditional UPDATE. A
call waits for its turn; none is refused. TikTok counts per developer app (docs/tiktok-api.md 5.2).
"""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from channels_tiktok import app_credentials
from channels_tiktok.models import Pace


def take_turn(*, at: datetime) -> timedelta:
    """Take the next free turn; give how long to wait for it from `at`. Not to be called in a transaction."""
    interval = timedelta(seconds=1 / settings.TIKTOK_QPS)
    app_id = app_credentials.current().id
    app = Pace.objects.filter(app_id=app_id)
    while True:
        free_at = app.values_list("free_at", flat=True).first()
        if free_at is None:
            _start(app_id, at)
            continue
        turn = max(at, free_at)
        # Who reads the same time and is slower finds it moved on, and looks again.
        if app.filter(free_at=free_at).update(free_at=turn + interval):
            return turn - at


def wait_for_turn(*, at: datetime) -> None:
    """Sleep until our turn. `at` is now, not a while ago."""
    time.sleep(take_turn(at=at).total_seconds())


def _start(app_id: str, at: datetime) -> None:
    try:
        with transaction.atomic():
            Pace.objects.create(app_id=app_id, free_at=at)
    except IntegrityError:  # another process was first
        pass
