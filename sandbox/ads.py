"""The API of ads: access, subscriptions, leads, event sets, events (docs/tiktok-api.md 1.7 and 6)."""

import csv
import io
import json
import re
import sqlite3
import zipfile
from datetime import UTC, datetime
from typing import Any

from flask import Response, g, request

from sandbox.addresses import callback_problem
from sandbox.api import (
    Refusal,
    api,
    body,
    check_app,
    endpoint,
    invalid,
    missing,
    parameter,
    required,
    whole_number,
)
from sandbox.identifiers import letters, new_number
from sandbox.store import now, row, rows, run, setting, transaction

CODE_LIFETIME = 3600  # seconds
LEAD_SOURCES = {"INSTANT_FORM", "DIRECT_MESSAGE"}
EVENT_SOURCES = {"web", "app", "offline", "crm"}
MOST_EVENTS = 1000
REPEATED_WITHIN = 48 * 3600  # seconds
LARGEST_CSV = 10 * 1024 * 1024  # bytes; above, TikTok packs it
LEADS, MEASUREMENT = 12000000, 5
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CURRENCY = re.compile(r"[A-Z]{3}")


# ── Access ────────────────────────────────────────────────────────────────────────────────────────────


@endpoint("POST", "oauth2/access_token/")
def ad_token() -> dict[str, Any]:
    """A code from the portal's page for a token without an end; a code works once and for an hour."""
    check_app(body().get("app_id"), body().get("secret"))
    with transaction():
        grant = row("SELECT * FROM ad_grants WHERE auth_code = ?", required("auth_code"))
        if grant is None or grant["access_token"] is not None or grant["revoked_at"] is not None:
            raise Refusal(40110, "Auth code is incorrect, or has been used or cancelled.")
        if grant["granted_at"] + CODE_LIFETIME <= now():
            raise Refusal(40110, "Auth code has expired.")
        token = f"adv.{letters(48)}"
        run("UPDATE ad_grants SET access_token = ? WHERE id = ?", token, grant["id"])
    return {
        "access_token": token,
        "advertiser_ids": json.loads(grant["advertiser_ids"]),
        "scope": json.loads(grant["scope"]),
    }


@endpoint("GET", "oauth2/advertiser/get/")
def ad_advertisers() -> dict[str, Any]:
    """The advertisers of a token."""
    check_app(request.args.get("app_id"), request.args.get("secret"))
    grant = live_ad_token(request.headers.get("Access-Token", ""))
    found = [row("SELECT * FROM advertisers WHERE advertiser_id = ?", one) for one in advertisers_of(grant)]
    return {
        "list": [{"advertiser_id": one["advertiser_id"], "advertiser_name": one["name"]} for one in found if one]
    }


@endpoint("POST", "oauth2/revoke_token/")
def ad_revoke() -> dict[str, Any]:
    """End an access; its subscriptions die without a word."""
    check_app(body().get("app_id"), body().get("secret"))
    grant = live_ad_token(required("access_token"))
    end_access(grant["id"])
    return {}


def end_access(grant_id: int) -> None:
    """Take an access back."""
    run("UPDATE ad_grants SET revoked_at = ? WHERE id = ?", now(), grant_id)
    run("DELETE FROM subscriptions WHERE grant_id = ?", grant_id)


def live_ad_token(token: str) -> sqlite3.Row:
    """The grant of an advertiser's token. An account's token is none."""
    if not token:
        raise Refusal(40104, "Access token is empty. Put it in the Access-Token header of the request.")
    grant = row("SELECT * FROM ad_grants WHERE access_token = ? AND revoked_at IS NULL", token)
    if grant is None:
        raise Refusal(40105, "Access token is incorrect or has been revoked.")
    return grant


def advertisers_of(grant: sqlite3.Row) -> list[str]:
    """The ids of the advertisers that a grant speaks for."""
    return [str(one) for one in json.loads(grant["advertiser_ids"])]


def own_advertiser(scope: int) -> str:
    """The advertiser of this call, after its token and what was granted are found right."""
    g.ad_grant = live_ad_token(request.headers.get("Access-Token", ""))
    if scope not in json.loads(g.ad_grant["scope"]):
        raise Refusal(40001, f"No permission: the scope {scope} is not authorized.")
    advertiser_id = parameter("advertiser_id")
    if not isinstance(advertiser_id, str) or not advertiser_id:
        raise invalid("Param advertiser_id is required.")
    if advertiser_id not in advertisers_of(g.ad_grant):
        raise Refusal(40001, "No permission: advertiser_id does not belong to this access token.")
    return advertiser_id


