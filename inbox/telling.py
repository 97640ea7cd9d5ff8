"""What customers see of us besides messages: that somebody types, and that we have seen what they wrote.

Guarantee: neither uses a reply, neither is worth a second attempt, and no page waits for either. A failure is
forgotten: the customer just doesn't see the sign.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from channels_tiktok import errors, pacing, tokens
from channels_tiktok.client import tiktok
from channels_tiktok.models import Channel
from config.tasks import ring
from inbox.models import Conversation, Preferences
from inbox.windows import allowance

logger = logging.getLogger(__name__)

TYPING_EVERY = timedelta(seconds=5)  # TikTok hides the sign after as long (docs/tiktok-api.md 3.1)


def somebody_types(*, user: Any, conversation: Conversation, at: datetime) -> bool:
    """Have the customer shown that somebody types, unless that was just shown or `user` doesn't want it."""
    if not allowance(conversation, at=at).can_reply or not Preferences.of(user).sends_typing:
        return False
    with transaction.atomic():
        shown_before = Q(typing_shown_at__isnull=True) | Q(typing_shown_at__lte=at - TYPING_EVERY)
        won = Conversation.objects.filter(shown_before, pk=conversation.pk).update(typing_shown_at=at)
        if won:
            ring("inbox.tasks.tell_typing", conversation.pk)
    return bool(won)


def somebody_read(*, conversation: Conversation) -> bool:
    """Have the customer shown that we have seen everything, where the channel does that."""
    channel = conversation.channel
    if not channel.sends_read_marks or channel.status != Channel.Status.CONNECTED:
        return False
    ring("inbox.tasks.tell_seen", conversation.pk)
    return True


def tell_typing(*, conversation_id: int, at: datetime) -> bool:
    """Call TikTok. False if it wouldn't."""
    return _tell(conversation_id, tiktok().send_typing, at=at)


def tell_seen(*, conversation_id: int, at: datetime) -> bool:
    """Call TikTok. False if it wouldn't."""
    return _tell(conversation_id, tiktok().mark_read, at=at)


def _tell(conversation_id: int, call: Callable[..., None], *, at: datetime) -> bool:
    conversation = Conversation.objects.select_related("channel__credential").get(pk=conversation_id)
    channel = conversation.channel
    pacing.wait_for_turn(at=at)
    try:
        tokens.with_access(
            channel=channel,
            at=at,
            call=lambda token: call(
                token=token,
                business_id=channel.business_id,
                conversation_id=conversation.tiktok_conversation_id,
            ),
        )
    except errors.TikTokError as error:
        logger.info("Conversation %s: a sign was not shown: %s", conversation_id, error)
        return False
    return True
