"""How customers came: by an ad or a message link, told by webhooks and once more by TikTok's list.

Guarantee: one arrival is one row, whichever of the two told it first, although they write its time differently.
Callers hold the conversation's row lock.
"""

from datetime import datetime, timedelta
from typing import Any

from config.sentences import stored
from inbox import timeline
from inbox.incoming import Ignored, as_object, moment
from inbox.models import Conversation, ConversationEvent, Referral

Lines = list[ConversationEvent]

UNKNOWN_SOURCE = stored("We don't know the referral source {source}.")


def keep_told(conversation: Conversation, referral: dict[str, Any], at: datetime) -> Lines:
    """Keep how the customer came, as a webhook tells it (docs/tiktok-api.md 4.7)."""
    source = str(referral.get("source", "")).lower()
    if source not in Referral.Source.values:
        raise Ignored(UNKNOWN_SOURCE.format(source=repr(source)))
    detail = as_object(referral.get(source))
    arrived_at = moment(detail.get("timestamp"), received_at=at)
    return _keep_arrival(conversation, source, detail, arrived_at, is_known=True, at=at)


def keep_listed(conversation: Conversation, referral: dict[str, Any], at: datetime) -> Lines:
    """Keep how the customer came, as the conversation list tells it (docs/tiktok-api.md 3.2)."""
    lines: Lines = []
    for source in Referral.Source.values:
        found = referral.get(source)
        for detail in map(as_object, found if isinstance(found, list) else [found] if found else []):
            stamp = detail.get("timestamp")
            arrived_at = moment(stamp, received_at=conversation.created_at)
            lines += _keep_arrival(conversation, source, detail, arrived_at, is_known=bool(stamp), at=at)
    return lines


def _keep_arrival(
    conversation: Conversation,
    source: str,
    detail: dict[str, Any],
    arrived_at: datetime,
    *,
    is_known: bool,
    at: datetime,
) -> Lines:
    """Keep one arrival once, whichever way it is told; the newest arrival is the one that lists show."""
    told = {
        "ref": str(detail.get("ref", ""))[:2083],
        "prefilled_message": str(detail.get("prefilled_message", "")),
        "ad_id": str(detail.get("ad_id", ""))[:100],
    }
    same = conversation.referrals.filter(source=source, **told)
    known = _same_arrival(list(same), arrived_at, is_known=is_known)
    if known is None:
        if not is_known:
            arrived_at = _free_moment(conversation, source, arrived_at)
        known, is_new = Referral.objects.get_or_create(
            conversation=conversation,
            source=source,
            arrived_at=arrived_at,
            defaults={
                **told,
                "is_arrival_known": is_known,
                "audit_status": str(detail.get("prefilled_message_audit_status", ""))[:20],
                "ad_name": str(detail.get("ad_name", ""))[:500],
                "advertiser_id": str(detail.get("advertiser_id", ""))[:100],
                "embed_url": str(detail.get("embed_url", ""))[:2083],
            },
        )
        if not is_new:
            return []
    elif is_known and known.arrived_at != arrived_at and (not known.is_arrival_known or arrived_at.microsecond):
        # The webhook is the more exact one of the two.
        known.arrived_at, known.is_arrival_known = arrived_at, True
        known.save(update_fields=["arrived_at", "is_arrival_known"])
    else:
        return []
    conversation.referral = conversation.referrals.order_by("-arrived_at", "-id").first()
    conversation.save(update_fields=["referral"])
    return [timeline.about(conversation, ConversationEvent.Kind.REFERRAL_ARRIVED, at=at, referral=known.pk)]


def _free_moment(conversation: Conversation, source: str, arrived_at: datetime) -> datetime:
    """The first moment from `arrived_at` on that no other arrival has: several may come without a time."""
    taken = set(conversation.referrals.filter(source=source).values_list("arrived_at", flat=True))
    while arrived_at in taken:
        arrived_at += timedelta(microseconds=1)
    return arrived_at


def _same_arrival(known: list[Referral], arrived_at: datetime, *, is_known: bool) -> Referral | None:
    """The arrival that is told once more.

    Ads have seconds in the list and milliseconds in webhooks. Links have no time in the list: there the same
    link is the same arrival, and the webhook that tells its time completes the row that the list made.
    """
    if not is_known:
        return known[0] if known else None
    for one in known:
        if not one.is_arrival_known or _within_a_second(one.arrived_at, arrived_at):
            return one
    return None


def _within_a_second(one: datetime, other: datetime) -> bool:
    is_rounded = not (one.microsecond and other.microsecond)
    return one == other or (is_rounded and abs(one - other) < timedelta(seconds=1))
