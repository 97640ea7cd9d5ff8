"""What each request is wrapped in: the workspace's settings, and the reader's own time and language.

A person's times are in the zone that they chose, or else in the workspace's; the language is the one that they
chose, or else what their browser asks for. Both came with the person (`inbox.backends`) and cost no query.
"""

import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from inbox import workspace
from inbox.models import Preferences

Answer = Callable[[HttpRequest], HttpResponseBase]


def personal(answer: Answer) -> Answer:
    """Middleware, to stand below the one that knows who is logged in."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        with workspace.read_once(request):
            if not request.user.is_authenticated:
                return answer(request)
            chosen = Preferences.of(request.user)
            if chosen.language in dict(settings.LANGUAGES):
                translation.activate(chosen.language)  # LocaleMiddleware chooses anew for each request
                request.LANGUAGE_CODE = chosen.language
            with timezone.override(_zone(chosen.time_zone or workspace.current().time_zone)):
                return answer(request)

    return answered


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):  # this machine knows fewer zones than an earlier one
        return None
