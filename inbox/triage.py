"""What agents do with a conversation besides answering: close it, reopen it, give it to someone.

Guarantee: each change and its timeline line are one transaction, and a change that changes nothing leaves no
line.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from inbox import access, timeline
from inbox.models import Conversation, ConversationEvent
from inbox.people import name_of


@transaction.atomic
def set_status(*, user: Any, conversation_id: int, status: Conversation.Status, at: datetime) -> bool:
    """Close or reopen a conversation for everybody. False if it was so already."""
    conversation = access.lock_conversation_for(user, conversation_id, permission=access.CHANGE)
    was = conversation.status
    if was == status:
        return False
    conversation.status, conversation.snoozed_until = status, None
    conversation.save(update_fields=["status", "snoozed_until"])
    timeline.record(
        [_line(conversation, ConversationEvent.Kind.STATUS_CHANGED, user, at, was=was, now=status.value)]
    )
    return True


@transaction.atomic
def assign(*, user: Any, conversation_id: int, assignee: Any | None, at: datetime) -> bool:
    """Give a conversation to `assignee`, or to nobody. False if it was so already."""
    conversation = access.lock_conversation_for(user, conversation_id, permission=access.CHANGE)
    if conversation.assignee_id == (assignee.pk if assignee else None):
        return False
    was, conversation.assignee = conversation.assignee_id, assignee
    conversation.save(update_fields=["assignee"])
    now, name = (assignee.pk, name_of(assignee)) if assignee else (None, "")
    timeline.record([_line(conversation, ConversationEvent.Kind.ASSIGNED, user, at, was=was, now=now, name=name)])
    return True


def _line(
    conversation: Conversation, kind: ConversationEvent.Kind, actor: Any, at: datetime, **data: Any
) -> ConversationEvent:
    return ConversationEvent(
        channel_id=conversation.channel_id, conversation=conversation, kind=kind, actor=actor, data=data, at=at
    )
