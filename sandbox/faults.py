"""Faults that a person or test orders for calls to come: a code, an HTML page, a hang, a reset."""

from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from typing import Any

from sandbox.store import row, rows, run, transaction

KINDS = {
    "code",
    "http_status",
    "slow",
    "hang_before",
    "hang_after",
    "reset_before",
    "reset_after",
    "empty_message_id",
    "garbage",
}
MESSAGES = {
    40064: "You are sending messages too fast. Take a rest.",
    40100: "App reaches the QPS limit.",
    40102: "Access token has expired. Refresh it.",
    40105: "Access token is incorrect or has been revoked.",
    51065: "System error.",
}


@dataclass(frozen=True)
class Fault:
    """One order. `path` is a pattern after the API base; `after` lets the work be done before it fails."""

    id: int
    path: str
    kind: str
    code: int
    message: str
    http_status: int
    seconds: float
    after: bool
    remaining: int


def order(wanted: dict[str, Any]) -> Fault:
    """Keep a fault for the next `count` calls to paths like `path`; raises ValueError with a sentence."""
    kind = wanted.get("kind")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of: {', '.join(sorted(KINDS))}.")
    code = int(wanted.get("code", 50000))
    added = run(
        "INSERT INTO faults (path, kind, code, message, http_status, seconds, after, remaining)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        str(wanted.get("path", "*")).strip("/"),
        kind,
        code,
        str(wanted.get("message") or MESSAGES.get(code, "The sandbox was told to answer this.")),
        int(wanted.get("http_status", 502)),
        float(wanted.get("seconds", 30)),
        bool(wanted.get("after", False)),
        int(wanted.get("count", 1)),
    )
    found = row("SELECT * FROM faults WHERE id = ?", added.lastrowid)
    if found is None:
        raise LookupError("the fault that was just written is gone")
    return Fault(**dict(found))


def waiting() -> list[dict[str, Any]]:
    """The faults still to come, oldest first."""
    return [asdict(Fault(**dict(found))) for found in rows("SELECT * FROM faults WHERE remaining > 0 ORDER BY id")]


def claim(path: str) -> Fault | None:
    """Take one use of the oldest fault that fits this path; two calls never share a use."""
    if row("SELECT 1 FROM faults WHERE remaining > 0") is None:
        return None
    with transaction():
        for found in rows("SELECT * FROM faults WHERE remaining > 0 ORDER BY id"):
            if fnmatch(path.strip("/"), found["path"]):
                run("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", found["id"])
                return Fault(**dict(found))
    return None


def withdraw(fault_id: int | None = None) -> None:
    """Drop one fault, or all."""
    run("DELETE FROM faults WHERE ? IS NULL OR id = ?", fault_id, fault_id)
