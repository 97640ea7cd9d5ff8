from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels_tiktok.models import WebhookEvent
from inbox import receiving


class Command(BaseCommand):
    help = """Turn what TikTok delivered into conversations and messages, now.

The workers do this by themselves; it is safe to run beside them. Exits with 1 when an event could not be
applied: the admin's list of webhook events says why.

Example:
  manage.py process_events
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter

    def handle(self, *args: Any, **options: Any) -> None:
        began = timezone.now()
        settled = receiving.drain(clock=timezone.now)
        self.stdout.write(f"{settled} event(s) taken on.")
        events = WebhookEvent.objects.filter(state=WebhookEvent.State.FAILED, settled_at__gte=began)
        for event in events:
            self.stderr.write(f"{event}: {event.error}")
        waiting = WebhookEvent.objects.filter(state=WebhookEvent.State.PENDING).count()
        if waiting:
            self.stdout.write(f"{waiting} event(s) wait: for another worker, or for their next attempt.")
        if events:
            raise CommandError(f"{len(events)} event(s) could not be applied.")
