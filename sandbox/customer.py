"""What customers do on their phones, and what TikTok tells the app. The owner's side is in `owner.py`.

Every path starts with `/sandbox/api`. Bodies are JSON objects (multipart with a file); `account` is a
business_id or username. Refusals are 400 or 404 with `{"error": "<sentence>"}`. W stands
for {"conversation_id": …, "message": M}, with M as in `thread.describe`.

    GET  /customers -> {"customers": [C]};  POST /customers {username?, display_name, country="ID",
         is_follower=false} -> C
         C = {id, unique_identifier, username, display_name, country, is_follower, avatar_url}
    POST /customers/<id>/messages {account, kind="text", text?, item_id?, emoji?, name?,
         referenced_message_id?, timestamp_ms?} -> W
         kind: text image video share_post sticker emoji other reaction reaction_remove. `image` is a file
         part; without one a picture is drawn. A reaction names its message in referenced_message_id.
         A customer of the EEA, Switzerland or the UK writes as on the next line, whatever the kind.
    POST /customers/<id>/eu-messages {account, text?} -> W; the app hears `im_receive_msg_eu` and no more
    POST /customers/<id>/taps {account, message_id, button=0} -> W; taps a card's button, counted from 0
    POST /customers/<id>/read {account, last_read_ms?} -> {"conversation_id", "last_read_timestamp"}
    POST /customers/<id>/referrals {account, source: "ad", ad_id?, ad_name?, advertiser_id?}
         or {account, source: "short_link", ref, prefilled_message?, prefilled_message_audit_status="PASS"}
         or {url: "https://tiktok.me/<username>?ref=…&message=…"}; each with timestamp_ms?
         -> {"conversation_id", "referral": {source, …}, "prefilled": text that the composer now holds}
"""

import json
import sqlite3
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from sandbox.chats import add_message, conversation_between, embed_url
from sandbox.events import eu_event, message_event, push, read_event, referral_event
from sandbox.identifiers import new_number
from sandbox.media import image_type, keep_media
from sandbox.pictures import EMOJI, STICKERS, draw_photo, emoji_url, hue_of, sticker_url
from sandbox.regions import WITHHELD
from sandbox.seeds import add_customer
from sandbox.store import now_ms, row, rows, run, scalar, transaction
from sandbox.thread import describe, describe_person

people = Blueprint("people", __name__, url_prefix="/sandbox/api")

# The smallest file that its first bytes call an MP4; nobody looks at a video's frames here.
VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x08mdat"


class Unclear(ValueError):
    """The control API cannot do what it was asked; the text says why."""


@people.app_errorhandler(Unclear)
def unclear(problem: Unclear) -> ResponseReturnValue:
    """400 with a sentence."""
    return {"error": str(problem)}, 400


def given() -> dict[str, Any]:
    """The request's JSON object or form."""
    content = request.form.to_dict() if request.form else request.get_json(silent=True) or {}
    if not isinstance(content, dict):
        raise Unclear("The body must be a JSON object.")
    return content


def account_named(name: Any) -> sqlite3.Row:
    """An account by business_id or username."""
    found = row("SELECT * FROM accounts WHERE business_id = ? OR username = ?", name, name)
    if found is None:
        raise Unclear(f"There is no account {name}.")
    return found


def customer_numbered(customer_id: int) -> sqlite3.Row:
    """A customer by number."""
    found = row("SELECT * FROM customers WHERE id = ?", customer_id)
    if found is None:
        raise Unclear(f"There is no customer {customer_id}.")
    return found


def thread_named(conversation_id: str) -> sqlite3.Row:
    """A conversation by id."""
    found = row("SELECT * FROM conversations WHERE conversation_id = ?", conversation_id)
    if found is None:
        raise Unclear(f"There is no conversation {conversation_id}.")
    return found


