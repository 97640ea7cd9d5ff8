"""Conversations and messages as TikTok keeps them, and the rule of when a business may write."""

import json
import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.identifiers import new_conversation_id, new_message_id
from sandbox.store import now_ms, row, run, scalar, setting

WINDOW_MS = 48 * 3600 * 1000
QUOTA = 10
AFTER_SILENCE = 3  # lenient mode: messages still allowed after 48 h without an answer


@dataclass(frozen=True)
class Window:
    """May the business write now? `limit` is None where there is none; times in milliseconds."""

    mode: str
    opened_ms: int | None
    closes_ms: int | None
    used: int
    limit: int | None
    open: bool


def embed_url(item_id: str) -> str:
    """The player's address of a post (docs/tiktok-api.md 3.2)."""
    query = "music_info=1&description=1&autoplay=1&loop=1&utm_campaign=tt4d_open_api&utm_source=dm"
    return f"https://www.tiktok.com/player/v1/{item_id}?{query}"


def conversation_between(business_id: str, customer_id: int) -> sqlite3.Row:
    """The one conversation of an account and a customer, begun if need be."""
    run(
        "INSERT OR IGNORE INTO conversations (conversation_id, business_id, customer_id, created_ms)"
        " VALUES (?, ?, ?, ?)",
        new_conversation_id(),
        business_id,
        customer_id,
        now_ms(),
    )
    found = row("SELECT * FROM conversations WHERE business_id = ? AND customer_id = ?", business_id, customer_id)
    if found is None:
        raise LookupError("the conversation that was just written is gone")
    return found


def add_message(
    conversation_id: str,
    *,
    from_business: bool,
    source: str,
    type: str,
    payload: dict[str, Any],
    timestamp_ms: int | None = None,
    auto_message_type: str | None = None,
    referenced_message_id: str | None = None,
    reply_source: dict[str, str] | None = None,
    withheld: bool = False,
) -> sqlite3.Row:
    """Write a message into a conversation; `type` and `payload` as REST names and shows them."""
    run(
        "INSERT INTO messages (message_id, conversation_id, from_business, source, type, payload,"
        " timestamp_ms, auto_message_type, referenced_message_id, reply_source, withheld)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        message_id := new_message_id(),
        conversation_id,
        from_business,
        source,
        type,
        json.dumps(payload),
        now_ms() if timestamp_ms is None else timestamp_ms,
        auto_message_type,
        referenced_message_id,
        json.dumps(reply_source) if reply_source else None,
        withheld,
    )
    return message(message_id)


def message(message_id: str) -> sqlite3.Row:
    """A message by its id."""
    found = row("SELECT * FROM messages WHERE message_id = ?", message_id)
    if found is None:
        raise LookupError(f"There is no message {message_id}.")
    return found


def conversation_type(conversation_id: str) -> str:
    """STRANGER until the business itself has written, then SINGLE (docs/tiktok-api.md 3.2)."""
    replied = row(
        "SELECT 1 FROM messages WHERE conversation_id = ? AND from_business AND auto_message_type IS NULL",
        conversation_id,
    )
    return "SINGLE" if replied else "STRANGER"


def window(conversation_id: str) -> Window:
    """The window as TikTok's side counts it now, in the mode that is set (docs/tiktok-api.md 5.1)."""
    newest = row(
        "SELECT timestamp_ms, seq FROM messages WHERE conversation_id = ? AND NOT from_business"
        " AND NOT withheld AND type <> 'REACTION' ORDER BY timestamp_ms DESC, seq DESC LIMIT 1",
        conversation_id,
    )
    mode: str = setting("mode")
    if newest is None:
        return Window(mode, None, None, 0, QUOTA, False)
    opened, closes = newest["timestamp_ms"], newest["timestamp_ms"] + WINDOW_MS
    used = counted(conversation_id, opened, newest["seq"])
    limit: int | None = QUOTA
    if mode == "lenient":
        limit, used = lenient(conversation_id, newest, used)
    within_time = now_ms() < closes or (mode == "lenient" and limit == AFTER_SILENCE)
    return Window(mode, opened, closes, used, limit, within_time and (limit is None or used < limit))


def counted(conversation_id: str, since_ms: int, since_seq: int) -> int:
    """The business's messages after a point, by API or in the app; automatic ones are free."""
    return int(
        scalar(
            "SELECT count(*) FROM messages WHERE conversation_id = ? AND from_business"
            " AND auto_message_type IS NULL AND (timestamp_ms, seq) > (?, ?)",
            conversation_id,
            since_ms,
            since_seq,
        )
    )


def lenient(conversation_id: str, newest: sqlite3.Row, used: int) -> tuple[int | None, int]:
    """Limit and use under claim B: none once the customer has answered; three after 48 h of silence."""
    closes = newest["timestamp_ms"] + WINDOW_MS
    if now_ms() >= closes:
        return AFTER_SILENCE, counted(conversation_id, closes, 0)
    answered = row(
        "SELECT 1 FROM messages WHERE conversation_id = ? AND from_business AND auto_message_type IS NULL"
        " AND (timestamp_ms, seq) < (?, ?)",
        conversation_id,
        newest["timestamp_ms"],
        newest["seq"],
    )
    return (None, used) if answered else (QUOTA, used)


def describe_window(conversation_id: str) -> dict[str, Any]:
    """The window as JSON for pages and tests."""
    return asdict(window(conversation_id))
