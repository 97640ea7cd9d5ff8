from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from inbox import delivering
from inbox.models import Message


class Command(BaseCommand):
    help = """Hand queued replies to TikTok, now.

The workers do this by themselves; it is safe to run beside them: no reply is ever handed over twice.
Exits with 1 when TikTok refused a reply or never confirmed it.

Examples:
  manage.py deliver_messages
  manage.py deliver_messages --dry-run
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--dry-run", action="store_true", help="only list what would be handed over")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self._list_queued()
            return
        began = timezone.now()
        tried = delivering.deliver_due(clock=timezone.now)
        self.stdout.write(f"{tried} reply(ies) handed over.")
        troubled = Message.objects.filter(
            handed_over_at__gte=began, state__in=[Message.State.FAILED, Message.State.UNCONFIRMED]
        )
        for message in troubled:
            self.stderr.write(f"{message}: {message.get_state_display()}: {message.error_detail}")
        if troubled:
            raise CommandError(f"{len(troubled)} reply(ies) did not surely arrive.")

    def _list_queued(self) -> None:
        queued = Message.objects.filter(state=Message.State.QUEUED).select_related("conversation__channel")
        for message in queued.order_by("deliver_at", "id"):
            self.stdout.write(
                f"{message} in conversation {message.conversation_id} of {message.conversation.channel}, "
                f"due {message.deliver_at:%Y-%m-%d %H:%M:%S} UTC, attempt {message.attempts + 1}"
            )
        self.stdout.write(f"{queued.count()} reply(ies) queued.")
