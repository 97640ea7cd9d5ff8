"""The pages of the ads side: the advertiser's consent, lead forms to submit, events that arrived.

GET  /sandbox/api/ads -> {"advertisers": [{advertiser_id, name, forms: [{page_id, title, fields}], event_sets}],
     "leads": [L], "events": [E], "subscriptions": [S]}; newest first, at most 100 of each
POST /sandbox/api/ads/leads {page_id} or {advertiser_id, lead_source: "DIRECT_MESSAGE"}, with {answers: {question:
     answer}, ad_id?, ad_name?, create_time?, lead_id?, silently=false (no webhook), ascii=true (how it is
     signed)} -> L
POST /sandbox/api/ads/tokens {advertiser_ids?, scope?} -> {access_token, advertiser_ids}; consent without a browser
POST /sandbox/api/ads/revoke {advertiser_id} -> {}; the advertiser takes the access back
POST /sandbox/api/ads/settings {lead_task_questions?, largest_lead_csv?} -> both
"""

import json
import sqlite3
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from sandbox.addresses import callback_problem
from sandbox.ads import CAMPAIGN, LEADS, MEASUREMENT, advertisers_of, end_access
from sandbox.customer import Unclear, given
from sandbox.identifiers import letters, new_number, new_request_id
from sandbox.store import change_setting, now, row, rows, run, scalar, setting, site, transaction

ads_pages = Blueprint("ads_pages", __name__)

SCOPES = {LEADS: "Lead management", MEASUREMENT: "Measurement: CRM event sets and events"}
AD_ID, AD_NAME = "1800000000000021", "Raya promo – DM"
SHOWN = 100


# ── Consent ───────────────────────────────────────────────────────────────────────────────────────────


@ads_pages.route("/portal/auth", methods=["GET", "POST"], strict_slashes=False)
def portal() -> Response | str | tuple[str, int]:
    """Show the advertiser's consent page, or send the browser back with the answer."""
    problem = ""
    if request.args.get("app_id") != site().app_id:
        problem = "This app is unknown. Check app_id."
    elif callback_problem(request.args.get("redirect_uri")):
        problem = f"redirect_uri {callback_problem(request.args.get('redirect_uri'))}."
    if problem:
        return render_template("consent_error.html", problem=problem), 400
    if request.method == "GET":
        return portal_page()
    if request.form.get("answer") != "authorize":
        return back({"error": "access_denied"})
    chosen = request.form.getlist("advertiser_id")
    scopes = [number for number in SCOPES if str(number) in request.form.getlist("scope")]
    known = {one["advertiser_id"] for one in rows("SELECT advertiser_id FROM advertisers")}
    if not chosen or not set(chosen) <= known:
        return portal_page("Choose an ad account."), 400
    return back({"auth_code": grant_access(chosen, scopes)})


def portal_page(problem: str = "") -> str:
    """The consent page itself."""
    advertisers = rows("SELECT * FROM advertisers ORDER BY rowid")
    return render_template("ads_consent.html", advertisers=advertisers, scopes=SCOPES, problem=problem)


def back(answer: dict[str, str]) -> Response:
    """To the app's redirect address, with its `state` unchanged."""
    told = answer | ({"state": request.args["state"]} if "state" in request.args else {})
    return redirect(f"{request.args['redirect_uri']}?{urlencode(told)}")


def grant_access(advertiser_ids: list[str], scopes: list[int], token: str | None = None) -> str:
    """Write a consent down; give its code."""
    code = letters(40)
    run(
        "INSERT INTO ad_grants (advertiser_ids, scope, redirect_uri, auth_code, granted_at, access_token)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        json.dumps(advertiser_ids),
        json.dumps(scopes),
        request.args.get("redirect_uri", ""),
        code,
        now(),
        token,
    )
    return code


# ── Lead forms ────────────────────────────────────────────────────────────────────────────────────────


@ads_pages.get("/ads/")
def ads_page() -> str:
    """What an advertiser sees: the forms, the leads, the events that arrived."""
    return render_template("ads.html", **everything())


@ads_pages.route("/ads/forms/<page_id>/", methods=["GET", "POST"])
def lead_form(page_id: str) -> Response | str | tuple[str, int]:
    """A lead form as a customer fills it in."""
    form = row("SELECT * FROM lead_forms WHERE page_id = ?", page_id)
    if form is None:
        return render_template("consent_error.html", problem="There is no such form."), 404
    if request.method == "POST":
        answers = {field: request.form.get(field, "") for field in json.loads(form["fields"])}
        add_lead({"page_id": page_id, "answers": answers})
        return redirect("/ads/#leads")
    return render_template("lead_form.html", form=form, fields=json.loads(form["fields"]))


