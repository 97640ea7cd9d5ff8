"""Around the API: every call is written down, and may be made to fail on the way in or out."""

import io
import json
import os
import socket
import struct
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Flask
from werkzeug.wrappers import Response

from sandbox import faults
from sandbox.api import BASE
from sandbox.store import now, run

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HTML = "<html><body><center><h1>{status}</h1></center><hr><center>gateway</center></body></html>"


class RecordedCalls:
    """WSGI middleware. It stands outside Flask because a hang or a reset must happen to a finished answer."""

    def __init__(self, app: Flask, inner: "WSGIApplication") -> None:
        self.app = app
        self.inner = inner

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(BASE):
            return self.inner(environ, start_response)
        # One application context for the whole call: Flask's own request joins it and shares its connection.
        with self.app.app_context():
            fault = faults.claim(path.removeprefix(BASE))
            environ["sandbox.call"] = self.arrived(environ, path.removeprefix(BASE), fault)
            response = self.answer(environ, fault)
        return response(environ, start_response)

    def answer(self, environ: "WSGIEnvironment", fault: faults.Fault | None) -> Response:
        """Do the work, unless the fault comes first, then let a fault spoil the answer."""
        if fault is None:
            return self.work(environ)
        if fault.kind in {"hang_before", "slow"}:
            time.sleep(fault.seconds)
        if fault.kind == "reset_before":
            hang_up(environ, abruptly=True)
        if fault.kind == "hang_before":
            hang_up(environ)
        if fault.kind in {"code", "http_status"} and not fault.after:
            return self.noted(environ, spoiled(environ, fault, Response()), done=False)
        return spoiled(environ, fault, self.work(environ))

    def work(self, environ: "WSGIEnvironment") -> Response:
        """The answer of the API itself."""
        return self.noted(environ, Response.from_app(self.inner, environ, buffered=True), done=True)

    def noted(self, environ: "WSGIEnvironment", response: Response, *, done: bool) -> Response:
        """Write down how the call was answered."""
        answered = envelope_of(response)
        run(
            "UPDATE calls SET done = ?, http_status = ?, code = ?, message = ?, message_id = ? WHERE id = ?",
            done,
            response.status_code,
            answered.get("code"),
            answered.get("message"),
            ((answered.get("data") or {}).get("message") or {}).get("message_id"),
            environ["sandbox.call"],
        )
        return response

    def arrived(self, environ: "WSGIEnvironment", path: str, fault: faults.Fault | None) -> int:
        """Write the call down before anything happens to it; a call that hangs has arrived all the same."""
        added = run(
            "INSERT INTO calls (at, method, path, messaging, request, fault) VALUES (?, ?, ?, ?, ?, ?)",
            now(),
            environ["REQUEST_METHOD"],
            path,
            path.startswith("business/message/"),
            request_text(environ) if path == "business/message/send/" else None,
            fault.kind if fault else None,
        )
        return added.lastrowid or 0


def request_text(environ: "WSGIEnvironment") -> str:
    """The request's body, put back for the one who reads it next."""
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    text: str = content.decode(errors="replace")
    return text


def envelope_of(response: Response) -> dict[str, Any]:
    """The answer's JSON object, or nothing where it is none."""
    try:
        answered = json.loads(response.get_data())
    except ValueError:
        return {}
    return answered if isinstance(answered, dict) else {}


def spoiled(environ: "WSGIEnvironment", fault: faults.Fault, response: Response) -> Response:
    """The answer after the fault has been at it."""
    if fault.kind == "hang_after":
        time.sleep(fault.seconds)
        hang_up(environ)
    if fault.kind == "reset_after":
        hang_up(environ, abruptly=True)
    if fault.kind == "http_status":
        text = HTML.format(status=fault.http_status)
        return Response(text, fault.http_status, content_type="text/html")
    if fault.kind == "garbage":
        return Response('{"code": 0, "message": "O', 200, content_type="application/json")
    if fault.kind == "code":
        changed: dict[str, Any] = {"code": fault.code, "message": fault.message, "data": {}}
    elif fault.kind == "empty_message_id":
        changed = {"code": 0, "message": "OK", "data": {"message": {"message_id": ""}}}
    else:
        return response
    answered = {"request_id": envelope_of(response).get("request_id", "FAULT"), **changed}
    return Response(json.dumps(answered), 200, content_type="application/json")


def hang_up(environ: "WSGIEnvironment", *, abruptly: bool = False) -> NoReturn:
    """Close the connection without an answer, abruptly with a TCP reset; a mounted app only raises."""
    connection: socket.socket | None = environ.get("werkzeug.socket")
    if connection is not None and abruptly:
        # Lingering for zero seconds makes the kernel send a reset instead of a farewell. Detached, because
        # the server would say a farewell of its own first.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
    elif connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    if abruptly:
        raise ConnectionResetError("the sandbox was told to reset the connection")
    raise TimeoutError("the sandbox was told not to answer")
