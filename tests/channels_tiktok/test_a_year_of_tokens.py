"""A year in the life of a token, lived hour by hour with the local TikTok."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from channels_tiktok import health, tasks, tokens
from channels_tiktok.client import tiktok as client
from channels_tiktok.models import Channel, Credential
from tests.factories import NOW, make_agent

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
REFRESHES = "/calls?path=tt_user/oauth2/refresh_token"


def refreshes(tiktok) -> list:
    return tiktok.look(REFRESHES)["calls"]


def test_a_year_of_daily_renewals_its_warning_its_end_and_the_next_year(tiktok, clock, mailoutbox):
    make_agent("amira", permissions=("channels_tiktok.connect_channel",), email="amira@shop.test")
    account = tiktok.look("/accounts")["accounts"][0]["business_id"]
    channel = tiktok.consent(account, at=NOW)
    presented, warned_on, noticed_on = set(), [], []

    def live_on(hours: int, now: Any) -> None:
        """An hour at a time: the worker's tasks, and once a day a real call with whatever token there is."""
        for hour in range(hours):
            clock.at += HOUR
            now.move_to(clock.at)
            presented.add(Credential.objects.values_list("refresh_token", flat=True).get())
            tasks.refresh_due_tokens()
            if hour % 24 == 0:
                tasks.remind_of_ending_consents()
                if mailoutbox and not warned_on:
                    warned_on.append(clock.at - NOW)
                if health.notices(at=clock.at) and not noticed_on:
                    noticed_on.append(clock.at - NOW)
                info = tokens.with_access(
                    channel=channel, at=clock.at, call=lambda token: client().token_info(access_token=token)
                )
                assert info.business_id == account

    with time_machine.travel(NOW, tick=False) as now:
        live_on(364 * 24, now)
        calls = refreshes(tiktok)
        assert 364 <= len(calls) <= 400, "one renewal a day, some two hours before the end"
        assert {call["code"] for call in calls} == {0}
        assert len(presented) == len(calls) + 1, "each refresh token is new, and presented once"
        infos = tiktok.look("/calls?path=tt_user/token_info/get")["calls"]
        assert {call["code"] for call in infos} == {0}, "not one call in the year found its token expired"
        assert [335 * DAY <= moment <= 336 * DAY for moment in (*warned_on, *noticed_on)] == [True, True]
        assert len(mailoutbox) == 1

        # The year is over: one refusal, one sentence, and no more asking.
        clock.at = NOW + 366 * DAY
        now.move_to(clock.at)
        for _ in range(5):
            tasks.refresh_due_tokens()
            clock.at += HOUR
            now.move_to(clock.at)
        channel.refresh_from_db()
        assert channel.status == "disconnected"
        assert "once a year" in channel.reason
        assert len(refreshes(tiktok)) == len(calls) + 1
        assert health.notices(at=clock.at)[0].sentence == f"Kopi Corner is disconnected: {channel.reason}"

        # Connected again in place: the same channel, its history, and a new year.
        again = tiktok.consent(account, at=clock.at)
        assert again == channel
        assert [event.kind for event in channel.events.order_by("id")] == [
            "connected",
            "disconnected",
            "connected",
        ]
        live_on(48, now)
        assert Channel.objects.get().status == "connected"
        assert health.notices(at=clock.at) == []
        assert len(mailoutbox) == 1
