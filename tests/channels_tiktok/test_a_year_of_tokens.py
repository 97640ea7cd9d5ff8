"""A year in the life of a token, lived day by day with the local TikTok."""

from datetime import datetime, timedelta

import pytest
import time_machine

from channels_tiktok import health, tasks, tokens
from channels_tiktok.client import tiktok as client
from channels_tiktok.models import Channel, Credential
from tests.factories import NOW, make_agent

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Life:
    """What the worker does with one channel, from one renewal to the next, and what came of it."""

    def __init__(self, tiktok, clock, now, mailoutbox) -> None:
        self.tiktok, self.clock, self.now, self.mailoutbox = tiktok, clock, now, mailoutbox
        self.presented: set[str] = set()
        self.first: dict[str, timedelta] = {}

    def move_to(self, at: datetime) -> None:
        self.clock.at = at
        self.now.move_to(at)

    def refreshes(self) -> list[dict]:
        return self.tiktok.look("/calls?path=tt_user/oauth2/refresh_token")["calls"]

    def live_until(self, end: datetime) -> None:
        while (credential := Credential.objects.get()).access_expires_at < end:
            self.presented.add(credential.refresh_token)
            self.move_to(credential.access_expires_at - 3 * HOUR)
            tasks.refresh_due_tokens()
            assert Credential.objects.get().access_token == credential.access_token, "it is too early"
            self.move_to(credential.access_expires_at - 1.5 * HOUR)
            tasks.refresh_due_tokens()
            assert Credential.objects.get().access_token != credential.access_token, "it is time"
            self.spend_the_day()

    def spend_the_day(self) -> None:
        at = self.clock.at
        tasks.remind_of_ending_consents()
        if self.mailoutbox:
            self.first.setdefault("e-mail", at - NOW)
        if health.notices(at=at):
            self.first.setdefault("banner", at - NOW)
        channel = Channel.objects.get()
        info = tokens.with_access(
            channel=channel, at=at, call=lambda token: client().token_info(access_token=token)
        )
        assert info.business_id == channel.business_id


def test_a_year_of_daily_renewals_its_warning_its_end_and_the_next_year(tiktok, clock, mailoutbox):
    make_agent("amira", permissions=("channels_tiktok.connect_channel",), email="amira@shop.test")
    account = tiktok.look("/accounts")["accounts"][0]["business_id"]
    channel = tiktok.consent(account, at=NOW)
    with time_machine.travel(NOW, tick=False) as now:
        life = Life(tiktok, clock, now, mailoutbox)
        life.live_until(NOW + 364 * DAY)
        calls = life.refreshes()
        assert 364 <= len(calls) <= 400, "one renewal a day, some two hours before the end"
        assert {call["code"] for call in calls} == {0}
        assert len(life.presented) == len(calls), "each refresh token is new, and presented once"
        infos = tiktok.look("/calls?path=tt_user/token_info/get")["calls"]
        assert {call["code"] for call in infos} == {0}, "not one call in the year found its token expired"
        assert sorted(life.first) == ["banner", "e-mail"]
        assert all(335 * DAY <= moment <= 336 * DAY for moment in life.first.values())
        assert len(mailoutbox) == 1

        # The year is over: one refusal, one sentence, and no more asking.
        life.move_to(NOW + 366 * DAY)
        for _ in range(5):
            tasks.refresh_due_tokens()
            life.move_to(clock.at + HOUR)
        channel.refresh_from_db()
        assert channel.status == "disconnected"
        assert "once a year" in channel.reason
        assert len(life.refreshes()) == len(calls) + 1
        assert health.notices(at=clock.at)[0].sentence == f"Kopi Corner is disconnected: {channel.reason}"

        # Connected again in place: the same channel, its history, and a new year.
        again = tiktok.consent(account, at=clock.at)
        assert again == channel
        history = channel.events.order_by("id").values_list("kind", flat=True)
        assert list(history) == ["connected", "disconnected", "connected"]
        life.live_until(clock.at + 3 * DAY)
        assert Channel.objects.get().status == "connected"
        assert health.notices(at=clock.at) == []
        assert len(mailoutbox) == 1
