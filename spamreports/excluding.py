"""The exclusion list: reported contacts with what a custom audience of TikTok Ads takes.

A custom audience takes SHA-256 of phone numbers and e-mail addresses; where neither is known there is only the
name on TikTok, for whoever excludes by hand. Nothing readable of a number or address is in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from channels_tiktok.models import Channel
from leads.joining import digests_of
from spamreports.models import SpamReport

PAGE = 30
HEADER = ("email_sha256", "phone_sha256", "tiktok_username", "tiktok_name", "reason", "reported_at", "ad_account")


@dataclass(frozen=True)
class Excluded:
    """A report with what is known of its contact."""

    report: SpamReport
    emails: list[str]
    phones: list[str]


def page_of(*, channels: QuerySet[Channel] | None = None, after: str = "") -> tuple[list[Excluded], str]:
    """The next reports after the position `after`, newest first, and where the page after them starts.

    Only of contacts of `channels`, where given.
    """
    reports = _reports()
    if channels is not None:
        reports = reports.filter(contact__channel__in=channels)
    moment, number = _read_position(after)
    if moment:
        reports = reports.filter(reported_at__lte=moment).exclude(Q(reported_at=moment) & Q(id__gte=number))
    found = list(reports[: PAGE + 1])
    shown = found[:PAGE]
    following = f"{shown[-1].reported_at.isoformat()}~{shown[-1].pk}" if len(found) > PAGE else ""
    return _with_digests(shown), following


def rows(*, channels: QuerySet[Channel] | None = None) -> Iterator[tuple[str, ...]]:
    """All rows of the list, for a CSV file: one for each address and number that is known of a contact."""
    yield HEADER
    after = ""
    while True:
        shown, after = page_of(channels=channels, after=after)
        for one in shown:
            yield from _rows_of(one)
        if not after:
            return


def _rows_of(excluded: Excluded) -> Iterator[tuple[str, ...]]:
    report = excluded.report
    count = max(len(excluded.emails), len(excluded.phones), 1)
    for number in range(count):
        yield (
            excluded.emails[number] if number < len(excluded.emails) else "",
            excluded.phones[number] if number < len(excluded.phones) else "",
            _harmless(report.contact.username),
            _harmless(report.contact.display_name),
            report.reason,
            report.reported_at.isoformat(timespec="seconds"),
            _harmless(report.ad_account.name),
        )


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: people choose their names themselves."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _reports() -> QuerySet[SpamReport]:
    beside = ("contact", "ad_account", "event", "reported_by")
    return SpamReport.objects.select_related(*beside).order_by("-reported_at", "-id")


def _with_digests(reports: list[SpamReport]) -> list[Excluded]:
    known = digests_of({report.contact_id for report in reports})
    return [
        Excluded(report, sorted(known[report.contact_id]["email"]), sorted(known[report.contact_id]["phone"]))
        for report in reports
    ]


def _read_position(position: str) -> tuple[datetime | None, int]:
    moment, _separator, number = position.partition("~")
    try:
        found = datetime.fromisoformat(moment)
        return (found, int(number)) if found.tzinfo and len(number) < 19 else (None, 0)
    except ValueError:
        return None, 0
