"""The agents' side of the database. Each module holds what is refused about one thing."""

from inbox.models.contact import Contact, ContactUsername
from inbox.models.conversation import AgentReadMark, Conversation, Label, Referral
from inbox.models.message import Attachment, IdempotencyKey, Message, Reaction
from inbox.models.personal import Draft, Preferences
from inbox.models.reply_window import REPLIES_PER_WINDOW, REPLY_WINDOW, ReplyWindow
from inbox.models.timeline import ConversationEvent, TimelineReader

__all__ = [
    "REPLIES_PER_WINDOW",
    "REPLY_WINDOW",
    "AgentReadMark",
    "Attachment",
    "Contact",
    "ContactUsername",
    "Conversation",
    "ConversationEvent",
    "Draft",
    "IdempotencyKey",
    "Label",
    "Message",
    "Preferences",
    "Reaction",
    "Referral",
    "ReplyWindow",
    "TimelineReader",
]
