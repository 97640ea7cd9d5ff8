"""Take turns at TikTok: at most TIKTOK_QPS calls in a second for the whole app.

Guarantee: however many processes and threads call, their turns are 1/TIKTOK_QPS seconds apart, because one
row holds the time from which the next turn is free, and each taker moves it on by a conditional UPDATE. A
call waits for its turn; none is refused. TikTok counts per developer app (docs/tiktok-api.md 5.2).

What people wait for (replies, pictures, signs) takes the next turn: `wait_for_turn`. What only reads in the
background (lists, files, checks) takes a spare one: `wait_for_spare_turn`. Spare turns are at most half of all,
and none is taken while others wait in line, so sending never starves. Only after `PATIENCE` without any does
one join the line: replies that go out without a pause don't end the reading either.
"""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from channels_tiktok import app_credentials
from channels_tiktok.models import Pace

SPARE_EVERY = 2  # turns: one of two at most
PATIENCE = timedelta(seconds=5)
LONGEST_LINE = timedelta(minutes=1)  # a turn that lies further ahead was taken by a clock that went wrong


def take_turn(*, at: datetime) -> timedelta:
    """Take the next free turn; give how long to wait for it from `at`. Not to be called in a transaction."""
    app_id = app_credentials.current().id
    app = Pace.objects.filter(app_id=app_id)
    while True:
        free_at = app.values_list("free_at", flat=True).first()
        if free_at is None:
            _start(app_id, at)
            continue
        turn = max(at, _believed(free_at, at))
        # Who reads the same time and is slower finds it moved on, and looks again.
        if app.filter(free_at=free_at).update(free_at=turn + _interval()):
            return turn - at


def wait_for_turn(*, at: datetime) -> None:
    """Sleep until our turn. `at` is now, not a while ago."""
    time.sleep(take_turn(at=at).total_seconds())


def take_spare_turn(*, at: datetime) -> tuple[bool, timedelta]:
    """Take a turn if one is to spare: True and how long to wait for it, or False and when to look again."""
    app_id = app_credentials.current().id
    app = Pace.objects.filter(app_id=app_id)
    while True:
        pace = app.values_list("free_at", "spare_at").first()
        if pace is None:
            _start(app_id, at)
            continue
        free_at, spare_at = (_believed(moment, at) for moment in pace)
        joins_at = spare_at + PATIENCE
        if at < spare_at or at < min(free_at, joins_at):
            return False, min(max(free_at, spare_at), joins_at) - at
        turn = max(at, free_at)
        moved = {"free_at": turn + _interval(), "spare_at": turn + SPARE_EVERY * _interval()}
        if app.filter(free_at=pace[0], spare_at=pace[1]).update(**moved):
            return True, turn - at


def wait_for_spare_turn(*, at: datetime) -> None:
    """Sleep until a turn is to spare. `at` is now, not a while ago."""
    is_ours, pause = take_spare_turn(at=at)
    while not is_ours:
        time.sleep(pause.total_seconds())
        at += pause
        is_ours, pause = take_spare_turn(at=at)
    time.sleep(pause.total_seconds())


def _believed(moment: datetime, at: datetime) -> datetime:
    """A stored turn, or now if nobody could have put it there in earnest."""
    return moment if moment <= at + LONGEST_LINE else at


def _interval() -> timedelta:
    return timedelta(seconds=1 / settings.TIKTOK_QPS)


def _start(app_id: str, at: datetime) -> None:
    try:
        with transaction.atomic():
            Pace.objects.create(app_id=app_id, free_at=at, spare_at=at)
    except IntegrityError:  # another process was first
        pass
