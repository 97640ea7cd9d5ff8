import csv
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from spamreports import excluding


class Command(BaseCommand):
    help = """Write the contacts that were reported as spam, as CSV, to be excluded from a custom audience.

Phone numbers and e-mail addresses are in it as SHA-256, where they are known; TikTok's names always.

Examples:
  manage.py export_exclusions > exclusions.csv
  manage.py export_exclusions --output exclusions.csv
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--output", type=Path, help="a file to write instead of the standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        output: Path | None = options["output"]
        if output is None:
            csv.writer(self.stdout).writerows(excluding.rows())
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                rows = list(excluding.rows())
                csv.writer(file).writerows(rows)
        except OSError as error:
            raise CommandError(f"{output} can't be written: {error}") from error
        print(f"{output}: {len(rows) - 1} row(s).", file=sys.stderr)
