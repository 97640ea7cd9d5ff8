"""The other conversations of the person behind a contact.

TikTok gives the same person another id in each channel; what they have in common is the username, today's.
"""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from inbox import access
from inbox.models import Conversation

SHOWN = 5


def other_conversations(user: Any, conversation: Conversation) -> QuerySet[Conversation]:
    """The other conversations with this person that `user` may see, the last one first."""
    username = conversation.contact.username
    theirs = Q(contact=conversation.contact_id)
    if username:
        theirs |= Q(contact__username=username)
    found = access.conversations_for(user).prefetch_related(None).filter(theirs).exclude(pk=conversation.pk)
    return found.order_by("-last_message_at", "-id")


def has_others(user: Any) -> Any:
    """For a query over conversations: whether there are other ones with the same person."""
    seen = access.conversations_for(user).prefetch_related(None).order_by().exclude(pk=OuterRef("pk"))
    of_contact = seen.filter(contact=OuterRef("contact")).values("pk")
    of_name = seen.filter(contact__username=OuterRef("contact__username")).exclude(contact__username="")
    return Exists(of_contact) | Exists(of_name.values("pk"))
