"""The list of conversations: its views, its order, its pages and its counts.

Guarantee: a page of the list costs at most two queries and the counts one, however many conversations there
are. Every row has a position that sorts as text, so that a browser can put a changed row where it belongs.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Exists, F, IntegerField, Q, QuerySet, Subquery, TextChoices, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from channels_tiktok import health
from channels_tiktok.models import Channel
from inbox import access, workspace
from inbox.models import REPLIES_PER_WINDOW, Conversation, ConversationEvent, Message

PAGE = 30
COUNT_UP_TO = 100
TROUBLE_COUNTS_FOR = timedelta(days=7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT = 10**16  # microseconds: the year 2286
_LAST_ID = 10**12


class View(TextChoices):
    """The views of the list; the value is the word in the address."""

    OPEN = "open", _("All open")
    MINE = "mine", _("Mine")
    UNASSIGNED = "unassigned", _("Unassigned")
    CLOSING = "closing", _("Closing soon")
    UNREAD = "unread", _("Unread")
    CLOSED = "closed", _("Closed")


class Sort(TextChoices):
    """How the list is ordered."""

    CLOSING = "closing", _("Closes soonest")
    NEWEST = "newest", _("Newest")


@dataclass(frozen=True)
class Listing:
    """What one person's list shows: whose it is, the view and the order."""

    user: User
    view: View = View.OPEN
    sort: Sort = Sort.CLOSING

    @classmethod
    def asked_for(cls, user: User, wanted: Any) -> "Listing":
        """Read `view` and `sort` from a request's parameters; what we don't know is the default."""
        view, sort = wanted.get("view"), wanted.get("sort")
        return cls(
            user,
            View(view) if view in View.values else View.OPEN,
            Sort(sort) if sort in Sort.values else Sort.CLOSING,
        )

    @property
    def query(self) -> str:
        """The parameters that lead back to this list, with their `?`, or nothing."""
        return self.query_after("")

    def query_after(self, position: str) -> str:
        """The parameters that lead to this list's page after `position`."""
        chosen = {
            "view": "" if self.view == View.OPEN else self.view.value,
            "sort": "" if self.sort == Sort.CLOSING else self.sort.value,
            "after": position,
        }
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"?{query}" if query else ""

    @property
    def sort_choices(self) -> list[tuple[str, Any]]:
        """The orders that can be chosen."""
        return list(Sort.choices)

    @property
    def views(self) -> list["Listing"]:
        """The same list in each of its views."""
        return [replace(self, view=view) for view in View]

    @property
    def closing_first(self) -> bool:
        """Whether open windows come first. Of closed conversations only the newest interest."""
        return self.sort == Sort.CLOSING and self.view != View.CLOSED

    def conversations(self, *, at: datetime) -> QuerySet[Conversation]:
        """The conversations in the view, in no order."""
        everything = access.conversations_for(self.user).prefetch_related(None)
        return everything.filter(_in_view(self.view, self.user, at=at))

    def position(self, conversation: Conversation, *, at: datetime) -> str:
        """Where a row belongs: a text that sorts as the list does, and from which the next page starts."""
        closes_at = conversation.window_closes_at
        if self.closing_first and closes_at and closes_at > at:
            return f"0-{_microseconds(closes_at):016d}-{conversation.pk:012d}"
        newest_first = _LAST_MOMENT - _microseconds(conversation.last_message_at)
        return f"1-{newest_first:016d}-{_LAST_ID - conversation.pk:012d}"


def page_of(listing: Listing, *, at: datetime, after: str = "") -> tuple[list[Conversation], str]:
    """The next rows after the position `after` (from the start if empty), and where the page after them starts.

    Open windows come first, the soonest to close on top; then all others, the newest on top. The two parts are
    two queries, because no index can order both.
    """
    part, moment, number = _read_position(after)
    rows: list[Conversation] = []
    conversations = listing.conversations(at=at)
    others = conversations
    if listing.closing_first:
        others = conversations.filter(Q(window_closes_at__isnull=True) | Q(window_closes_at__lte=at))
        if part == 0:
            first = conversations.filter(window_closes_at__gt=at).order_by("window_closes_at", "id")
            if moment:
                first = first.filter(window_closes_at__gte=moment).exclude(window_closes_at=moment, id__lte=number)
            rows = list(first[: PAGE + 1])
    if len(rows) <= PAGE and not (listing.closing_first and listing.view == View.CLOSING):
        others = others.order_by("-last_message_at", "-id")
        if part == 1 and moment:
            others = others.filter(last_message_at__lte=moment).exclude(last_message_at=moment, id__gte=number)
        rows += others[: PAGE + 1 - len(rows)]
    if len(rows) <= PAGE:
        return rows, ""
    return rows[:PAGE], listing.position(rows[PAGE - 1], at=at)


