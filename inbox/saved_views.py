"""What people do with saved views: keep a search under a name, rename it, share it, remove it.

Guarantee: what is kept can be searched for; only its owner changes a view, and only who may share views makes one
everybody's or takes it from everybody.
"""

import json
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Aggregate, JSONField, Q, QuerySet, Value
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from inbox import access
from inbox.models import SavedView
from inbox.search import Search
from inbox.search_language import BadSearch

LONGEST_NAME = 60


class BadView(ValueError):
    """What was asked for can't be kept. `field` names what is wrong, `sentence` says it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


def visible_to(user: Any) -> QuerySet[SavedView]:
    """One's own views and those that are shared."""
    if not user.has_perm(access.VIEW):
        return SavedView.objects.none()
    return SavedView.objects.filter(Q(owner_id=user.pk) | Q(is_shared=True)).select_related("owner")


class _Listed(Aggregate):
    """Several rows as one JSON array."""

    function = "JSON_GROUP_ARRAY"
    output_field = JSONField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSONB_AGG", **context)


def as_json(user: Any) -> QuerySet[Any, Any]:
    """The views that `user` sees, as one value for a query that is made anyway; `read_json` reads it."""
    person = {name: f"owner__{name}" for name in ("username", "first_name", "last_name")}
    columns = {name: name for name in ("id", "name", "query", "sort", "is_shared", "owner_id")}
    seen = visible_to(user).order_by().annotate(one=Value(1)).values("one")
    return seen.annotate(views=_Listed(JSONObject(**columns, **person))).values("views")


def read_json(array: str | None) -> list[SavedView]:
    """The views of `as_json`, by name."""
    views = []
    for row in json.loads(array or "[]"):
        owner = User(
            pk=row["owner_id"], **{name: row.pop(name) for name in ("username", "first_name", "last_name")}
        )
        row["is_shared"] = bool(row["is_shared"])  # SQLite's JSON knows 0 and 1
        views.append(SavedView(owner=owner, **{name: row[name] for name in row if name != "owner_id"}))
    return sorted(views, key=lambda view: (view.name.casefold(), view.pk))


def may_change(user: Any, view: SavedView) -> bool:
    """Whether `user` may rename or remove it: their own, or a shared one if they look after those."""
    return view.owner_id == user.pk or (view.is_shared and user.has_perm(access.SHARE_VIEWS))


def save(*, user: User, name: str, query: str, sort: str = "", is_shared: bool = False) -> SavedView:
    """Keep a search under a name. Raises BadView or PermissionDenied."""
    access.require(user, access.VIEW)
    return _keep(SavedView(owner=user), user=user, name=name, query=query, sort=sort, is_shared=is_shared)


def change(
    *,
    user: User,
    view_id: int,
    name: str | None = None,
    query: str | None = None,
    sort: str | None = None,
    is_shared: bool | None = None,
) -> SavedView:
    """Change what is given; what isn't stays. Raises BadView, PermissionDenied or SavedView.DoesNotExist."""
    view = _changeable(user, view_id)
    return _keep(
        view,
        user=user,
        name=view.name if name is None else name,
        query=view.query if query is None else query,
        sort=view.sort if sort is None else sort,
        is_shared=view.is_shared if is_shared is None else is_shared,
    )


def remove(*, user: User, view_id: int) -> None:
    """Remove a view. Raises PermissionDenied or SavedView.DoesNotExist."""
    _changeable(user, view_id).delete()


def _changeable(user: User, view_id: int) -> SavedView:
    view = visible_to(user).get(pk=view_id)
    if not may_change(user, view):
        access.require(user, access.SHARE_VIEWS)
        raise SavedView.DoesNotExist
    return view


def _keep(view: SavedView, *, user: User, name: str, query: str, sort: str, is_shared: bool) -> SavedView:
    if is_shared != view.is_shared:
        access.require(user, access.SHARE_VIEWS)
    view.name, view.query, view.sort, view.is_shared = name.strip(), query.strip(), sort, is_shared
    if not view.name or "\x00" in view.name:
        raise BadView("name", _("Give the view a name."))
    if len(view.name) > LONGEST_NAME:
        raise BadView("name", _("A name may have %(n)s characters at most.") % {"n": LONGEST_NAME})
    try:
        Search.of(view.query, user)
    except BadSearch as error:
        raise BadView("query", error.sentence) from error
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise BadView("name", _("You have a view with this name already.")) from error
    return view
