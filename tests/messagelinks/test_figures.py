"""Figures against a count by hand over generated conversations, and the lists behind them."""

import csv
import io
import random
import re
from datetime import date, timedelta
from html import unescape
from statistics import median
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inbox import search_operators
from inbox.models import Conversation, Message, Referral
from messagelinks import figures, linking, tables
from messagelinks.figures import Period, Touch, share
from messagelinks.models import Arrival, LinkVersion, MessageLink
from messagelinks.tables import Asked, By
from tests.factories import NOW, make_agent, make_channel, make_conversation
from tests.messagelinks.making import answer, arrive, arrive_by_ad, follow, make_link, write

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
WINDOW = timedelta(hours=48)
TEXTS = ("One", "Two", "Three")


@pytest.fixture
def generated():
    """Forty conversations that came in every way there is, on twenty days."""
    chance = random.Random(48)
    channel = make_channel()
    bio = make_link(channel, "Bio", ref="bio", message="One")
    linking.edit(link=bio, message="Two", actor=None, at=NOW - timedelta(days=25))
    make_link(channel, "=Flyer", ref="flyer", message="Three")
    make_link(channel, "Never used", ref="", message="Nobody")
    ana = make_agent()
    for _ in range(40):
        conversation = make_conversation(channel)
        at = NOW - timedelta(days=chance.randrange(20), seconds=chance.randrange(80_000))
        for _ in range(chance.choice((1, 1, 2, 3))):
            way = chance.randrange(5)
            if way == 4:
                arrive_by_ad(conversation, ad_id=chance.choice(("1800", "1801")), at=at)
            else:
                ref = chance.choice(("bio", "bio", "flyer", "gone", ""))
                arrive(conversation, ref=ref, message=chance.choice(TEXTS), at=at)
            at += timedelta(hours=chance.randrange(1, 80), seconds=chance.randrange(60))
            if chance.random() < 0.6:
                write(conversation, at=at)
                if chance.random() < 0.7:
                    wait = timedelta(seconds=chance.randrange(10, 47 * 3600))
                    source = chance.choice(("agent", "owner", "automatic"))
                    answer(conversation, ana, at=at + wait, source=source)
                at += timedelta(hours=50)
    follow()
    return channel


# ── By hand ───────────────────────────────────────────────────────────────────────────────────────────


def visits_by_hand(channel) -> list[dict]:
    """Every arrival with what came of it, from the inbox's own rows, by the words of the definition."""
    versions = {(v.ref, v.message): v for v in LinkVersion.objects.filter(channel=channel).select_related("link")}
    found = []
    for conversation in Conversation.objects.filter(channel=channel):
        came = list(conversation.referrals.order_by("arrived_at", "id"))
        messages = list(conversation.messages.order_by("occurred_at"))
        waits = set()
        for one in came:
            wrote = [
                m.occurred_at
                for m in messages
                if m.direction == "inbound" and m.occurred_at >= one.arrived_at - timedelta(minutes=1)
            ]
            started = wrote[0] if wrote else None
            replies = [
                m.occurred_at
                for m in messages
                if started
                and m.direction == "outbound"
                and m.source != "automatic"
                and m.state in ("sent", "read")
                and m.occurred_at >= started
            ]
            answered = replies[0] if replies else None
            version = versions.get((one.ref, one.prefilled_message)) if one.source == "short_link" else None
            way = (one.source, one.ref, version, one.ad_id, started)
            found.append(
                {
                    "conversation": conversation.pk,
                    "source": one.source,
                    "ref": one.ref,
                    "ad_id": one.ad_id,
                    "version": version.pk if version else None,
                    "version__link": version.link_id if version else None,
                    "at": one.arrived_at,
                    "first": one is came[0],
                    "last": one is came[-1],
                    "started": started,
                    "answered": answered,
                    "intime": bool(answered) and answered - started < WINDOW,
                    "wait": (answered - started).total_seconds() if answered and way not in waits else None,
                }
            )
            waits.add(way)
    return found


def count_by_hand(visits, key, touch, period) -> dict:
    counted = {}
    for value in {visit[key] for visit in visits}:
        mine = [
            v
            for v in visits
            if v[key] == value
            and (touch == Touch.EVERY or v[touch.value])
            and (period.since is None or v["at"].date() >= period.since)
            and (period.until is None or v["at"].date() <= period.until)
        ]
        if not mine:
            continue

        def conversations(outcome, mine=mine):
            return len({v["conversation"] for v in mine if outcome is None or v[outcome]})

        waits = [v["wait"] for v in mine if v["wait"] is not None]
        counted[value] = (
            conversations(None),
            conversations("started"),
            conversations("answered"),
            conversations("intime"),
            int(median(waits)) if waits else None,
            max(v["at"] for v in mine),
        )
    return counted


