"""What links, refs and ads brought, for any period.

Guarantee: each number is that of the conversations that its link in the inbox lists (`messagelinks.tracing`). A
table costs two queries and a chart one, however many arrivals there are.

A conversation counts where and when its customer arrived; who came by two links counts for both, but in *first
touch* or *last touch* for one. The leads and spam reports of those conversations become columns by one entry
each in `OUTCOMES`, once those apps are there.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any, Self

from django.db.models import Count, F, Max, Q, QuerySet, TextChoices, Window
from django.db.models.functions import RowNumber, TruncDay, TruncMonth, TruncWeek
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messagelinks.models import Arrival

SMALL = 100  # below this a share alone says too little
USUAL_DAYS = 28
DAYS_WITH_A_BAR_EACH = 62
DAYS_WITH_A_BAR_PER_WEEK = 400


@dataclass(frozen=True)
class Outcome:
    """Something that can become of an arrival: a column. `condition` is over Arrival."""

    title: str | Promise
    words: str | Promise
    condition: Q


OUTCOMES = {
    "started": Outcome(
        gettext_lazy("Conversations"), gettext_lazy("wrote afterwards"), Q(started_at__isnull=False)
    ),
    "answered": Outcome(gettext_lazy("Answered"), gettext_lazy("were answered"), Q(answered_at__isnull=False)),
    "intime": Outcome(
        gettext_lazy("Before closing"),
        gettext_lazy("were answered before the window closed"),
        Q(in_time=True),
    ),
}


class Touch(TextChoices):
    """Which of a customer's arrivals count."""

    EVERY = "every", gettext_lazy("Every arrival")
    FIRST = "first", gettext_lazy("First touch")
    LAST = "last", gettext_lazy("Last touch")

    def of(self, arrivals: QuerySet[Arrival]) -> QuerySet[Arrival]:
        """Those of `arrivals` that count."""
        if self == Touch.FIRST:
            return arrivals.filter(is_first=True)
        return arrivals.filter(is_last=True) if self == Touch.LAST else arrivals


@dataclass(frozen=True)
class Period:
    """Days, both included, in the reader's time zone; None where it is open."""

    since: date | None = None
    until: date | None = None

    @classmethod
    def usual(cls, *, today: date) -> Self:
        return cls(today - timedelta(days=USUAL_DAYS - 1), today)

    @classmethod
    def read(cls, days: str) -> Self:
        """Read `2026-11-01..2026-11-22`; either day may be missing. Raises ValueError with a sentence."""
        found = re.fullmatch(r"(\d{4}-\d\d-\d\d)?\.\.(\d{4}-\d\d-\d\d)?", days, re.ASCII)
        try:
            since, until = (date.fromisoformat(day) if day else None for day in (found or "?").groups())  # type: ignore[union-attr]
        except (ValueError, AttributeError) as error:
            words = _("“%(days)s” are no days; write them as 2026-11-01..2026-11-22.")
            raise ValueError(words % {"days": days}) from error
        return cls(since, until)

    @property
    def is_all(self) -> bool:
        return self.since is None and self.until is None

    def of(self, arrivals: QuerySet[Arrival]) -> QuerySet[Arrival]:
        """Those of `arrivals` that fall into the period."""
        if self.since:
            arrivals = arrivals.filter(arrived_at__gte=_midnight(self.since))
        if self.until and self.until < date.max:
            arrivals = arrivals.filter(arrived_at__lt=_midnight(self.until + timedelta(days=1)))
        return arrivals

    def in_address(self) -> str:
        """What `read` reads; empty for all time."""
        return "" if self.is_all else f"{self.since or ''}..{self.until or ''}"

    def in_words(self) -> str:
        if self.is_all:
            return _("all time")
        since = date_format(self.since, "j M Y") if self.since else ""
        until = date_format(self.until, "j M Y") if self.until else ""
        if since and until:
            return _("%(since)s to %(until)s") % {"since": since, "until": until}
        return _("since %(day)s") % {"day": since} if since else _("until %(day)s") % {"day": until}


@dataclass(frozen=True)
class Figures:
    """What one link, version, ref or ad brought. Conversations, but for the median and the time."""

    arrived: int = 0
    outcomes: tuple[tuple[str, int], ...] = tuple((name, 0) for name in OUTCOMES)
    median_seconds: float | None = None
    last_arrival_at: datetime | None = None

    def count(self, outcome: str) -> int:
        return dict(self.outcomes)[outcome]

    @property
    def started(self) -> int:
        return self.count("started")