def counts_and_cursor(user: User, *, at: datetime) -> tuple[dict[str, int], int]:
    """How many conversations each view holds, up to 100, and the timeline's newest number, in one query.

    For those who may connect channels there is also `need`: whether a channel needs them.

    Read before anything else of a page: what happens afterwards has a higher number and is told by the live page.
    """
    conversations = access.conversations_for(user).prefetch_related(None).order_by().values("pk")
    numbers: dict[str, Any] = {
        f"in_{view.value}": _CappedCount(conversations.filter(_in_view(view, user, at=at))[:COUNT_UP_TO])
        for view in View
        if view != View.CLOSED  # nothing is to be done about those
    }
    numbers["in_troubled"] = _CappedCount(troubled_replies(user, at=at).order_by().values("pk")[:COUNT_UP_TO])
    newest = ConversationEvent.objects.order_by("-id").values("id")[:1]
    if user.has_perm(access.CONNECT):
        numbers["in_need"] = Exists(health.in_need(at=at).filter(access.of_seen_channels(user, name="pk")))
    numbers["cursor"] = Coalesce(Subquery(newest), Value(0))
    found = get_user_model().objects.filter(pk=user.pk).annotate(**numbers).values_list(*numbers).get()
    counts = {name.removeprefix("in_"): int(number) for name, number in zip(numbers, found, strict=True)}
    return counts, counts.pop("cursor")


def notices_for(user: User, *, at: datetime) -> list[health.Notice]:
    """What to do about the channels that `user` sees."""
    return [notice for notice in health.notices(at=at) if access.sees(user, notice.channel.pk)]


def troubled_replies(user: User, *, at: datetime) -> QuerySet[Message]:
    """Replies of the last days that failed or were never confirmed, and that nobody has sent again."""
    states = [Message.State.FAILED, Message.State.UNCONFIRMED]
    return Message.objects.filter(
        access.of_seen_channels(user, name="conversation__channel_id"),
        state__in=states,
        occurred_at__gt=at - TROUBLE_COUNTS_FOR,
        sent_again__isnull=True,
    )


class _CappedCount(Subquery):
    """Counts the rows of a sliced queryset, and so never looks at more of them than the slice allows."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) capped)"
    output_field = IntegerField()


def _in_view(view: View, user: User, *, at: datetime) -> Q:
    is_open = Q(status=Conversation.Status.OPEN)
    match view:
        case View.MINE:
            return is_open & Q(assignee_id=user.pk)
        case View.UNASSIGNED:
            return is_open & Q(assignee__isnull=True)
        case View.CLOSING:
            return is_open & Q(
                window_closes_at__gt=at,
                window_closes_at__lte=at + workspace.closing_soon(),
                window__replies_used__lt=REPLIES_PER_WINDOW,
                window__refused_at__isnull=True,
                channel__status=Channel.Status.CONNECTED,
            )
        case View.UNREAD:
            return is_open & Q(inbound_count__gt=F("seen"))
        case View.CLOSED:
            return Q(status=Conversation.Status.CLOSED)
        case _:
            return is_open


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _read_position(position: str) -> tuple[int, datetime | None, int]:
    """Take a position apart again: part, moment, id. One that we never gave means the start."""
    try:
        part, moment, number = (int(word) for word in position.split("-"))
        if part == 0:
            return 0, _EPOCH + timedelta(microseconds=moment), number
        return 1, _EPOCH + timedelta(microseconds=_LAST_MOMENT - moment), _LAST_ID - number
    except (ValueError, OverflowError):
        return 0, None, 0
