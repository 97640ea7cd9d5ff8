from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels_tiktok.health import check_all


class Command(BaseCommand):
    help = """Ask TikTok whether each channel works: access, permissions, profile, webhook, deliveries.

The worker does this every 15 minutes. What is wrong is written down on the channel, and a channel whose access
TikTok has clearly ended is disconnected. Ends with 1 when something is wrong.

Example:
  manage.py check_channels
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter

    def handle(self, *args: Any, **options: Any) -> None:
        checked = failed = 0
        for report in check_all(at=timezone.now()):
            checked += 1
            failed += bool(report.problems)
            who = f"{report.channel.name} (@{report.channel.username})"
            for sentence in report.problems or ["works."]:
                self.stdout.write(f"{who}: {sentence}")
            for sentence in report.notes:
                self.stdout.write(f"{who}: note: {sentence}")
        if not checked:
            self.stdout.write("No channel is connected.")
        if failed:
            raise CommandError(f"{failed} of {checked} channels need attention.")
