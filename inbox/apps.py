from django.apps import AppConfig


class InboxConfig(AppConfig):
    """The agents' side: conversations, reply windows, messages, and the pages to work in."""

    name = "inbox"
    verbose_name = "Inbox"
