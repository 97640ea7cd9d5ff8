from django.apps import AppConfig


class ChannelsTikTokConfig(AppConfig):
    """The TikTok side: accounts, tokens, the wire, the journal of what TikTok delivered."""

    name = "channels_tiktok"
    verbose_name = "TikTok Business Messaging"
