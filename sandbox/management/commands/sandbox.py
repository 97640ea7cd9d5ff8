"""`manage.py sandbox`: the local TikTok as a process of its own."""

import argparse
import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from werkzeug.serving import BaseWSGIServer

from sandbox import deliveries
from sandbox.app import create_app
from sandbox.serving import listen
from sandbox.webhooks import register

EXAMPLE = """
example:
  manage.py sandbox --port 8048 --webhook-url http://127.0.0.1:8000/webhooks/tiktok/

The product is attached to it by two settings:
  TIKTOK_API_URL=http://127.0.0.1:8048/open_api/v1.3
  TIKTOK_AUTH_URL=http://127.0.0.1:8048/v2/auth/authorize
"""


class Command(BaseCommand):
    help = "Run a local TikTok for demos and tests: consent page, API, webhooks and a phone to type on."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs.setdefault("epilog", EXAMPLE)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8048, help="port to listen on (default: 8048)")
        parser.add_argument(
            "--database", default="data/sandbox.sqlite3", help="its own file (default: data/sandbox.sqlite3)"
        )
        parser.add_argument(
            "--public-url", help="origin that the app reaches it at, if it is not http://HOST:PORT"
        )
        parser.add_argument("--webhook-url", help="send webhooks there, as if the app had configured it")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The sandbox lets anybody act as anybody, so it only runs with DEBUG on.")
        serve(self, **options)


def serve(
    command: Command,
    *,
    host: str,
    port: int,
    database: str,
    public_url: str | None,
    webhook_url: str | None,
    **_options: Any,
) -> None:
    """Listen until Ctrl-C or SIGTERM."""
    origin = public_url or f"http://{host}:{port}"
    app = create_app(
        database=Path(database),
        app_id=getattr(settings, "TIKTOK_APP_ID", "") or "sandbox-app",
        app_secret=getattr(settings, "TIKTOK_APP_SECRET", "") or "sandbox-secret",
        public_url=origin,
    )
    if webhook_url:
        with app.app_context():
            register("DIRECT_MESSAGE", webhook_url)
    try:
        server = listen(host, port, app)
    except OSError as error:
        raise CommandError(
            f"Cannot listen on {host}:{port}. If the port is taken, choose another with --port."
        ) from error
    command.stdout.write(f"Local TikTok on {origin}/ (the phone). Stop it with Ctrl-C.")
    command.stdout.flush()
    until_told_to_stop(server, deliveries.start(app))
    command.stdout.write("Local TikTok stopped.")


def until_told_to_stop(server: BaseWSGIServer, stop_deliveries: threading.Event) -> None:
    """Serve; SIGTERM ends it like Ctrl-C."""

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupted)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
        stop_deliveries.set()
        server.server_close()
