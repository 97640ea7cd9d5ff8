"""A conversation as both sides of it, told to the phone page and to tests."""

import json
import sqlite3
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sandbox.chats import conversation_type, describe_window
from sandbox.lists import both_sides, reactions_on
from sandbox.media import images_allowed
from sandbox.pictures import avatar_url, cover_url
from sandbox.store import now_ms, row, rows


def local(url: str) -> str:
    """An address of the sandbox without its origin, so that pages work under any host name."""
    parts = urlsplit(url)
    return urlunsplit(("", "", parts.path, parts.query, ""))


def describe_person(person: sqlite3.Row) -> dict[str, Any]:
    """A customer for lists."""
    return {
        "id": person["id"],
        "unique_identifier": person["unique_identifier"],
        "username": person["username"],
        "display_name": person["display_name"],
        "country": person["country"],
        "is_follower": bool(person["is_follower"]),
        "avatar_url": local(avatar_url(person["unique_identifier"], person["display_name"])),
    }


def describe_thread(conversation_id: str) -> dict[str, Any] | None:
    """All messages, oldest first, with states, window and quota; None if there is no such thread."""
    conversation = row("SELECT * FROM conversations WHERE conversation_id = ?", conversation_id)
    if conversation is None:
        return None
    account, customer = both_sides(conversation)
    messages = rows(
        "SELECT * FROM messages WHERE conversation_id = ? AND type <> 'REACTION' ORDER BY timestamp_ms, seq",
        conversation_id,
    )
    return {
        "conversation_id": conversation_id,
        "account": {name: account[name] for name in ("business_id", "username", "display_name")},
        "customer": describe_person(customer),
        "type": conversation_type(conversation_id),
        "window": describe_window(conversation_id),
        "images_allowed": images_allowed(conversation),
        "images_by_hand": None if conversation["images_allowed"] is None else bool(conversation["images_allowed"]),
        "typing": conversation["typing_until_ms"] > now_ms(),
        "referrals": referrals_of(conversation_id),
        "messages": [describe(message, conversation) for message in messages],
    }


def referrals_of(conversation_id: str) -> list[dict[str, Any]]:
    """How the customer came in, oldest first; times in milliseconds."""
    return [
        {"source": found["source"], "timestamp_ms": found["timestamp_ms"], **json.loads(found["details"])}
        for found in rows("SELECT * FROM referrals WHERE conversation_id = ? ORDER BY id", conversation_id)
    ]


def describe(message: sqlite3.Row, conversation: sqlite3.Row) -> dict[str, Any]:
    """One message; `seen` is whether the other side has read it."""
    payload = json.loads(message["payload"])
    read_ms = conversation["customer_read_ms" if message["from_business"] else "business_read_ms"]
    return {
        "message_id": message["message_id"],
        "from": "business" if message["from_business"] else "customer",
        "source": message["source"],
        "type": message["type"],
        "text": payload.get("body", ""),
        "picture_url": picture_of(message["type"], payload),
        "template": payload if message["type"] == "TEMPLATE" else None,
        "timestamp_ms": message["timestamp_ms"],
        "seen": message["timestamp_ms"] <= read_ms,
        "withheld": bool(message["withheld"]),
        "auto_message_type": message["auto_message_type"],
        "referenced_message_id": message["referenced_message_id"],
        "reply_source": json.loads(message["reply_source"]) if message["reply_source"] else None,
        "reactions": reactions_on(message["message_id"]),
    }


def picture_of(message_type: str, payload: dict[str, Any]) -> str | None:
    """What the phone shows for a message that is not text."""
    if message_type in {"IMAGE", "VIDEO"}:
        return f"/sandbox/api/media/{payload['media_id']}"
    if message_type == "SHARE_POST":
        return local(cover_url(payload["video_id"]))
    return local(payload["url"]) if message_type in {"STICKER", "EMOJI"} else None
