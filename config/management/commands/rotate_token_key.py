from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from config import rotating


class Command(BaseCommand):
    help = """Encrypt every stored secret with the first key of TOKEN_ENCRYPTION_KEYS.

Put the new key in front of the old one, restart web and worker, run this, and take the old key away when it
ends well. It may run beside the workers, and again after it was stopped.

Example:
  TOKEN_ENCRYPTION_KEYS=new-key,old-key manage.py rotate_token_key
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = rotating.rotate(progress=self._say)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{counts[rotating.CHANGED]} encrypted anew, {counts[rotating.CURRENT]} already under the first key, "
            f"{counts[rotating.UNREADABLE]} unreadable."
        )
        if counts[rotating.UNREADABLE]:
            raise CommandError(
                "Some secrets can't be read with any key of TOKEN_ENCRYPTION_KEYS. Add the key that they were "
                "written with and run this again, or connect those accounts again. Keep all keys until then."
            )

    def _say(self, column: str, looked_at: int) -> None:
        self.stdout.write(f"{column}: {looked_at} looked at")
