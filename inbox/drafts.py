"""What agents have typed and not sent: one draft for each agent and conversation, kept on the server.

What they typed as a note is another draft, in another table: no reply is ever made of it.

Guarantee: a draft ends only when its reply is queued (in the same transaction, `inbox/sending.py`) or when its
agent empties the box. Refusals, log-outs and crashes leave it as it is.
"""

from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery

from inbox import access
from inbox.models import Conversation, Draft, NoteDraft

LONGEST = 20_000  # characters: more than TikTok takes, so that too long a text is kept, too


def text_of(user: Any, conversation: Conversation) -> str:
    """The draft's text, or nothing."""
    return Draft.objects.filter(agent=user, conversation=conversation).values_list("text", flat=True).first() or ""


def text_in(user: Any) -> Subquery:
    """For a query over conversations: the text of the user's draft in each, or null."""
    return Subquery(Draft.objects.filter(agent=user, conversation=OuterRef("pk")).values("text")[:1])


def save(*, user: Any, conversation_id: int, text: str, at: datetime) -> bool:
    """Keep what stands in the box now; true if that begins or ends a draft, which the list shows."""
    access.get_conversation_for(user, conversation_id, permission=access.REPLY)
    text = text.replace("\r\n", "\n").replace("\x00", "")[:LONGEST]
    if not text.strip():
        return drop(user=user, conversation_id=conversation_id)
    _, is_new = Draft.objects.update_or_create(
        agent=user, conversation_id=conversation_id, defaults={"text": text, "saved_at": at}
    )
    return is_new


def drop(*, user: Any, conversation_id: int) -> bool:
    """Forget the draft; true if there was one."""
    return bool(Draft.objects.filter(agent=user, conversation_id=conversation_id).delete()[0])


def note_text_in(user: Any) -> Subquery:
    """For a query over conversations: the text of the note that the user is writing in each, or null."""
    return Subquery(NoteDraft.objects.filter(agent=user, conversation=OuterRef("pk")).values("text")[:1])


def save_note(*, user: Any, conversation_id: int, text: str, at: datetime) -> None:
    """Keep what stands in the box for a note."""
    access.get_conversation_for(user, conversation_id, permission=access.CHANGE)
    text = text.replace("\r\n", "\n").replace("\x00", "")[:LONGEST]
    if not text.strip():
        drop_note(user=user, conversation_id=conversation_id)
        return
    NoteDraft.objects.update_or_create(
        agent=user, conversation_id=conversation_id, defaults={"text": text, "saved_at": at}
    )


def drop_note(*, user: Any, conversation_id: int) -> None:
    """Forget the draft of a note."""
    NoteDraft.objects.filter(agent=user, conversation_id=conversation_id).delete()
