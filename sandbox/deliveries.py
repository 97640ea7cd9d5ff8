"""Webhooks leave: signed, retried with growing pauses for 72 hours (docs/tiktok-api.md 4.1 and 4.2)."""

import hashlib
import hmac
import http.client
import json
import logging
import sqlite3
import threading
from urllib.parse import urlsplit

from flask import Flask

from sandbox.store import change_setting, now, row, run, scalar, setting, site, transaction
from sandbox.webhooks import callback_of

log = logging.getLogger(__name__)

GIVE_UP_AFTER = 72 * 3600  # seconds
FIRST_PAUSE = 5  # seconds; doubles with each attempt
LONGEST_PAUSE = 6 * 3600  # seconds
LEASE = 60  # seconds for which a row belongs to the one who is posting it
TIMEOUT = 10  # seconds


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of `Tiktok-Signature`; the timestamp is in seconds."""
    signature = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},s={signature}"


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """POST over HTTP without following redirects; returns the status, 0 if nobody answered."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def deliver_due(app: Flask, now_: float | None = None) -> int:
    """Post everything that is due, in order, in the caller's thread; returns the number of attempts.

    `now_` is a time of the sandbox's clock in seconds, for tests that look at retries.
    """
    attempts = 0
    with app.app_context():
        while (delivery_id := claim(now() if now_ is None else now_)) is not None:
            attempt(delivery_id, now() if now_ is None else now_)
            attempts += 1
    return attempts


def deliver_one(delivery_id: int) -> None:
    """Post one row at once, before anything else happens; an echo that must outrun its answer."""
    run("UPDATE deliveries SET due_at = ?, held = 0 WHERE id = ?", now() + LEASE, delivery_id)
    attempt(delivery_id, now())


def claim(at: float) -> int | None:
    """Take the next due row; the lease keeps a second caller off it."""
    with transaction():
        found = row(
            "SELECT id FROM deliveries WHERE finished_at IS NULL AND NOT held AND due_at <= ?"
            " ORDER BY due_at, place LIMIT 1",
            at,
        )
        if found is None:
            return None
        run("UPDATE deliveries SET due_at = ? WHERE id = ?", at + LEASE, found["id"])
        return int(found["id"])


def attempt(delivery_id: int, at: float) -> None:
    """Sign and post one row, then settle or postpone it."""
    delivery = row("SELECT * FROM deliveries WHERE id = ?", delivery_id)
    url = address_of(delivery_id)
    if delivery is None:
        return
    if url is None:
        finish(delivery_id, at, 0, "no address")
        return
    status = site().deliver(url, delivery["body"], headers_for(delivery, int(at)))
    log.info("webhook %s -> %s", delivery["event"], status or "unreachable")
    if status == 200:
        finish(delivery_id, at, status, "delivered")
    else:
        postpone(delivery, at, status)


def address_of(delivery_id: int) -> str | None:
    """Where a delivery goes: leads to their subscription's address, all else to the app's."""
    lead: str | None = scalar("SELECT callback_url FROM lead_deliveries WHERE delivery_id = ?", delivery_id)
    return lead or callback_of("DIRECT_MESSAGE")


def sign_openly(secret: str, body: bytes) -> str:
    """The value of `X-Open-Signature`: over the body with everything beyond ASCII escaped (docs 6.2)."""
    escaped = json.dumps(json.loads(body), ensure_ascii=True, separators=(",", ":")).encode()
    return hmac.new(secret.encode(), escaped, hashlib.sha256).hexdigest()


def headers_for(delivery: sqlite3.Row, at: int) -> dict[str, str]:
    """The headers of one attempt, as the switches for trouble say; a bad signature is right in form only."""
    knobs = setting("webhooks")
    secret = site().app_secret
    if knobs["bad_signature"]:
        secret = "not-the-secret"  # noqa: S105 - it is meant to be wrong
        left = knobs["bad_signature"] - 1 if knobs["bad_signature"] > 0 else -1
        change_setting("webhooks", knobs | {"bad_signature": left})
    common = {"Content-Type": "application/json", "User-Agent": "TikTok-Sandbox/1.0"}
    if delivery["event"] == "lead":
        return common | {"X-Open-Signature": sign_openly(secret, delivery["body"])}
    return common | {
        "Tiktok-Signature": sign(secret, at - int(knobs["stale_seconds"]), delivery["body"]),
        "webhook-schema-version": "1.0",
        "x-tt-logid": delivery["logid"],
    }


def finish(delivery_id: int, at: float, status: int, outcome: str) -> None:
    """No further attempt."""
    run(
        "UPDATE deliveries SET finished_at = ?, last_status = ?, outcome = ?, attempts = attempts + ?"
        " WHERE id = ?",
        at,
        status,
        outcome,
        outcome != "no address",
        delivery_id,
    )


def postpone(delivery: sqlite3.Row, at: float, status: int) -> None:
    """Try again later, unless 72 hours have passed since the event."""
    pause = min(FIRST_PAUSE * 2 ** delivery["attempts"], LONGEST_PAUSE)
    if at + pause > delivery["created_at"] + GIVE_UP_AFTER:
        finish(delivery["id"], at, status, "discarded")
        return
    run(
        "UPDATE deliveries SET attempts = attempts + 1, last_status = ?, due_at = ? WHERE id = ?",
        status,
        at + pause,
        delivery["id"],
    )


def waiting_count() -> int:
    """How many webhooks are still to leave."""
    return int(scalar("SELECT count(*) FROM deliveries WHERE finished_at IS NULL"))


def start(app: Flask, *, pause: float = 0.1) -> threading.Event:
    """Deliver in the background until the returned event is set; `pause` in seconds between looks."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(pause):
            try:
                deliver_due(app)
            except Exception:
                log.exception("delivering webhooks failed; trying again")

    threading.Thread(target=loop, name="webhooks", daemon=True).start()
    return stop
