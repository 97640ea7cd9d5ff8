"""The switches of the sandbox itself, under `/sandbox/api`. People on phones: `customer.py`, `owner.py`.

GET  /accounts -> {"accounts": [A]}
     A = {business_id, username, display_name, is_business_account, country, avatar_url, connected, scope,
     videos: [{item_id, caption, thumbnail_url, …}]}
POST /accounts {username, display_name?, is_business_account=true, country="ID", business_id?} -> A
POST /accounts/<account> {username?, display_name?, is_business_account?} -> A; the owner changes the profile
POST /accounts/<account>/tokens {scope?} -> the `data` of a token exchange; consent without a browser
POST /accounts/<account>/revoke {reason=1} -> A; the owner disconnects the app: `authorization.removed`
GET  /faults -> {"faults": [F]};  POST /faults F -> F;  DELETE /faults;  DELETE /faults/<id>
     F = {id, path="*", kind, code=50000, message?, http_status=502, seconds=30, after=false, count=1}; in
     answers `count` is `remaining`. path is a pattern such as "business/message/*".
     Kinds: code, http_status (HTML body), slow, hang_before, hang_after, reset_before, reset_after,
     empty_message_id, garbage. hang_after, reset_after, empty_message_id and garbage spoil the answer of a
     call that was done; code and http_status do so with `after`.
GET  /webhooks -> {callback_url, waiting, knobs: K};  POST /webhooks part of K, or {callback_url} -> same
     K = {twice, delay_seconds, out_of_order, bad_signature (attempts, -1: until set to 0), stale_seconds,
     echo_delay_seconds, echo_first (the echo arrives before the answer of send)}
GET  /deliveries -> {"deliveries": [D]}, newest first, at most 100
     D = {id, event, body, created_at, due_at, held, attempts, last_status, outcome}
     outcome: waiting, delivered, discarded, no address
POST /deliver {} -> {"attempts": n}; posts what is due now
GET  /settings -> {mode, qps, list_lag};  POST /settings {mode: strict|lenient, qps: 0 = no limit,
     list_lag: seconds until the content list shows a message} -> same
GET  /clock -> {now, offset_seconds};  POST /clock {offset_seconds} or {advance_seconds} -> same
GET  /calls?path=pattern&after=id -> {"calls": [L]}, oldest first;  DELETE /calls
     L = {id, at, method, path, fault, done, http_status, code, message, message_id, request, text}
     done: the work was done, whatever the caller saw; code: what the work answered; request and text: of
     sends only
POST /reset {keep_connections=false} -> {}; as on first start, or all but accounts, tokens, webhook address
GET  /phone?account=&customer= -> all that the phone page shows

Leads and events: `ads_pages.py`.
"""

import json
import sqlite3
from fnmatch import fnmatch
from typing import Any

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue

from sandbox import faults
from sandbox.addresses import callback_problem
from sandbox.consent import SCOPES
from sandbox.customer import Unclear, account_named, country_code, given
from sandbox.deliveries import deliver_due, waiting_count
from sandbox.events import connected, held_back, push, release, removed_event
from sandbox.identifiers import letters
from sandbox.oauth import REFRESH_LIFETIME, issue
from sandbox.pictures import avatar_url
from sandbox.profile import own_videos
from sandbox.seeds import add_account, plant
from sandbox.store import change_setting, now, row, rows, run, scalar, setting, transaction
from sandbox.thread import describe_person, describe_thread, local
from sandbox.webhooks import callback_of, register

control = Blueprint("control", __name__, url_prefix="/sandbox/api")

CONVERSATION_TABLES = [
    "reactions",
    "messages",
    "referrals",
    "downloads",
    "media",
    "conversations",
    "customers",
]
LEAD_TABLES = ["leads", "lead_tasks", "tracked_events"]
TROUBLE_TABLES = ["lead_deliveries", "deliveries", "faults", "calls", "settings"]
CONNECTION_TABLES = [
    "subscriptions",
    "ad_grants",
    "event_sets",
    "lead_forms",
    "advertisers",
    "webhooks",
    "tokens",
    "grants",
    "videos",
    "accounts",
]


def describe_account(account: sqlite3.Row) -> dict[str, Any]:
    """An account for lists."""
    business_id = account["business_id"]
    scope = scalar(
        "SELECT scope FROM grants WHERE business_id = ? AND revoked_at IS NULL ORDER BY id DESC", business_id
    )
    return {
        "business_id": business_id,
        "username": account["username"],
        "display_name": account["display_name"],
        "is_business_account": bool(account["is_business_account"]),
        "country": account["country"],
        "avatar_url": local(avatar_url(business_id, account["display_name"])),
        "connected": connected(business_id),
        "scope": scope or "",
        "videos": own_videos(business_id),
    }


