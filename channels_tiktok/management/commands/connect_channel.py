from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels_tiktok import connecting


class Command(BaseCommand):
    help = """Connect a TikTok Business Account by hand, for example where TikTok can't reach this server yet.

Prints the address of TikTok's consent page, then asks for the address that TikTok sent the browser to.

Examples:
  manage.py connect_channel
  manage.py connect_channel --user amira
  manage.py connect_channel --callback-url 'https://inbox.example.com/channels/tiktok/callback/?code=…&state=…'
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--user", metavar="NAME", help="who connects it; shown in the channel's history")
        parser.add_argument(
            "--callback-url", metavar="URL", help="finish a consent that an earlier run of this command began"
        )

    def handle(self, *args: Any, user: str | None, callback_url: str | None, **options: Any) -> None:
        person = _person(user) if user else None
        try:
            returned = callback_url or self._ask(person)
            channel = connecting.finish(**_returned_with(returned), user=person, at=timezone.now())
        except connecting.ConnectingFailed as failure:
            raise CommandError(failure.sentence) from failure
        self.stdout.write(f"Connected {channel.name} (@{channel.username}).")
        if channel.webhook_error:
            raise CommandError(channel.webhook_error)
        self.stdout.write(f"TikTok delivers its messages to {connecting.webhook_callback_url()}.")

    def _ask(self, person: User | None) -> str:
        self.stdout.write("Open this in a browser and agree within 10 minutes:")
        self.stdout.write(connecting.begin(user=person, at=timezone.now()))
        try:
            return input("Then paste the address that TikTok sent the browser to: ")
        except EOFError:
            raise CommandError("Nothing was pasted. Run it again with --callback-url URL.") from None


def _person(name: str) -> User:
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist:
        raise CommandError(f"There is no user called {name}.") from None


def _returned_with(url: str) -> dict[str, str]:
    """Take what TikTok added to the callback address, as `connecting.finish` wants it."""
    query = dict(parse_qsl(urlsplit(url.strip()).query))
    if "state" not in query:
        raise CommandError("That is not the address that TikTok sent the browser to: it has no “state”.")
    return {name: query.get(name, "") for name in ("state", "code", "error", "error_description")}
