"""System checks: misconfiguration said in words, before it costs a customer."""

from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from config.encryption import NEW_KEY_COMMAND
from config.settings import SECRET_KEY


@register
def check_secrets(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """SECRET_KEY and TOKEN_ENCRYPTION_KEYS are there and usable."""
    found: list[CheckMessage] = []
    if not SECRET_KEY:  # reading it from django.conf raises where it is empty, before anybody is told
        found.append(
            Error(
                "SECRET_KEY is empty.",
                hint='Make one with: python -c "import secrets; print(secrets.token_urlsafe(50))"',
                id="reply48.E001",
            )
        )
    if not settings.TOKEN_ENCRYPTION_KEYS:
        found.append(
            Error(
                "TOKEN_ENCRYPTION_KEYS is empty, so TikTok's tokens can't be stored.",
                hint=f"Make a key with: {NEW_KEY_COMMAND}",
                id="reply48.E002",
            )
        )
    for key in settings.TOKEN_ENCRYPTION_KEYS:
        try:
            Fernet(key)
        except ValueError:
            found.append(
                Error(
                    "TOKEN_ENCRYPTION_KEYS holds something that is not a Fernet key.",
                    hint=f"Make a key with: {NEW_KEY_COMMAND}",
                    id="reply48.E003",
                )
            )
    return found


@register
def check_addresses(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The addresses that TikTok and we meet at are complete URLs."""
    found: list[CheckMessage] = []
    for name in ("PUBLIC_URL", "TIKTOK_API_URL", "TIKTOK_AUTH_URL"):
        address = urlsplit(getattr(settings, name))
        if address.scheme not in ("http", "https") or not address.netloc:
            found.append(Error(f"{name} is not a complete URL: {getattr(settings, name)!r}", id="reply48.E004"))
    if settings.TIKTOK_QPS <= 0:
        found.append(Error("TIKTOK_QPS is not above 0, so nothing could be sent.", id="reply48.E006"))
    return found


@register
def check_worker(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A task that waits its turn must not be handed out a second time."""
    cluster = settings.Q_CLUSTER
    longest = cluster["timeout"] * (cluster["queue_limit"] // cluster["workers"] + 1)
    if cluster["retry"] <= longest:
        return [
            Error(
                f"Q_CLUSTER retry ({cluster['retry']} s) must be over {longest} s, the longest that a task "
                "may wait and run.",
                id="reply48.E005",
            )
        ]
    return []
