"""What a message that TikTok told us of becomes: its rows, and what it changes in its conversation.

No row is stored here; `inbox.receiving` and `inbox.receiving_together` do that, one by one and many at once.
"""

from datetime import datetime

from channels_tiktok import polling
from channels_tiktok.models import Channel
from config.tasks import ring_at
from inbox.incoming import MEDIA_KINDS, Incoming
from inbox.models import Attachment, Conversation, ConversationEvent, Message
from inbox.sending import line


def message_of(
    conversation: Conversation, incoming: Incoming, source: Message.Source, state: Message.State
) -> Message:
    """The row of a message that TikTok told us of, not yet stored."""
    return Message(
        conversation=conversation,
        direction=Message.Direction.INBOUND if incoming.from_customer else Message.Direction.OUTBOUND,
        kind=incoming.message_kind,
        source=source,
        state=state,
        text=incoming.text,
        content=incoming.content,
        tiktok_kind=incoming.kind[:50],
        tiktok_message_id=incoming.message_id,
        quoted_message_id=incoming.quoted_message_id,
        occurred_at=incoming.at,
        sent_at=incoming.at,
    )


def attachment_of(message: Message) -> Attachment | None:
    """The row of the file that is to be fetched for a message, not yet stored; None where there is none."""
    if message.kind not in MEDIA_KINDS:
        return None
    return Attachment(
        message=message,
        kind=message.kind,
        media_id=str(message.content.get("media_id", ""))[:500],
        source_url=str(message.content.get("url", ""))[:2083],
    )


BROUGHT_BACK = ["inbound_count", "status", "snoozed_until", "last_message", "last_message_at"]


def bring_back(
    conversation: Conversation, message: Message, *, at: datetime, is_news: bool
) -> list[ConversationEvent]:
    """Bring the conversation back to the agents because the customer wrote; give the timeline's lines.

    The caller saves the fields BROUGHT_BACK of `conversation`, which is locked.
    """
    is_newest = conversation.last_message_id is None or message.occurred_at >= conversation.last_message_at
    told = {"future_time": message.content["future_time"]} if "future_time" in message.content else {}
    lines = [line(message, ConversationEvent.Kind.MESSAGE_RECEIVED, at=at, **told)]
    conversation.inbound_count += is_news
    if is_newest and is_news and conversation.status != Conversation.Status.OPEN:
        lines.append(
            line(message, ConversationEvent.Kind.STATUS_CHANGED, at=at, before=conversation.status, after="open")
        )
        conversation.status, conversation.snoozed_until = Conversation.Status.OPEN, None
    if is_newest:
        conversation.last_message, conversation.last_message_at = message, message.occurred_at
    return lines


def look_soon(channel: Channel, *, at: datetime) -> None:
    """Have TikTok's lists read soon: they alone tell a new customer's name and picture."""
    if polling.look_soon(channel=channel, at=at):
        ring_at(at + polling.SOON, "inbox.tasks.poll_channels")
