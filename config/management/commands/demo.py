"""`manage.py demo`: everything on one machine, with a local TikTok in place of the real one."""

import argparse
import os
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from channels_tiktok.models import Channel
from config.demo import people, story
from config.demo.browser import BrowserError
from config.demo.processes import ChildDied, Children, free_port
from inbox.models import Conversation
from messagelinks import linking

APP_ID = "sandbox-app"
APP_SECRET = "sandbox-secret"  # noqa: S105 (the local TikTok's own)
EXAMPLE = """
example:
  manage.py demo --port 8001

Data stays in data/ from one start to the next. Remove data/ to begin anew.
"""


class Command(BaseCommand):
    help = "Run web, worker and a local TikTok on this machine, with customers who write."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs.setdefault("epilog", EXAMPLE)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the inbox (default: 8000)")
        parser.add_argument("--sandbox-port", type=int, default=8048, help="of the local TikTok (default: 8048)")

    def handle(self, *_args: Any, **options: Any) -> None:
        refuse_production()
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            self.run(options["port"], options["sandbox_port"])
        except (ChildDied, BrowserError) as problem:
            raise CommandError(f"{problem}\nThe logs are in {logs()}.") from problem
        except KeyboardInterrupt:
            self.say("Stopped. Your data is kept; start again with: make run")

    def run(self, wanted_port: int, wanted_sandbox_port: int) -> None:
        port = self.choose_port("inbox", wanted_port)
        sandbox_port = self.choose_port("local TikTok", wanted_sandbox_port)
        self.say("Preparing the database …")
        settings.DATA_DIR.mkdir(exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        people.make_people()

        web, sandbox = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}"
        with Children(logs(), environment(port, sandbox_port)) as children:
            self.start(children, web, sandbox, sandbox_port)
            if not Channel.objects.filter(status=Channel.Status.CONNECTED).exists():
                self.bring_to_life(web, sandbox)
            self.say(welcome(web, sandbox))
            while True:
                children.check()
                time.sleep(0.5)

    def choose_port(self, what: str, wanted: int) -> int:
        port = free_port(wanted)
        if port != wanted:
            self.say(f"Port {wanted} is taken, so the {what} uses {port}.")
        return port

    def start(self, children: Children, web: str, sandbox: str, sandbox_port: int) -> None:
        self.say("Starting web, worker and the local TikTok …")
        manage = str(settings.BASE_DIR / "manage.py")
        config = str(settings.BASE_DIR / "gunicorn.conf.py")
        local_tiktok = children.start(
            "local TikTok",
            manage,
            "sandbox",
            f"--port={sandbox_port}",
            f"--database={settings.DATA_DIR / 'sandbox.sqlite3'}",
            f"--webhook-url={web}/webhooks/tiktok/",
        )
        pages = children.start("web", "-m", "gunicorn", f"--config={config}", f"--chdir={settings.BASE_DIR}")
        children.start("worker", manage, "qcluster")
        children.wait_until_answers(f"{sandbox}/", local_tiktok)
        children.wait_until_answers(f"{web}/healthz", pages)

    def bring_to_life(self, web: str, sandbox: str) -> None:
        """The first time: connect the shop's account, and let customers write to it."""
        if not people.admin_has_demo_password():
            self.say(
                "No account is connected, and admin's password is your own: connect one on the Channels page."
            )
            return
        self.say(f"Connecting @{story.ACCOUNT} on the consent page …")
        page = story.connect_account(web, "admin", people.PASSWORD)
        if not Channel.objects.filter(status=Channel.Status.CONNECTED).exists():
            raise BrowserError(f"The account was not connected; the consent ended on {page.url}.")
        self.make_links()
        self.say("Customers are writing …")
        story.let_customers_write(sandbox)
        self.wait_for_conversations(len(story.CUSTOMERS))
        self.say("Connecting the ad account, and two people fill in its lead form …")
        story.connect_ad_account(web, "admin", people.PASSWORD)
        story.let_people_submit_forms(sandbox)

    def make_links(self) -> None:
        """The shop's message links, made a month ago, so that customers can have come by them."""
        channel = Channel.objects.filter(status=Channel.Status.CONNECTED).earliest("id")
        if channel.message_links.exists():
            return
        made_at = timezone.now() - timedelta(days=30)
        for one in story.LINKS:
            made = {"title": one.title, "ref": one.ref, "message": one.message}
            link = linking.create(channel=channel, actor=None, at=made_at, **made)
            linking.note_places(link=link, places=one.places)

    def wait_for_conversations(self, number: int) -> None:
        """Let the worker take the messages in, so that the first page that someone opens shows them."""
        deadline = time.monotonic() + 30
        while Conversation.objects.count() < number:
            if time.monotonic() > deadline:
                self.say("The messages are not in the inbox yet: look into the logs if they don't appear.")
                return
            time.sleep(0.3)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def refuse_production() -> None:
    """The demo has a password that everybody knows, and talks to a TikTok that isn't one."""
    if not settings.DEBUG:
        raise CommandError(
            "The demo has a password that everybody knows, so it only runs with DEBUG=true (see .env)."
        )
    if settings.TIKTOK_APP_ID not in ("", APP_ID):
        raise CommandError(
            "TIKTOK_APP_ID names a real TikTok app, and the demo would send its tokens to the local TikTok. "
            "Run the demo from another clone of the repository."
        )


def environment(port: int, sandbox_port: int) -> dict[str, str]:
    """What the children get: the product as in production, with the local TikTok for the real one."""
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": "8",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TIKTOK_API_URL": f"{sandbox}/open_api/v1.3",
        "TIKTOK_AUTH_URL": f"{sandbox}/v2/auth/authorize",
        "TIKTOK_APP_ID": APP_ID,
        "TIKTOK_APP_SECRET": APP_SECRET,
        "TIKTOK_OPTIONAL_SCOPES": "video.list",
    }


def logs() -> Path:
    """Where the children write."""
    return Path(settings.DATA_DIR) / "logs"


def welcome(web: str, sandbox: str) -> str:
    """The block that tells where everything is."""
    password = people.PASSWORD if people.admin_has_demo_password() else "the one that you chose"
    agents = " and ".join(username for username, *_ in people.AGENTS)
    return f"""
  Reply48 is running.

    Inbox             {web}/
    User              admin      (agents: {agents})
    Password          {password}
    Customer's phone  {sandbox}/

  Write to the shop on the customer's phone and answer in the inbox. Ctrl-C ends everything.
"""


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
