"""A row of the list, as HTML.

A list is thirty of these on every page and in every answer to a live page, so they are put together here and not
by thirty templates: the same markup in a tenth of the time. Every value goes through `escape` where it is put in.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.dateformat import format as formatted
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from config.templatetags import look
from inbox import questions, search
from inbox.countdown import Countdown, countdown, sentence
from inbox.listing import COUNT_UP_TO, Listing
from inbox.models import REPLIES_PER_WINDOW, Conversation, Message, Preferences
from inbox.people import name_of

SHOWN = 120  # characters of the last line
LABELS = 2  # shown at most

# What stands in every row alike.
RING = (
    '<svg class="ring" viewBox="0 0 20 20" aria-hidden="true"><circle class="ring-track" cx="10" cy="10" r="7.5"/>'
    "{left}</svg>"
)
RING_LEFT = (
    '<circle class="ring-left" cx="10" cy="10" r="7.5" pathLength="100" stroke-dasharray="{percent} 100"'
    ' transform="rotate(-90 10 10)"/>'
)


def rows_html(
    rows: Iterable[Conversation],
    *,
    listing: Listing,
    at: datetime,
    open_id: int | None = None,
    can_select: bool = False,
) -> SafeString:
    """The rows of a list. `can_select` gives each a box to tick for what is done with several at once."""
    page = _Page(listing, at, open_id, can_select)
    return mark_safe("".join(map(page.row, rows)))  # noqa: S308  # every value is escaped below


class _Page:
    """What the rows of one page have in common."""

    def __init__(self, listing: Listing, at: datetime, open_id: int | None, can_select: bool) -> None:
        self.listing, self.at, self.open_id, self.can_select = listing, at, open_id, can_select
        self.me = listing.user.pk
        self.query = escape(listing.query)
        self.address = reverse("inbox:conversation", args=[0]).rpartition("0")
        self.needles = listing.search.needles if listing.search else []

    def row(self, conversation: Conversation) -> str:
        """One `<li>`."""
        pk, left = conversation.pk, countdown(conversation, at=self.at)
        assignee = name_of(conversation.assignee) if conversation.assignee else ""
        name = escape(sentence(conversation, left, me=self.me, assignee=assignee))
        unread = conversation.unread_count  # type: ignore[attr-defined]  # annotated in inbox.access
        return (
            f'<li id="conversation-{pk}" data-order="{self.listing.position(conversation, at=self.at)}"'
            f' class="row{" is-unread" if unread else ""}">'
            f"{self._box(conversation)}"
            f'<a href="{self._link(conversation)}" aria-label="{name.replace("{left}", escape(left.spoken))}"'
            f' data-name="{name}" aria-describedby="last-{pk}"{self._current(pk)}'
            ' hx-boost="true" hx-target="#conversation" hx-swap="outerHTML" hx-sync="#conversations:replace">'
            f"{portrait(conversation)}"
            f'<span class="row-top"><span class="row-name">{escape(conversation.contact.name)}</span>'
            f"{self._time(conversation.last_message_at)}</span>"
            f'<span class="row-middle">{self._last_line(conversation)}{_unread(unread)}</span>'
            f'<span class="row-bottom">{window_html(left)}{_labels(conversation)}'
            '<span class="row-presence"></span>'
            f'<span class="row-channel">{escape(conversation.channel.name)}</span>'
            f"{_assignee(conversation, assignee)}</span></a></li>"
        )

    def _current(self, pk: int) -> str:
        return ' aria-current="true"' if pk == self.open_id else ""

    def _link(self, conversation: Conversation) -> str:
        """To the conversation; to the message that was found, where one was."""
        address = f"{self.address[0]}{conversation.pk}{self.address[2]}{self.query}"
        match = getattr(conversation, "match", None)
        if match is None or match.message_id is None:
            return address
        return f"{address}&amp;message={match.message_id}#message-{match.message_id}"

    def _box(self, conversation: Conversation) -> str:
        if not self.can_select:
            return ""
        label = escape(_("Select %(name)s") % {"name": conversation.contact.name})
        return (
            f'<label class="row-box"><input type="checkbox" name="row" value="{conversation.pk}"'
            f' form="bulk"'
            f' aria-label="{label}"></label>'
        )

    def _time(self, moment: datetime) -> str:
        local = timezone.localtime(moment)
        words = escape(ago(moment, at=self.at))
        return f'<time class="row-time" datetime="{local.isoformat()}" data-ago>{words}</time>'

    def _last_line(self, conversation: Conversation) -> str:
        draft = conversation.has_draft  # type: ignore[attr-defined]  # annotated in inbox.access
        mark = f'<span class="row-draft">{escape(_("Draft"))}</span> ' if draft else ""
        return f'<span class="row-last" id="last-{conversation.pk}">{mark}{self._said(conversation)}</span>'

    def _said(self, conversation: Conversation) -> str:
        match, message = getattr(conversation, "match", None), conversation.last_message
        if match is not None and match.words:
            return self._found(match)
        if message is None:
            return escape(_("No message yet"))
        is_failed = message.state == Message.State.FAILED
        failed = f'<span class="row-failed">{escape(_("Not sent"))}</span> ' if is_failed else ""
        sayer = said_by(message, me=self.me)
        who = f"{escape(sayer)}: " if sayer else ""
        return f"{failed}{who}{escape(last_words(message))}"

    def _found(self, match: search.Match) -> str:
        """The line by which the conversation was found, what was looked for marked."""
        kinds = {"note": _("Note"), "referral": _("Came by"), "contact": _("Named")}
        kind = f'<span class="row-found">{escape(kinds[match.kind])}</span> ' if match.kind in kinds else ""
        parts = search.marked(match.words, self.needles, length=SHOWN)
        return kind + "".join(f"<mark>{escape(text)}</mark>" if is_it else escape(text) for text, is_it in parts)


def portrait(conversation: Conversation) -> str:
    """The contact's picture, or the initials."""
    contact = conversation.contact
    if contact.picture:
        address = escape(f"{reverse('inbox:portrait', args=[contact.pk])}?{contact.picture_version}")
        return f'<img class="avatar" src="{address}" width="36" height="36" alt="">'
    return f'<span class="avatar hue-{contact.hue}" aria-hidden="true">{escape(contact.initials)}</span>'


