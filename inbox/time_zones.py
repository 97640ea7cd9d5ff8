"""The time zones that can be chosen."""

import functools
import zoneinfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


@functools.cache
def names() -> list[str]:
    """Every zone that this machine knows, by name: "Asia/Jakarta", and "UTC"."""
    known = zoneinfo.available_timezones()
    return sorted(name for name in known if "/" in name and not name.startswith(("Etc/", "SystemV/"))) + ["UTC"]


def check_time_zone(name: str) -> None:
    """Raise ValidationError unless `name` is one of them."""
    if name not in names():
        raise ValidationError(_("“%(name)s” is not a time zone. Write it like Europe/Berlin.") % {"name": name})
