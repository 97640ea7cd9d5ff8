from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LeadsConfig(AppConfig):
    """Lead-form submissions: what people answered, and the conversation that each became."""

    name = "leads"
    verbose_name = _("Leads")

    def ready(self) -> None:
        from channels_tiktok import dependents
        from inbox import additions, search_operators
        from leads import showing

        dependents.register(showing.what_stops)
        additions.register(showing.additions_for, has_leads=showing.has_leads())
        additions.register_line("leads.joined", showing.told_joined)
        additions.register_line("leads.stage", showing.told_stage)
        search_operators.register_operator("lead", condition=showing.with_lead, explain=showing.explain_lead)
