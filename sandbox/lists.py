"""Conversation list and content list (docs/tiktok-api.md 3.2 and 3.3)."""

import json
import sqlite3
from typing import Any

from flask import g, request

from sandbox.api import account_endpoint, invalid, own_conversation, required, whole_number
from sandbox.chats import conversation_type
from sandbox.pictures import avatar_url
from sandbox.store import now_ms, row, rows, setting

KEPT_MS = 90 * 86400 * 1000
MOST_CONVERSATIONS = 100
MOST_MESSAGES = 20


@account_endpoint("GET", "business/message/conversation/list/", scope="message.list.read")
def conversation_list() -> dict[str, Any]:
    """The newest 100 conversations of one type within 90 days; the cursor is how many were passed."""
    kind = required("conversation_type")
    if kind not in {"STRANGER", "SINGLE"}:
        raise invalid("Param conversation_type is invalid.")
    limit = whole_number("limit", default=100, least=1, most=100)
    cursor = whole_number("cursor", default=0, least=0, most=2**53)
    found = [c for c in recent_conversations() if conversation_type(c["conversation_id"]) == kind]
    found = found[:MOST_CONVERSATIONS]
    page = [describe_conversation(conversation) for conversation in found[cursor : cursor + limit]]
    return {
        "conversations": page,
        "has_more": cursor + len(page) < len(found),
        "cursor": cursor + len(page),
    }


def recent_conversations() -> list[sqlite3.Row]:
    """Conversations with something to show, newest first; what the EU wrote shows nothing."""
    return rows(
        "SELECT conversation_id, max(at_ms) AS update_time FROM ("
        " SELECT conversation_id, timestamp_ms AS at_ms FROM messages"
        " WHERE NOT withheld AND type <> 'REACTION'"
        " UNION ALL SELECT conversation_id, timestamp_ms FROM referrals"
        ") JOIN conversations USING (conversation_id) WHERE business_id = ?"
        " GROUP BY conversation_id HAVING update_time > ? ORDER BY update_time DESC, conversation_id",
        g.token["business_id"],
        now_ms() - KEPT_MS,
    )


def describe_conversation(conversation: sqlite3.Row) -> dict[str, Any]:
    """One row of the list; ad times are in seconds here, unlike in webhooks."""
    referral: dict[str, list[dict[str, Any]]] = {}
    for found in rows(
        "SELECT * FROM referrals WHERE conversation_id = ? ORDER BY id", conversation["conversation_id"]
    ):
        details = json.loads(found["details"])
        if found["source"] == "ad":
            details["timestamp"] //= 1000
        referral.setdefault(found["source"], []).append(details)
    return {
        "conversation_id": conversation["conversation_id"],
        "update_time": conversation["update_time"],
        "referral": referral,
    }


@account_endpoint("GET", "business/message/content/list/", scope="message.list.read")
def content_list() -> dict[str, Any]:
    """The 20 newest messages, newest first, and the two participants."""
    conversation = own_conversation(request.args.get("conversation_id", ""))
    messages = rows(
        "SELECT * FROM messages WHERE conversation_id = ? AND type <> 'REACTION' AND NOT withheld"
        " AND timestamp_ms <= ? ORDER BY timestamp_ms DESC, seq DESC LIMIT ?",
        conversation["conversation_id"],
        now_ms() - 1000 * setting("list_lag"),
        MOST_MESSAGES,
    )
    account, customer = both_sides(conversation)
    return {
        "participants": [describe_account(account), describe_customer(customer)],
        "messages": [describe_message(message, account, customer) for message in messages],
    }


def both_sides(conversation: sqlite3.Row) -> tuple[sqlite3.Row, sqlite3.Row]:
    """The account's and the customer's rows."""
    account = row("SELECT * FROM accounts WHERE business_id = ?", conversation["business_id"])
    customer = row("SELECT * FROM customers WHERE id = ?", conversation["customer_id"])
    if account is None or customer is None:
        raise LookupError("a conversation has lost one of its sides")
    return account, customer


def describe_account(account: sqlite3.Row) -> dict[str, Any]:
    """The business as a participant."""
    return {
        "role": "BUSINESS_ACCOUNT",
        "id": account["business_id"],
        "display_name": account["display_name"],
        "profile_image": avatar_url(account["business_id"], account["display_name"]),
    }


def describe_customer(customer: sqlite3.Row) -> dict[str, Any]:
    """The customer as a participant."""
    return {
        "role": "PERSONAL_ACCOUNT",
        "id": customer["unique_identifier"],
        "display_name": customer["display_name"],
        "profile_image": avatar_url(customer["unique_identifier"], customer["display_name"]),
        "is_follower": bool(customer["is_follower"]),
    }


def describe_message(message: sqlite3.Row, account: sqlite3.Row, customer: sqlite3.Row) -> dict[str, Any]:
    """A message as REST tells it: enums in capitals, the payload under the type's own key."""
    sender = {"role": "BUSINESS_ACCOUNT", "id": account["business_id"]}
    recipient = {"role": "PERSONAL_ACCOUNT", "id": customer["unique_identifier"]}
    names = [account["username"], customer["username"]]
    if not message["from_business"]:
        sender, recipient = recipient, sender
        names.reverse()
    described: dict[str, Any] = {
        "message_id": message["message_id"],
        "conversation_id": message["conversation_id"],
        "timestamp": message["timestamp_ms"],
        "sender": names[0],
        "recipient": names[1],
        "message_type": message["type"],
        "message_tag": {"source": message["source"]},
        "from_user": sender,
        "to_user": recipient,
    }
    return described | payload_of(message) | extras_of(message)


def payload_of(message: sqlite3.Row) -> dict[str, Any]:
    """The content under its key; OTHER has none, and a post shows only its player's address."""
    payload = json.loads(message["payload"])
    if message["type"] == "SHARE_POST":
        payload = {"embed_url": payload["embed_url"]}
    return {message["type"].lower(): payload} if payload else {}


def extras_of(message: sqlite3.Row) -> dict[str, Any]:
    """What only some messages have."""
    extras: dict[str, Any] = {}
    if message["auto_message_type"]:
        extras["auto_message_type"] = message["auto_message_type"]
    if message["referenced_message_id"]:
        extras["referenced_message_info"] = {"referenced_message_id": message["referenced_message_id"]}
    reactions = reactions_on(message["message_id"])
    return extras | ({"reactions": reactions} if reactions else {})


def reactions_on(message_id: str) -> list[dict[str, Any]]:
    """The reactions that a message carries now."""
    return [
        {
            "type": "EMOJI",
            "emoji": found["emoji"],
            "unique_identifier": found["unique_identifier"],
            "timestamp": found["timestamp_ms"],
        }
        for found in rows("SELECT * FROM reactions WHERE message_id = ? ORDER BY timestamp_ms", message_id)
    ]
