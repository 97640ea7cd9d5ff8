"""The TikTok app that this installation is: its id, its secret, and the scopes that it asks for beyond the core.

Guarantee: this module alone reads them, anew each time, so a change in the admin holds from the next request
or task on, in every process. What the environment sets wins, value by value, and costs no query; only what it
leaves empty is read from the row.
"""

from dataclasses import dataclass, field

from django.conf import settings

from channels_tiktok.models import AppCredentials


@dataclass(frozen=True)
class App:
    """The app as it is now; an empty value is one that nobody has set."""

    id: str
    secret: str = field(repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether accounts can be connected with it."""
        return bool(self.id and self.secret)


def current() -> App:
    """Give the app. Raises SecretUnreadable when the stored secret is needed and can't be decrypted."""
    given = {"app_id": settings.TIKTOK_APP_ID, "app_secret": settings.TIKTOK_APP_SECRET}
    missing = [name for name, value in given.items() if not value]
    stored = AppCredentials.objects.values(*missing).first() if missing else None
    values = {**given, **(stored or {})}
    return App(id=values["app_id"], secret=values["app_secret"])


def optional_scopes() -> list[str]:
    """Give the scopes to ask for beyond the core ones."""
    if settings.TIKTOK_OPTIONAL_SCOPES:
        return list(settings.TIKTOK_OPTIONAL_SCOPES)
    stored = AppCredentials.objects.values_list("optional_scopes", flat=True).first() or ""
    return stored.split()
