"""The people who work in the inbox: what to call them, and who can be given a conversation."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet

from channels_tiktok.models import Channel
from inbox import access
from inbox.models import Team


def name_of(person: Any) -> str:
    """What to call a colleague on a page."""
    return str(person.get_full_name() or person.get_username())


def assignable(channel: Channel | None = None) -> QuerySet[User]:
    """Everyone who may see conversations, of `channel` if given, by name."""
    people = _who_may(access.VIEW).order_by("first_name", "last_name", "username")
    if channel is None:
        return people
    limited = Exists(Team.objects.filter(members=OuterRef("pk"), channels__isnull=False))
    sees_it = Exists(Team.objects.filter(members=OuterRef("pk"), channels=channel))
    return people.filter(~limited | sees_it | Q(pk__in=_who_may(access.ALL_CHANNELS).values("pk")))


def assignable_teams(channel: Channel) -> QuerySet[Team]:
    """The teams that see `channel`, by name."""
    return Team.objects.filter(Q(channels=channel) | Q(channels__isnull=True)).distinct()


def _who_may(permission: str) -> QuerySet[User]:
    backend = "django.contrib.auth.backends.ModelBackend"
    found: QuerySet[User] = get_user_model().objects.with_perm(permission, backend=backend)
    return found
