"""Decide whom a line of the timeline concerns enough to be told at once.

Guarantee: it is decided here and not in the browser, from who is assigned, who acted and what the person has
chosen. Off duty and in their quiet hours nobody is told of anything, and nobody of what they did themselves. Each
notice carries its line's number, so that of several open pages one tells it (`static/js/notifications.js`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _

from inbox import access
from inbox.models import Conversation, ConversationEvent, Message, Preferences
from inbox.notifications import Choice, Event, choices_of

Kind = ConversationEvent.Kind
KINDS = {
    Kind.MESSAGE_RECEIVED,
    Kind.ASSIGNED,
    Kind.WINDOW_CLOSING,
    Kind.REPLY_FAILED,
    Kind.REPLY_UNCONFIRMED,
}
# What TikTok's lists bring of earlier days is no news.
RECENT = timedelta(hours=1)
AT_ONCE = 5
LONGEST = 120  # characters of a message


@dataclass(frozen=True)
class Notice:
    """What one person is told of one line."""

    number: int
    event: Event
    title: str
    text: str
    conversation_id: int
    shows: bool
    rings: bool


def notices_for(user: User, lines: Sequence[ConversationEvent], *, at: datetime) -> list[Notice]:
    """What of `lines` is to be told to `user` at `at`, oldest first; the newest few, if it is a lot."""
    told = [one for one in lines if one.actor_id != user.pk and (one.kind in KINDS or _names(one, user))]
    if not told:
        return []
    preferences = Preferences.of(user)
    if not preferences.on_duty or is_quiet(preferences, at=at):
        return []
    choices = choices_of(preferences.notifications)
    conversations = _conversations(user, told)
    messages = Message.objects.in_bulk([one.message_id for one in told if one.message_id])
    notices: list[Notice] = []
    for line in told:
        conversation = conversations.get(line.conversation_id or 0)
        message = messages.get(line.message_id or 0)
        event = _event(user, line, conversation, message, at=at) if conversation else None
        if event and conversation and choices[event]:
            notices.append(_notice(line, event, conversation, message, choices[event]))
    return notices[-AT_ONCE:]


def is_quiet(preferences: Preferences, *, at: datetime) -> bool:
    """Whether `at` lies in the person's quiet hours, on the clock of their own zone, also across midnight."""
    begins, ends = preferences.quiet_from, preferences.quiet_until
    if begins is None or ends is None:
        return False
    now = timezone.localtime(at).time()
    return begins <= now < ends if begins <= ends else now >= begins or now < ends


def _conversations(user: User, lines: Iterable[ConversationEvent]) -> dict[int, Conversation]:
    found = (
        access.conversations_for(user).prefetch_related(None).select_related("assignee__preferences", "contact")
    )
    return found.in_bulk([line.conversation_id for line in lines if line.conversation_id])


def _names(line: ConversationEvent, user: User) -> bool:
    """Whether a note names `user`: `mentioned` in the line's data holds the ids of those whom it names."""
    return user.pk in line.data.get("mentioned", ())


def _event(
    user: User, line: ConversationEvent, conversation: Conversation, message: Message | None, *, at: datetime
) -> Event | None:
    """What the line means to `user`; None if nothing."""
    is_mine = conversation.assignee_id == user.pk
    if _names(line, user):
        return Event.MENTIONED
    if line.kind == Kind.MESSAGE_RECEIVED:
        is_news = message is not None and message.occurred_at >= at - RECENT
        return _event_of_message(conversation, is_mine=is_mine) if is_news else None
    if line.kind == Kind.ASSIGNED:
        return Event.ASSIGNED if is_mine and line.data.get("after") == user.pk else None
    if line.kind == Kind.WINDOW_CLOSING:
        # Whoever is off duty can't save it: then it is everybody's.
        return Event.CLOSING if is_mine or not _has_somebody_on_duty(conversation) else None
    return Event.TROUBLE if message and message.author_id == user.pk else None


def _event_of_message(conversation: Conversation, *, is_mine: bool) -> Event:
    if is_mine:
        return Event.MESSAGE_MINE
    return Event.MESSAGE_ANY if conversation.assignee_id else Event.MESSAGE_UNASSIGNED


def _has_somebody_on_duty(conversation: Conversation) -> bool:
    assignee: Any = conversation.assignee
    if assignee is None:
        return False
    preferences = getattr(assignee, "preferences", None)
    return preferences is None or preferences.on_duty


def _notice(
    line: ConversationEvent, event: Event, conversation: Conversation, message: Message | None, how: Choice
) -> Notice:
    name = conversation.contact.name
    said = (message.text[:LONGEST] or message.get_kind_display()) if message else ""
    match event:
        case Event.ASSIGNED:
            title, text = _("Assigned to you"), name
        case Event.MENTIONED:
            title, text = _("You are mentioned"), _("In a note about %(name)s") % {"name": name}
        case Event.CLOSING:
            title, text = _("The window with %(name)s closes within an hour") % {"name": name}, said
        case Event.TROUBLE if line.kind == Kind.REPLY_UNCONFIRMED:
            title, text = _("Not confirmed: your reply to %(name)s") % {"name": name}, said
        case Event.TROUBLE:
            title, text = _("Not sent: your reply to %(name)s") % {"name": name}, said
        case _:
            title, text = name, said
    return Notice(line.pk, event, title, text, conversation.pk, shows=how.shows, rings=how.rings)
