"""What is left of a reply window, in words and in the numbers that draw its ring."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inbox import workspace
from inbox.models import REPLIES_PER_WINDOW, REPLY_WINDOW, Conversation

URGENT = timedelta(hours=1)


@dataclass(frozen=True)
class Countdown:
    """One conversation's window at one moment. `static/js/clock.js` steps the words on, minute by minute."""

    stage: str  # calm, soon, urgent, closed: a class in the stylesheet
    words: str
    spoken: str
    percent: int
    closes_at: datetime | None = None
    replies_left: int = 0

    @property
    def is_open(self) -> bool:
        """Whether time is left."""
        return self.closes_at is not None


def countdown(conversation: Conversation, *, at: datetime) -> Countdown:
    """Say what is left of the newest window of `conversation`."""
    window = conversation.window
    if window is None:
        return Countdown("closed", _("not open yet"), _("not open yet"), 0)
    if window.refused_at and at < window.closes_at:
        return Countdown("closed", _("locked"), _("locked by TikTok"), 0)
    left = window.closes_at - at
    if left <= timedelta(0):
        return Countdown("closed", _("closed"), _("window closed"), 0)
    percent = max(4, min(100, round(100 * (left / REPLY_WINDOW))))
    words, spoken = _words(left)
    return Countdown(_stage(left), words, spoken, percent, window.closes_at, window.replies_left)


def sentence(conversation: Conversation, state: Countdown, *, me: int | None, assignee: str) -> str:
    """A list row for the ear: "Ayu, unread, {left}, 3 of 10 replies left, assigned to you".

    `{left}` stands for the words that advance with the clock.
    """
    parts = [conversation.contact.name]
    if getattr(conversation, "unread_count", 0):
        parts.append(_("unread"))
    parts.append("{left}")
    if state.is_open:
        parts.append(_replies_words(state.replies_left))
    if conversation.assignee_id:
        parts.append(
            _("assigned to you")
            if conversation.assignee_id == me
            else _("assigned to %(name)s") % {"name": assignee}
        )
    if conversation.team:
        parts.append(_("team %(name)s") % {"name": conversation.team.name})
    return ", ".join(parts)


def _replies_words(left: int) -> str:
    if left == 0:
        return _("no replies left")
    return _("%(left)s of %(all)s replies left") % {"left": left, "all": REPLIES_PER_WINDOW}


def _stage(left: timedelta) -> str:
    if left <= URGENT:
        return "urgent"
    return "soon" if left <= workspace.closing_soon() else "calm"


def _words(left: timedelta) -> tuple[str, str]:
    minutes = int(left.total_seconds() // 60)
    if minutes >= 60:
        hours = minutes // 60
        return _("%(n)s h left") % {"n": hours}, ngettext("%(n)s hour left", "%(n)s hours left", hours) % {
            "n": hours
        }
    if minutes >= 1:
        return _("%(n)s min left") % {"n": minutes}, ngettext(
            "%(n)s minute left", "%(n)s minutes left", minutes
        ) % {"n": minutes}
    return _("under 1 min left"), _("under a minute left")
