"""The list of conversations: its views, its order, its pages and its counts.

Guarantee: a page of the list costs at most two queries and the counts one, however many conversations there
are. Every row has a position that sorts as text, so that a browser can put a changed row where it belongs.
A search (`inbox.search`) is a list, too; with words in it, the newest match comes first.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from channels_tiktok import health
from channels_tiktok.models import Channel
from inbox import access, saved_views, search, workspace
from inbox.models import REPLIES_PER_WINDOW, Conversation, Message, SavedView
from inbox.search_language import LONGEST as LONGEST_SEARCH

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
    TROUBLE = "trouble", _("Not sent")
    SNOOZED = "snoozed", pgettext_lazy("several", "Snoozed")
    CLOSED = "closed", pgettext_lazy("several", "Closed")


# Of two nothing is to be done: nobody needs their number. The replies not sent are counted for the rail anyway.
UNCOUNTED = (View.TROUBLE, View.SNOOZED, View.CLOSED)


class Sort(TextChoices):
    """How the list is ordered."""

    CLOSING = "closing", _("Closes soonest")
    NEWEST = "newest", _("Newest")
    WAITING = "waiting", _("Waiting longest")


@dataclass(frozen=True)
class Listing:
    """What one person's list shows: whose it is, the view or what is searched for, and the order."""

    user: User
    view: View = View.OPEN
    sort: Sort = Sort.CLOSING
    q: str = ""

    @classmethod
    def asked_for(cls, user: User, wanted: Any) -> "Listing":
        """Read `view`, `sort` and `q` from a request's parameters; what we don't know is the default."""
        view, sort = wanted.get("view"), wanted.get("sort")
        return cls(
            user,
            View(view) if view in View.values else View.OPEN,
            Sort(sort) if sort in Sort.values else Sort.CLOSING,
            (wanted.get("q") or "").strip()[: LONGEST_SEARCH + 1],
        )

    @property
    def query(self) -> str:
        """The parameters that lead back to this list, with their `?`, or nothing."""
        return self.query_after("")

    def query_after(self, position: str) -> str:
        """The parameters that lead to this list's page after `position`."""
        chosen = {
            "q": self.q,
            "view": "" if self.q or self.view == View.OPEN else self.view.value,
            "sort": "" if self.sort == Sort.CLOSING else self.sort.value,
            "after": position,
        }
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"?{query}" if query else ""

    @cached_property
    def understood(self) -> tuple[search.Search | None, str]:
        """What is searched for, and what is wrong with it; neither if nothing is."""
        return search.understood(self.q, self.user) if self.q else (None, "")

    @property
    def search(self) -> search.Search | None:
        """What is searched for, if anything that can be."""
        return self.understood[0]

    @property
    def search_error(self) -> str:
        """Why it can't be searched for."""
        return self.understood[1]

    @property
    def by_match(self) -> bool:
        """Whether the rows come in the order of what they were found by."""
        return bool(self.search and self.search.drivers)

    @property
    def sort_choices(self) -> list[tuple[str, Any]]:
        """The orders that can be chosen; some lists make sense in one order alone."""
        return [] if self.by_match or self._is_closed or self._is_closing else list(Sort.choices)

    def sorted_by(self, sort: str) -> "Listing":
        """The same list in another order."""
        return replace(self, sort=Sort(sort))

    @property
    def views(self) -> list["Listing"]:
        """The list in each of its views."""
        return [replace(self, view=view, q="") for view in View]

    @property
    def _is_closing(self) -> bool:
        return self.view == View.CLOSING and not self.q

    @property
    def _is_closed(self) -> bool:
        return self.view == View.CLOSED and not self.q

    def conversations(self, *, at: datetime) -> QuerySet[Conversation]:
        """The conversations in the view, in no order."""
        everything = access.rows_for(self.user)
        if not self.q:
            return everything.filter(_in_view(self.view, self.user, at=at))
        return everything.filter(self.search.condition) if self.search else everything.none()

    def position(self, conversation: Conversation, *, at: datetime) -> str:
        """Where a row belongs: a text that sorts as the list does, and from which the next page starts."""
        if self.by_match:
            match = getattr(conversation, "match", None)
            return f"2-{_LAST_MOMENT - (match.entry_id if match else 0):016d}-0"
        first = self.first_part(at=at)
        moment = first.of(conversation) if first else None
        if moment:
            return f"0-{_microseconds(moment):016d}-{conversation.pk:012d}"
        newest_first = _LAST_MOMENT - _microseconds(conversation.last_message_at)
        return f"1-{newest_first:016d}-{_LAST_ID - conversation.pk:012d}"

    def first_part(self, *, at: datetime) -> "FirstPart | None":
        """What comes before all others, which are ordered by their last message."""
        sort = Sort.CLOSING if self._is_closing else self.sort
        if self._is_closed or sort == Sort.NEWEST:
            return None
        if sort == Sort.WAITING:
            waiting = Q(waiting_since__isnull=False)
            return FirstPart(
                "waiting_since", waiting, Q(waiting_since__isnull=True), lambda row: row.waiting_since
            )
        is_open = Q(window_closes_at__gt=at)
        others = Q(window_closes_at__isnull=True) | Q(window_closes_at__lte=at)
        return FirstPart("window_closes_at", is_open, others, lambda row: _later(row.window_closes_at, at))


