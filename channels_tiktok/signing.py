"""Whether a delivery comes from TikTok (docs/tiktok-api.md 4.2)."""

import hashlib
import hmac
import re
from datetime import datetime

_SECONDS = re.compile(r"[0-9]{1,12}")


def is_signed_by_tiktok(*, header: str, body: bytes, secret: str, at: datetime, tolerance: int) -> bool:
    """Say whether `header` (Tiktok-Signature) signs exactly these bytes, within `tolerance` seconds of `at`.

    The tolerance holds for the past and for the future. Without a secret nothing is ever signed: a MAC with
    an empty key could be made by anyone. Source: docs/tiktok-api.md 4.2.
    """
    parts = _parts(header)
    sent_at, signature = parts.get("t", ""), parts.get("s", "")
    if not secret or not _SECONDS.fullmatch(sent_at) or abs(at.timestamp() - int(sent_at)) > tolerance:
        return False
    expected = hmac.new(secret.encode(), sent_at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.lower().encode(), expected.encode())


def _parts(header: str) -> dict[str, str]:
    """Read `t=…,s=…` by name: the order is not promised."""
    pairs = (part.partition("=") for part in header.split(","))
    return {name.strip(): value.strip() for name, _, value in pairs}
