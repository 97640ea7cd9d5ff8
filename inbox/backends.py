"""Who is logged in, and what they may do: read in as few queries as that takes.

Every page asks for the person, their permissions and how they like their pages. Here the person comes with their
preferences in one query, and with all their permissions, their own and their groups', in a second one (Django's
own backend takes two for those).
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission, User
from django.db.models import Q


class PeopleBackend(ModelBackend):
    """Django's users and permissions, with fewer queries."""

    def get_user(self, user_id: int) -> User | None:
        """The active person of a session, with their preferences."""
        user = get_user_model().objects.select_related("preferences").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """The person's own permissions and those of their groups, as "app.codename"."""
        if obj is not None or not user_obj.is_active or user_obj.is_anonymous or user_obj.is_superuser:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            held = Permission.objects.filter(Q(user=user_obj) | Q(group__user=user_obj))
            names = held.order_by().values_list("content_type__app_label", "codename").distinct()
            user_obj._perm_cache = {f"{app}.{codename}" for app, codename in names}
        found: set[str] = user_obj._perm_cache
        return found