@control.get("/accounts")
def accounts() -> ResponseReturnValue:
    return {"accounts": [describe_account(found) for found in rows("SELECT * FROM accounts ORDER BY rowid")]}


@control.post("/accounts")
def create_account() -> ResponseReturnValue:
    wanted = given()
    username = str(wanted.get("username") or "").strip().lstrip("@")
    if not username:
        raise Unclear("username is required.")
    if row("SELECT 1 FROM accounts WHERE username = ?", username):
        raise Unclear(f"The username {username} is taken.")
    with transaction():
        business_id = add_account(
            username=username,
            display_name=str(wanted.get("display_name") or username),
            is_business=bool(wanted.get("is_business_account", True)),
            country=country_code(wanted.get("country", "ID")),
            business_id=str(wanted.get("business_id") or ""),
        )
    return describe_account(account_named(business_id)), 201


@control.post("/accounts/<account>")
def change_account(account: str) -> ResponseReturnValue:
    business_id = account_named(account)["business_id"]
    wanted = given()
    for column in ("username", "display_name", "is_business_account"):
        if column in wanted:
            run(f"UPDATE accounts SET {column} = ? WHERE business_id = ?", wanted[column], business_id)  # noqa: S608
    return describe_account(account_named(business_id))


@control.post("/accounts/<account>/tokens")
def grant_tokens(account: str) -> ResponseReturnValue:
    business_id = account_named(account)["business_id"]
    scope = str(given().get("scope") or ",".join(SCOPES))
    with transaction():
        added = run(
            "INSERT INTO grants (business_id, scope, requested_scope, redirect_uri, auth_code, granted_at,"
            " code_used_at) VALUES (?, ?, ?, '', ?, ?, ?)",
            business_id,
            scope,
            scope,
            letters(40),
            now(),
            now(),
        )
        grant = row("SELECT * FROM grants WHERE id = ?", added.lastrowid)
        if grant is None:
            raise LookupError("the grant that was just written is gone")
        return issue(grant, refresh_expires_at=now() + REFRESH_LIFETIME), 201


@control.post("/accounts/<account>/revoke")
def owner_revokes(account: str) -> ResponseReturnValue:
    found = account_named(account)
    business_id = found["business_id"]
    run("UPDATE grants SET revoked_at = ? WHERE business_id = ? AND revoked_at IS NULL", now(), business_id)
    push(removed_event(business_id, int(given().get("reason", 1))))
    return describe_account(found)


@control.get("/faults")
def list_faults() -> ResponseReturnValue:
    return {"faults": faults.waiting()}


@control.post("/faults")
def order_fault() -> ResponseReturnValue:
    try:
        return vars(faults.order(given())), 201
    except (ValueError, TypeError) as error:
        raise Unclear(str(error)) from error


@control.delete("/faults")
@control.delete("/faults/<int:fault_id>")
def withdraw_faults(fault_id: int | None = None) -> ResponseReturnValue:
    faults.withdraw(fault_id)
    return list_faults()


@control.get("/webhooks")
def webhooks() -> ResponseReturnValue:
    return {
        "callback_url": callback_of("DIRECT_MESSAGE"),
        "waiting": waiting_count(),
        "knobs": setting("webhooks"),
    }


@control.post("/webhooks")
def change_webhooks() -> ResponseReturnValue:
    wanted = given()
    if "callback_url" in wanted:
        problem = callback_problem(wanted["callback_url"])
        if problem:
            raise Unclear(f"callback_url {problem}.")
        register("DIRECT_MESSAGE", wanted.pop("callback_url"))
    knobs = setting("webhooks")
    change_setting("webhooks", {name: same_kind(name, wanted.get(name, old), old) for name, old in knobs.items()})
    unknown = set(wanted) - set(knobs)
    if unknown:
        raise Unclear(f"There is no knob {', '.join(sorted(unknown))}.")
    if not setting("webhooks")["out_of_order"]:
        for held in held_back():
            release(held["id"])
    return webhooks()


def same_kind(name: str, value: Any, old: Any) -> Any:
    """A switch stays a switch, a number a number."""
    wanted = bool if isinstance(old, bool) else (int, float)
    if not isinstance(value, wanted) or (isinstance(value, bool) and not isinstance(old, bool)):
        raise Unclear(f"{name} must be {'true or false' if isinstance(old, bool) else 'a number'}.")
    return value


@control.get("/deliveries")
def deliveries() -> ResponseReturnValue:
    return {"deliveries": recent_deliveries(100)}


def recent_deliveries(most: int) -> list[dict[str, Any]]:
    """Webhooks, newest first."""
    found = rows(
        "SELECT id, event, body, created_at, due_at, held, attempts, last_status, outcome FROM deliveries"
        " ORDER BY id DESC LIMIT ?",
        most,
    )
    return [{**dict(one), "held": bool(one["held"]), "body": one["body"].decode()} for one in found]


