"""A PostgreSQL server of our own, for as long as a command runs, on nothing but the installed programs.

    bin/scratch_postgresql.py COMMAND …     run COMMAND with its address in TEST_DATABASE_URL
    bin/scratch_postgresql.py               print the address and serve until Ctrl-C

Guarantee: the server ends and its files are gone when the command ends, fails or is interrupted; even
after SIGKILL the server ends (Linux) and only its files are left in the temporary directory. Nobody else
can use it: it listens on this machine only, with a password made for this one run. PostgreSQL refuses to
run as root, so root starts it as `postgres` or `nobody`.
"""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OWNER = "reply48"
# Nothing here has to survive a power cut, so nothing waits for the disk.
SPEED = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "jit=off", "max_connections=200"]


class NotInstalled(Exception):
    """There is no PostgreSQL server on this machine."""


def find_programs() -> Path:
    """The directory of initdb and postgres: the one on PATH, else the newest where systems put it."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    for pattern in ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql*/bin", "usr/pgsql-*/bin"):
        found += sorted(Path("/").glob(pattern), key=lambda folder: (len(str(folder)), folder), reverse=True)
    for folder in found:
        if all((folder / program).exists() for program in ("initdb", "postgres", "pg_isready")):
            return folder
    raise NotInstalled("PostgreSQL is not installed (no initdb on PATH or under /usr/lib/postgresql)")


def somebody_else() -> dict[str, Any]:
    """How to start a process as an ordinary user, when we are root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise NotInstalled("root can't run PostgreSQL, and there is no user 'postgres' or 'nobody' to run it as")


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _end_with_our_process() -> None:
    """Ask Linux to end the server (SIGQUIT: at once) should our own process be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


class Server:
    """A PostgreSQL server with files of its own; `url` is its address for as long as it has not been deleted."""

    def __init__(self, settings: Iterable[str] = SPEED) -> None:
        self.programs, self.account = find_programs(), somebody_else()
        # Another user must be able to walk to it, which they can't where root's TMPDIR may point: hence /tmp.
        self.home = Path(tempfile.mkdtemp(prefix="reply48-pg-", dir="/tmp"))  # noqa: S108 (mkdtemp makes it private)
        self.log, self.port = self.home / "log", free_port()
        self.settings = list(settings)
        password = secrets.token_urlsafe(24)
        self.url = f"postgres://{OWNER}:{password}@127.0.0.1:{self.port}/postgres"
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self._make_files(password)
        except BaseException:
            self.delete()
            raise

    def _make_files(self, password: str) -> None:
        password_file = self.home / "password"
        password_file.write_text(password)
        if self.account:
            for path in (self.home, password_file):
                os.chown(path, self.account["user"], self.account["group"])
        locale = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        initdb = [self.programs / "initdb", "--pgdata", self.home / "data", "--username", OWNER]
        access = ["--auth", "scram-sha-256", "--pwfile", password_file]
        subprocess.run(
            [*initdb, *access, "--encoding", "UTF8", "--locale", locale, "--no-sync"],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            **self.account,
        )

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        where = ["listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self.home}"]
        given = (f"--{setting}" for setting in [*self.settings, *where])
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.home / "data", *given],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the tests; the server ends after them
                preexec_fn=_end_with_our_process,
                **self.account,
            )
        _wait_until_ready(self.process, self.programs, self.port, self.log)

    def stop(self, signal_number: int = signal.SIGINT) -> None:
        """End it: SIGINT drops the connections that are left, SIGQUIT leaves everything as a crash does."""
        if self.process is None:
            return
        self.process.send_signal(signal_number)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def delete(self) -> None:
        """Its files are gone."""
        shutil.rmtree(self.home, ignore_errors=True)


@contextmanager
def scratch_server(settings: Iterable[str] = SPEED) -> Iterator[Server]:
    """Start a server, and end it in any case."""
    server = Server(settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        server.delete()


@contextmanager
def scratch_postgresql() -> Iterator[str]:
    """Start a server, give its URL, and end it in any case."""
    with scratch_server() as server:
        yield server.url


def _wait_until_ready(server: "subprocess.Popen[bytes]", programs: Path, port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    address = ["--host", "127.0.0.1", "--port", str(port)]
    while subprocess.run([programs / "pg_isready", "--quiet", *address], check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The scratch PostgreSQL server did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)


def main(command: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with scratch_postgresql() as url:
            if command:
                environment = {**os.environ, "TEST_DATABASE_URL": url}
                return subprocess.run(command, env=environment, check=False).returncode
            print(f"TEST_DATABASE_URL={url}", flush=True)
            signal.pause()
    except NotInstalled as reason:
        sys.exit(f"{reason}.")
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
