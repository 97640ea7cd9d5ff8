"""Give out our copies of files, as safely as a customer's file can be given out.

Guarantee: a browser is told a type from a short list, and nothing else makes it guess; every other file is only
offered for saving. Whoever calls `answer` has asked `inbox/access.py` first. Files stay in the reader's own
browser, never in a shared cache. Videos can be asked for in parts, as players do.
"""

import re
from typing import IO

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header

from inbox.media import EXTENSIONS
from inbox.models import Attachment, Contact, Preferences

KEPT_BY_BROWSERS = "private, max-age=86400"
PIECE = 64 * 1024


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


def answer_attachment(request: HttpRequest, attachment: Attachment, *, as_thumbnail: bool) -> HttpResponseBase:
    """An attachment's file, or its small picture; Http404 while there is none."""
    file = attachment.thumbnail if as_thumbnail else attachment.file
    if not file:
        raise Http404("There is no such file (yet).")
    suffix = str(file.name).rsplit(".", 1)[-1]
    content_type = _type_of(suffix) if as_thumbnail else attachment.content_type
    name = f"{attachment.kind}-{attachment.pk}.{suffix}"
    return _answer(request, file, content_type=content_type, name=name)


def answer_portrait(request: HttpRequest, contact: Contact) -> HttpResponseBase:
    """A contact's picture; Http404 while there is none."""
    if not contact.picture:
        raise Http404("There is no such file (yet).")
    return _answer(request, contact.picture, content_type="image/jpeg", name=f"contact-{contact.pk}.jpg")


def answer_face(request: HttpRequest, preferences: Preferences) -> HttpResponseBase:
    """A colleague's picture; Http404 while there is none."""
    if not preferences.picture:
        raise Http404("There is no such file.")
    return _answer(request, preferences.picture, content_type="image/jpeg", name=f"person-{preferences.pk}.jpg")


def _type_of(suffix: str) -> str:
    return next((kind for kind, extension in EXTENSIONS.items() if extension == suffix), "")


def _answer(request: HttpRequest, file: FieldFile, *, content_type: str, name: str) -> HttpResponseBase:
    is_safe = content_type in EXTENSIONS
    try:
        size, opened = file.size, file.open("rb")
    except FileNotFoundError as error:
        raise Http404("Our copy of this file is gone.") from error
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
