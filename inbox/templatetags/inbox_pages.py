"""What the inbox's templates say about times, people, windows and messages."""

from collections import Counter
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import urlize
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from config.templatetags import look
from inbox import additions, sending
from inbox import countdown as counting
from inbox.listing import COUNT_UP_TO, Listing
from inbox.models import Conversation, ConversationEvent, Message
from inbox.people import name_of

register = template.Library()
register.simple_tag(look.icon)
register.filter(look.initials)
register.filter(look.hue)


@register.filter
def person(user: Any) -> str:
    """A colleague's name."""
    return name_of(user)


@register.filter
def capped(count: int) -> str:
    """A count of a view: "99+" from a hundred on."""
    return f"{COUNT_UP_TO - 1}+" if count >= COUNT_UP_TO else str(count)


@register.simple_tag(takes_context=True)
def countdown(context: template.Context, conversation: Conversation) -> counting.Countdown:
    """What is left of the conversation's reply window at the page's moment."""
    return counting.countdown(conversation, at=context["at"])


@register.simple_tag(takes_context=True)
def row_name(context: template.Context, conversation: Conversation, left: counting.Countdown) -> str:
    """The list row as one sentence, in which `{left}` stands for what is left of its window."""
    listing = context["listing"]
    assignee = name_of(conversation.assignee) if conversation.assignee else ""
    return counting.sentence(conversation, left, me=listing.user.pk, assignee=assignee)


@register.filter
def with_left(sentence: str, left: counting.Countdown) -> str:
    """The row's sentence as it is true now."""
    return sentence.replace("{left}", left.spoken)


@register.simple_tag(takes_context=True)
def position(context: template.Context, conversation: Conversation) -> str:
    """Where a list row belongs."""
    return str(context["listing"].position(conversation, at=context["at"]))


@register.simple_tag(takes_context=True)
def ago(context: template.Context, moment: datetime) -> str:
    """How long ago, short: "now", "5 min", "3 h", "Tue", "18 Nov". `clock.js` steps the first three on."""
    minutes = int((context["at"] - moment).total_seconds() // 60)
    if minutes < 1:
        return _("now")
    if minutes < 60:
        return _("%(n)s min") % {"n": minutes}
    if minutes < 24 * 60:
        return _("%(n)s h") % {"n": minutes // 60}
    if minutes < 6 * 24 * 60:
        return date_format(timezone.localtime(moment), "D")
    return date_format(timezone.localtime(moment), "j M")


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
    """Who said the last line of a list row; empty for the customer."""
    match message.source:
        case Message.Source.AGENT:
            if message.author_id == context["listing"].user.pk:
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


@register.filter
def failure(message: Message) -> str:
    """Why a reply was not sent, without the words that stand before it anyway."""
    reason = message.error_detail.removeprefix("Not sent:").strip()
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
def card_elements(content: Any) -> list[dict[str, Any]]:
    """The questions of a question card, each with its `title` and the texts of its `buttons`."""
    elements = content.get("elements") if isinstance(content, dict) else None
    found = [one for one in elements or [] if isinstance(one, dict)] if isinstance(elements, list) else []
    return [
        {
            "title": str(one.get("title", "")),
            "buttons": [
                str(button.get("text", "")) for button in one.get("buttons") or [] if isinstance(button, dict)
            ],
        }
        for one in found
    ]


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
    if line.kind == ConversationEvent.Kind.HISTORY_MISSING:
        return _("Messages before this are only in TikTok")
    if line.kind == ConversationEvent.Kind.TOLD_BY_APP:
        return additions.words_of(line)
    closed = line.data.get("after") == Conversation.Status.CLOSED
    if actor:
        words = _("%(actor)s closed this conversation") if closed else _("%(actor)s reopened this conversation")
        return words % {"actor": actor}
    return _("Closed") if closed else _("Reopened by the customer's message")


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


@register.filter
def of_view(counts: dict[str, int], view: str) -> int:
    """How many conversations a view holds."""
    return counts.get(view, 0)


@register.filter
def linked(text: str) -> SafeString:
    """A customer's text with its links, which open beside the inbox. Everything else is escaped."""
    html = urlize(text, nofollow=True, autoescape=True)
    return mark_safe(html.replace(' rel="nofollow"', ' rel="nofollow noopener noreferrer" target="_blank"'))  # noqa: S308


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
