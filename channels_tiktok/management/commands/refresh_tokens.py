from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels_tiktok.tokens import refresh_due


class Command(BaseCommand):
    help = """Renew the access of connected channels that ends within the next hours.

The worker does this every 10 minutes; run it by hand after a long stop.

Examples:
  manage.py refresh_tokens
  manage.py refresh_tokens --all
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--all", action="store_true", help="renew every connected channel's access")

    def handle(self, *args: Any, **options: Any) -> None:
        renewals = refresh_due(at=timezone.now(), everyone=options["all"])
        for renewal in renewals:
            outcome = f"not renewed: {renewal.error}" if renewal.error else "renewed"
            self.stdout.write(f"{renewal.channel.name} (@{renewal.channel.username}): {outcome}")
        if not renewals:
            self.stdout.write("No access ends soon.")
        failed = sum(renewal.error is not None for renewal in renewals)
        if failed:
            raise CommandError(f"{failed} of {len(renewals)} could not be renewed.")
