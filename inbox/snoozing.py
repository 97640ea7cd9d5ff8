"""When a conversation may sleep until: the times that are offered, and the warning before its window closes."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from inbox.models import Conversation

EVENING = time(18)
MORNING = time(9)
EVENING_IS_FAR = timedelta(hours=2)  # nearer than that, "this evening" is no different from "in 1 hour"
BEFORE_CLOSE = timedelta(hours=1)


@dataclass(frozen=True)
class Choice:
    """A time that is offered, in words, and whether the reply window has closed by then."""

    name: str
    until: datetime
    is_past_close: bool = False


def choices(conversation: Conversation, *, at: datetime) -> list[Choice]:
    """The times that are offered at `at`, soonest first, in the time zone of who asks."""
    now = timezone.localtime(at)
    evening = _on_day(now, 0, EVENING)
    offered = [(_("In 1 hour"), at + timedelta(hours=1)), (_("In 3 hours"), at + timedelta(hours=3))]
    if evening - at >= EVENING_IS_FAR:
        offered.append((_("This evening"), evening))
    offered.append((_("Tomorrow morning"), _on_day(now, 1, MORNING)))
    if days := 7 - now.weekday():
        offered.append((_("Next Monday"), _on_day(now, days, MORNING)))
    before_close = wakes_before_close(conversation, at=at)
    if before_close:
        offered.append((_("1 hour before it closes"), before_close))
    found: dict[datetime, Choice] = {}
    for name, until in sorted(offered, key=lambda one: one[1]):
        found[until] = Choice(name, until, sleeps_past_close(conversation, until=until, at=at))
    return list(found.values())


def sleeps_past_close(conversation: Conversation, *, until: datetime, at: datetime) -> bool:
    """Whether a window that is open now will have closed by `until`, so that nobody could answer any more."""
    closes_at = conversation.window_closes_at
    return closes_at is not None and at < closes_at <= until


def wakes_before_close(conversation: Conversation, *, at: datetime) -> datetime | None:
    """The last good time to wake: an hour before the open window closes, if that is still to come."""
    closes_at = conversation.window_closes_at
    if closes_at is None or closes_at - BEFORE_CLOSE <= at:
        return None
    return closes_at - BEFORE_CLOSE


def _on_day(now: datetime, days: int, hour: time) -> datetime:
    """An hour of the clock on a day from today on, in the zone of `now`, also when the clocks change."""
    zone: Any = now.tzinfo
    return datetime.combine(now.date() + timedelta(days=days), hour, tzinfo=zone)
