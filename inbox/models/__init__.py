"""The agents' side of the database. Each module holds what is refused about one thing."""

from inbox.models.contact import Contact, ContactUsername
from inbox.models.conversation import AgentReadMark, Conversation, Label, Referral
from inbox.models.last_change import LastChange
from inbox.models.message import Attachment, IdempotencyKey, Message, Reaction
from inbox.models.note import Note, NoteMention
from inbox.models.personal import Draft, NoteDraft, Preferences
from inbox.models.post import Post, PostList
from inbox.models.presence import Presence
from inbox.models.read_horizon import ReadHorizon
from inbox.models.reply_window import REPLIES_PER_WINDOW, REPLY_WINDOW, ReplyWindow
from inbox.models.role import Role, RoleGrant
from inbox.models.saved_reply import SavedReply
from inbox.models.saved_view import SavedView
from inbox.models.search_entry import SearchEntry
from inbox.models.team import Team
from inbox.models.timeline import ConversationEvent, TimelineReader
from inbox.models.workspace import WorkingHours, WorkspaceSettings

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
    "LastChange",
    "Message",
    "Note",
    "NoteDraft",
    "NoteMention",
    "Post",
    "PostList",
    "Preferences",
    "Presence",
    "Reaction",
    "ReadHorizon",
    "Referral",
    "ReplyWindow",
    "Role",
    "RoleGrant",
    "SavedReply",
    "SavedView",
    "SearchEntry",
    "Team",
    "TimelineReader",
    "WorkingHours",
    "WorkspaceSettings",
]
