"""What webhooks say (docs/tiktok-api.md 4.1 and 4.3 to 4.7), and their way into the outbox."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from sandbox.deliveries import LEASE, deliver_one
from sandbox.identifiers import new_request_id
from sandbox.lists import both_sides
from sandbox.store import now, now_ms, row, rows, run, scalar, setting, site, transaction


@dataclass(frozen=True)
class Event:
    """A webhook to come: its name, the account it is for, and its content before it becomes a string."""

    name: str
    business_id: str
    content: dict[str, Any]


def message_event(message: sqlite3.Row) -> Event:
    """`im_receive_msg` or `im_send_msg` for a message."""
    name = "im_send_msg" if message["from_business"] else "im_receive_msg"
    content = {
        **sides(message["conversation_id"], from_business=bool(message["from_business"])),
        "message_id": message["message_id"],
        "timestamp": message["timestamp_ms"],
        "type": message["type"].lower(),
        **webhook_payload(message),
        "message_tag": {"source": message["source"]},
        "scene_type": 0,
    }
    return Event(name, account_of(message["conversation_id"]), content | extras(message))


def webhook_payload(message: sqlite3.Row) -> dict[str, Any]:
    """The content under its key; a card has another shape here than in REST."""
    payload = json.loads(message["payload"])
    if message["type"] == "TEMPLATE":
        buttons = [{"text": b["title"], "type": b["type"], "id": b["id"]} for b in payload["buttons"]]
        return {
            "template": {
                "type": payload["type"].lower(),
                "elements": [{"title": payload["title"], "buttons": buttons}],
            }
        }
    if message["type"] == "REACTION":
        return {"reaction": [payload]}
    return {message["type"].lower(): payload} if payload else {}


def extras(message: sqlite3.Row) -> dict[str, Any]:
    """What only some messages have."""
    found: dict[str, Any] = {}
    if message["referenced_message_id"]:
        found["referenced_message_info"] = {"referenced_message_id": message["referenced_message_id"]}
    if message["reply_source"]:
        found["reply_source_payload"] = json.loads(message["reply_source"])
    if message["auto_message_type"]:
        found["auto_message_type"] = message["auto_message_type"]
    return found


def eu_event(business_id: str, timestamp_ms: int) -> Event:
    """Somebody in the EEA, Switzerland or the UK wrote; nothing else is told."""
    username = scalar("SELECT username FROM accounts WHERE business_id = ?", business_id)
    content = {
        "to": username,
        "to_user": {"id": business_id, "role": "business_account"},
        "timestamp": timestamp_ms,
    }
    return Event("im_receive_msg_eu", business_id, content)


def read_event(conversation_id: str, read_ms: int) -> Event:
    """The customer has read up to a time."""
    content = {
        **sides(conversation_id, from_business=False),
        "timestamp": now_ms(),
        "read": {"last_read_timestamp": read_ms},
    }
    return Event("im_mark_read_msg", account_of(conversation_id), without_follower(content))


def referral_event(conversation_id: str, source: str, details: dict[str, Any], timestamp_ms: int) -> Event:
    """The customer came from an ad or a message link."""
    content = {
        **sides(conversation_id, from_business=False),
        "timestamp": timestamp_ms,
        "referral": {"source": source, source: details},
    }
    return Event("im_referral_msg", account_of(conversation_id), content)


def removed_event(business_id: str, reason: int) -> Event:
    """The owner has taken the app's access back (docs/tiktok-api.md 4.3)."""
    return Event("authorization.removed", business_id, {"reason": reason})


def without_follower(content: dict[str, Any]) -> dict[str, Any]:
    """Read events do not tell whether the person follows."""
    return {name: value for name, value in content.items() if name != "is_follower"}


def account_of(conversation_id: str) -> str:
    """The business_id that a conversation belongs to."""
    return str(scalar("SELECT business_id FROM conversations WHERE conversation_id = ?", conversation_id))


def sides(conversation_id: str, *, from_business: bool) -> dict[str, Any]:
    """Who writes to whom, as every event of a conversation says it."""
    conversation = row("SELECT * FROM conversations WHERE conversation_id = ?", conversation_id)
    if conversation is None:
        raise LookupError(f"There is no conversation {conversation_id}.")
    account, customer = both_sides(conversation)
    business = (account["username"], {"id": account["business_id"], "role": "business_account"})
    person = (customer["username"], {"id": customer["unique_identifier"], "role": "personal_account"})
    sender, recipient = (business, person) if from_business else (person, business)
    return {
        "from": sender[0],
        "to": recipient[0],
        "unique_identifier": customer["unique_identifier"],
        "from_user": sender[1],
        "to_user": recipient[1],
        "conversation_id": conversation_id,
        "is_follower": bool(customer["is_follower"]),
    }


def push(event: Event, *, echo: bool = False) -> None:
    """Queue a webhook, as the switches for trouble say. Accounts that have not let the app in cause none."""
    if event.name != "authorization.removed" and not connected(event.business_id):
        return
    knobs = setting("webhooks")
    at_once = echo and knobs["echo_first"]
    wait = knobs["delay_seconds"] + (knobs["echo_delay_seconds"] if echo else 0)
    # What leaves right here is leased from birth, so that the background thread does not post it too.
    due_at = now() + (LEASE if at_once else wait)
    with transaction():
        queued = [enqueue(event, due_at) for _ in range(2 if knobs["twice"] else 1)]
        if knobs["out_of_order"]:
            swap(queued)
    if at_once:
        for delivery_id in queued:
            deliver_one(delivery_id)


def connected(business_id: str) -> bool:
    """Whether the account's owner lets the app read messages at present."""
    found = row(
        "SELECT 1 FROM grants g JOIN tokens t ON t.grant_id = g.id WHERE g.business_id = ?"
        " AND g.revoked_at IS NULL AND t.rotated_at IS NULL AND t.refresh_expires_at > ?"
        " AND ',' || g.scope || ',' LIKE '%,message.list.read,%'",
        business_id,
        now(),
    )
    return found is not None


def enqueue(event: Event, due_at: float) -> int:
    """Write the finished body into the outbox; every retry sends the same bytes."""
    body = {
        "client_key": site().app_id,
        "event": event.name,
        "create_time": int(now()),
        "user_openid": event.business_id,
        "content": json.dumps(event.content, ensure_ascii=False, separators=(",", ":")),
    }
    added = run(
        "INSERT INTO deliveries (event, body, logid, created_at, due_at, place)"
        " VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(place), 0) + 1 FROM deliveries))",
        event.name,
        json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
        new_request_id(),
        now(),
        due_at,
    )
    return added.lastrowid or 0


def swap(queued: list[int]) -> None:
    """Out of order: hold one event back until the next one is there, then let it leave behind that one."""
    held = [found["id"] for found in held_back()]
    if not held:
        run("UPDATE deliveries SET held = 1 WHERE id >= ?", queued[0])
    for delivery_id in held:
        release(delivery_id)


def held_back() -> list[sqlite3.Row]:
    """The events that are held back."""
    return rows("SELECT * FROM deliveries WHERE held ORDER BY id")


def release(delivery_id: int) -> None:
    """Let a held event leave after everything that is queued now."""
    run(
        "UPDATE deliveries SET held = 0, place = (SELECT max(place) + 1 FROM deliveries),"
        " due_at = max(due_at, (SELECT max(due_at) FROM deliveries WHERE finished_at IS NULL)) WHERE id = ?",
        delivery_id,
    )
