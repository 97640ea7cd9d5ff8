"""What the inbox's templates say about times, people, windows and messages."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, urlize
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.sentences import translated
from config.templatetags import look
from inbox import access, additions, notes, questions, rows, saved_views, sending, shortcuts, workspace
from inbox import countdown as counting
from inbox.listing import Listing
from inbox.models import Conversation, ConversationEvent, Message, Preferences, SavedView
from inbox.people import name_of

register = template.Library()
register.simple_tag(look.icon)
register.filter(look.initials)
register.filter(look.hue)
register.filter(translated)


@register.filter
def person(user: Any) -> str:
    """A colleague's name."""
    return name_of(user)


@register.filter
def face(user: Any) -> str:
    """The address of a colleague's picture, or nothing."""
    return rows.face(user)


@register.filter
def capped(count: int) -> str:
    """A count of a view: "99+" from a hundred on."""
    return rows.capped(count)


@register.simple_tag(takes_context=True)
def list_rows(context: template.Context, conversations: Any) -> SafeString:
    """The rows of the list for some conversations."""
    listing = context["listing"]
    return rows.rows_html(
        conversations,
        listing=listing,
        at=context["at"],
        open_id=context.get("open_id"),
        can_select=listing.user.has_perm(access.CHANGE),
    )


@register.simple_tag(takes_context=True)
def countdown(context: template.Context, conversation: Conversation) -> counting.Countdown:
    """What is left of the conversation's reply window at the page's moment."""
    return counting.countdown(conversation, at=context["at"])


@register.simple_tag(takes_context=True)
def ago(context: template.Context, moment: datetime) -> str:
    """How long ago, short: "now", "5 min", "3 h", "Tue", "18 Nov"."""
    return rows.ago(moment, at=context["at"])


@register.simple_tag(takes_context=True)
def day_name(context: template.Context, day: date) -> str:
    """A day as people say it: "Today", "Yesterday", "Tuesday", "Tuesday 18 November"."""
    today = timezone.localtime(context["at"]).date()
    distance = (today - day).days
    if distance == 0:
        return _("Today")
    if distance == 1:
        return _("Yesterday")
    if 0 < distance < 7:
        return date_format(day, "l")
    return date_format(day, "l j F" if day.year == today.year else "l j F Y")


@register.simple_tag(takes_context=True)
def moment(context: template.Context, at: datetime) -> str:
    """A time in words that stay short: "14:02" today, "Tue 14:02" within a week, else "18 Nov 14:02"."""
    local, today = timezone.localtime(at), timezone.localtime(context["at"]).date()
    distance = abs((local.date() - today).days)
    if distance == 0:
        return date_format(local, "H:i")
    return date_format(local, "D H:i" if distance < 7 else "j M H:i")


@register.simple_tag(takes_context=True)
def said_by(context: template.Context, message: Message) -> str:
    """Who said a line; empty for the customer."""
    return rows.said_by(message, me=context["listing"].user.pk)


@register.filter
def failure(message: Message) -> str:
    """Why a reply was not sent, without the words that stand before it anyway."""
    reason = translated(message.error_detail).removeprefix(_("Not sent:")).strip()
    return reason[:1].upper() + reason[1:] if reason else _("TikTok gave no reason.")


@register.filter
def may_send_again(message: Message) -> bool:
    """Whether the page offers a second attempt."""
    return sending.may_send_again(message)


@register.filter
def web_address(address: object) -> str:
    """An address that may be linked to, or nothing: what TikTok delivers could be anything."""
    text = str(address or "")
    return text if urlsplit(text).scheme == "https" else ""


@register.filter
def card_elements(content: Any) -> list[questions.Question]:
    """The questions of a question card, each with its `title` and the texts of its `buttons`."""
    return questions.read(content)


@register.filter
def gist(message: Message) -> str:
    """A message in one line: its text, what its card asks, its post's caption, or what kind it is."""
    return rows.gist(message)


SHOWN_SMALL = {Message.Kind.STICKER: 120, Message.Kind.EMOJI: 72}


@register.filter
def shown_size(attached: dict[str, Any], kind: str) -> dict[str, int]:
    """The `width` and `height` at which a picture is shown, so that nothing jumps when it comes in."""
    width, height = attached.get("width") or 0, attached.get("height") or 0
    if not (width and height):
        return {}
    most = SHOWN_SMALL.get(Message.Kind(kind), 320)
    scale = min(1.0, most / max(width, height))
    return {"width": max(1, round(width * scale)), "height": max(1, round(height * scale))}


