from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class InboxConfig(AppConfig):
    """The agents' side: conversations, reply windows, messages, and the pages to work in."""

    name = "inbox"
    verbose_name = "Inbox"

    def ready(self) -> None:
        from channels_tiktok import dependents
        from inbox import search_conditions, triggers
        from inbox.following import what_stops

        dependents.register(what_stops)
        search_conditions.register()
        pre_migrate.connect(triggers.drop_before_migrating, sender=self)
        post_migrate.connect(triggers.write_after_migrating, sender=self)
