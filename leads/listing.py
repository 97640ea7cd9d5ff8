"""The list of leads: its views and its pages.

Guarantee: a page of it costs one query, however many leads there are, and starts exactly after the last row.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from leads.access import leads_for
from leads.models import Lead

PAGE = 30


class View(TextChoices):
    """The views of the list; the value is the word in the address."""

    ALL = "all", _("All")
    WAITING = "waiting", _("Waiting for a message")
    RAW = "raw", _("Raw")
    CONTACTED = "contacted", _("Contacted")
    QUALIFIED = "qualified", _("Qualified")
    UNQUALIFIED = "unqualified", _("Unqualified")
    CONVERTED = "converted", _("Converted")


@dataclass(frozen=True)
class LeadListing:
    """What a list of leads shows."""

    user: User
    view: View = View.ALL

    @classmethod
    def asked_for(cls, user: User, wanted: Any) -> "LeadListing":
        """Read `view` from a request's parameters; what we don't know is all."""
        view = wanted.get("view")
        return cls(user, View(view) if view in View.values else View.ALL)

    @property
    def query(self) -> str:
        """The parameters that lead back to this list, with their `?`, or nothing."""
        return "" if self.view == View.ALL else f"?{urlencode({'view': self.view.value})}"

    @property
    def views(self) -> list["LeadListing"]:
        """The list in each of its views."""
        return [replace(self, view=view) for view in View]

    def leads(self) -> QuerySet[Lead]:
        """The leads in the view, newest first."""
        leads = leads_for(self.user).select_related("ad_account").order_by("-submitted_at", "-id")
        if self.view == View.ALL:
            return leads
        if self.view == View.WAITING:
            return leads.filter(conversation__isnull=True)
        return leads.filter(stage=self.view.value)


def page_of(listing: LeadListing, *, after: str = "") -> tuple[list[Lead], str]:
    """The next rows after the position `after`, and where the page after them starts (empty if there is none)."""
    leads = listing.leads()
    moment, number = _read_position(after)
    if moment:
        leads = leads.filter(submitted_at__lte=moment).exclude(Q(submitted_at=moment) & Q(id__gte=number))
    rows = list(leads[: PAGE + 1])
    if len(rows) <= PAGE:
        return rows, ""
    last = rows[PAGE - 1]
    return rows[:PAGE], f"{last.submitted_at.isoformat()}~{last.pk}"


def _read_position(position: str) -> tuple[datetime | None, int]:
    moment, _separator, number = position.partition("~")
    try:
        found = datetime.fromisoformat(moment)
        return (found, int(number)) if found.tzinfo and len(number) < 19 else (None, 0)
    except ValueError:
        return None, 0
