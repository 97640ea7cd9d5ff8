"""Texts of several rows in one, so that a page reads them with the row that they belong to."""

from typing import Any

from django.db.models import Aggregate, TextField


class Joined(Aggregate):
    """The texts, with line feeds between them."""

    function = "GROUP_CONCAT"
    template = "%(function)s(%(expressions)s, '\n')"
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="STRING_AGG", **context)
