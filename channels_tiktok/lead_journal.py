"""The journal of the lead webhook.

Guarantee: as `channels_tiktok.journal` gives it for messages. A delivery that was stored stays until it has been
processed, ignored or parked with a reason; one delivery is one row, however often TikTok repeats it.
"""

import hashlib
import json
import logging
from datetime import datetime
from typing import Any

from django.conf import settings

from channels_tiktok.answers import cleaned
from channels_tiktok.journal import BACKOFF, KEPT_FOR, MOST_ATTEMPTS, Undecodable
from channels_tiktok.models import LeadDelivery
from config.tasks import ring

logger = logging.getLogger(__name__)

PENDING, PROCESSED, IGNORED, FAILED = (
    LeadDelivery.State.PENDING,
    LeadDelivery.State.PROCESSED,
    LeadDelivery.State.IGNORED,
    LeadDelivery.State.FAILED,
)


def store(*, body: bytes, at: datetime) -> bool:
    """Store one delivery and wake a worker up; False when the same bytes are already stored.

    What can never be read is stored as failed, with the reason. Raises only what the database raises.
    """
    delivery = LeadDelivery(
        fingerprint=hashlib.sha256(body).hexdigest(), body=body, received_at=at, try_again_at=at
    )
    try:
        decode(delivery)
    except Undecodable as reason:
        delivery.state, delivery.error, delivery.settled_at = FAILED, str(reason), at
    if LeadDelivery.objects.filter(fingerprint=delivery.fingerprint).exists():
        logger.info("TikTok repeated a delivery of leads")
        return False
    LeadDelivery.objects.bulk_create([delivery], ignore_conflicts=True)  # two at once leave one row
    ring(settings.LEAD_DRAIN_TASK)  # named by path: nothing here knows the leads
    return True


def decode(delivery: LeadDelivery) -> dict[str, Any]:
    """Read a stored delivery; raise Undecodable when it can't be read (docs/tiktok-api.md 6.2)."""
    try:
        told = json.loads(bytes(delivery.body).decode(), parse_constant=lambda constant: None)
        told = cleaned(told)
    except (ValueError, RecursionError):
        raise Undecodable("The delivery is not JSON.") from None
    if not isinstance(told, dict):
        raise Undecodable("The delivery is not a JSON object.")
    return told


def claim(*, limit: int, at: datetime) -> list[LeadDelivery]:
    """Take up to `limit` deliveries that are due, inside the transaction that settles them."""
    due = LeadDelivery.objects.filter(state=PENDING, try_again_at__lte=at)
    return list(due.order_by("try_again_at", "id").select_for_update(skip_locked=True)[:limit])


def settle(delivery: LeadDelivery, state: LeadDelivery.State, reason: str, *, at: datetime) -> None:
    """Settle a delivery as processed, ignored or failed."""
    waiting = LeadDelivery.objects.filter(pk=delivery.pk, state=PENDING)
    if waiting.update(state=state, error=reason, settled_at=at) and reason:
        logger.info("lead delivery %s is %s: %s", delivery.pk, state, reason)


def mark_failed_attempt(delivery: LeadDelivery, error: str, *, at: datetime) -> None:
    """Count an attempt that failed: it is due again later, and parked after the last one."""
    attempts = delivery.attempts + 1
    waiting = LeadDelivery.objects.filter(pk=delivery.pk, state=PENDING, attempts=delivery.attempts)
    if attempts >= MOST_ATTEMPTS:
        waiting.update(state=FAILED, attempts=attempts, error=error, settled_at=at)
        return
    waiting.update(attempts=attempts, error=error, try_again_at=at + BACKOFF[attempts - 1])


def reconsider(*, at: datetime) -> int:
    """Put back what was ignored because its ad account was not connected; give how many there were."""
    ignored = LeadDelivery.objects.filter(state=IGNORED)
    return ignored.update(state=PENDING, attempts=0, error="", try_again_at=at, settled_at=None)


def purge(*, at: datetime) -> int:
    """Delete what was settled long ago and did not fail: the leads themselves stay."""
    old = LeadDelivery.objects.filter(received_at__lt=at - KEPT_FOR, state__in=[PROCESSED, IGNORED])
    count, _ = old.delete()
    return count