@control.post("/deliver")
def deliver() -> ResponseReturnValue:
    return {"attempts": deliver_due(current_app._get_current_object())}  # type: ignore[attr-defined]


@control.get("/settings")
def settings() -> ResponseReturnValue:
    return {name: setting(name) for name in ("mode", "qps", "list_lag")}


@control.post("/settings")
def change_settings() -> ResponseReturnValue:
    wanted = given()
    if wanted.get("mode", "strict") not in {"strict", "lenient"}:
        raise Unclear("mode must be strict or lenient.")
    for name in ("mode", "qps", "list_lag"):
        if name in wanted:
            change_setting(name, wanted[name] if name == "mode" else same_kind(name, wanted[name], 0))
    return settings()


@control.get("/clock")
def clock() -> ResponseReturnValue:
    return {"now": now(), "offset_seconds": setting("clock_offset")}


@control.post("/clock")
def move_clock() -> ResponseReturnValue:
    wanted = given()
    before = setting("clock_offset")
    after = float(wanted.get("offset_seconds", before)) + float(wanted.get("advance_seconds", 0))
    change_setting("clock_offset", after)
    if after < before:
        # Webhooks under way come along, or they would wait for a time that was taken back.
        run(
            "UPDATE deliveries SET due_at = due_at + ?1, created_at = created_at + ?1 WHERE finished_at IS NULL",
            after - before,
        )
    return clock()


@control.get("/calls")
def calls() -> ResponseReturnValue:
    pattern = request.args.get("path", "*").strip("/")
    found = rows("SELECT * FROM calls WHERE id > ? ORDER BY id", request.args.get("after", 0, int))
    return {"calls": [describe_call(call) for call in found if fnmatch(call["path"].strip("/"), pattern)]}


def describe_call(call: sqlite3.Row) -> dict[str, Any]:
    """A call, and for a send what was written in it."""
    try:
        sent = json.loads(call["request"] or "null")
    except ValueError:
        sent = None
    text = sent.get("text") if isinstance(sent, dict) else None
    return {
        **{name: call[name] for name in call.keys() if name not in {"messaging", "request"}},  # noqa: SIM118
        "done": bool(call["done"]),
        "request": sent,
        "text": text.get("body") if isinstance(text, dict) else None,
    }


@control.delete("/calls")
def forget_calls() -> ResponseReturnValue:
    run("DELETE FROM calls")
    return {"calls": []}


@control.post("/reset")
def reset() -> ResponseReturnValue:
    tables = CONVERSATION_TABLES + LEAD_TABLES + TROUBLE_TABLES
    if not given().get("keep_connections"):
        tables = tables + CONNECTION_TABLES
    with transaction():
        for table in tables:
            run(f"DELETE FROM {table}")  # noqa: S608 - the names are the constants above
        plant()
    return {}


@control.get("/phone")
def phone_state() -> ResponseReturnValue:
    account = account_named(
        request.args.get("account") or scalar("SELECT business_id FROM accounts ORDER BY rowid")
    )
    customer = request.args.get("customer", 0, int)
    conversation_id = scalar(
        "SELECT conversation_id FROM conversations WHERE business_id = ? AND customer_id = ?",
        account["business_id"],
        customer,
    )
    return {
        "accounts": [describe_account(found) for found in rows("SELECT * FROM accounts ORDER BY rowid")],
        "account": account["business_id"],
        "customers": customers_of(account["business_id"]),
        "thread": describe_thread(conversation_id) if conversation_id else None,
        "faults": faults.waiting(),
        "webhooks": webhooks(),
        "settings": settings(),
        "clock": clock(),
        "calls": [describe_call(call) for call in rows("SELECT * FROM calls ORDER BY id DESC LIMIT 12")],
        "deliveries": recent_deliveries(12),
    }


def customers_of(business_id: str) -> list[dict[str, Any]]:
    """All customers with the last line of their thread with this account, most recent first."""
    found = rows(
        "SELECT u.*, m.type, m.payload, m.from_business, m.timestamp_ms FROM customers u"
        " LEFT JOIN conversations c ON c.customer_id = u.id AND c.business_id = ?"
        " LEFT JOIN messages m ON m.seq = (SELECT seq FROM messages WHERE conversation_id = c.conversation_id"
        "  AND type <> 'REACTION' ORDER BY timestamp_ms DESC, seq DESC LIMIT 1)"
        " ORDER BY m.timestamp_ms DESC NULLS LAST, u.id",
        business_id,
    )
    return [describe_person(one) | {"last": last_line(one), "last_ms": one["timestamp_ms"]} for one in found]


def last_line(one: sqlite3.Row) -> str:
    """The last message in a few words."""
    if one["type"] is None:
        return ""
    payload = json.loads(one["payload"])
    text = payload.get("body") or payload.get("title") or one["type"].replace("_", " ").capitalize()
    return f"Business: {text}" if one["from_business"] else str(text)
