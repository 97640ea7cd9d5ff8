"""The demo's child processes: started together, watched together, ended together.

Guarantee: when the `with` block is left, for whatever reason, no child runs any more. (On Linux they end
even when the demo itself is killed.)
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS_TO_START = 90
SECONDS_TO_STOP = 15


class ChildDied(Exception):
    """A child ended by itself, or never answered."""


class Child:
    """One program with its log."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self.log_begins = output.tell()
            self.process = subprocess.Popen(  # noqa: S603 (our own commands)
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for the demo, which then stops its children in an orderly way.
                start_new_session=True,
                preexec_fn=_end_with_the_demo,
            )

    def check(self) -> None:
        """Raise ChildDied, with the end of the log, if it no longer runs."""
        code = self.process.poll()
        if code is not None:
            raise ChildDied(f"The {self.name} ended (exit code {code}).{self.last_words()}")

    def last_words(self, lines: int = 15) -> str:
        """The end of what it wrote since it was started."""
        with self.log.open("rb") as log:
            log.seek(self.log_begins)
            written = log.read().decode(errors="replace").splitlines()
        said = "".join(f"\n    {line}" for line in written[-lines:])
        return f" The end of {self.log}:{said or ' (it wrote nothing)'}"

    def kill(self) -> None:
        """End whatever is left of it and of its own children."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


class Children:
    """All of them; leaving the `with` block stops them."""

    def __init__(self, logs: Path, environment: dict[str, str]) -> None:
        self.logs = logs
        self.environment = environment
        self.running: list[Child] = []

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, name: str, *command: str) -> Child:
        """Start Python with `command`; what it prints goes to the log of its name."""
        log = self.logs / f"{name.replace(' ', '-')}.log"
        child = Child(name, [sys.executable, *command], self.environment, log)
        self.running.append(child)
        return child

    def check(self) -> None:
        """Raise ChildDied if one of them no longer runs."""
        for child in self.running:
            child.check()

    def wait_until_answers(self, url: str, child: Child) -> None:
        """Wait until `url` answers without an error."""
        deadline = time.monotonic() + SECONDS_TO_START
        problem = "no answer"
        while time.monotonic() < deadline:
            self.check()
            try:
                with urllib.request.urlopen(url, timeout=10):  # noqa: S310 (our own address)
                    return
            except urllib.error.HTTPError as error:
                problem = f"{url} answers {error.code}"
            except OSError as error:
                problem = str(error)
            time.sleep(0.2)
        raise ChildDied(f"The {child.name} does not answer ({problem}).{child.last_words()}")

    def stop(self) -> None:
        """Ask each to stop, wait, and end what is left.

        Only the main process is asked: a django-q2 cluster whose children are ended first waits for ever.
        """
        for child in self.running:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + SECONDS_TO_STOP
        try:
            for child in self.running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        finally:  # also when Ctrl-C is pressed once more
            for child in self.running:
                child.kill()
            self.running = []


def free_port(wanted: int) -> int:
    """The port itself, or the next one on which nobody listens."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ChildDied(f"No free port between {wanted} and {wanted + 99}.")


def _end_with_the_demo() -> None:
    """Ask Linux for a SIGTERM should the demo be killed (prctl 1 is PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
