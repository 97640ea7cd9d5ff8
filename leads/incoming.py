"""Read a lead from any of the three forms in which TikTok tells it (docs/tiktok-api.md 6.2, 6.3).

Ids come as numbers or as text and are kept as text; a lead whose id can't be read is told, never guessed.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

from channels_tiktok.answers import Media, number_in, object_in, objects_in, storable, text_in
from config.sentences import stored

LARGEST_FILE = 30 * 1024 * 1024  # bytes, as it is fetched
LARGEST_CONTENT = 200 * 1024 * 1024  # bytes, unpacked
LONGEST_ANSWER = 5_000
MOST_ANSWERS = 100
FACTS = {
    "campaign_id": 100,
    "campaign_name": 500,
    "adgroup_id": 100,
    "adgroup_name": 500,
    "ad_id": 100,
    "ad_name": 500,
    "page_id": 100,
    "page_name": 500,
}
_ID = re.compile(r"[0-9]{1,100}")
# What stands in TikTok's file besides the answers, as its names are written without case, spaces and underlines.
_COLUMNS = {name.replace("_", ""): name for name in (*FACTS, "lead_id", "create_time", "lead_source")}
_COLUMNS |= {"id": "lead_id", "createdtime": "create_time", "formid": "page_id", "formname": "page_name"}
_NOT_ANSWERS = {"advertiserid", "advertisername", "libraryid"}
TOO_LARGE = stored("The file of leads is too large to be unpacked.")
NOT_UNPACKED = stored("The file of leads could not be unpacked: {error}")
NO_COLUMN = stored("The file of leads has no column for the lead's id.")
NOT_CSV = stored("The file of leads is not CSV: {error}")
BAD_ID = stored("A lead's id can't be read: “{text}”.")


class UnreadableLead(Exception):
    """A lead, or a file of leads, that can't be read; the text says why."""


@dataclass(frozen=True)
class IncomingLead:
    """A lead as TikTok tells it, whichever way."""

    tiktok_lead_id: str
    source: str
    submitted_at: datetime
    advertiser_id: str = ""
    answers: list[dict[str, str]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


def from_webhook(entry: Mapping[str, Any], *, at: datetime) -> IncomingLead:
    """Read one entry of a delivery. Raises UnreadableLead."""
    told = [(text_in(one, "field"), text_in(one, "value")) for one in objects_in(entry, "changes")]
    return IncomingLead(
        tiktok_lead_id=_lead_id(text_in(entry, "id")),
        source=_source(text_in(entry, "lead_source"), text_in(entry, "page_id")),
        submitted_at=_moment(text_in(entry, "create_time"), at=at),
        advertiser_id=text_in(entry, "advertiser_id"),
        answers=_answers(told),
        facts=_facts(entry),
    )


def from_newest(answer: Mapping[str, Any], *, at: datetime) -> IncomingLead | None:
    """Read the answer of `/lead/get/`; None where there is no lead. Raises UnreadableLead."""
    meta, data = object_in(answer, "meta_data"), object_in(answer, "lead_data")
    if not text_in(meta, "lead_id"):
        return None
    return IncomingLead(
        tiktok_lead_id=_lead_id(text_in(meta, "lead_id")),
        source=_source(text_in(meta, "lead_source"), text_in(meta, "page_id")),
        submitted_at=_moment(text_in(meta, "create_time"), at=at),
        answers=_answers([(name, text_in(data, name)) for name in data]),
        facts=_facts(meta),
    )


def from_file(media: Media, *, at: datetime) -> Iterator[IncomingLead]:
    """Read the leads of a CSV file, or of the CSV files in a zip. Raises UnreadableLead.

    No more is unpacked than LARGEST_CONTENT, whatever the zip says of its size.
    """
    if not zipfile.is_zipfile(io.BytesIO(media.content)):
        yield from _from_csv(io.BytesIO(media.content), at=at)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(media.content)) as archive:
            left = LARGEST_CONTENT
            for name in [name for name in archive.namelist() if name.lower().endswith(".csv")]:
                with archive.open(name) as packed:
                    content = packed.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise UnreadableLead(TOO_LARGE)
                yield from _from_csv(io.BytesIO(content), at=at)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnreadableLead(NOT_UNPACKED.format(error=error)) from error


def _from_csv(content: IO[bytes], *, at: datetime) -> Iterator[IncomingLead]:
    rows = csv.reader(io.TextIOWrapper(content, encoding="utf-8-sig", errors="replace", newline=""))
    try:
        header = next(rows, [])
        names = [_COLUMNS.get(_plain(title), "") for title in header]
        if "lead_id" not in names:
            raise UnreadableLead(NO_COLUMN)
        for row in rows:
            if any(cell.strip() for cell in row):
                yield _from_row(header, names, row, at=at)
    except csv.Error as error:
        raise UnreadableLead(NOT_CSV.format(error=error)) from error


def _from_row(header: list[str], names: list[str], row: list[str], *, at: datetime) -> IncomingLead:
    cells = [storable(cell).strip() for cell in row]
    told = {name: cell for name, cell in zip(names, cells, strict=False) if name}
    asked = [
        (title, cell)
        for title, name, cell in zip(header, names, cells, strict=False)
        if not name and _plain(title) not in _NOT_ANSWERS
    ]
    return IncomingLead(
        tiktok_lead_id=_lead_id(told["lead_id"]),
        source=_source(told.get("lead_source", ""), told.get("page_id", "")),
        submitted_at=_moment(told.get("create_time", ""), at=at),
        answers=_answers(asked),
        facts=_facts(told),
    )


def _plain(title: str) -> str:
    return re.sub(r"[\s_]", "", title).lower()


def _lead_id(text: str) -> str:
    """The id as digits; what a spreadsheet made of it (7.5E+18) has lost them."""
    found = text.strip().strip("'\"=\t")
    if not _ID.fullmatch(found):
        raise UnreadableLead(BAD_ID.format(text=text[:50]))
    return found


def _source(text: str, page_id: str) -> str:
    """Where it was submitted; where TikTok doesn't say, a form's number tells."""
    if text.upper() in ("INSTANT_FORM", "DIRECT_MESSAGE"):
        return text.upper()
    return "INSTANT_FORM" if page_id not in ("", "0") else "DIRECT_MESSAGE"


def _moment(text: str, *, at: datetime) -> datetime:
    """TikTok's time, in seconds or as text in UTC; ours where it can't be read."""
    seconds = number_in({"at": text}, "at")
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC)
        found = datetime.fromisoformat(text.replace(" UTC", ""))
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return at


def _answers(told: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {"question": question[:500], "answer": answer[:LONGEST_ANSWER]}
        for question, answer in told[:MOST_ANSWERS]
        if question
    ]


def _facts(told: Mapping[str, Any]) -> dict[str, str]:
    return {name: text_in(told, name)[:limit] for name, limit in FACTS.items() if text_in(told, name) != "0"}
