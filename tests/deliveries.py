"""Deliveries as TikTok makes them (docs/tiktok-api.md 4): envelope, content, signature."""

import hashlib
import hmac
import itertools
import json
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from channels_tiktok import journal
from channels_tiktok.models import Channel, WebhookEvent
from inbox import receiving
from tests.factories import NOW

CUSTOMER = {"id": "+ZMMexampleUser01", "role": "personal_account"}
CONVERSATION = "u5Jhp0example+conv/01kg=="
_numbers = itertools.count(1)


def milliseconds(at: datetime) -> int:
    """TikTok's way of writing `at` inside content."""
    return int(at.timestamp() * 1000)


def envelope(channel: Channel, event: str, content: Any, *, at: datetime = NOW) -> bytes:
    """The raw body of a delivery; `content` is JSON inside JSON, as TikTok sends it."""
    return json.dumps(
        {
            "client_key": settings.TIKTOK_APP_ID,
            "event": event,
            "create_time": int(at.timestamp()),
            "user_openid": channel.business_id,
            "content": json.dumps(content),
        }
    ).encode()


def signature(body: bytes, *, at: datetime, secret: str = "") -> str:
    """The Tiktok-Signature header for `body` (docs/tiktok-api.md 4.2)."""
    stamp = int(at.timestamp())
    key = (secret or settings.TIKTOK_APP_SECRET).encode()
    return f"t={stamp},s={hmac.new(key, f'{stamp}.'.encode() + body, hashlib.sha256).hexdigest()}"


def from_customer(channel: Channel, *, at: datetime = NOW, **fields: Any) -> dict[str, Any]:
    """The content of im_receive_msg."""
    business = {"id": channel.business_id, "role": "business_account"}
    return {
        "from": "ayu_22",
        "to": "kopi.corner",
        "unique_identifier": CUSTOMER["id"],
        "from_user": CUSTOMER,
        "to_user": business,
        "conversation_id": CONVERSATION,
        "message_id": f"mIn{next(_numbers)}+/==",
        "timestamp": milliseconds(at),
        "type": "text",
        "text": {"body": "Hi"},
        "message_tag": {"source": "APP"},
        **fields,
    }


def from_business(channel: Channel, *, at: datetime = NOW, source: str = "APP", **fields: Any) -> dict[str, Any]:
    """The content of im_send_msg, the echo of something that the business sent."""
    content = from_customer(channel, at=at)
    swapped = {"from": "kopi.corner", "to": "ayu_22", "from_user": content["to_user"], "to_user": CUSTOMER}
    return {**content, **swapped, "message_tag": {"source": source}, **fields}


def deliver(channel: Channel, event: str, content: Any, *, at: datetime = NOW) -> WebhookEvent:
    """Store one delivery and let it take effect at `at`; give its journal row."""
    body = envelope(channel, event, content, at=at)
    journal.store_delivery(body=body, log_id="", at=at)
    receiving.drain(clock=lambda: at)
    return WebhookEvent.objects.get(fingerprint=hashlib.sha256(body).hexdigest())


def utc(*parts: int) -> datetime:
    """An aware datetime in UTC."""
    return datetime(*parts, tzinfo=UTC)
