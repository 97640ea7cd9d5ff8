"""The settings of the workspace, as they are now: `current` is the one place that reads them.

Guarantee: what staff change in the admin holds from the next request or task on, in every process, because
nothing is kept longer. Within one request the row is read once, however often it is asked for, and not at all
by a request that needs none of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from inbox.models import Preferences, WorkspaceSettings


@dataclass
class _Kept:
    """What the present request has read."""

    request: HttpRequest
    settings: WorkspaceSettings | None = None


_kept: ContextVar[_Kept | None] = ContextVar("workspace_settings", default=None)


def current() -> WorkspaceSettings:
    """The settings; the defaults where nobody has changed them yet."""
    kept = _kept.get()
    if kept is None:
        return _row()
    if kept.settings is None:
        kept.settings = _with_person(kept.request) or _row()
    return kept.settings


@contextmanager
def read_once(request: HttpRequest) -> Iterator[None]:
    """Read the settings at most once in this block: the middleware puts it around each request."""
    token = _kept.set(_Kept(request))
    try:
        yield
    finally:
        _kept.reset(token)


def closing_soon() -> timedelta:
    """How long before its close a window counts as closing soon."""
    return timedelta(hours=current().closing_soon_hours)


def undo_delay_of(user: Any) -> timedelta:
    """How long a reply of `user` waits before TikTok gets it: as they chose, else as the workspace says."""
    chosen = Preferences.of(user).undo_seconds
    return timedelta(seconds=current().undo_seconds if chosen is None else chosen)


def is_working_time(*, at: datetime) -> bool:
    """Whether somebody works at `at`. Where no hours are set at all, somebody always does."""
    settings = current()
    hours = {one.weekday: one for one in settings.working_hours.all()}
    if not hours:
        return True
    local = at.astimezone(ZoneInfo(settings.time_zone))
    today = hours.get(local.weekday())
    return today is not None and today.begins <= local.time() < today.ends


def _with_person(request: HttpRequest) -> WorkspaceSettings | None:
    """The settings as they came with the person who is logged in; None where they did not."""
    if not hasattr(request.user, "workspace_row"):
        return None
    row = request.user.workspace_row  # `inbox.backends`
    return WorkspaceSettings(**row) if row else WorkspaceSettings()


def _row() -> WorkspaceSettings:
    return WorkspaceSettings.objects.first() or WorkspaceSettings()
