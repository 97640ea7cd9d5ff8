"""Files of ours: written under names that nobody can guess, given out safely, cleared away when
nothing names them.

Guarantee: a browser is told a type from a short list, and nothing else makes it guess; every other file is only
offered for saving. Whoever calls `answer` has asked first whether the reader may see the file. Files stay in the
reader's own browser, never in a shared cache. Videos can be asked for in parts, as players do.

A file is written before the row that names it, so that no row ever names a file that isn't there. A process that
dies in between leaves one that nothing names: `delete_orphans` finds it by its row's absence once it is a day old.
"""

import logging
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import IO, cast

from django.core.files.base import ContentFile
from django.db.models import FileField, Model
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from channels_tiktok.media import EXTENSIONS, File

logger = logging.getLogger(__name__)

KEPT_BY_BROWSERS = "private, max-age=86400"
PIECE = 64 * 1024
OLD_ENOUGH = timedelta(days=1)  # whatever wrote it has long named it, or died
LOOKED_BACK = timedelta(days=28)  # an older one was found before
LOOKED_AT_ONCE = 200
SLICE = timedelta(seconds=5)  # then a fresh task goes on: live messages never wait behind it

Columns = Sequence[tuple[type[Model], str]]


# ── Writing ───────────────────────────────────────────────────────────────────────────────────────────


def write(field: FieldFile, file: File) -> FieldFile:
    """Write `file` and have `field` name it; its row is the caller's to save."""
    field.save(f"{secrets.token_urlsafe(24)}.{file.extension}", ContentFile(file.content), save=False)
    return field


# ── Giving out ────────────────────────────────────────────────────────────────────────────────────────


class _Part:
    """The bytes `first` to `last` of an open file, to be read once."""

    def __init__(self, file: IO[bytes], first: int, last: int) -> None:
        self._file, self._left = file, last - first + 1
        file.seek(first)

    def read(self, size: int = PIECE) -> bytes:
        piece = self._file.read(min(size, self._left))
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()


def answer(request: HttpRequest, file: FieldFile, *, content_type: str, name: str) -> HttpResponseBase:
    """The file, or the part that is asked for; Http404 while there is none."""
    if not file:
        raise Http404(_("There is no such file (yet)."))
    is_safe = content_type in EXTENSIONS
    try:
        size, opened = file.size, file.open("rb")
    except FileNotFoundError as error:
        raise Http404(_("Our copy of this file is gone.")) from error
    part = _asked_part(request.headers.get("Range", ""), size)
    response: HttpResponseBase
    if part == (0, -1):
        opened.close()
        response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    elif part:
        first, last = part
        response = FileResponse(_Part(opened, first, last), status=206)
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
        response["Content-Length"] = str(last - first + 1)
    else:
        response = FileResponse(opened)
        response["Content-Length"] = str(size)
    response["Content-Type"] = content_type if is_safe else "application/octet-stream"
    response["Content-Disposition"] = content_disposition_header(not is_safe, name) or "attachment"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = KEPT_BY_BROWSERS
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _asked_part(asked: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a `Range`; (0, -1) if there are no such bytes; None if all are meant."""
    found = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", asked.strip())
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return (max(size - int(last), 0), size - 1) if int(last) and size else (0, -1)
    end = min(int(last), size - 1) if last else size - 1
    return (int(first), end) if int(first) <= end else (0, -1)


# ── Clearing away ─────────────────────────────────────────────────────────────────────────────────────


def delete_orphans(
    *, named_by: Columns, place: int, after: str, clock: Callable[[], datetime], at_most: timedelta = SLICE
) -> tuple[int, str] | None:
    """Delete the files of the last weeks that no row names, and that are a day old.

    `named_by` says which columns name files. It begins with the column at `place`, with the files whose names
    come after `after`, and gives where to go on when `at_most` was over before the end.
    """
    end = clock() + at_most
    for number, (model, column) in enumerate(named_by[place:], start=place):
        field = cast(FileField, model._meta.get_field(column))
        names = sorted(name for name in _names(field, at=clock()) if number > place or name > after)
        for start in range(0, len(names), LOOKED_AT_ONCE):
            if clock() >= end:
                return number, names[start - 1] if start else ""
            _delete_unnamed(model, field, names[start : start + LOOKED_AT_ONCE], at=clock())
    return None


def _names(field: FileField, *, at: datetime) -> Iterator[str]:
    """The files of the months that `LOOKED_BACK` reaches into."""
    for folder in {f"{moment:{field.upload_to}}" for moment in (at, at - LOOKED_BACK)}:
        with suppress(FileNotFoundError):
            yield from (folder + name for name in field.storage.listdir(folder)[1])


def _delete_unnamed(model: type[Model], field: FileField, names: list[str], *, at: datetime) -> None:
    rows = model._default_manager.filter(**{f"{field.name}__in": names})
    named = set(rows.values_list(field.name, flat=True))
    for name in names:
        if name in named:
            continue
        with suppress(FileNotFoundError):  # deleted meanwhile
            if field.storage.get_modified_time(name) <= at - OLD_ENOUGH:
                field.storage.delete(name)
                logger.info("deleted %s, which nothing names", name)