@register.simple_tag(takes_context=True)
def described(context: template.Context, message: Message, conversation: Conversation) -> str:
    """A picture or video in words, for people who don't see it: "Image from Ayu, 14:02"."""
    is_theirs = message.direction == Message.Direction.INBOUND
    return _("%(kind)s from %(name)s, %(when)s") % {
        "kind": message.get_kind_display(),
        "name": conversation.contact.name if is_theirs else message.get_source_display(),
        "when": moment(context, message.occurred_at),
    }


@register.filter
def told(line: Any) -> str:
    """What a colleague did, as a line of the thread. `inbox.thread` gives `given_to`."""
    actor = name_of(line.actor) if line.actor else ""
    if line.kind == ConversationEvent.Kind.ASSIGNED:
        return _told_assignment(line, actor)
    if line.kind == ConversationEvent.Kind.TEAM_ASSIGNED:
        return _told_team(line, actor)
    if line.kind == ConversationEvent.Kind.HISTORY_MISSING:
        return _("Messages before this are only in TikTok")
    if line.kind == ConversationEvent.Kind.TOLD_BY_APP:
        return additions.words_of(line)
    if line.kind == ConversationEvent.Kind.LABELS_CHANGED:
        return _told_labels(line, actor)
    return _told_status(line, actor)


def _told_status(line: Any, actor: str) -> str:
    before, after = line.data.get("before"), line.data.get("after")
    if after == Conversation.Status.SNOOZED:
        until = parse_datetime(line.data.get("snoozed_until") or "")
        when = date_format(timezone.localtime(until), "D j M H:i") if until else "?"
        words = _("%(actor)s snoozed this until %(when)s") if actor else _("Snoozed until %(when)s")
        return words % {"actor": actor, "when": when}
    if after == Conversation.Status.CLOSED:
        return _("%(actor)s closed this conversation") % {"actor": actor} if actor else _("Closed")
    if before == Conversation.Status.SNOOZED:
        if actor:
            return _("%(actor)s woke this conversation") % {"actor": actor}
        return _("Woken by the customer's message") if line.message_id else _("The snooze is over")
    if actor:
        return _("%(actor)s reopened this conversation") % {"actor": actor}
    return _("Reopened by the customer's message")


def _told_labels(line: Any, actor: str) -> str:
    added, removed = line.data.get("added", []), line.data.get("removed", [])
    changes = []
    if added:
        words = ngettext("added the label %(names)s", "added the labels %(names)s", len(added))
        changes.append(words % {"names": ", ".join(added)})
    if removed:
        words = ngettext("removed the label %(names)s", "removed the labels %(names)s", len(removed))
        changes.append(words % {"names": ", ".join(removed)})
    told = _(" and ").join(changes)
    return f"{actor} {told}" if actor else told[:1].upper() + told[1:]


def _told_assignment(line: Any, actor: str) -> str:
    if line.data.get("after") is None:
        return _("%(actor)s took the assignment off") % {"actor": actor} if actor else _("Unassigned")
    if actor and str(line.actor_id) == str(line.data["after"]):
        return _("%(actor)s took this conversation") % {"actor": actor}
    person = line.given_to or {}
    name = f"{person.get('first_name', '')} {person.get('last_name', '')}".strip() or person.get("username", "?")
    if actor:
        return _("%(actor)s assigned this to %(name)s") % {"actor": actor, "name": name}
    return _("Assigned to %(name)s") % {"name": name}


def _told_team(line: Any, actor: str) -> str:
    words = {"actor": actor, "name": line.data.get("name", "")}
    if line.data.get("after") is None:
        return _("%(actor)s took it off its team") % words if actor else _("In no team any more")
    return (
        _("%(actor)s gave this to the team %(name)s") % words if actor else _("Given to the team %(name)s") % words
    )


@register.simple_tag
def presence_words(presence: Any) -> str:
    """What a colleague does in a conversation just now."""
    name = {"name": presence.agent.first_name or presence.agent.username}
    return (_("%(name)s is typing a reply") if presence.is_typing else _("%(name)s is viewing")) % name


