"""What happens when an agent replies.

Guarantee: `queue_reply` either stores the reply together with its reply window's slot, its timeline line and
the worker's wake-up, all in one transaction, or refuses in words and stores nothing. Twenty agents who press
Send at once with one reply left get one message and nineteen refusals. `inbox/delivering.py` takes over.
"""

import unicodedata
from datetime import datetime
from typing import Any

from django.db import transaction

from inbox import access, timeline, windows
from inbox.models import Conversation, ConversationEvent, Message

# White space, control and format characters: TikTok refuses a text of nothing else, and that would cost a slot.
INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}
TEXT_LIMIT = 6_000  # characters, docs/tiktok-api.md 3.1


class BadReply(ValueError):
    """What the agent gave can't be a reply. `field` names what is wrong, `sentence` says it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


def queue_reply(
    *, user: Any, conversation_id: int, text: str, at: datetime, deliver_at: datetime | None = None
) -> Message:
    """Queue a text reply of `user`, to be delivered at once or at `deliver_at`.

    Raises BadReply, `windows.ReplyRefused`, PermissionDenied or Conversation.DoesNotExist.
    """
    text = _checked_text(text)
    deliver_at = max(deliver_at or at, at)
    with transaction.atomic():
        conversation = access.lock_conversation_for(user, conversation_id, permission=access.REPLY)
        _check_allowed(conversation, at=at, deliver_at=deliver_at)
        window, slot = windows.spend(conversation=conversation, at=at)
        message = Message.objects.create(
            conversation=conversation,
            direction=Message.Direction.OUTBOUND,
            kind=Message.Kind.TEXT,
            source=Message.Source.AGENT,
            state=Message.State.QUEUED,
            text=text,
            author=user,
            occurred_at=at,
            window=window,
            window_closes_at=window.closes_at,
            slot=slot,
            queued_at=at,
            deliver_at=deliver_at,
        )
        copy_last_message(conversation)
        _ring_delivery()
        timeline.record([line(message, ConversationEvent.Kind.REPLY_QUEUED, at=at, actor=user)])
    return message


def cancel_reply(*, user: Any, message_id: int, at: datetime) -> bool:
    """Take back a reply that was not handed to delivery yet; its slot is free again. False if it was too late."""
    with transaction.atomic():
        conversation_id = Message.objects.values_list("conversation_id", flat=True).get(pk=message_id)
        access.lock_conversation_for(user, conversation_id, permission=access.REPLY)
        won = Message.objects.filter(pk=message_id, state=Message.State.QUEUED).update(
            state=Message.State.CANCELLED
        )
        if won:
            message = Message.objects.select_related("conversation").get(pk=message_id)
            windows.give_back(message)
            timeline.record([line(message, ConversationEvent.Kind.REPLY_CANCELLED, at=at, actor=user)])
    return bool(won)


def copy_last_message(conversation: Conversation) -> None:
    """Make the conversation's copy of its newest message right."""
    last = conversation.messages.order_by("-occurred_at", "-id").first()
    if last:
        conversation.last_message, conversation.last_message_at = last, last.occurred_at
        conversation.save(update_fields=["last_message", "last_message_at"])


def line(
    message: Message, kind: ConversationEvent.Kind, *, at: datetime, actor: Any = None, **data: Any
) -> ConversationEvent:
    """A timeline line about `message`, not yet stored."""
    return ConversationEvent(
        channel_id=message.conversation.channel_id,
        conversation_id=message.conversation_id,
        message=message,
        kind=kind,
        actor=actor,
        data=data,
        at=at,
    )


def _checked_text(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not any(unicodedata.category(character) not in INVISIBLE for character in text):
        raise BadReply("text", "Write something first.")
    if "\x00" in text:
        raise BadReply("text", "The text holds a character that can't be sent.")
    if len(text) > TEXT_LIMIT:
        raise BadReply(
            "text", f"TikTok takes at most 6,000 characters; this has {len(text):,}. Shorten it or send two."
        )
    return text


def _check_allowed(conversation: Conversation, *, at: datetime, deliver_at: datetime) -> None:
    refusal = windows.allowance(conversation, at=at)
    if not refusal.can_reply:
        raise windows.ReplyRefused(refusal.code, refusal.sentence)
    if conversation.window and deliver_at >= conversation.window.closes_at:
        closes = conversation.window.closes_at
        raise BadReply(
            "send_at", f"The reply window closes at {closes:%Y-%m-%d %H:%M} UTC; choose a time before that."
        )


def _ring_delivery() -> None:
    from inbox.tasks import deliver_replies

    deliver_replies.ring()
