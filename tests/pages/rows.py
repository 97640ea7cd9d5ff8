"""Rows as the pages meet them, made at the present: what customers wrote also stands in the timeline."""

from datetime import datetime
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from inbox import timeline
from inbox.models import Conversation, ConversationEvent, Message
from inbox.sending import copy_last_message, line
from tests import factories

_numbers = count(1)


def make_conversation(name: str = "Ayu", *, channel: Any = None, **fields: Any) -> Conversation:
    """A conversation with `name` in which nobody has written yet."""
    at = fields.pop("at", None) or timezone.now()
    channel = channel or factories.make_channel(at=at)
    username = fields.pop("username", name.lower().replace(" ", "_"))
    contact = factories.make_contact(channel, username=username, display_name=name)
    return factories.make_conversation(channel, contact=contact, at=at, **fields)


@transaction.atomic
def write(
    conversation: Conversation, text: str = "Is it in stock?", at: datetime | None = None, **fields: Any
) -> Message:
    """The customer writes, and the timeline says so."""
    at = at or timezone.now()
    message = factories.make_inbound(conversation, text, at=at, **fields)
    timeline.record([line(message, ConversationEvent.Kind.MESSAGE_RECEIVED, at=at)])
    return message


def echo(conversation: Conversation, text: str = "", *, at: datetime | None = None, **fields: Any) -> Message:
    """A message of the business's side that TikTok told us of; by default its owner's, from the TikTok app."""
    at = at or timezone.now()
    defaults = {
        "direction": Message.Direction.OUTBOUND,
        "source": Message.Source.OWNER,
        "state": Message.State.SENT,
        "kind": Message.Kind.TEXT,
        "tiktok_message_id": f"mEcho{next(_numbers)}==",
        "occurred_at": at,
        "sent_at": at,
    }
    message = Message.objects.create(conversation=conversation, text=text, **defaults | fields)
    copy_last_message(conversation)
    return message


def reply(
    conversation: Conversation, user: User, text: str = "Yes, it is.", at: datetime | None = None, **became: Any
) -> Message:
    """An agent replies; `became` says what delivery made of it."""
    message = factories.make_reply(conversation, user, text, at=at or timezone.now())
    if became.get("state") in (Message.State.SENT, Message.State.READ):
        became = {"tiktok_message_id": f"mOut{next(_numbers)}==", "sent_at": message.occurred_at} | became
    Message.objects.filter(pk=message.pk).update(**became)
    message.refresh_from_db()
    return message