@register.simple_tag(takes_context=True)
def on_duty(context: template.Context) -> bool:
    """Whether the person at the page is on duty."""
    preferences = context.get("preferences") or Preferences.of(context["request"].user)
    return bool(preferences.on_duty)


@register.filter
def shortcuts_of(preferences: Preferences) -> str:
    """Each action's label and keys, as the page's script reads them."""
    keys = shortcuts.keys_of(preferences.shortcuts)
    return json.dumps(
        {
            name: {
                "label": str(action.label),
                "keys": keys[name],
                "spoken": shortcuts.spoken(keys[name]),
                "aria": shortcuts.for_aria(keys[name]),
            }
            for name, action in shortcuts.ACTIONS.items()
        }
    )


@register.filter
def of_view(counts: dict[str, int], view: str) -> int:
    """How many conversations a view holds."""
    return counts.get(view, 0)


@register.filter
def of_saved(counts: dict[int, int], view: SavedView) -> int:
    """How many conversations a saved view holds, where that is counted."""
    return counts.get(view.pk, 0)


@register.filter
def view_query(view: SavedView, user: Any) -> str:
    """The parameters that lead to a saved view."""
    return Listing.asked_for(user, {"q": view.query, "sort": view.sort}).query


@register.filter
def saved_among(listing: Listing, saved: Iterable[SavedView]) -> SavedView | None:
    """The saved view that the list shows, if it shows one."""
    return next((view for view in saved if view.query == listing.q), None)


@register.filter
def may_change_view(view: SavedView, user: Any) -> bool:
    """Whether `user` may rename, share or remove a saved view."""
    return saved_views.may_change(user, view)


@register.filter
def sorted_by(listing: Listing, sort: str) -> str:
    """The parameters that lead to the list in another order."""
    return listing.sorted_by(sort).query


@register.simple_tag
def closing_soon_hours() -> int:
    """Within how many hours a window counts as closing soon."""
    return workspace.closing_soon() // timedelta(hours=1)


@register.simple_tag
def closing_soon_minutes() -> int:
    """The same in minutes, for `clock.js`."""
    return workspace.closing_soon() // timedelta(minutes=1)


@register.filter
def linked(text: str) -> SafeString:
    """A customer's text with its links, which open beside the inbox. Everything else is escaped."""
    html = urlize(text, nofollow=True, autoescape=True)
    return mark_safe(html.replace(' rel="nofollow"', ' rel="nofollow noopener noreferrer" target="_blank"'))  # noqa: S308


@register.filter
def with_mentions(text: str, named: str | None) -> SafeString:
    """A note with its links, and with the colleagues marked whom it names; `named` are their usernames."""
    usernames = {username.lower() for username in (named or "").split("\n")}
    pieces, end = [], 0
    for found in notes.MENTION.finditer(text):
        name = next((one for one in notes.spellings(found[1]) if one in usernames), "")
        if name:
            start, after = found.start(), found.start() + 1 + len(name)
            pieces += [linked(text[end:start]), format_html('<span class="mention">{}</span>', text[start:after])]
            end = after
    return mark_safe("".join([*pieces, linked(text[end:])]))  # noqa: S308  # each piece is escaped


@register.filter
def labels(conversation: Any) -> list[dict[str, str]]:
    """The labels of a conversation of `access.conversations_for`: `colour` and `name` of each, by name."""
    worn = [line.split(" ", 1) for line in (conversation.joined_labels or "").split("\n") if line]
    return [{"colour": colour, "name": name} for colour, name in sorted(worn, key=lambda one: one[1].lower())]


@register.filter
def reactions(joined: str) -> list[tuple[str, int]]:
    """Emoji with how often each was given."""
    given = [_("AI emoji") if emoji == "AI_EMOJI" else emoji for emoji in joined.split("\n")]
    return list(Counter(given).items())


@register.filter
def kind_name(kind: str) -> str:
    """What kind of message it is, in words."""
    return str(Message.Kind(kind).label) if kind in Message.Kind.values else kind


@register.filter
def thousands(number: int) -> str:
    """A number with its thousands set apart."""
    return f"{number:,}"


@register.filter
def after(listing: Listing, position: str) -> str:
    """The parameters that lead to the list's next page."""
    return listing.query_after(position)
