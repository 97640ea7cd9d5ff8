"""Pages of a list that moves while it is read.

Guarantee: a page starts exactly after the row where the last one ended, by value and id, so a row that
arrives, leaves or moves elsewhere makes nobody see another row twice or miss one, and page 1,000 costs what
page 1 costs. (DRF's own cursors count an offset among equal times and can't hold an empty one.)
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import ValidationError as BadValue
from django.db.models import F, Model, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

PAGE_SIZE = 50
LONGEST_PAGE = 100


@dataclass(frozen=True)
class Cursor:
    """A place between two rows: beyond the row of `value` and `id`, reading on or back."""

    ordering: str
    value: str | None
    id: int
    back: bool = False

    def encode(self) -> str:
        return urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, encoded: str) -> "Cursor":
        """Raise ValueError or TypeError for anything that `encode` didn't make."""
        cursor = cls(**json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))))
        kinds = (str, str | None, int, bool)
        if not all(isinstance(part, kind) for part, kind in zip(asdict(cursor).values(), kinds, strict=True)):
            raise TypeError
        return cursor


class KeysetPagination(BasePagination):
    """`{next, previous, results}`. The view names its `orderings`; the first one is the default."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Give one page of `queryset` and remember what its neighbours' addresses need."""
        self.address = request.build_absolute_uri()
        self.ordering = _chosen_ordering(request, view.orderings)
        self.column = Column.of(queryset.model, view.orderings[self.ordering])
        size = _chosen_size(request)
        cursor = self._chosen_cursor(request)
        back = cursor is not None and cursor.back

        rows = queryset.order_by(*self.column.order_by(back=back))
        if cursor:
            rows = rows.filter(self.column.beyond(cursor))
        found = list(rows[: size + 1])
        more, self.page = len(found) > size, found[:size]
        if back:
            self.page.reverse()
        self.has_next = back or more
        self.has_previous = more if back else cursor is not None
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._link(back=False), "previous": self._link(back=True), "results": data})

    def _link(self, *, back: bool) -> str | None:
        if not self.page or not (self.has_previous if back else self.has_next):
            return None
        row = self.page[0 if back else -1]
        cursor = Cursor(self.ordering, self.column.value_of(row), row.pk, back)
        return replace_query_param(self.address, "cursor", cursor.encode())

    def _chosen_cursor(self, request: Request) -> Cursor | None:
        encoded = request.query_params.get("cursor")
        if not encoded:
            return None
        try:
            cursor = Cursor.decode(encoded)
            self.column.parse(cursor.value)
        except (ValueError, TypeError, BadValue):
            cursor = None
        if cursor is None or cursor.ordering != self.ordering:
            raise ValidationError({"cursor": [_("This cursor isn't one of this list's; start without it.")]})
        return cursor

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the query parameters for OpenAPI."""
        names = list(view.orderings)
        described: list[tuple[str, str, dict[str, Any]]] = [
            ("cursor", "Where a page starts: taken from `next` or `previous`.", {"type": "string"}),
            (
                "page_size",
                "How many at most.",
                {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE_SIZE},
            ),
        ]
        if len(names) > 1:
            ordering = {"type": "string", "enum": names, "default": names[0]}
            described.append(("ordering", "What comes first.", ordering))
        return [
            {"name": name, "in": "query", "required": False, "description": words, "schema": schema}
            for name, words, schema in described
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page for OpenAPI."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }


@dataclass(frozen=True)
class Column:
    """The column that orders a list, then the id. Rows without a value come last (first when descending)."""

    field: Any
    descending: bool

    @classmethod
    def of(cls, model: type[Model], ordering: str) -> "Column":
        return cls(model._meta.get_field(ordering.lstrip("-")), ordering.startswith("-"))

    def order_by(self, *, back: bool) -> list[Any]:
        name, descending = self.field.name, self.descending != back
        if self.field.null:  # said only where it matters: an index doesn't serve an order said otherwise
            first = F(name).desc(nulls_first=True) if descending else F(name).asc(nulls_last=True)
        else:
            first = F(name).desc() if descending else F(name).asc()
        return [first, "-id" if descending else "id"]

    def beyond(self, cursor: Cursor) -> Q:
        """The rows that come after the cursor's row in its direction."""
        name, value = self.field.name, self.parse(cursor.value)
        descending = self.descending != cursor.back
        than = "lt" if descending else "gt"
        if value is None:
            beyond = Q(**{f"{name}__isnull": True, f"id__{than}": cursor.id})
            return beyond | Q(**{f"{name}__isnull": False}) if descending else beyond
        # "at most, and (less or a lower id)" lets the database start inside the index, "or" alone doesn't.
        beyond = Q(**{f"{name}__{than}e": value}) & (
            Q(**{f"{name}__{than}": value}) | Q(**{f"id__{than}": cursor.id})
        )
        return beyond | Q(**{f"{name}__isnull": True}) if self.field.null and not descending else beyond

    def parse(self, value: str | None) -> Any:
        """Raise ValidationError for what isn't a value of this column."""
        if value is None and not self.field.null:
            raise BadValue(_("A value is missing."))
        parsed = self.field.to_python(value)
        if hasattr(parsed, "tzinfo") and timezone.is_naive(parsed):
            raise BadValue(_("The time has no zone."))
        return parsed

    def value_of(self, row: Any) -> str | None:
        value = getattr(row, self.field.name)
        return None if value is None else str(value)


def _chosen_ordering(request: Request, orderings: Mapping[str, str]) -> str:
    name = request.query_params.get("ordering") or next(iter(orderings))
    if name not in orderings:
        raise ValidationError({"ordering": [_("Choose one of: %(names)s.") % {"names": ", ".join(orderings)}]})
    return name


def _chosen_size(request: Request) -> int:
    given = request.query_params.get("page_size") or str(PAGE_SIZE)
    if not (given.isascii() and given.isdigit() and len(given) <= 3 and 1 <= int(given) <= LONGEST_PAGE):
        raise ValidationError({"page_size": [_("Give a number from 1 to %(most)s.") % {"most": LONGEST_PAGE}]})
    return int(given)