PERIODS = [
    Period(),
    Period((NOW - timedelta(days=9)).date(), (NOW - timedelta(days=3)).date()),
    Period(None, (NOW - timedelta(days=8)).date()),
    Period((NOW - timedelta(days=2)).date(), None),
    Period(date(2020, 1, 1), date(2020, 1, 31)),
]
KEYS = {By.LINK: "version__link", By.VERSION: "version", By.REF: "ref", By.AD: "ad_id"}


@pytest.mark.parametrize("touch", list(Touch))
def test_figures_are_those_that_a_count_by_hand_gives(generated, touch):
    visits = visits_by_hand(generated)
    assert len(visits) == Referral.objects.count() > 50
    some = 0
    for period in PERIODS:
        arrivals = Asked(generated, touch=touch, period=period).arrivals
        for by, key in KEYS.items():
            source = "ad" if by == By.AD else "short_link"
            mine = [v for v in visits if v["source"] == source]
            wanted = count_by_hand(mine, key, touch, period)
            found = {
                value: (
                    one.arrived,
                    *(n for _, n in one.outcomes),
                    None if one.median_seconds is None else int(one.median_seconds),
                    one.last_arrival_at,
                )
                for value, one in figures.by(key, arrivals.filter(source=source)).items()
            }
            assert found == wanted
            some += len(found)
    assert some > 20


@pytest.mark.parametrize("touch", list(Touch))
@pytest.mark.parametrize("by", list(By))
def test_every_number_opens_exactly_the_conversations_behind_it(generated, by, touch):
    ana = make_agent("reader")
    looked = 0
    for period in PERIODS:
        for row in tables.rows(Asked(generated, by, touch, period)):
            for cell in row.cells:
                name, _, value = parse_qs(urlsplit(cell.address).query)["q"][0].partition(":")
                operator = search_operators.registered()[name]
                behind = Conversation.objects.filter(operator.condition(value, ana))
                assert behind.count() == cell.count, cell.address
                assert " " not in value
                assert operator.explain(value, ana).startswith("came by ")
                looked += cell.count
    assert looked


def test_the_chart_adds_up_and_shows_the_days_without_any(generated):
    for since in (NOW - timedelta(days=20), NOW - timedelta(days=200), NOW - timedelta(days=1200)):
        asked = Asked(generated, period=Period(since.date(), NOW.date()))
        chart = tables.chart(asked, asked.arrivals, today=NOW.date())
        bars = [drawn.bar for drawn in chart.bars]
        assert bars[0].since == since.date()
        assert bars[-1].until == NOW.date()
        assert all(a.until + timedelta(days=1) == b.since for a, b in zip(bars, bars[1:], strict=False))
        for bar in bars:
            by_hand = {
                v["conversation"]
                for v in visits_by_hand(generated)
                if v["started"] and bar.since <= v["at"].date() <= bar.until
            }
            assert bar.count == len(by_hand)
        assert chart.most == max(bar.count for bar in bars)


def test_the_chart_of_all_time_begins_with_the_first_arrival(generated):
    chart = tables.chart(Asked(generated), Asked(generated).arrivals, today=NOW.date())
    first = Arrival.objects.filter(started_at__isnull=False).order_by("arrived_at")[0]
    assert chart.bars[0].bar.since == first.arrived_at.date()
    empty = Arrival.objects.none()
    assert tables.chart(Asked(generated), empty, today=NOW.date()).total == 0


def test_links_nobody_used_are_rows_too_and_removed_ones_live_on_by_their_tag(generated):
    assert {"Never used", "Bio", "=Flyer"} == {row.name for row in tables.rows(Asked(generated))}
    MessageLink.objects.filter(title="Bio").delete()
    notes = {row.name: row.note for row in tables.rows(Asked(generated, By.REF))}
    assert notes["bio"] == "no link here has this tag"


def test_the_csv_has_the_whole_table_and_nothing_that_a_spreadsheet_would_carry_out(generated):
    out = io.StringIO()
    tables.write_csv(out, Asked(generated))
    lines = list(csv.reader(io.StringIO(out.getvalue())))
    assert lines[0][:6] == ["Link", "Note", "Came", "Conversations", "Answered", "Before closing"]
    assert len(lines) == 4
    assert {line[0] for line in lines[1:]} == {"Bio", "'=Flyer", "Never used"}
    row = next(row for row in tables.rows(Asked(generated)) if row.name == "Bio")
    assert ["Bio", *(str(cell.count) for cell in row.cells)] in [[line[0], *line[2:6]] for line in lines]