def told(found: sqlite3.Row) -> dict[str, Any]:
    """A message and where it stands."""
    conversation = thread_named(found["conversation_id"])
    return {"conversation_id": found["conversation_id"], "message": describe(found, conversation)}


@people.get("/customers")
def customers() -> ResponseReturnValue:
    return {"customers": [describe_person(found) for found in rows("SELECT * FROM customers ORDER BY id")]}


@people.post("/customers")
def create_customer() -> ResponseReturnValue:
    wanted = given()
    name = str(wanted.get("display_name") or wanted.get("username") or "").strip()
    if not name:
        raise Unclear("display_name is required.")
    username = str(wanted.get("username") or free_username(name)).strip().lstrip("@")
    if row("SELECT 1 FROM customers WHERE username = ?", username):
        raise Unclear(f"The username {username} is taken.")
    customer_id = add_customer(
        username=username,
        display_name=name,
        country=country_code(wanted.get("country", "ID")),
        is_follower=str(wanted.get("is_follower", "")).lower() in {"true", "1", "on"},
    )
    return describe_person(customer_numbered(customer_id)), 201


def country_code(text: Any) -> str:
    """A two-letter country, in capitals."""
    code = str(text).strip().upper()
    if len(code) != 2 or not code.isalpha():
        raise Unclear("country must be two letters, such as ID.")
    return code


def free_username(name: str) -> str:
    """A username from a name, numbered if it is taken."""
    base = "".join(c for c in name.lower().replace(" ", ".") if c.isalnum() or c == ".")
    taken = int(scalar("SELECT count(*) FROM customers WHERE username LIKE ?", f"{base}%"))
    return f"{base}{taken + 1}" if taken or not base else base


@people.post("/customers/<int:customer_id>/messages")
def write(customer_id: int) -> ResponseReturnValue:
    wanted, customer = given(), customer_numbered(customer_id)
    account = account_named(wanted.get("account"))
    kind = str(wanted.get("kind", "text"))
    conversation = conversation_between(account["business_id"], customer_id)
    if kind in {"reaction", "reaction_remove"}:
        return react(conversation, customer, wanted, adding=kind == "reaction")
    content = content_of(kind, wanted, account["business_id"], customer["unique_identifier"])
    withheld = customer["country"] in WITHHELD
    return written(conversation, kind, content, wanted, withheld=withheld), 201


@people.post("/customers/<int:customer_id>/eu-messages")
def write_from_eu(customer_id: int) -> ResponseReturnValue:
    wanted = given()
    account = account_named(wanted.get("account"))
    conversation = conversation_between(account["business_id"], customer_numbered(customer_id)["id"])
    content = {"body": str(wanted.get("text") or "Hello from Europe")}
    return written(conversation, "text", content, wanted, withheld=True), 201


def written(
    conversation: sqlite3.Row, kind: str, content: dict[str, Any], wanted: dict[str, Any], *, withheld: bool
) -> dict[str, Any]:
    """Keep the customer's message and tell the app as much as it may know."""
    timestamp = wanted.get("timestamp_ms")
    found = add_message(
        conversation["conversation_id"],
        from_business=False,
        source="APP",
        type=kind.upper(),
        payload=content,
        timestamp_ms=int(timestamp) if timestamp is not None else None,
        referenced_message_id=wanted.get("referenced_message_id") or None,
        withheld=withheld,
    )
    if withheld:
        push(eu_event(conversation["business_id"], found["timestamp_ms"]))
    else:
        push(message_event(found))
    return told(found)


