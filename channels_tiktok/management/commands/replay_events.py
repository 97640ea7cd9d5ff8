from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from channels_tiktok import journal
from channels_tiktok.models import WebhookEvent


def a_time(text: str) -> datetime:
    """A time given on the command line; without a zone it is UTC."""
    try:
        moment, day = parse_datetime(text), parse_date(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text}: {error}") from error
    if moment is None and day is not None:
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if moment is None:
        raise ArgumentTypeError(f"{text} is not a time, such as 2026-11-22 or 2026-11-22T09:00:00Z")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = """Let events that TikTok delivered take effect once more.

Safe for events that already did: each message is stored once, however often its event is replayed. The
workers do the work; “manage.py process_events” does it at once.

Examples:
  manage.py replay_events --state failed                 everything that was parked
  manage.py replay_events 4711 4712                      these two, whatever became of them
  manage.py replay_events --since 2026-11-20 --until 2026-11-21T12:00:00Z
  manage.py replay_events --since 2026-11-20 --dry-run   only say how many that would be
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="numbers of the admin's event list")
        parser.add_argument("--since", type=a_time, metavar="TIME", help="delivered at this time or later (UTC)")
        parser.add_argument("--until", type=a_time, metavar="TIME", help="delivered before this time (UTC)")
        parser.add_argument("--state", choices=["failed", "ignored", "processed"], help="only those in this state")
        parser.add_argument("--dry-run", action="store_true", help="only say how many")

    def handle(self, *args: Any, **options: Any) -> None:
        events = self._asked_for(options)
        total = events.count()
        missing = set(options["ids"]) - set(events.filter(pk__in=options["ids"]).values_list("pk", flat=True))
        if missing:
            raise CommandError(f"There is no such settled event: {', '.join(map(str, sorted(missing)))}.")
        if options["dry_run"]:
            self.stdout.write(f"{total} event(s) would be replayed.")
            return
        done = 0
        for count in journal.replay(events=events, at=timezone.now()):
            done += count
            self.stdout.write(f"{done} of {total} event(s) wait to be processed again.")
        if not total:
            self.stdout.write("No event fits.")

    def _asked_for(self, options: dict[str, Any]) -> QuerySet[WebhookEvent]:
        wanted: dict[str, Any] = {}
        if options["ids"]:
            wanted["pk__in"] = options["ids"]
        if options["since"]:
            wanted["received_at__gte"] = options["since"]
        if options["until"]:
            wanted["received_at__lt"] = options["until"]
        if options["state"]:
            wanted["state"] = options["state"]
        if not wanted:
            raise CommandError("Say which: numbers, --since, --until or --state.")
        return WebhookEvent.objects.filter(**wanted).exclude(state=WebhookEvent.State.PENDING)
