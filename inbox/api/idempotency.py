"""One reply per `Idempotency-Key`, however often and from however many places the request is repeated.

Guarantee: the key is stored in the transaction that stores the reply, and the database holds a user's key
once. So a client that never saw our answer may ask again, and even two requests at the same moment make one
message. Keys are kept for at least 24 hours.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from config.rest import Conflict
from inbox.models import IdempotencyKey, Message
from inbox.windows import ReplyRefused

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255
HEADER = "Idempotency-Key"


def checked_key(key: str | None) -> str | None:
    """Give the key that a client sent, if it sent one; raise ValidationError where it would protect nothing."""
    if key is None:
        return None
    if not key.strip():
        raise ValidationError({HEADER: [_("The key is empty. Leave the header out or give a key.")]})
    if len(key) > LONGEST_KEY:
        raise ValidationError(
            {
                HEADER: [
                    _("A key has at most %(most)s characters; this has %(length)s.")
                    % {"most": LONGEST_KEY, "length": len(key)}
                ]
            }
        )
    return key


def fingerprint(**asked: Any) -> str:
    """Give a digest that is the same for the same request, whatever form it came in."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def once(
    *, user: Any, key: str | None, fingerprint: str, at: datetime, make: Callable[[], Message]
) -> tuple[Message, bool]:
    """Make the message, or give the one that `key` made before; the second value says which (True: before).

    Raises Conflict when the key was used for something else, and whatever `make` raises.
    """
    if key is None:
        return make(), False
    if earlier := _made_with(user, key, fingerprint):
        return earlier, True
    try:
        with transaction.atomic():
            message = make()
            IdempotencyKey.objects.create(user=user, key=key, fingerprint=fingerprint, message=message, used_at=at)
    except (IntegrityError, ReplyRefused):
        # Another request with this key was quicker. It may also have taken the last reply of the window:
        # then ours was refused before it came to the key.
        if earlier := _made_with(user, key, fingerprint):
            return earlier, True
        raise
    return message, False


def purge_keys(*, at: datetime) -> int:
    """Forget keys that have been kept long enough; say how many."""
    return IdempotencyKey.objects.filter(used_at__lt=at - KEPT_FOR).delete()[0]


def _made_with(user: Any, key: str, fingerprint: str) -> Message | None:
    used = (
        IdempotencyKey.objects.filter(user=user, key=key)
        .select_related("message__author")
        .prefetch_related("message__attachments")
        .first()
    )
    if used is None:
        return None
    if used.fingerprint != fingerprint:
        raise Conflict(
            "idempotency_key_reused", _("This Idempotency-Key was used for another request. Take a new one.")
        )
    return used.message
