"""What is unread for whom, and how far back one must look for it.

Guarantee: whoever has read nearly everything doesn't look through all of it again to find the rest. An agent's
horizon (`ReadHorizon`) follows behind what they have read; only conversations beyond it are looked at. Nothing
that comes late is missed: the horizon stays three days back, which is as long as TikTok delivers again.

What somebody left unread for thirty days no longer counts: nobody will read it, and its reply window is long gone.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models.functions import Greatest

from inbox import access
from inbox.models import REPLY_WINDOW, AgentReadMark, Conversation, ReadHorizon

MAY_COME_LATE = timedelta(days=3)
COUNTS_FOR = timedelta(days=30)
JUST_BEFORE = timedelta(microseconds=1)


def advance_horizons(*, at: datetime) -> int:
    """Move every agent's horizon up to the oldest conversation that they haven't read; give how many moved."""
    return sum(_advance(agent, at=at) for agent in get_user_model().objects.filter(is_active=True))


def _advance(agent: Any, *, at: datetime) -> bool:
    newest, oldest = at + REPLY_WINDOW - MAY_COME_LATE, at + REPLY_WINDOW - COUNTS_FOR
    unread = access.conversations_for(agent).filter(
        access.unread_by(agent), status=Conversation.Status.OPEN, window_closes_at__lte=newest
    )
    first = unread.filter(window_closes_at__gt=oldest).order_by("window_closes_at")
    closes_at = first.values_list("window_closes_at", flat=True).first()
    horizon = closes_at - JUST_BEFORE if closes_at else newest
    made, is_new = ReadHorizon.objects.get_or_create(agent=agent, defaults={"closes_at": horizon})
    if is_new or made.closes_at >= horizon:
        return is_new
    moved = ReadHorizon.objects.filter(agent=agent)
    return bool(moved.update(closes_at=Greatest("closes_at", horizon)))


def mark_unread_for(*, user: User, conversation: Conversation) -> None:
    """Let the customer's last message count as unread again, for `user` alone."""
    AgentReadMark.objects.update_or_create(
        agent=user, conversation=conversation, defaults={"inbound_seen": max(conversation.inbound_count - 1, 0)}
    )
    _bring_before_horizons(conversation)


def mark_unread(*, conversation: Conversation) -> None:
    """Let the customer's last message count as unread again, for everyone."""
    seen = conversation.inbound_count - 1
    AgentReadMark.objects.filter(conversation=conversation, inbound_seen__gt=max(seen, 0)).update(
        inbound_seen=max(seen, 0)
    )
    _bring_before_horizons(conversation)


def _bring_before_horizons(conversation: Conversation) -> None:
    """Let a conversation count again for everyone, because somebody marked it as unread."""
    closes_at = conversation.window_closes_at
    if closes_at:
        beyond = ReadHorizon.objects.filter(closes_at__gte=closes_at)
        beyond.update(closes_at=closes_at - JUST_BEFORE)
