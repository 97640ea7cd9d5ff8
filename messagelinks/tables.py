"""The tables and the chart of where customers come from, ready to be shown or exported."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TextIO

from django.db.models import Max, QuerySet, TextChoices
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_tiktok.models import Channel
from inbox.models import Referral
from messagelinks import figures, tracing
from messagelinks.figures import OUTCOMES, Bar, Figures, Period, Share, Touch
from messagelinks.models import Arrival, LinkVersion, MessageLink

ROWS = 200
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class By(TextChoices):
    """What a row of the table stands for."""

    LINK = "link", gettext_lazy("Link")
    VERSION = "version", gettext_lazy("Version")
    REF = "ref", gettext_lazy("Tag")
    AD = "ad", gettext_lazy("Ad")


@dataclass(frozen=True)
class Asked:
    """What the page of figures shows."""

    channel: Channel
    by: By = By.LINK
    touch: Touch = Touch.EVERY
    period: Period = field(default_factory=Period)

    @property
    def arrivals(self) -> QuerySet[Arrival]:
        """The arrivals that count."""
        return self.period.of(self.touch.of(Arrival.objects.filter(channel=self.channel)))


@dataclass(frozen=True)
class Cell:
    """A number and the list of conversations behind it."""

    title: str | Promise
    count: int
    address: str
    share: Share | None = None


@dataclass(frozen=True)
class Row:
    """A link, version, ref or ad. `address` leads to its page, where it has one."""

    name: str
    note: str
    address: str
    cells: Sequence[Cell]
    median_seconds: float | None
    last_arrival_at: datetime | None


def rows(asked: Asked) -> list[Row]:
    """Every row of the table, those with the most conversations first. Three or four queries."""
    arrivals = asked.arrivals
    match asked.by:
        case By.LINK:
            found = _by_link(asked, figures.by("version__link", arrivals.filter(version__isnull=False)))
        case By.VERSION:
            found = _by_version(asked, figures.by("version", arrivals.filter(version__isnull=False)))
        case By.REF:
            found = _by_ref(asked, figures.by("ref", arrivals.filter(source=Referral.Source.SHORT_LINK)))
        case _:
            found = _by_ad(asked, figures.by("ad_id", arrivals.filter(source=Referral.Source.AD)))
    return sorted(found, key=lambda row: (-row.cells[1].count, -row.cells[0].count, row.name))


def cells(brought: Figures, way: str, *, touch: Touch = Touch.EVERY, period: Period | None = None) -> list[Cell]:
    """The numbers of a row: who came, and what became of them. Shares are of those who wrote."""

    def address(outcome: str = "") -> str:
        return tracing.address_of_conversations(way, outcome=outcome, touch=touch, period=period)

    numbers = [Cell(_("Came"), brought.arrived, address())]
    for name, outcome in OUTCOMES.items():
        count = brought.count(name)
        share = None if name == "started" else figures.share(count, brought.started)
        numbers.append(Cell(outcome.title, count, address(name), share))
    return numbers


def _by_link(asked: Asked, found: dict[Any, Figures]) -> Iterable[Row]:
    for link in MessageLink.objects.filter(channel=asked.channel):
        way = tracing.way_by_link(link.pk)
        yield _row(asked, link.title, way, found.get(link.pk, figures.NOTHING), link_id=link.pk)


def _by_version(asked: Asked, found: dict[Any, Figures]) -> Iterable[Row]:
    for version in LinkVersion.objects.filter(channel=asked.channel).select_related("link"):
        name = _("%(title)s, version %(number)s") % {"title": version.link.title, "number": version.number}
        note = _("current") if version.is_current else _("replaced, still working")
        way = tracing.way_by_link(version.link_id, version.number)
        yield _row(asked, name, way, found.get(version.pk, figures.NOTHING), note=note, link_id=version.link_id)


def _by_ref(asked: Asked, found: dict[Any, Figures]) -> Iterable[Row]:
    links: dict[str, dict[int, str]] = {}
    ours = LinkVersion.objects.filter(channel=asked.channel).order_by("link")
    for ref, link_id, title in ours.values_list("ref", "link_id", "link__title"):
        links.setdefault(ref, {})[link_id] = title
    for ref, brought in found.items():
        titles = list(links.get(ref, {}).values())
        note = ", ".join(titles) if titles else _("no link here has this tag")
        yield _row(asked, ref or _("without a tag"), tracing.way_by_ref(ref), brought, note=note)


def _by_ad(asked: Asked, found: dict[Any, Figures]) -> Iterable[Row]:
    ads = Arrival.objects.filter(channel=asked.channel, source=Referral.Source.AD)
    names = dict(ads.order_by().values_list("ad_id").annotate(Max("ad_name")))
    for ad_id, brought in found.items():
        yield _row(asked, names.get(ad_id) or ad_id, tracing.way_by_ad(ad_id), brought, note=ad_id)


def _row(
    asked: Asked, name: str, way: str, brought: Figures, *, note: str = "", link_id: int | None = None
) -> Row:
    return Row(
        name=name,
        note=note,
        address=reverse("admin:messagelinks_messagelink_link", args=[link_id]) if link_id else "",
        cells=cells(brought, way, touch=asked.touch, period=asked.period),
        median_seconds=brought.median_seconds,
        last_arrival_at=brought.last_arrival_at,
    )


def write_csv(out: TextIO, asked: Asked) -> None:
    """Write the whole table for spreadsheets."""
    writer = csv.writer(out)
    titles = [str(outcome.title) for outcome in OUTCOMES.values()]
    last = [_("Median first answer, seconds"), _("Last arrival")]
    writer.writerow([str(asked.by.label), _("Note"), _("Came"), *titles, *last])
    for row in rows(asked):
        median = "" if row.median_seconds is None else round(row.median_seconds)
        arrived = row.last_arrival_at.isoformat() if row.last_arrival_at else ""
        counts = [cell.count for cell in row.cells]
        writer.writerow([_as_text(row.name), _as_text(row.note), *counts, median, arrived])


def _as_text(value: str) -> str:
    """A value that no spreadsheet takes for a formula: titles and refs may begin with `=`."""
    return f"'{value}" if value.startswith(FORMULA) else value


# ── The chart ─────────────────────────────────────────────────────────────────────────────────────────

WIDTH, HEIGHT, GAP = 720, 120, 2


@dataclass(frozen=True)
class DrawnBar:
    """A bar with its place in the drawing."""

    bar: Bar
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """Conversations over time, as a drawing of WIDTH by HEIGHT."""

    bars: Sequence[DrawnBar]
    most: int
    total: int
    width: int = WIDTH
    height: int = HEIGHT


def chart(asked: Asked, arrivals: QuerySet[Arrival], *, today: date) -> Chart:
    """Draw how many conversations were started, over the period. One query, two for all time."""
    bars = figures.trend(arrivals, asked.period, today=today)
    most = max((bar.count for bar in bars), default=0)
    step = WIDTH / max(len(bars), 1)
    width = max(step - GAP, 1)
    drawn = []
    for number, bar in enumerate(bars):
        height = round(bar.count / most * HEIGHT, 2) if most else 0
        x = round(number * step + (step - min(width, 40)) / 2, 2)
        drawn.append(DrawnBar(bar, x, HEIGHT - height, round(min(width, 40), 2), height))
    return Chart(drawn, most, sum(bar.count for bar in bars))