def add_lead(wanted: dict[str, Any]) -> sqlite3.Row:
    """Keep a submission and have it delivered to whoever subscribed."""
    page = row("SELECT * FROM lead_forms WHERE page_id = ?", str(wanted.get("page_id") or ""))
    source = "INSTANT_FORM" if page else "DIRECT_MESSAGE"
    advertiser = page["advertiser_id"] if page else str(wanted.get("advertiser_id") or "7300000000000000011")
    if row("SELECT 1 FROM advertisers WHERE advertiser_id = ?", advertiser) is None:
        raise Unclear("There is no such advertiser.")
    answers = wanted.get("answers")
    if not isinstance(answers, dict) or not answers:
        raise Unclear("answers is required.")
    lead_id = str(wanted.get("lead_id") or new_number())
    with transaction():
        run(
            "INSERT INTO leads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            lead_id,
            advertiser,
            source,
            page["page_id"] if page else "0",
            page["title"] if page else "",
            str(wanted.get("ad_id") or AD_ID),
            str(wanted.get("ad_name") or AD_NAME),
            json.dumps(answers),
            int(wanted.get("create_time") or now()),
        )
        found = row("SELECT * FROM leads WHERE lead_id = ?", lead_id)
        if found is None:
            raise LookupError("the lead that was just written is gone")
        if not wanted.get("silently"):
            announce(found, ascii_only=bool(wanted.get("ascii", True)))
    return found


def announce(lead: sqlite3.Row, *, ascii_only: bool) -> None:
    """Put a webhook for each subscription into the outbox (docs/tiktok-api.md 6.2). Ids are numbers here."""
    entry = {
        "id": int(lead["lead_id"]),
        "lead_source": lead["lead_source"],
        "advertiser_id": int(lead["advertiser_id"]),
        "advertiser_name": scalar("SELECT name FROM advertisers WHERE advertiser_id = ?", lead["advertiser_id"]),
        "library_id": 0,
        "page_id": int(lead["page_id"]),
        "page_name": lead["page_name"],
        **CAMPAIGN,
        "ad_id": int(lead["ad_id"]),
        "ad_name": lead["ad_name"],
        "create_time": lead["create_time"],
        "changes": [{"field": name, "value": value} for name, value in json.loads(lead["answers"]).items()],
    }
    told = {"request_id": new_request_id(), "object": 1, "time": int(now()), "entry": [entry]}
    content = json.dumps(told, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    wanted = (lead["advertiser_id"], lead["lead_source"])
    for one in rows("SELECT * FROM subscriptions WHERE advertiser_id = ? AND lead_source = ?", *wanted):
        added = run(
            "INSERT INTO deliveries (event, body, logid, created_at, due_at, place)"
            " VALUES ('lead', ?, ?, ?, ?, (SELECT coalesce(max(place), 0) + 1 FROM deliveries))",
            content,
            new_request_id(),
            now(),
            now(),
        )
        run("INSERT INTO lead_deliveries VALUES (?, ?)", added.lastrowid, one["callback_url"])


# ── Control ───────────────────────────────────────────────────────────────────────────────────────────


@ads_pages.get("/sandbox/api/ads")
def everything() -> dict[str, Any]:
    """All that the ads page shows."""
    advertisers = []
    for one in rows("SELECT * FROM advertisers ORDER BY rowid"):
        key = one["advertiser_id"]
        forms = rows("SELECT * FROM lead_forms WHERE advertiser_id = ? ORDER BY rowid", key)
        sets = rows("SELECT * FROM event_sets WHERE advertiser_id = ? ORDER BY rowid", key)
        described = [dict(form) | {"fields": json.loads(form["fields"])} for form in forms]
        advertisers.append(dict(one) | {"forms": described, "event_sets": [dict(found) for found in sets]})
    leads = rows("SELECT * FROM leads ORDER BY rowid DESC LIMIT ?", SHOWN)
    events = rows("SELECT * FROM tracked_events ORDER BY id DESC LIMIT ?", SHOWN)
    return {
        "advertisers": advertisers,
        "leads": [describe_lead(one) for one in leads],
        "events": [dict(one) | {"body": json.loads(one["body"])} for one in events],
        "subscriptions": [dict(one) for one in rows("SELECT * FROM subscriptions ORDER BY rowid DESC")],
    }


def describe_lead(lead: sqlite3.Row) -> dict[str, Any]:
    """A lead for lists."""
    return dict(lead) | {"answers": json.loads(lead["answers"])}


@ads_pages.post("/sandbox/api/ads/leads")
def submit_lead() -> ResponseReturnValue:
    return describe_lead(add_lead(given())), 201


@ads_pages.post("/sandbox/api/ads/tokens")
def grant_ad_token() -> ResponseReturnValue:
    known = [one["advertiser_id"] for one in rows("SELECT advertiser_id FROM advertisers ORDER BY rowid")]
    chosen = [str(one) for one in given().get("advertiser_ids") or known]
    token = f"adv.{letters(48)}"
    grant_access(chosen, [int(one) for one in given().get("scope") or SCOPES], token)
    return {"access_token": token, "advertiser_ids": chosen}, 201


@ads_pages.post("/sandbox/api/ads/revoke")
def advertiser_revokes() -> ResponseReturnValue:
    wanted = str(given().get("advertiser_id") or "")
    for grant in rows("SELECT * FROM ad_grants WHERE revoked_at IS NULL"):
        if wanted in advertisers_of(grant):
            end_access(grant["id"])
    return {}


@ads_pages.post("/sandbox/api/ads/settings")
def change_ads_settings() -> ResponseReturnValue:
    names = ("lead_task_questions", "largest_lead_csv")
    for name in names:
        if name in given():
            change_setting(name, int(given()[name]))
    return {name: setting(name) for name in names}
