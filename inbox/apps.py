from django.apps import AppConfig


class InboxConfig(AppConfig):
    """The agents' side: conversations, reply windows, messages, and the pages to work in."""

    name = "inbox"
    verbose_name = "Inbox"

    def ready(self) -> None:
        from channels_tiktok import dependents
        from inbox import notes  # noqa: F401  # it registers its search operators
        from inbox.following import what_stops

        dependents.register(what_stops)