# ── Subscriptions ─────────────────────────────────────────────────────────────────────────────────────


@endpoint("POST", "subscription/subscribe/")
def subscribe() -> dict[str, Any]:
    """Deliver an advertiser's new leads of one source to an address."""
    check_app(body().get("app_id"), body().get("secret"))
    if body().get("subscribe_entity") != "LEAD":
        raise invalid("Param subscribe_entity is invalid.")
    problem = callback_problem(body().get("callback_url"))
    if problem:
        raise invalid(f"Param callback_url {problem}.")
    detail = body().get("subscription_detail")
    if not isinstance(detail, dict):
        raise invalid("Param subscription_detail is required.")
    grant = live_ad_token(str(detail.get("access_token") or ""))
    source = detail.get("lead_source", "INSTANT_FORM")
    if source not in LEAD_SOURCES:
        raise invalid("Param lead_source is invalid.")
    if detail.get("page_id") and source == "DIRECT_MESSAGE":
        raise invalid("Param page_id is for lead forms only.")
    if detail.get("advertiser_id") not in advertisers_of(grant):
        raise Refusal(40001, "No permission: advertiser_id does not belong to this access token.")
    found = f"sub-{letters(12)}"
    same = (detail["advertiser_id"], source, body()["callback_url"])
    run("DELETE FROM subscriptions WHERE advertiser_id = ? AND lead_source = ? AND callback_url = ?", *same)
    run("INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?)", found, grant["id"], *same)
    return {"subscription_id": found}


@endpoint("GET", "subscription/get/")
def subscriptions() -> dict[str, Any]:
    """The app's subscriptions."""
    check_app(request.args.get("app_id"), request.args.get("secret"))
    if request.args.get("subscribe_entity") != "LEAD":
        raise invalid("Param subscribe_entity is invalid.")
    found = rows(
        "SELECT subscription_id, callback_url, advertiser_id, lead_source FROM subscriptions ORDER BY rowid"
    )
    return {"subscriptions": paged([dict(one) for one in found]), "page_info": {"total_number": len(found)}}


@endpoint("POST", "subscription/unsubscribe/")
def unsubscribe() -> dict[str, Any]:
    """End a subscription."""
    check_app(body().get("app_id"), body().get("secret"))
    if not run("DELETE FROM subscriptions WHERE subscription_id = ?", required("subscription_id")).rowcount:
        raise missing("subscription")
    return {}


