"""What each request is wrapped in: the workspace's settings, and the reader's own time and language.

A person's times are in the zone that they chose, or else in the workspace's; the language is the one that they
chose, or else what their browser asks for. Both came with the person (`inbox.backends`) and cost no query.
"""

import zoneinfo
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from inbox import workspace
from inbox.models import Preferences

Answer = Callable[[HttpRequest], HttpResponseBase]


class Personal:
    """Middleware, to stand below the one that knows who is logged in.

    A view marked with `personal_later` is not asked who its reader is: it calls `make_personal` if it comes to it.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with workspace.read_once(request), timezone.override(None):
            return self.answer(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if not getattr(view, "is_personal_later", False):
            make_personal(request)


def personal_later(view: Answer) -> Answer:
    """Mark a view that can often answer without knowing more of its reader than a cookie."""
    view.is_personal_later = True  # type: ignore[attr-defined]
    return view


def make_personal(request: HttpRequest) -> None:
    """Go on in the reader's language and time zone, until the request ends."""
    if not request.user.is_authenticated:
        return
    chosen = Preferences.of(request.user)
    if chosen.language in dict(settings.LANGUAGES):
        translation.activate(chosen.language)  # LocaleMiddleware chooses anew for each request
        request.LANGUAGE_CODE = chosen.language
    timezone.activate(_zone(chosen.time_zone or workspace.current().time_zone) or timezone.get_default_timezone())


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):  # this machine knows fewer zones than an earlier one
        return None
