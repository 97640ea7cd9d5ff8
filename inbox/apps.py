from django.apps import AppConfig


class InboxConfig(AppConfig):
    """The agents' side: conversations, reply windows, messages, and the pages to work in."""

    name = "inbox"
    verbose_name = "Inbox"

    def ready(self) -> None:
        from channels_tiktok import dependents, visibility
        from inbox import access, team_search  # noqa: F401  (importing registers the operator)
        from inbox.following import what_stops

        dependents.register(what_stops)
        visibility.register(access.seen_channels)
