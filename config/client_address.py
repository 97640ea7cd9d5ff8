"""The address of whoever sends a request: what locks after wrong passwords go by."""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The browser's address.

    Behind a proxy (PUBLIC_URL is https, docs/configuration.md) it is what that proxy added to X-Forwarded-For,
    the last one: what stands before it was written by the browser itself.
    """
    told = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    if settings.BEHIND_TLS and told.strip():
        return told.rsplit(",", 1)[-1].strip()
    return str(request.META.get("REMOTE_ADDR", ""))
