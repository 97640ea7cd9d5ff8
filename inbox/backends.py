"""Who is logged in, and what they may do: read in as few queries as that takes.

Every page asks for the person, their permissions, how they like their pages and what the workspace says. Here
the person comes with their preferences and the workspace's settings in one query, and with all their
permissions, their own and their groups', in a second one (Django's own backend takes two for those).
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission, User
from django.db.models import Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from inbox.models import WorkspaceSettings

COLUMNS = {field.name: field.name for field in WorkspaceSettings._meta.concrete_fields}


class PeopleBackend(ModelBackend):
    """Django's users and permissions, with fewer queries."""

    def get_user(self, user_id: int) -> User | None:
        """The active person of a session; `workspace_row` holds the workspace's settings, None without a row."""
        user: User | None = _people().filter(pk=user_id).first()
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


def _people() -> QuerySet[Any]:
    settings = WorkspaceSettings.objects.values(row=JSONObject(**COLUMNS))[:1]
    return get_user_model().objects.select_related("preferences").annotate(workspace_row=Subquery(settings))
