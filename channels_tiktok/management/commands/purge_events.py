from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels_tiktok import journal


class Command(BaseCommand):
    help = """Delete what TikTok delivered long ago and what has taken effect since: the raw events, no messages.

The worker does this once a day, in small pieces. Events that could not be processed stay until somebody has
dealt with them, unless --with-failed.

Examples:
  manage.py purge_events
  manage.py purge_events --days 7 --with-failed
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument(
            "--days", type=int, default=journal.KEPT_FOR.days, help="days after processing (default: %(default)s)"
        )
        parser.add_argument("--with-failed", action="store_true", help="also those that could not be processed")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["days"] < 0:
            raise CommandError("--days can't be negative.")
        before = timezone.now() - timedelta(days=options["days"])
        done = 0
        while count := journal.purge(
            before=before, at_most=journal.PURGED_AT_ONCE, with_failed=options["with_failed"]
        ):
            done += count
            self.stdout.write(f"{done} event(s) deleted so far.")
        self.stdout.write(f"{done} event(s) settled before {before:%Y-%m-%d %H:%M} UTC deleted.")
