import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from channels_tiktok.errors import TikTokError
from channels_tiktok.models import AdAccount
from leads import pulling, receiving


class Command(BaseCommand):
    help = """Read the leads of connected ad accounts from TikTok, now.

The workers do this by themselves every hour, and TikTok delivers new leads at once. Safe to run twice and beside
the workers: each lead is kept once. Exits with 1 when an ad account could not be read.

Examples:
  manage.py sync_leads
  manage.py sync_leads --wait 300
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument(
            "--wait", type=int, default=120, help="seconds to wait for TikTok's files of leads (default: 120)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        receiving.drain(clock=timezone.now)
        accounts = pulling.connected()
        if not accounts:
            self.stdout.write("No ad account is connected.")
        failed = sum(not self._sync(account, wait=options["wait"]) for account in accounts)
        if failed:
            raise CommandError(f"{failed} of {len(accounts)} ad account(s) could not be read.")

    def _sync(self, account: AdAccount, *, wait: int) -> bool:
        before = account.leads.count()
        try:
            files = pulling.plan(account=account, at=timezone.now())
        except TikTokError as error:
            self.stderr.write(f"{account.name}: stopped: {error}")
            return False
        self.stdout.write(f"{account.name}: asked for {files} file(s) of leads")
        end = time.monotonic() + wait
        while True:
            pulling.work(clock=timezone.now, account=account)
            due = pulling.next_look(account=account)
            if due is None or time.monotonic() >= end:
                break
            time.sleep(max(0.0, min((due - timezone.now()).total_seconds(), end - time.monotonic())))
        rest = " TikTok is still writing some; the worker reads them." if due else ""
        self.stdout.write(f"{account.name}: {account.leads.count() - before} new lead(s).{rest}")
        return True
