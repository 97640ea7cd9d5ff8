"""Whether a delivery comes from TikTok (docs/tiktok-api.md 4.2)."""

import hashlib
import hmac
import json
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


def is_signed_openly(*, header: str, body: bytes, secret: str) -> bool:
    """Say whether `header` (X-Open-Signature) signs these bytes, or the same JSON written in ASCII alone.

    TikTok signs the form in which every character beyond ASCII is an escape, and may send another one. There is
    no time in it: a repeated delivery is known by its bytes. Source: docs/tiktok-api.md 6.2.
    """
    if not secret or not header:
        return False
    given = header.strip().lower()
    if _mac(secret, body, given):
        return True
    try:
        escaped = json.dumps(json.loads(body), ensure_ascii=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return False
    return _mac(secret, escaped.encode(), given)


def _mac(secret: str, content: bytes, given: str) -> bool:
    expected = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), given.encode())


def _parts(header: str) -> dict[str, str]:
    """Read `t=…,s=…` by name: the order is not promised."""
    pairs = (part.partition("=") for part in header.split(","))
    return {name.strip(): value.strip() for name, _, value in pairs}