@dataclass(frozen=True)
class FirstPart:
    """The conversations on top of a list: by which column they are ordered, and which they are."""

    column: str
    those: Q
    others: Q
    of: Callable[[Conversation], datetime | None]


def page_of(listing: Listing, *, at: datetime, after: str = "") -> tuple[list[Conversation], str]:
    """The next rows after the position `after` (from the start if empty), and where the page after them starts.

    First come the open windows, the soonest to close on top (or those who wait, the longest on top); then all
    others, the newest on top. The two parts are two queries, because no index can order both.
    """
    part, moment, number = _read_position(after)
    conversations = listing.conversations(at=at)
    if listing.by_match and listing.search:
        return _page_of_matches(listing, listing.search, after=after)
    rows: list[Conversation] = []
    first, others = listing.first_part(at=at), conversations
    if first:
        others = conversations.filter(first.others)
        if part == 0:
            top = conversations.filter(first.those).order_by(first.column, "id")
            if moment:
                top = top.filter(**{f"{first.column}__gte": moment})
                top = top.exclude(**{first.column: moment}, id__lte=number)
            rows = list(top[: PAGE + 1])
    if len(rows) <= PAGE and (listing.view != View.CLOSING or listing.q):
        others = others.order_by("-last_message_at", "-id")
        if part == 1 and moment:
            others = others.filter(last_message_at__lte=moment).exclude(last_message_at=moment, id__gte=number)
        rows += others[: PAGE + 1 - len(rows)]
    if len(rows) <= PAGE:
        return rows, ""
    return rows[:PAGE], listing.position(rows[PAGE - 1], at=at)


def next_after(listing: Listing, conversation: Conversation, *, at: datetime) -> Conversation | None:
    """The row below `conversation` in the list; at its end the first one; None if there is no other."""
    below, _following = page_of(listing, at=at, after=listing.position(conversation, at=at))
    others = below or page_of(listing, at=at)[0]
    return next((row for row in others if row.pk != conversation.pk), None)


def _page_of_matches(listing: Listing, wanted: search.Search, *, after: str) -> tuple[list[Conversation], str]:
    """A page of a search for words."""
    everything = access.rows_for(listing.user)
    rows, following = search.page_of(wanted, everything, size=PAGE, before=_read_match_position(after))
    return rows, "" if following is None else f"2-{_LAST_MOMENT - following:016d}-0"


def rows_among(listing: Listing, conversation_ids: set[int], *, at: datetime) -> list[Conversation]:
    """Those of some conversations that are in the list, ready to be shown in it."""
    if not conversation_ids:
        return []
    return with_matches(listing, listing.conversations(at=at).filter(pk__in=conversation_ids))


def with_matches(listing: Listing, conversations: Iterable[Conversation]) -> list[Conversation]:
    """The conversations; in a search for words each with the line by which it is found."""
    rows = list(conversations)
    if rows and listing.by_match and listing.search:
        search.attach_matches(listing.search, rows)
    return rows


def counts_and_cursor(user: User, *, at: datetime) -> tuple[dict[str, int], int]:
    """How many conversations each view holds, up to 100, and the timeline's newest number, in one query.

    For those who may connect channels there is also `need`: whether a channel needs them.

    Read before anything else of a page: what happens afterwards has a higher number and is told by the live page.
    """
    counts, cursor, _views = counts_cursor_and_views(user, at=at)
    return counts, cursor


