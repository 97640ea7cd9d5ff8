"""Whether images may be sent in a conversation: TikTok knows, and is asked before the button is offered.

Guarantee: a page never waits for TikTok. It reads what TikTok said last; when that is a day old, or was said of
a stranger whom we have answered since, a worker asks anew and the page learns it through the timeline.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from channels_tiktok import errors, pacing, tokens
from channels_tiktok.client import ConversationType, tiktok
from config.tasks import ring
from inbox import timeline
from inbox.models import Conversation, ConversationEvent, Message

KNOWN_FOR = timedelta(days=1)
ASK_AGAIN_AFTER = timedelta(minutes=1)  # when TikTok gave no answer


def is_due(conversation: Conversation, *, at: datetime) -> bool:
    """Whether TikTok should be asked (again)."""
    asked_at = conversation.images_asked_at
    kept = ASK_AGAIN_AFTER if conversation.images_allowed is None else KNOWN_FOR
    return asked_at is None or asked_at <= at - kept


def have_asked(conversation: Conversation, *, at: datetime) -> None:
    """Let a worker ask TikTok if that is due; of several pages that find it due, one has it asked."""
    if not is_due(conversation, at=at):
        return
    unchanged = Q(images_asked_at=conversation.images_asked_at)
    if conversation.images_asked_at is None:
        unchanged = Q(images_asked_at__isnull=True)
    with transaction.atomic():
        if Conversation.objects.filter(unchanged, pk=conversation.pk).update(images_asked_at=at):
            ring("inbox.tasks.ask_about_images", conversation.pk)


def ask(*, conversation_id: int, at: datetime) -> bool | None:
    """Ask TikTok and keep the answer; None when it gave none, and the page asks again after a while."""
    conversation = Conversation.objects.select_related("channel__credential").get(pk=conversation_id)
    channel = conversation.channel
    pacing.wait_for_turn(at=at)
    try:
        allowed = tokens.with_access(
            channel=channel,
            at=at,
            call=lambda token: tiktok().can_send_images(
                token=token,
                business_id=channel.business_id,
                conversation_id=conversation.tiktok_conversation_id,
                conversation_type=_type(conversation),
            ),
        )
    except errors.TikTokError:
        return None
    with transaction.atomic():
        if (
            Conversation.objects.filter(pk=conversation_id)
            .exclude(images_allowed=allowed)
            .update(images_allowed=allowed)
        ):
            timeline.record([_line(conversation, allowed=allowed, at=at)])
    return allowed


def _type(conversation: Conversation) -> ConversationType:
    """SINGLE once the business has answered, as TikTok tells them apart (docs/tiktok-api.md 3.2)."""
    answers = conversation.messages.filter(
        direction=Message.Direction.OUTBOUND, state__in=[Message.State.SENT, Message.State.READ]
    )
    return "SINGLE" if answers.exclude(source=Message.Source.AUTOMATIC).exists() else "STRANGER"


def _line(conversation: Conversation, *, allowed: bool, at: datetime) -> ConversationEvent:
    return ConversationEvent(
        channel_id=conversation.channel_id,
        conversation_id=conversation.pk,
        kind=ConversationEvent.Kind.IMAGES_CHANGED,
        data={"allowed": allowed},
        at=at,
    )
