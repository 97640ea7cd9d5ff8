"""Who may call what: each view says it per method, next to itself."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class HoldsPermission(BasePermission):
    """The caller is known and holds one of the permissions that the view names for the method.

    A method that the view doesn't name needs none: it has no handler, so it is answered 405.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Refuse in words where DRF would only say that it is forbidden."""
        user = request.user
        if not user or not user.is_authenticated:
            return False
        method = "GET" if request.method == "HEAD" else request.method
        wanted = view.needs.get(method, ())
        if wanted and not any(user.has_perm(permission) for permission in wanted):
            raise PermissionDenied(_("This needs the permission %(names)s.") % {"names": " or ".join(wanted)})
        return True
