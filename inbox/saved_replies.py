"""Saved replies: whose one may use, and putting one into a reply."""

from typing import Any

from django.db.models import Q, QuerySet

from inbox import access, saved_texts
from inbox.models import Conversation, SavedReply


def for_person(user: Any) -> QuerySet[SavedReply]:
    """The replies that `user` may use, by title: everybody's and their own."""
    if not user.has_perm(access.REPLY):
        return SavedReply.objects.none()
    return SavedReply.objects.filter(Q(owner__isnull=True) | Q(owner_id=user.pk)).order_by("title", "id")


def filled(reply: SavedReply, *, conversation: Conversation, user: Any) -> str:
    """The text of `reply` as `user` would send it in `conversation`, with what can't be filled in marked."""
    contact = conversation.contact
    return saved_texts.fill(
        reply.text,
        {
            "contact.name": contact.display_name or contact.username,
            "agent.first_name": user.first_name,
            "channel.name": conversation.channel.name,
        },
    )
