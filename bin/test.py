"""What `make test` does: run every test on SQLite and on PostgreSQL, and say on which it ran.

The PostgreSQL server is the one of TEST_DATABASE_URL; without it, a scratch server that is started and
ended here. Where there is no PostgreSQL the tests run on SQLite alone, and say so; with CI set that is a
failure. Arguments go to pytest: `make test ARGS="-k window"`.

The runs go side by side, because none keeps a core busy all the time. SQLite's output appears as it comes,
PostgreSQL's after it, then that of the browser tests, and pytest's own last line of each at the very end.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from scratch_postgresql import NotInstalled, scratch_postgresql

ROOT = Path(__file__).resolve().parent.parent
NOTHING_CHOSEN = 5  # pytest's exit code for "no tests were collected"


class Run:
    """One pytest over the whole suite, on one database."""

    def __init__(self, engine: str, label: str, url: str, arguments: list[str], **more: str) -> None:
        self.label = label
        self.last_line = "no tests ran"
        self.output = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        environment = {key: value for key, value in os.environ.items() if key != "TEST_DATABASE_URL"}
        environment |= more | {"PYTHONUNBUFFERED": "1", "COLUMNS": environment.get("COLUMNS", "100")}
        if url:
            environment["TEST_DATABASE_URL"] = url
        # What pytest leaves behind is kept apart, so that the two don't tread on each other.
        own = ["-o", f"cache_dir=.pytest_cache/{engine}", "--output", f"test-results/{engine}"]
        colour = ["--color=yes"] if sys.stdout.isatty() else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *own, *colour, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if not url else self.output,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )

    def show(self) -> int:
        """Print what pytest prints until it ends; give its exit code."""
        print(f"── On {self.label} ──", flush=True)
        if self.process.stdout is None:
            self.process.wait()
            self.output.seek(0)
        for line in self.process.stdout or self.output:
            sys.stdout.write(line)
            sys.stdout.flush()
            self.last_line = line.strip() or self.last_line
        return self.process.wait()

    def end(self) -> None:
        """Interrupt it as Ctrl-C does, so that it removes its test database."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def postgresql() -> Iterator[tuple[str, str] | None]:
    """Give the URL of a PostgreSQL server and words for it, or None where there is none."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given, f"PostgreSQL {version_of(given)} (TEST_DATABASE_URL)"
        return
    with ExitStack() as stack:
        try:
            url = stack.enter_context(scratch_postgresql())
        except NotInstalled as reason:
            print(f"\n!! {reason}: the tests run on SQLite ONLY.\n", flush=True)
            yield None
        else:
            yield url, f"PostgreSQL {version_of(url)} (scratch server)"


def version_of(url: str) -> str:
    """The server's version; leave with a sentence when it can't be reached."""
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0]).split()[0]  # type: ignore[index]
    except psycopg.Error as error:
        sys.exit(f"The PostgreSQL server of TEST_DATABASE_URL can't be used: {str(error).strip()}")


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    (ROOT / "data").mkdir(exist_ok=True)
    with postgresql() as server, ExitStack() as stack:
        # What is asked of pages in a browser is asked once, on PostgreSQL if there is one; the main job on both.
        elsewhere = {"BROWSER_TESTS_ELSEWHERE": "yes"} if server else {}
        runs = [Run("sqlite", f"SQLite {sqlite3.sqlite_version}", "", arguments, **elsewhere)]
        stack.callback(runs[0].end)
        if server:
            runs.append(Run("postgresql", server[1], server[0], arguments, **elsewhere))
            browser = f"{server[1]}, in a browser"
            runs.append(Run("browser", browser, server[0], [*arguments, "-m", "browser"]))
            stack.callback(runs[1].end)
            stack.callback(runs[2].end)
        codes = [run.show() for run in runs]
        if server and codes[2] == NOTHING_CHOSEN:  # the arguments may name no browser test
            codes[2] = 0

    if not server:
        print("\n!! The tests did NOT run on PostgreSQL: install its server, or set TEST_DATABASE_URL.")
    print("\nThe tests ran on " + " and on ".join(run.label for run in runs) + ":")
    for run in runs:
        print(run.last_line)
    return max(codes) or int(not server and bool(os.environ.get("CI")))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
