"""Warn that a reply window is about to close.

Guarantee: each window is warned of once, within the last hour, while its conversation is open and could still be
answered; the database holds one such line per window. `inbox/notifying.py` tells whom it concerns.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from channels_tiktok.models import Channel
from inbox import access, timeline
from inbox.models import REPLIES_PER_WINDOW, Conversation, ConversationEvent

BEFORE = timedelta(hours=1)


def warn_of_closing(*, at: datetime) -> int:
    """Write a line for each window that closes within the hour; give how many. Each is a small transaction."""
    warned = 0
    for conversation_id in _about_to_close(at=at).values_list("pk", flat=True):
        with transaction.atomic():
            conversation = access.lock_conversation(conversation_id)
            if not _about_to_close(at=at).filter(pk=conversation_id).exists():
                continue  # another worker was quicker, or the customer wrote meanwhile
            assert conversation.window is not None
            line = timeline.about(conversation, ConversationEvent.Kind.WINDOW_CLOSING, at=at)
            line.message_id = conversation.window.opened_by_id
            timeline.record([line])
            warned += 1
    return warned


def _about_to_close(*, at: datetime) -> QuerySet[Conversation]:
    """Open conversations that could be answered, whose window closes soon and wasn't warned of."""
    told = ConversationEvent.objects.filter(
        conversation=OuterRef("pk"),
        kind=ConversationEvent.Kind.WINDOW_CLOSING,
        message=OuterRef("window__opened_by"),
    )
    return Conversation.objects.filter(
        ~Exists(told),
        status=Conversation.Status.OPEN,
        window_closes_at__gt=at,
        window_closes_at__lte=at + BEFORE,
        window__refused_at__isnull=True,
        window__replies_used__lt=REPLIES_PER_WINDOW,
        channel__status=Channel.Status.CONNECTED,
    )
