from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessageLinksConfig(AppConfig):
    """Links that open a chat with a channel, and where customers come from."""

    name = "messagelinks"
    verbose_name = _("Message links")

    def ready(self) -> None:
        from channels_tiktok import dependents
        from inbox import first_steps, search_operators
        from messagelinks import linking, tracing

        dependents.register(linking.what_stops)
        first_steps.register_step(linking.first_step())
        search_operators.register_operator("link", condition=tracing.came_by_link, explain=tracing.explain_link)
        search_operators.register_operator("came", condition=tracing.came, explain=tracing.explain_came)
