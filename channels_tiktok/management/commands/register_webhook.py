from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels_tiktok import connecting
from channels_tiktok.client import tiktok
from channels_tiktok.errors import TikTokError


class Command(BaseCommand):
    help = """Have TikTok deliver the messages of every connected account to this server (PUBLIC_URL).

TikTok keeps one address per app, so this replaces the one that was there.

Example:
  manage.py register_webhook
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            former = tiktok().webhook_url()
            url = connecting.register_webhook(at=timezone.now())
        except TikTokError as error:
            raise CommandError(str(error)) from error
        if former and former != url:
            self.stdout.write(f"Until now TikTok delivered to {former}.")
        self.stdout.write(f"TikTok delivers to {url}.")
