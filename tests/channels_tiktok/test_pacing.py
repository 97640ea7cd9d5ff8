"""Whose turn it is at TikTok: sending never waits behind reading, and neither starves."""

import itertools
from datetime import timedelta

import pytest
from django.db import connection

from channels_tiktok import pacing
from tests.factories import NOW
from tests.races.test_send_race import at_once

pytestmark = pytest.mark.django_db
TURN = timedelta(milliseconds=100)
NONE = timedelta(0)


@pytest.fixture(autouse=True)
def _ten_a_second(settings):
    settings.TIKTOK_QPS = 10


def spare_turns(*, seconds, replies_wait):
    """How many spare turns one eager reader gets in that time, while a line of replies is kept up or not."""
    at, taken = NOW, 0
    while at < NOW + timedelta(seconds=seconds):
        if replies_wait:
            for _ in range(2):
                pacing.take_turn(at=at)
        is_ours, pause = pacing.take_spare_turn(at=at)
        taken += is_ours
        at += max(pause, TURN)
    return taken


def test_reading_gets_half_of_the_turns_while_nothing_is_sent():
    assert spare_turns(seconds=10, replies_wait=False) == 50


def test_a_reply_that_comes_while_we_read_waits_one_turn():
    assert pacing.take_spare_turn(at=NOW) == (True, NONE)
    assert pacing.take_spare_turn(at=NOW) == (False, 2 * TURN)
    assert pacing.take_turn(at=NOW) == TURN
    assert pacing.take_turn(at=NOW) == 2 * TURN, "the next one waits for the first reply, not for a reader"


def test_no_spare_turn_is_taken_while_replies_wait():
    pacing.take_spare_turn(at=NOW)
    line = [pacing.take_turn(at=NOW) for _ in range(20)]
    assert pacing.take_spare_turn(at=NOW + TURN * 5) == (False, line[-1] + TURN - TURN * 5)
    assert pacing.take_spare_turn(at=NOW + line[-1] + TURN) == (True, NONE)


def test_a_line_that_never_ends_lets_one_reading_in_every_five_seconds():
    pacing.take_spare_turn(at=NOW)
    assert spare_turns(seconds=30, replies_wait=True) in (2, 3, 4, 5, 6)


def test_to_look_whether_a_turn_is_to_spare_costs_one_query(django_assert_num_queries):
    pacing.take_spare_turn(at=NOW)
    with django_assert_num_queries(1):
        assert not pacing.take_spare_turn(at=NOW)[0]
    with django_assert_num_queries(2):
        assert pacing.take_spare_turn(at=NOW + 2 * TURN)[0]


def test_a_row_from_before_there_were_spare_turns_has_one_to_spare():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM channels_tiktok_pace")
    pacing.take_turn(at=NOW)
    assert pacing.take_spare_turn(at=NOW + TURN) == (True, NONE)


def test_waiting_for_a_spare_turn_ends_once_the_line_does(settings):
    settings.TIKTOK_QPS = 200
    pacing.take_spare_turn(at=NOW)
    for _ in range(10):
        pacing.take_turn(at=NOW)
    pacing.wait_for_spare_turn(at=NOW)
    is_ours, pause = pacing.take_spare_turn(at=NOW)
    assert not is_ours
    assert pause >= timedelta(milliseconds=50), "it had its turn after the replies"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_senders_and_readers_at_once_never_share_a_turn():
    if connection.vendor != "postgresql":
        pytest.skip("a race needs several real connections: PostgreSQL")

    def take(number):
        if number % 2:
            return pacing.take_turn(at=NOW)
        is_ours, pause = pacing.take_spare_turn(at=NOW)
        return pause if is_ours else None

    turns = sorted(turn for turn in at_once(24, take) if turn is not None)
    assert len(turns) >= 12
    assert all(after - before >= TURN for before, after in itertools.pairwise(turns))


def test_a_turn_that_a_clock_gone_wrong_took_is_waited_for_by_nobody():
    pacing.take_turn(at=NOW + timedelta(days=1))
    assert pacing.take_turn(at=NOW) == NONE
    pacing.take_spare_turn(at=NOW + timedelta(days=1))
    assert pacing.take_spare_turn(at=NOW + timedelta(seconds=1)) == (True, NONE)
