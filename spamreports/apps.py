from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SpamReportsConfig(AppConfig):
    """Reports of contacts as spam to TikTok Ads, lower-funnel events, and the exclusion list."""

    name = "spamreports"
    verbose_name = _("Spam reports")

    def ready(self) -> None:
        from inbox import additions, search_operators
        from spamreports import showing

        additions.register(
            showing.additions_for, has_reports=showing.has_reports(), has_ad_accounts=showing.has_ad_accounts()
        )
        additions.register_line("spamreports.reported", showing.told_reported)
        search_operators.register_operator(
            "is:reported", condition=showing.is_reported, explain=showing.explain_reported
        )
