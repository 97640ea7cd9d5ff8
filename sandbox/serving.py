"""The sandbox on a real socket."""

import logging
import socket

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server


class ShortLog(WSGIRequestHandler):
    """One short line per call; the phone page's own polling is left out."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if self.path.startswith(("/open_api/", "/v2/")):
            print(f"{self.command} {self.path.split('?')[0]} {code}", flush=True)  # noqa: T201 - this is the log

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            # A fault has reset the connection; werkzeug notices when it looks for the next call.
            if self.connection.fileno() != -1:
                raise


def listen(host: str, port: int, app: Flask) -> BaseWSGIServer:
    """A threaded server, already listening; OSError where the port is taken; port 0 picks a free one."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound here because werkzeug would print its own advice and exit when the port is taken.
    with socket.create_server((host, port), family=family) as bound:
        return make_server(host, port, app, threaded=True, request_handler=ShortLog, fd=bound.fileno())
