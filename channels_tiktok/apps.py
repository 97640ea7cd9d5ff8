from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChannelsTikTokConfig(AppConfig):
    """The TikTok side: accounts, tokens, the wire, the journal of what TikTok delivered."""

    name = "channels_tiktok"
    verbose_name = _("TikTok Business Messaging")
