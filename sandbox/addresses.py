"""Which addresses TikTok accepts from an app: https, or plain http where nothing leaves the machine."""

import ipaddress
from urllib.parse import urlsplit


def is_local(host: str) -> bool:
    """Loopback addresses and names without a dot, such as `localhost` or a container's name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return bool(host) and "." not in host


def callback_problem(url: object) -> str | None:
    """Why a webhook may not go there, or None."""
    if not isinstance(url, str) or not url:
        return "is required"
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return None
    if parts.scheme == "http" and is_local(parts.hostname or ""):
        return None
    return "must be an https address"


def redirect_problem(url: str) -> str | None:
    """Why a browser may not be sent back there after consent, or None (docs/tiktok-api.md 1.1)."""
    problem = callback_problem(url)
    if problem is not None:
        return problem
    parts = urlsplit(url)
    if not 10 <= len(url) <= 512:
        return "must have 10 to 512 characters"
    if not parts.path.endswith("/") or parts.query or parts.fragment:
        return "must end with a slash and have neither query nor fragment"
    if parts.scheme == "https" and parts.port is not None:
        return "must not name a port"
    return None
