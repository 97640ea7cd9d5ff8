from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class InboxConfig(AppConfig):
    """The agents' side: conversations, reply windows, messages, and the pages to work in."""

    name = "inbox"
    verbose_name = _("Inbox")

    def ready(self) -> None:
        from channels_tiktok import dependents, visibility
        from inbox import access, notes, search_conditions, team_search, triggers  # noqa: F401
        from inbox.following import what_stops

        # (Importing `notes` and `team_search` registers their search operators.)
        dependents.register(what_stops)
        visibility.register(access.seen_channels)
        search_conditions.register()
        user_logged_out.connect(_leave_everywhere, dispatch_uid="leave_everywhere")
        pre_migrate.connect(triggers.drop_before_migrating, sender=self)
        post_migrate.connect(triggers.write_after_migrating, sender=self)


def _leave_everywhere(user: Any, **kwargs: Any) -> None:
    """Who logs out is seen in no conversation any more."""
    from inbox import presence

    if user is not None:
        presence.leave(user=user)
