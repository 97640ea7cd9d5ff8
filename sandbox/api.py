"""The gateway: paths, envelope, access tokens, scopes, rate limit (docs/tiktok-api.md before section 1)."""

import functools
import sqlite3
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from sandbox.identifiers import new_request_id
from sandbox.store import now, row, scalar, setting, site

BASE = "/open_api/v1.3/"
api = Blueprint("api", __name__, url_prefix="/open_api/v1.3")


class Refusal(Exception):  # noqa: N818 - it is TikTok's answer, not a fault of ours
    """TikTok says no: a code of docs/tiktok-api.md 5.3 and its text, sent with HTTP 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refusal:
    """A parameter is wrong; no retry will help."""
    return Refusal(40002, message)


def missing(what: str) -> Refusal:
    """The object that was named does not exist for this account."""
    return Refusal(40007, f"The {what} does not exist.")


def envelope(code: int, message: str, data: Any) -> Response:
    """The shape of every answer, success or not."""
    request_id = new_request_id()
    answer = jsonify({"code": code, "message": message, "request_id": request_id, "data": data})
    answer.headers["X-TT-LOGID"] = request_id
    return answer


def not_found() -> Response:
    """What the gateway says to a path that it does not know, or that lacks its last slash."""
    return Response("404 page not found", 404, content_type="text/plain; charset=utf-8")


def refuse_missing_slash() -> Response | None:
    """TikTok never redirects to the path with a slash, so neither may the router."""
    if request.path.startswith("/open_api/") and not request.path.endswith("/"):
        return not_found()
    return None


def plain_http_error(error: HTTPException) -> Response | HTTPException:
    """Wrong path or method: such a request never reached the API and gets no envelope."""
    if not request.path.startswith("/open_api/"):
        return error
    return not_found() if error.code == 404 else Response(error.name, error.code, content_type="text/plain")


@api.errorhandler(Refusal)
def refused(refusal: Refusal) -> Response:
    """Refusals travel with HTTP 200."""
    return envelope(refusal.code, refusal.message, {})


Endpoint = Callable[[], dict[str, Any]]


def endpoint(method: str, path: str) -> Callable[[Endpoint], Endpoint]:
    """Serve a function's result in the envelope, without an access token."""

    def register(answer: Endpoint) -> Endpoint:
        @functools.wraps(answer)
        def view() -> Response:
            return envelope(0, "OK", answer())

        api.add_url_rule(f"/{path}", view_func=view, methods=[method], endpoint=answer.__name__)
        return answer

    return register


def account_endpoint(method: str, path: str, *, scope: str | None = None) -> Callable[[Endpoint], Endpoint]:
    """Serve a function to the holder of an access token with this scope, for the token's own account."""

    def register(answer: Endpoint) -> Endpoint:
        @functools.wraps(answer)
        def checked() -> dict[str, Any]:
            g.token = live_token(request.headers.get("Access-Token", ""))
            if path.startswith("business/message/"):
                check_rate()
                check_business_account()
            if scope is not None:
                check_scope(scope)
            check_business_id()
            return answer()

        endpoint(method, path)(checked)
        return answer

    return register


def live_token(access_token: str) -> sqlite3.Row:
    """The token's row joined with its grant; refused if absent, unknown, revoked or expired."""
    if not access_token:
        raise Refusal(40104, "Access token is empty. Put it in the Access-Token header of the request.")
    found = row(
        "SELECT t.*, gr.business_id, gr.scope, gr.revoked_at FROM tokens t"
        " JOIN grants gr ON gr.id = t.grant_id WHERE t.access_token = ?",
        access_token,
    )
    if found is None or found["revoked_at"] is not None:
        raise Refusal(40105, "Access token is incorrect or has been revoked.")
    if found["access_expires_at"] <= now():
        raise Refusal(40102, "Access token has expired. Refresh it.")
    return found


def check_scope(scope: str) -> None:
    """Refuse what the account's owner has not ticked."""
    if scope not in g.token["scope"].split(","):
        raise Refusal(40001, f"No permission: the scope {scope} is not authorized.")


def check_business_account() -> None:
    """Messaging is for Business Accounts (docs/tiktok-api.md 1.0)."""
    if not scalar("SELECT is_business_account FROM accounts WHERE business_id = ?", g.token["business_id"]):
        raise Refusal(40001, "No permission: the account is not a Business Account.")


def check_business_id() -> None:
    """A token speaks for one account only."""
    business_id = parameter("business_id")
    if not business_id:
        raise invalid("Param business_id is required.")
    if business_id != g.token["business_id"]:
        raise Refusal(40001, "No permission: business_id does not belong to this access token.")


def check_rate() -> None:
    """Messaging calls per second, all accounts together (docs/tiktok-api.md 5.2); `qps` 0 is no limit."""
    limit = setting("qps")
    earlier = scalar(
        "SELECT count(*) FROM calls WHERE messaging AND at > ? AND id < ? AND code IS NOT 40100",
        now() - 1,
        request.environ["sandbox.call"],
    )
    if limit and earlier >= limit:
        raise Refusal(40100, "App reaches the QPS limit.")


def own_conversation(conversation_id: str) -> sqlite3.Row:
    """A conversation of the token's account. A space stands where a `+` was not percent-encoded."""
    if not conversation_id or " " in conversation_id:
        raise invalid("Param conversation_id is invalid.")
    found = row(
        "SELECT * FROM conversations WHERE conversation_id = ? AND business_id = ?",
        conversation_id,
        g.token["business_id"],
    )
    if found is None:
        raise missing("conversation")
    return found


def body() -> dict[str, Any]:
    """The request's JSON object."""
    content = request.get_json(force=True, silent=True)
    if not isinstance(content, dict):
        raise invalid("The request body is not a JSON object.")
    return content


def parameter(name: str) -> Any:
    """A parameter from where this kind of request carries it: query, form or JSON body."""
    if request.method == "GET":
        return request.args.get(name)
    if request.mimetype == "multipart/form-data":
        return request.form.get(name)
    return body().get(name)


def required(name: str) -> str:
    """A text parameter that must be there."""
    value = parameter(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"Param {name} is required.")
    return value


def whole_number(name: str, *, default: int, least: int, most: int) -> int:
    """A whole-number query parameter within its bounds."""
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise invalid(f"Param {name} is invalid.")
    return int(text)


def check_app(app_id: Any, secret: Any) -> None:
    """Refuse a wrong app id or secret."""
    if app_id != site().app_id or secret != site().app_secret:
        raise Refusal(40101, "App id or secret is incorrect.")