def window_html(left: Countdown) -> str:
    """The reply window: time left as ring and words, replies left."""
    ring = RING.format(left=RING_LEFT.format(percent=left.percent) if left.is_open else "")
    words = f'{ring}<span class="window-words">{escape(left.words)}</span>'
    if left.closes_at is None:
        return f'<span class="window window-{left.stage}">{words}</span>'
    scarce = " is-used-up" if left.replies_left == 0 else " is-scarce" if left.replies_left <= 3 else ""
    title, short = replies_left_words(left.replies_left, get_language() or "")
    closes_at = timezone.localtime(left.closes_at).isoformat()
    return (
        f'<span class="window window-{left.stage}" data-closes-at="{closes_at}">{words}'
        f'<span class="replies-left{scarce}" title="{title}">{short}</span></span>'
    )


@lru_cache(maxsize=256)
def replies_left_words(left: int, language: str) -> tuple[str, str]:
    """How many replies are left, in words and short; there are eleven of each in a language."""
    words = _("%(left)s of %(all)s replies left") % {"left": left, "all": REPLIES_PER_WINDOW}
    return escape(words), f"{left}/{REPLIES_PER_WINDOW}"


def said_by(message: Message, *, me: int) -> str:
    """Who said a last line; empty for the customer."""
    match message.source:
        case Message.Source.AGENT:
            if message.author_id == me:
                return _("You")
            return message.author.first_name or message.author.username if message.author else _("Team")
        case Message.Source.OWNER:
            return _("Owner")
        case Message.Source.AUTOMATIC:
            return _("TikTok")
        case Message.Source.OTHER:
            return _("Another app")
        case _:
            return ""


def gist(message: Message) -> str:
    """What a message says: its text, what its card asks, its post's caption, or what kind it is."""
    if message.text:
        return message.text
    asked = questions.read(message.content) if message.kind == Message.Kind.TEMPLATE else []
    caption = message.content.get("caption") if message.kind == Message.Kind.SHARE_POST else ""
    return asked[0].title if asked else str(caption or message.get_kind_display())


def last_words(message: Message) -> str:
    """What a message says, in one line."""
    text = gist(message)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def ago(moment: datetime, *, at: datetime) -> str:
    """How long ago, short: "now", "5 min", "3 h", "Tue", "18 Nov". `clock.js` steps the first three on."""
    minutes = int((at - moment).total_seconds() // 60)
    if minutes < 1:
        return _("now")
    if minutes < 60:
        return _("%(n)s min") % {"n": minutes}
    if minutes < 24 * 60:
        return _("%(n)s h") % {"n": minutes // 60}
    return formatted(timezone.localtime(moment), "D" if minutes < 6 * 24 * 60 else "j M")


def capped(count: int) -> str:
    """A count of a view: "99+" from a hundred on."""
    return f"{COUNT_UP_TO - 1}+" if count >= COUNT_UP_TO else str(count)


def _unread(count: int) -> str:
    return f'<span class="unread" aria-hidden="true">{capped(count)}</span>' if count else ""


def _labels(conversation: Conversation) -> str:
    lines = (conversation.joined_labels or "").split("\n")  # type: ignore[attr-defined]  # annotated in inbox.access
    worn = [(line.partition(" ")[2], line.partition(" ")[0]) for line in lines if line]
    labels = sorted(worn, key=lambda label: label[0].lower())
    shown = "".join(
        f'<span class="label label-{escape(colour)}">{escape(name)}</span>' for name, colour in labels[:LABELS]
    )
    more = len(labels) - LABELS
    if more > 0:
        words = escape(ngettext("%(n)s more label", "%(n)s more labels", more) % {"n": more})
        shown += f'<span class="label label-grey" title="{words}">+{more}</span>'
    return f'<span class="row-labels">{shown}</span>' if shown else ""


def face(user: Any) -> str:
    """The address of a colleague's picture, or nothing. Its version makes browsers fetch a new one."""
    name = Preferences.of(user).picture.name or ""
    version = name.rsplit("/", 1)[-1].removesuffix(".jpg")
    return f"{reverse('inbox:face', args=[user.pk])}?{version}" if name else ""


def _assignee(conversation: Conversation, name: str) -> str:
    if not name:
        return ""
    if address := face(conversation.assignee):
        size = 'width="18" height="18"'
        return f'<img class="avatar avatar-tiny" src="{escape(address)}" {size} alt="" title="{escape(name)}">'
    initial = escape(look.initials(name)[:1])
    hue = look.hue(conversation.assignee_id or 0)
    return f'<span class="avatar avatar-tiny hue-{hue}" title="{escape(name)}">{initial}</span>'