def content_of(  # noqa: PLR0911 - a table of kinds, one line each
    kind: str, wanted: dict[str, Any], business_id: str, seed: str
) -> dict[str, Any]:
    """The payload of a message of this kind, with a default for everything but text."""
    if kind == "text":
        if not str(wanted.get("text") or "").strip():
            raise Unclear("text is required.")
        return {"body": str(wanted["text"])}
    if kind == "image":
        return {"media_id": picture_from_phone(business_id, seed)}
    if kind == "video":
        media_id = keep_media(business_id, VIDEO, "video/mp4", by_business=False, media_type="VIDEO")
        return {"media_id": media_id}
    if kind == "share_post":
        item_id = str(wanted.get("item_id") or some_post(business_id))
        return {"embed_url": embed_url(item_id), "video_id": item_id}
    if kind == "sticker":
        return {"url": sticker_url(one_of(STICKERS, wanted.get("name")))}
    if kind == "emoji":
        return {"url": emoji_url(one_of(EMOJI, wanted.get("name")))}
    if kind == "other":
        return {}
    raise Unclear(f"There is no kind {kind}.")


def one_of(known: dict[str, str], name: Any) -> str:
    """The name, or the first of the known ones."""
    return name if isinstance(name, str) and name in known else next(iter(known))


def some_post(business_id: str) -> str:
    """The account's newest post."""
    newest = "SELECT item_id FROM videos WHERE business_id = ? ORDER BY create_time DESC"
    return str(scalar(newest, business_id) or new_number())


def picture_from_phone(business_id: str, seed: str) -> str:
    """The uploaded picture, or a drawn one."""
    if "image" in request.files:
        content = request.files["image"].read()
        kind = image_type(content)
        if kind is None:
            raise Unclear("The picture must be JPG or PNG.")
        return keep_media(business_id, content, kind, by_business=False)
    return keep_media(business_id, draw_photo(hue_of(seed), 720, 540), "image/jpeg", by_business=False)


def react(
    conversation: sqlite3.Row, customer: sqlite3.Row, wanted: dict[str, Any], *, adding: bool
) -> ResponseReturnValue:
    """A reaction is a message event of its own, but in lists only a mark on the message it is about."""
    target = message_in(conversation, wanted.get("referenced_message_id"))
    emoji, at = str(wanted.get("emoji") or "👍"), now_ms()
    key = (target["message_id"], customer["unique_identifier"], emoji)
    with transaction():
        if adding:
            run("INSERT OR REPLACE INTO reactions VALUES (?, ?, ?, ?)", *key, at)
        else:
            run("DELETE FROM reactions WHERE (message_id, unique_identifier, emoji) = (?, ?, ?)", *key)
        payload = {
            "operation": "ADD" if adding else "REMOVE",
            "type": "EMOJI",
            "emoji": emoji,
            "unique_identifier": customer["unique_identifier"],
            "timestamp": at,
            "original_msg_id": target["message_id"],
        }
        found = add_message(
            conversation["conversation_id"],
            from_business=False,
            source="APP",
            type="REACTION",
            payload=payload,
        )
    push(message_event(found))
    return told(found), 201


def message_in(conversation: sqlite3.Row, message_id: Any) -> sqlite3.Row:
    """A message of this conversation."""
    found = row("SELECT * FROM messages WHERE message_id = ?", message_id)
    if found is None or found["conversation_id"] != conversation["conversation_id"]:
        raise Unclear(f"There is no message {message_id} in this conversation.")
    return found


@people.post("/customers/<int:customer_id>/taps")
def tap(customer_id: int) -> ResponseReturnValue:
    wanted = given()
    account = account_named(wanted.get("account"))
    conversation = conversation_between(account["business_id"], customer_numbered(customer_id)["id"])
    card = message_in(conversation, wanted.get("message_id"))
    buttons = (describe(card, conversation)["template"] or {}).get("buttons", [])
    number = int(wanted.get("button", 0))
    if not 0 <= number < len(buttons):
        raise Unclear("This message has no such button.")
    found = add_message(
        conversation["conversation_id"],
        from_business=False,
        source="APP",
        type="TEXT",
        payload={"body": buttons[number]["title"]},
        reply_source={
            "reply_source_msg_id": card["message_id"],
            "reply_source_unique_id": buttons[number]["id"],
        },
    )
    push(message_event(found))
    return told(found), 201


