"""The people who work in the inbox: what to call them, and who can be given a conversation."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import QuerySet

from inbox import access


def name_of(person: Any) -> str:
    """What to call a colleague on a page."""
    return str(person.get_full_name() or person.get_username())


def assignable() -> QuerySet[User]:
    """Everyone who may see conversations, by name."""
    return (
        get_user_model()
        .objects.with_perm(access.VIEW, backend="django.contrib.auth.backends.ModelBackend")
        .order_by("first_name", "last_name", "username")
    )