def counts_cursor_and_views(user: User, *, at: datetime) -> tuple[dict[str, int], int, list[SavedView]]:
    """The same, and in the same query the saved views that stand beside the others."""
    conversations = access.bare_conversations_for(user)
    parts: dict[str, QuerySet[Any]] = {}
    for view in View:
        if view not in UNCOUNTED:
            seen = access.with_seen(conversations, user) if view == View.UNREAD else conversations
            parts[view.value] = seen.filter(_in_view(view, user, at=at))
    parts["troubled"] = troubled_replies(user, at=at)
    if user.has_perm(access.CONNECT):
        parts["need"] = health.in_need(at=at).filter(access.of_seen_channels(user, name="pk"))
    counts, cursor, views = _in_one_query(parts, user=user)
    return counts | {View.TROUBLE.value: counts["troubled"]}, cursor, views


def counts_of(views: Iterable[SavedView], user: User) -> dict[int, int]:
    """How many conversations saved views hold, up to 100, in one query: of those whose number is cheap to know."""
    searches = {str(view.pk): search.understood(view.query, user)[0] for view in views}
    cheap = {pk: wanted.condition for pk, wanted in searches.items() if wanted and wanted.is_counted_cheaply}
    if not cheap:
        return {}
    conversations = access.with_seen(access.bare_conversations_for(user), user)
    parts = {pk: conversations.filter(condition) for pk, condition in cheap.items()}
    return {int(pk): number for pk, number in _in_one_query(parts)[0].items()}


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


def _in_one_query(parts: dict[str, QuerySet[Any]], *, user: User | None = None) -> tuple[dict[str, int], int, Any]:
    """How many rows each part has (up to 100), the timeline's newest number, the saved views of `user`.

    The parts' SQL is joined as text: as subqueries of a queryset Django would take them apart and compile them
    several times over, for longer than the database takes to answer.
    """
    values: dict[str, tuple[str, Any]] = {"cursor": ("SELECT MAX(id) FROM inbox_conversationevent", ())}
    if user:
        values["views"] = saved_views.as_json(user).query.sql_with_params()
    for name, part in parts.items():
        try:
            statement, given = part.order_by().values("pk")[:COUNT_UP_TO].query.sql_with_params()
            values[name] = f"SELECT COUNT(*) FROM ({statement}) AS capped", given  # noqa: S608  # Django's own SQL
        except EmptyResultSet:
            values[name] = "SELECT 0", ()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(f'({statement})' for statement, _given in values.values())}",
            [value for _statement, given in values.values() for value in given],
        )
        found = dict(zip(values, cursor.fetchone(), strict=True))
    views = saved_views.read_json(found.pop("views", None))
    newest = found.pop("cursor") or 0
    return found, newest, views


def _in_view(view: View, user: User, *, at: datetime) -> Q:
    if view == View.TROUBLE:
        return access.among(troubled_replies(user, at=at).values_list("conversation_id", flat=True))
    if view in (View.SNOOZED, View.CLOSED):
        return Q(status=view.value)
    narrower = {
        View.MINE: Q(assignee_id=user.pk),
        View.UNASSIGNED: Q(assignee__isnull=True) & access.of_own_teams(user),
        View.CLOSING: _closing_soon(at=at),
        View.UNREAD: access.unread_by(user),
    }
    return Q(status=Conversation.Status.OPEN) & narrower.get(view, Q())


def _closing_soon(*, at: datetime) -> Q:
    return Q(
        window_closes_at__gt=at,
        window_closes_at__lte=at + workspace.closing_soon(),
        window__replies_used__lt=REPLIES_PER_WINDOW,
        window__refused_at__isnull=True,
        channel__status=Channel.Status.CONNECTED,
    )


def _later(moment: datetime | None, at: datetime) -> datetime | None:
    return moment if moment and moment > at else None


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


def _read_match_position(position: str) -> int | None:
    """The entry at which a page of found conversations ended."""
    part, _, rest = position.partition("-")
    number = rest.partition("-")[0]
    if part != "2" or not (number.isascii() and number.isdigit()) or len(number) > 16:
        return None
    return max(0, _LAST_MOMENT - int(number))
