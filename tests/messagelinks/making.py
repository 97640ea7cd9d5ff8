"""Links, and customers who come by them, made the way the product makes them."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from inbox import access, referrals, timeline
from inbox.models import Conversation, Message, Referral
from inbox.sending import line
from messagelinks import attributing, linking
from messagelinks.models import Arrival, MessageLink
from tests.factories import NOW, make_channel, make_conversation, make_inbound, make_reply

MADE_AT = NOW - timedelta(days=30)


def make_link(channel: Any = None, title: str = "Bio", at: datetime = MADE_AT, **fields: Any) -> MessageLink:
    """A link of the channel, made a month ago."""
    values = {"ref": "bio", "message": "Hi, I'd like a table"} | fields
    return linking.create(channel=channel or make_channel(), title=title, actor=None, at=at, **values)


@transaction.atomic
def arrive(
    conversation: Conversation,
    ref: str = "bio",
    message: str = "Hi, I'd like a table",
    *,
    at: datetime = NOW,
    review: str = "PASS",
) -> None:
    """TikTok tells by a webhook that the customer came by a link."""
    told = {"ref": ref, "prefilled_message": message, "prefilled_message_audit_status": review}
    _keep(conversation, {"source": "short_link", "short_link": told}, at)


@transaction.atomic
def arrive_by_ad(
    conversation: Conversation, ad_id: str = "1800", name: str = "Raya", *, at: datetime = NOW
) -> None:
    """TikTok tells by a webhook that the customer came by an ad."""
    told = {"ad_id": ad_id, "ad_name": name, "timestamp": int(at.timestamp() * 1000)}
    _keep(conversation, {"source": "ad", "ad": told}, at)


def _keep(conversation: Conversation, told: dict[str, Any], at: datetime) -> None:
    locked = access.lock_conversation(conversation.pk)
    timeline.record(referrals.keep_told(locked, told, at))


@transaction.atomic
def be_listed(conversation: Conversation, *links: tuple[str, str], at: datetime = NOW) -> None:
    """TikTok's list tells of links, without times."""
    told = [
        {"ref": ref, "prefilled_message": text, "prefilled_message_audit_status": "PASS"} for ref, text in links
    ]
    locked = access.lock_conversation(conversation.pk)
    timeline.record(referrals.keep_listed(locked, {"short_link": told}, at))


def write(conversation: Conversation, *, at: datetime = NOW) -> Message:
    """The customer writes, and the timeline tells it."""
    message = make_inbound(conversation, at=at)
    with transaction.atomic():
        timeline.record([line(message, "message_received", at=at)])
    return message


def answer(conversation: Conversation, user: Any, *, at: datetime, source: str = "agent") -> Message:
    """We answer, and TikTok took it at `at`."""
    if source != "agent":
        reply = Message.objects.create(
            conversation=conversation,
            direction="outbound",
            source=source,
            state="sent",
            kind="text",
            text="Yes",
            tiktok_message_id=f"out-{conversation.pk}-{at.timestamp()}",
            occurred_at=at,
            sent_at=at,
        )
    else:
        reply = make_reply(conversation, user, at=at)
        told = {"state": "sent", "tiktok_message_id": f"out-{reply.pk}", "sent_at": at, "occurred_at": at}
        Message.objects.filter(pk=reply.pk).update(**told)
    with transaction.atomic():
        kind = "reply_sent" if source == "agent" else "message_sent_outside"
        timeline.record([line(reply, kind, at=at)])
    return reply


def follow() -> None:
    """What the worker does every minute."""
    attributing.follow_timeline(clock=lambda: NOW, at_most=timedelta(minutes=1))


def arrivals() -> list[dict[str, Any]]:
    """Everything that is kept of arrivals, in order."""
    return list(Arrival.objects.order_by("conversation_id", "arrived_at", "referral_id").values())


__all__ = ["NOW", "Referral", "make_channel", "make_conversation"]
