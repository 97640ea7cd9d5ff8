from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels_tiktok import polling
from channels_tiktok.errors import TikTokError
from channels_tiktok.models import Channel
from inbox import backfilling


class Command(BaseCommand):
    help = """Read the conversations of connected channels from TikTok's own lists, now.

The workers do this by themselves every few minutes; by hand it reads everything that has changed since it was
last read, whether webhooks brought it or not. TikTok shows 90 days and the 20 newest messages of each
conversation. Safe to interrupt: what is left is read later. Exits with 1 when a channel could not be read.

Examples:
  manage.py sync_messages
  manage.py sync_messages --channel kopi.corner
  manage.py sync_messages --channel 3
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--channel", help="only this one: its number, its @username or our name for it")

    def handle(self, *args: Any, **options: Any) -> None:
        channels = self._asked_for(options["channel"])
        failed = sum(not self._sync(channel) for channel in channels)
        if not channels:
            self.stdout.write("No channel is connected.")
        if failed:
            raise CommandError(f"{failed} of {len(channels)} channel(s) could not be read.")

    def _asked_for(self, name: str | None) -> list[Channel]:
        connected = list(Channel.objects.filter(status=Channel.Status.CONNECTED).order_by("id"))
        if name is None:
            return connected
        word = name.removeprefix("@").casefold()
        found = [c for c in connected if word in (str(c.pk), c.username.casefold(), c.name.casefold())]
        if not found:
            raise CommandError(f"No connected channel is called {name}.")
        return found

    def _sync(self, channel: Channel) -> bool:
        title = f"{channel.name} (@{channel.username})"
        if not polling.ask_for(channel=channel, at=timezone.now()):
            self.stderr.write(f"{title}: a worker is reading it just now. Try again in two minutes.")
            return False
        found = read = 0
        try:
            for step in backfilling.poll(channel=channel, clock=timezone.now):
                found, read = found + step.found, step.were_read
                self.stdout.write(f"{title}: {step.were_read} of {step.to_read} conversations read")
        except TikTokError as error:
            self.stderr.write(f"{title}: stopped: {error}")
            return False
        self.stdout.write(f"{title}: {read} conversation(s) read, {found} change(s) found.")
        return True