# ── Costs ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", list(By))
def test_a_table_costs_the_same_for_any_number_of_arrivals_and_links(by):
    channel = make_channel()

    def cost(number: int) -> int:
        for n in range(number):
            link = make_link(channel, f"Link {MessageLink.objects.count()}", ref=f"r{MessageLink.objects.count()}")
            conversation = make_conversation(channel)
            arrive(conversation, ref=linking.current_version(link).ref)
            arrive_by_ad(conversation, ad_id=f"ad{n}")
        follow()
        with CaptureQueriesContext(connection) as captured:
            tables.rows(Asked(channel, by))
        return len(captured)

    assert cost(1) == cost(12) <= 3


# ── Shares ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("part", "whole", "percent", "low", "high"),
    [(1, 3, 33, 6, 80), (0, 10, 0, 0, 28), (10, 10, 100, 72, 100), (50, 100, 50, 40, 60), (3, 7, 43, 15, 75)],
)
def test_a_share_says_between_what_it_lies(part, whole, percent, low, high):
    """Against published values of the Wilson interval, rounded outwards."""
    found = share(part, whole)
    assert (found.percent, found.low, found.high) == (percent, low, high)
    assert found.is_small == (whole < 100)


def test_a_share_of_nothing_is_none():
    assert share(0, 0) is None


# ── What the search understands ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("link", "x"),
        ("link", "999"),
        ("link", ""),
        ("link", "٣"),
        ("came", ""),
        ("came", "link-999"),
        ("came", "ref-bio/often"),
        ("came", "ref-bio/2026-13-01.."),
        ("came", "ref-bio/yesterday..today"),
        ("came", "ad-"),
        ("came", "link-99999999999999999999"),
    ],
)
def test_what_means_nothing_is_refused_in_a_sentence(name, value):
    operator = search_operators.registered()[name]
    for ask in (operator.condition, operator.explain):
        with pytest.raises(ValueError, match=r"\.$"):
            ask(value, None)


def test_a_search_is_said_in_words():
    link = make_link()
    linking.edit(link=link, message="Two", actor=None, at=NOW)
    explain = search_operators.registered()["came"].explain
    value = f"link-{link.pk}.2/answered/first/2026-11-01..2026-11-22"
    assert explain(value, None) == (
        "came by the link “Bio”, version 2, were answered, First touch, 1 Nov 2026 to 22 Nov 2026"
    )
    assert explain("ref-", None) == "came by a link without a tag"
    assert search_operators.registered()["link"].explain(str(link.pk), None) == "came by the link “Bio”"


def test_a_link_finds_the_customers_of_all_its_versions():
    link = make_link()
    linking.edit(link=link, message="Two", actor=None, at=NOW - HOUR)
    first, second, other = (make_conversation(link.channel) for _ in range(3))
    arrive(first)
    arrive(second, message="Two")
    arrive(other, ref="other")
    follow()
    condition = search_operators.registered()["link"].condition
    assert set(Conversation.objects.filter(condition(str(link.pk), None))) == {first, second}
    assert set(Conversation.objects.filter(condition(f"{link.pk}.2", None))) == {second}


# ── On the pages ──────────────────────────────────────────────────────────────────────────────────────


def test_the_numbers_of_the_page_lead_to_their_lists(client, django_user_model, generated):
    client.force_login(django_user_model.objects.create_superuser("amira", password="x"))
    page = client.get(f"/admin/messagelinks/messagelink/channel/{generated.pk}/figures/?from=&until=").text
    addresses = [unescape(one) for one in re.findall(r'<a class="figure" href="([^"]+)"', page)]
    assert len(addresses) >= 6
    assert all(urlsplit(one).path == "/inbox/" for one in addresses)
    assert client.get(addresses[0]).status_code == 200


def test_messages_of_the_far_past_and_future_days_break_nothing(generated):
    for days in ("0001-01-01..9999-12-31", "9999-12-31..", "..0001-01-01"):
        period = Period.read(days)
        figures.by("ref", period.of(Arrival.objects.all()))
        tables.chart(Asked(generated, period=period), Arrival.objects.all(), today=timezone.localdate())
    assert Message.objects.exists()