def paged(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One page of a list."""
    size = whole_number("page_size", default=10, least=1, most=1000)
    page = whole_number("page", default=1, least=1, most=10_000)
    return found[(page - 1) * size : page * size]


# ── Leads ─────────────────────────────────────────────────────────────────────────────────────────────


@endpoint("GET", "page/get/")
def lead_forms() -> dict[str, Any]:
    """An advertiser's lead forms."""
    advertiser_id = own_advertiser(LEADS)
    if request.args.get("business_type") != "LEAD_GEN":
        raise invalid("Param business_type is invalid.")
    found = rows("SELECT page_id, title FROM lead_forms WHERE advertiser_id = ? ORDER BY rowid", advertiser_id)
    return {"list": paged([dict(one) for one in found]), "page_info": {"total_number": len(found)}}


@endpoint("GET", "lead/get/")
def newest_lead() -> dict[str, Any]:
    """The newest lead; for forms the form has to be named, for direct messages it must not be."""
    advertiser_id = own_advertiser(LEADS)
    source, page_id = required("lead_source"), request.args.get("page_id", "")
    if source not in LEAD_SOURCES:
        raise invalid("Param lead_source is invalid.")
    if (source == "INSTANT_FORM") != bool(page_id):
        raise invalid("Param page_id is required for INSTANT_FORM and not allowed for DIRECT_MESSAGE.")
    found = row(
        "SELECT * FROM leads WHERE advertiser_id = ? AND lead_source = ? AND (? = '' OR page_id = ?)"
        " ORDER BY create_time DESC, lead_id DESC LIMIT 1",
        advertiser_id,
        source,
        page_id,
        page_id,
    )
    if found is None:
        return {}
    meta = {name: found[name] for name in ("lead_source", "lead_id", "ad_id", "ad_name", "page_id", "page_name")}
    created = f"{datetime.fromtimestamp(found['create_time'], UTC):%Y-%m-%d %H:%M:%S}"
    return {
        "lead_data": json.loads(found["answers"]),
        "meta_data": meta | CAMPAIGN_TEXT | {"create_time": created},
    }


CAMPAIGN = {
    "campaign_id": 1800000000000001,
    "campaign_name": "Raya",
    "adgroup_id": 1800000000000011,
    "adgroup_name": "JKT 18-34",
}
CAMPAIGN_TEXT = {name: str(value) for name, value in CAMPAIGN.items()}


@endpoint("POST", "page/lead/task/")
def lead_task() -> dict[str, Any]:
    """Begin to write a file of leads, or say how far that is: each question brings it a step on."""
    advertiser_id = own_advertiser(LEADS)
    task_id = body().get("task_id")
    if task_id:
        run("UPDATE lead_tasks SET asked = asked + 1 WHERE task_id = ?", task_id)
        return task_state(own_task(advertiser_id, task_id))
    ad_id, page_id = (str(body().get(name) or "") for name in ("ad_id", "page_id"))
    if bool(ad_id) == bool(page_id):
        raise invalid("Give either ad_id or page_id.")
    task_id = new_number()
    run(
        "INSERT INTO lead_tasks (task_id, advertiser_id, ad_id, page_id) VALUES (?, ?, ?, ?)",
        task_id,
        advertiser_id,
        ad_id,
        page_id,
    )
    return {"task_id": task_id, "status": "CREATED"}


def own_task(advertiser_id: str, task_id: str) -> sqlite3.Row:
    """A task of this advertiser."""
    found = row("SELECT * FROM lead_tasks WHERE task_id = ? AND advertiser_id = ?", task_id, advertiser_id)
    if found is None:
        raise missing("task")
    return found


def task_state(task: sqlite3.Row) -> dict[str, Any]:
    """How far the file is; what is in it says which type it has."""
    if task["asked"] < setting("lead_task_questions"):
        return {"task_id": task["task_id"], "status": "RUNNING"}
    kind = "zip" if len(csv_of(task)) > setting("largest_lead_csv") else "csv"
    return {
        "task_id": task["task_id"],
        "status": "SUCCEED",
        "file_name": f"leads_{task['task_id']}.{kind}",
        "file_type": kind,
    }


@api.get("/page/lead/task/download/")
def lead_file() -> Response:
    """The file that a task has written."""
    task = own_task(own_advertiser(LEADS), required("task_id"))
    state = task_state(task)
    if state["status"] != "SUCCEED":
        raise Refusal(40201, "The task is not ready.")
    content = csv_of(task)
    if state["file_type"] == "csv":
        return Response(content, content_type="text/csv")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(state["file_name"].replace(".zip", ".csv"), content)
    return Response(packed.getvalue(), content_type="application/zip")


def csv_of(task: sqlite3.Row) -> bytes:
    """All leads of a task's ad or form: facts first, then a column for each question. Times are UTC."""
    found = rows(
        "SELECT * FROM leads WHERE advertiser_id = ? AND (? = '' OR ad_id = ?) AND (? = '' OR page_id = ?)"
        " ORDER BY create_time",
        task["advertiser_id"],
        task["ad_id"],
        task["ad_id"],
        task["page_id"],
        task["page_id"],
    )
    told = [json.loads(one["answers"]) for one in found]
    questions = list(dict.fromkeys(name for answers in told for name in answers))
    facts = ["lead_id", "create_time", "ad_id", "ad_name", "page_id", "page_name", "lead_source"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*facts, *CAMPAIGN, *questions])
    for one, answers in zip(found, told, strict=True):
        created = f"{datetime.fromtimestamp(one['create_time'], UTC):%Y-%m-%d %H:%M:%S}"
        values = [created if name == "create_time" else one[name] for name in facts]
        writer.writerow([*values, *CAMPAIGN.values(), *(answers.get(name, "") for name in questions)])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


