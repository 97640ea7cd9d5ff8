"""The sandbox's state: one SQLite file, one connection per request or thread, one clock for everything."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, current_app, g

SCHEMA = Path(__file__).with_name("schema.sql")

# Everything that a person may switch while the sandbox runs, with its value on first start.
DEFAULTS: dict[str, Any] = {
    "mode": "strict",
    "qps": 10,
    "list_lag": 0,
    "clock_offset": 0.0,
    "lead_task_questions": 1,
    "largest_lead_csv": 10 * 1024 * 1024,
    "webhooks": {
        "twice": False,
        "delay_seconds": 0,
        "out_of_order": False,
        "bad_signature": 0,
        "stale_seconds": 0,
        "echo_delay_seconds": 0,
        "echo_first": False,
    },
}

Deliver = Callable[[str, bytes, dict[str, str]], int]


@dataclass(frozen=True)
class Site:
    """What `create_app` was given; the same for the whole life of the app."""

    database: Path
    app_id: str
    app_secret: str
    public_url: str
    clock: Callable[[], float]
    deliver: Deliver


def site() -> Site:
    """The settings of the running app."""
    found: Site = current_app.extensions["sandbox"]
    return found


def db() -> sqlite3.Connection:
    """The connection of this request or thread, opened on first use."""
    if "db" not in g:
        g.db = sqlite3.connect(site().database, timeout=20, isolation_level=None)
        g.db.row_factory = sqlite3.Row
        g.db.execute("PRAGMA synchronous = OFF")
    connection: sqlite3.Connection = g.db
    return connection


def close_db(_error: BaseException | None = None) -> None:
    """Close the connection of this request; the app calls it at the end of each."""
    connection = g.pop("db", None)
    if connection is not None:
        connection.close()


def prepare(app: Flask) -> None:
    """Create what is missing in the file, so that an old file and a new one both start."""
    site_ = app.extensions["sandbox"]
    site_.database.parent.mkdir(parents=True, exist_ok=True)
    with app.app_context():
        db().execute("PRAGMA journal_mode = WAL")
        db().executescript(SCHEMA.read_text())
    app.teardown_appcontext(close_db)


def rows(sql: str, *values: Any) -> list[sqlite3.Row]:
    """All rows of a query."""
    return db().execute(sql, values).fetchall()


def row(sql: str, *values: Any) -> sqlite3.Row | None:
    """The first row of a query, or None."""
    found: sqlite3.Row | None = db().execute(sql, values).fetchone()
    return found


def scalar(sql: str, *values: Any) -> Any:
    """The first column of the first row, or None."""
    found = row(sql, *values)
    return None if found is None else found[0]


def run(sql: str, *values: Any) -> sqlite3.Cursor:
    """Execute one statement; outside `transaction()` it commits by itself."""
    return db().execute(sql, values)


@contextmanager
def transaction() -> Iterator[None]:
    """All or nothing, and alone: the write lock is taken at the start, so what was read stays true."""
    if db().in_transaction:
        yield
        return
    db().execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db().execute("ROLLBACK")
        raise
    db().execute("COMMIT")


def setting(name: str) -> Any:
    """A switch's present value."""
    stored = scalar("SELECT value FROM settings WHERE name = ?", name)
    return DEFAULTS[name] if stored is None else json.loads(stored)


def change_setting(name: str, value: Any) -> None:
    """Keep a switch's new value."""
    run("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))


def now() -> float:
    """The sandbox's time in seconds: the app's clock plus the offset that a test or person has set."""
    return site().clock() + float(setting("clock_offset"))


def now_ms() -> int:
    """The sandbox's time in milliseconds, the unit of message timestamps."""
    return round(now() * 1000)