@people.post("/customers/<int:customer_id>/read")
def read(customer_id: int) -> ResponseReturnValue:
    wanted = given()
    account = account_named(wanted.get("account"))
    conversation = conversation_between(account["business_id"], customer_numbered(customer_id)["id"])
    newest = scalar(
        "SELECT max(timestamp_ms) FROM messages WHERE conversation_id = ? AND from_business",
        conversation["conversation_id"],
    )
    read_ms = int(wanted.get("last_read_ms") or newest or now_ms())
    run(
        "UPDATE conversations SET customer_read_ms = max(customer_read_ms, ?) WHERE conversation_id = ?",
        read_ms,
        conversation["conversation_id"],
    )
    push(read_event(conversation["conversation_id"], read_ms))
    return {"conversation_id": conversation["conversation_id"], "last_read_timestamp": read_ms}


@people.post("/customers/<int:customer_id>/referrals")
def arrive(customer_id: int) -> ResponseReturnValue:
    wanted = given()
    if wanted.get("url"):
        wanted = wanted | parts_of_link(str(wanted["url"]))
    source = wanted.get("source", "ad")
    if source not in {"ad", "short_link"}:
        raise Unclear("source must be ad or short_link.")
    account = account_named(wanted.get("account"))
    conversation = conversation_between(account["business_id"], customer_numbered(customer_id)["id"])
    at_ms = int(wanted.get("timestamp_ms") or now_ms())
    details = ad_details(wanted, account, at_ms) if source == "ad" else link_details(wanted)
    conversation_id = conversation["conversation_id"]
    keep_referral(conversation_id, source, details, at_ms)
    prefilled = details.get("prefilled_message_audit_status") == "PASS" and details["prefilled_message"]
    return {
        "conversation_id": conversation_id,
        "referral": {"source": source, **details},
        "prefilled": prefilled or "",
    }, 201


def keep_referral(conversation_id: str, source: str, details: dict[str, Any], at_ms: int) -> None:
    """Write down how the customer came in and tell the app."""
    run(
        "INSERT INTO referrals (conversation_id, source, details, timestamp_ms) VALUES (?, ?, ?, ?)",
        conversation_id,
        source,
        json.dumps(details),
        at_ms,
    )
    push(referral_event(conversation_id, source, details, at_ms))


def parts_of_link(url: str) -> dict[str, str]:
    """Account, ref and text of a tiktok.me address (docs/tiktok-api.md 3.10)."""
    parts = urlsplit(url if "//" in url else f"https://{url}")
    username, query = parts.path.strip("/").lstrip("@"), parse_qs(parts.query)
    if parts.hostname != "tiktok.me" or not username:
        raise Unclear("The link must look like https://tiktok.me/<username>?ref=…&message=….")
    return {
        "source": "short_link",
        "account": username,
        "ref": query.get("ref", [""])[0],
        "prefilled_message": query.get("message", [""])[0],
    }


def link_details(wanted: dict[str, Any]) -> dict[str, Any]:
    """The referral of a message link; a rejected text is reported but not prefilled."""
    return {
        "ref": str(wanted.get("ref") or ""),
        "prefilled_message": str(wanted.get("prefilled_message") or ""),
        "prefilled_message_audit_status": str(wanted.get("prefilled_message_audit_status") or "PASS"),
    }


def ad_details(wanted: dict[str, Any], account: sqlite3.Row, at_ms: int) -> dict[str, Any]:
    """The referral of an ad; the time is in milliseconds here."""
    return {
        "advertiser_id": str(wanted.get("advertiser_id") or "7300000000000000011"),
        "ad_id": str(wanted.get("ad_id") or "1800000000000021"),
        "ad_name": str(wanted.get("ad_name") or "Raya promo – DM"),
        "timestamp": at_ms,
        "embed_url": embed_url(some_post(account["business_id"])),
        "message_material_id": "",
    }