NOTHING = Figures()


def by(key: str, arrivals: QuerySet[Arrival]) -> dict[Any, Figures]:
    """Count `arrivals` for each value of `key`, such as `version__link`, `ref` or `ad_id`."""
    conversations = {
        name: Count("conversation", distinct=True, filter=outcome.condition) for name, outcome in OUTCOMES.items()
    }
    rows = arrivals.order_by().values(key)
    rows = rows.annotate(arrived=Count("conversation", distinct=True), newest=Max("arrived_at"), **conversations)
    medians = _medians(key, arrivals)
    return {
        row[key]: Figures(
            row["arrived"],
            tuple((name, row[name]) for name in OUTCOMES),
            medians.get(row[key]),
            row["newest"],
        )
        for row in rows
    }


def _medians(key: str, arrivals: QuerySet[Arrival]) -> dict[Any, float]:
    """The median wait for the first answer for each value of `key`. The database gives the ones in the middle."""
    place = Window(RowNumber(), partition_by=F(key), order_by=["answer_seconds", "pk"])
    number = Window(Count("*"), partition_by=F(key))
    middle = (
        arrivals.filter(answer_seconds__isnull=False)
        .order_by()
        .annotate(place=place, number=number)
        .filter(place__gte=F("number") / 2, place__lte=F("number") / 2 + 1)
    )
    waits: dict[Any, dict[int, int]] = {}
    for of, seconds, at, number_of in middle.values_list(key, "answer_seconds", "place", "number"):
        if 2 * at in (number_of, number_of + 1, number_of + 2):
            waits.setdefault(of, {})[at] = seconds
    return {of: median(found.values()) for of, found in waits.items()}


# ── How sure a share is ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Share:
    """A part of a whole, in percent, and between what it lies where the whole is small."""

    percent: int
    low: int
    high: int
    is_small: bool


def share(part: int, whole: int) -> Share | None:
    """`part` of `whole` with its 95 % Wilson interval, which is right for small numbers, too; None of nothing."""
    if not whole:
        return None
    z = 1.959964
    p = part / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    reach = z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Share(round(100 * p), math.floor(100 * low), math.ceil(100 * high), whole < SMALL)


# ── How it went ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Bar:
    """The conversations that arrived on the days from `since` to `until`."""

    since: date
    until: date
    count: int


def trend(arrivals: QuerySet[Arrival], period: Period, *, today: date) -> list[Bar]:
    """Conversations that were started, for each day, week or month of `period`, those without any included."""
    begun = arrivals.filter(started_at__isnull=False)
    since, until = period.since, min(period.until or today, today)
    if since is None:
        first = begun.order_by("arrived_at").values_list("arrived_at", flat=True).first()
        since = timezone.localtime(first).date() if first else until
    days = (until - since).days + 1
    if days < 1:
        return []
    step: Any = TruncDay if days <= DAYS_WITH_A_BAR_EACH else TruncMonth
    if DAYS_WITH_A_BAR_EACH < days <= DAYS_WITH_A_BAR_PER_WEEK:
        step = TruncWeek
    counted = (
        begun.order_by()
        .annotate(step=step("arrived_at"))
        .values("step")
        .annotate(count=Count("conversation", distinct=True))
    )
    counts = {row["step"].date(): row["count"] for row in counted}
    return [
        Bar(max(start, since), min(end, until), counts.get(start, 0)) for start, end in _steps(since, until, step)
    ]


def _steps(since: date, until: date, step: Any) -> Iterable[tuple[date, date]]:
    start = since
    if step is TruncWeek:
        start -= timedelta(days=start.weekday())
    elif step is TruncMonth:
        start = start.replace(day=1)
    while start <= until:
        if step is TruncDay:
            following = start + timedelta(days=1)
        elif step is TruncWeek:
            following = start + timedelta(days=7)
        else:
            following = (start + timedelta(days=32)).replace(day=1)
        yield start, following - timedelta(days=1)
        start = following


def _midnight(day: date) -> datetime:
    try:
        return timezone.make_aware(datetime.combine(day, time.min))
    except OverflowError:
        return datetime.combine(day, time.min, UTC)
