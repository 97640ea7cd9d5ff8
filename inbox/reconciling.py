"""Find out what became of replies that TikTok never confirmed.

Guarantee: nothing is sent from here. An unconfirmed reply is settled by its echo or by TikTok's own list of
the newest 20 messages, read again after growing pauses; if it isn't there after the last look, the agent is
told that TikTok never confirmed it, and the agent decides.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction

from channels_tiktok import errors, pacing, tokens
from channels_tiktok.client import tiktok
from channels_tiktok.models import Channel
from config.sentences import stored
from config.tasks import ring_at
from inbox import access, timeline
from inbox.listed import receive_list
from inbox.models import ConversationEvent, Message
from inbox.sending import line

logger = logging.getLogger(__name__)

PAUSES = [timedelta(seconds=seconds) for seconds in (10, 30, 120, 600)]
NEVER_CONFIRMED = stored(
    "TikTok never confirmed this, and it isn't in TikTok's list. The customer may not have it."
)


def reconcile_due(*, clock: Callable[[], datetime]) -> int:
    """Look for each unconfirmed reply whose next look is due; give how many were looked for.

    One reading of a conversation's list tells of all that are due there.
    """
    at = clock()
    due = Message.objects.filter(
        state=Message.State.UNCONFIRMED,
        try_again_at__lte=at,
        conversation__channel__status=Channel.Status.CONNECTED,
    ).select_related("conversation__channel")
    looked_for = 0
    for _number, group in groupby(due.order_by("conversation", "id"), key=lambda one: one.conversation_id):
        messages = list(group)
        looked_for += len(messages)
        try:
            _look(messages, clock=clock)
        except Exception:  # one that can't be looked for never keeps the others waiting
            logger.exception("Replies of conversation %s could not be looked for", messages[0].conversation_id)
            _plan_next_looks(messages, at=clock())
    return looked_for


def _look(messages: list[Message], *, clock: Callable[[], datetime]) -> None:
    try:
        read_list(messages[0], clock=clock)
    except errors.TikTokError:
        still = Message.objects.filter(
            pk__in=[message.pk for message in messages], state=Message.State.UNCONFIRMED
        )
        still.update(try_again_at=clock() + PAUSES[0])
        return
    _plan_next_looks(messages, at=clock())


def _plan_next_looks(messages: list[Message], *, at: datetime) -> None:
    for message in messages:
        _plan_next_look(message, at=at)


def read_list(message: Message, *, clock: Callable[[], datetime]) -> None:
    """Read TikTok's list of the reply's conversation, which settles all that are in it. Raises TikTokError."""
    conversation, channel = message.conversation, message.conversation.channel
    pacing.wait_for_turn(at=clock())
    at = clock()
    listed = tokens.with_access(
        channel=channel,
        at=at,
        call=lambda token: tiktok().messages(
            token=token,
            business_id=channel.business_id,
            conversation_id=conversation.tiktok_conversation_id,
        ),
    )
    receive_list(channel=channel, messages=listed.messages, at=at)


def _plan_next_look(message: Message, *, at: datetime) -> None:
    """Conditional on *unconfirmed*: the list, or an echo meanwhile, may have settled it."""
    still = Message.objects.filter(pk=message.pk, state=Message.State.UNCONFIRMED)
    if message.looks < len(PAUSES):
        again = at + PAUSES[message.looks]
        if still.update(looks=message.looks + 1, try_again_at=again):
            ring_at(again, "inbox.tasks.reconcile_replies")
        return
    with transaction.atomic():
        access.lock_conversation(message.conversation_id)
        if still.update(try_again_at=None, error_detail=NEVER_CONFIRMED):
            told = line(message, ConversationEvent.Kind.REPLY_UNCONFIRMED, at=at, looked=message.looks)
            timeline.record([told])
