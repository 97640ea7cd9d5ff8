"""The search operator `team:`: a team by its name, `mine` or `none`."""

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from inbox.search_operators import register_operator


def condition(value: str, user: Any) -> Q:
    """The conversations of the team called `value`, of any of `user`'s teams, or of none."""
    if value == "none":
        return Q(team=None)
    return Q(team__in=user.teams.all()) if value == "mine" else Q(team__name__iexact=value)


def explain(value: str, user: Any) -> str:
    """What that is, in words."""
    if value == "none":
        return _("given to no team")
    return (
        _("given to one of your teams") if value == "mine" else _("given to the team %(name)s") % {"name": value}
    )


register_operator("team", condition=condition, explain=explain)