# ── Events ────────────────────────────────────────────────────────────────────────────────────────────


@endpoint("GET", "crm/list/")
def event_sets() -> dict[str, Any]:
    """The advertiser's CRM event sets."""
    found = rows("SELECT * FROM event_sets WHERE advertiser_id = ? ORDER BY rowid", own_advertiser(MEASUREMENT))
    names = ("event_set_id", "name", "create_time")
    return {"crm_event_sets": [{name: one[name] for name in names} for one in found]}


@endpoint("POST", "event/track/")
def track() -> dict[str, Any]:
    """Take events, all or none; those with a known event id within 48 h are counted once."""
    grant = live_ad_token(request.headers.get("Access-Token", ""))
    if MEASUREMENT not in json.loads(grant["scope"]):
        raise Refusal(40001, f"No permission: the scope {MEASUREMENT} is not authorized.")
    source = body().get("event_source")
    if source not in EVENT_SOURCES:
        raise invalid("Param event_source is invalid.")
    found = row("SELECT * FROM event_sets WHERE event_set_id = ?", required("event_source_id"))
    if source != "crm" or found is None or found["advertiser_id"] not in advertisers_of(grant):
        raise Refusal(40001, "No permission: event_source_id does not belong to this access token.")
    events = body().get("data")
    if not isinstance(events, list) or not events:
        raise invalid("Param data is required.")
    if len(events) > MOST_EVENTS:
        raise invalid(f"Param data has more than {MOST_EVENTS} events.")
    for number, event in enumerate(events):
        problem = event_problem(event)
        if problem:
            raise invalid(f"data[{number}]: {problem}")
    for event in events:
        keep(event, found, str(body().get("test_event_code") or ""))
    return {}


def event_problem(event: Any) -> str:
    """Why TikTok doesn't take an event, or nothing."""
    if not isinstance(event, dict):
        return "is not an object."
    if not isinstance(event.get("event"), str) or not event["event"]:
        return "event is required."
    at = event.get("event_time")
    if not isinstance(at, int) or isinstance(at, bool) or not 10**9 <= at <= now() + 600:
        return "event_time must be seconds UTC, not in the future."
    if not isinstance(event.get("event_id", ""), str):
        return "event_id must be a text."
    lead = event.get("lead")
    if not isinstance(lead, dict) or not isinstance(lead.get("lead_id"), str) or not lead["lead_id"].isdigit():
        return "lead.lead_id is required."
    return user_problem(event.get("user", {})) or properties_problem(event.get("properties", {}))


def user_problem(user: Any) -> str:
    """Identifiers are hashes, one or several."""
    if not isinstance(user, dict):
        return "user is not an object."
    for name in ("email", "phone", "external_id"):
        given = user.get(name, [])
        values = given if isinstance(given, list) else [given]
        if not all(isinstance(value, str) and _SHA256.fullmatch(value) for value in values):
            return f"user.{name} must be SHA-256 in lower-case hex."
    return ""


def properties_problem(properties: Any) -> str:
    """Values are numbers with a currency."""
    if not isinstance(properties, dict):
        return "properties is not an object."
    value, currency = properties.get("value"), properties.get("currency")
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        return "properties.value must be a number."
    if currency is not None and not (isinstance(currency, str) and _CURRENCY.fullmatch(currency)):
        return "properties.currency must be an ISO 4217 code."
    if value is not None and currency is None:
        return "properties.currency is required with a value."
    return ""


def keep(event: dict[str, Any], event_set: sqlite3.Row, test_event_code: str) -> None:
    """Write an event down, marked when the same one came before."""
    event_id = event.get("event_id", "")
    earlier = row(
        "SELECT 1 FROM tracked_events WHERE event_set_id = ? AND event = ? AND event_id = ? AND event_id <> ''"
        " AND at > ?",
        event_set["event_set_id"],
        event["event"],
        event_id,
        now() - REPEATED_WITHIN,
    )
    run(
        "INSERT INTO tracked_events (at, advertiser_id, event_set_id, event, event_id, lead_id, test_event_code,"
        " is_repeated, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        now(),
        event_set["advertiser_id"],
        event_set["event_set_id"],
        event["event"],
        event_id,
        event["lead"]["lead_id"],
        test_event_code,
        earlier is not None,
        json.dumps(event),
    )
