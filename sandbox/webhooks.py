"""Where webhooks go: one address per app and event type (docs/tiktok-api.md 3.9)."""

from typing import Any

from flask import request

from sandbox.addresses import callback_problem
from sandbox.api import body, check_app, endpoint, invalid
from sandbox.store import run, scalar

EVENT_TYPES = {"DIRECT_MESSAGE", "COMMENT", "VIDEO", "BRAND_MENTION"}


@endpoint("POST", "business/webhook/update/")
def webhook_update() -> dict[str, Any]:
    """Create or overwrite the address."""
    configured = checked(body())
    callback_url = body().get("callback_url")
    problem = callback_problem(callback_url)
    if problem:
        raise invalid(f"Param callback_url {problem}.")
    register(configured["event_type"], str(callback_url))
    return configured | {"callback_url": callback_url}


@endpoint("GET", "business/webhook/list/")
def webhook_list() -> dict[str, Any]:
    """The address; without one, `callback_url` is missing from the answer."""
    configured = checked(request.args)
    callback_url = callback_of(configured["event_type"])
    return configured | ({"callback_url": callback_url} if callback_url else {})


@endpoint("POST", "business/webhook/delete/")
def webhook_delete() -> dict[str, Any]:
    """Forget the address."""
    configured = checked(body())
    run("DELETE FROM webhooks WHERE event_type = ?", configured["event_type"])
    return configured


def checked(given: Any) -> dict[str, Any]:
    """App id and event type, after the secret was found right."""
    check_app(given.get("app_id"), given.get("secret"))
    if given.get("event_type") not in EVENT_TYPES:
        raise invalid("Param event_type is invalid.")
    return {"app_id": given["app_id"], "event_type": given["event_type"]}


def register(event_type: str, callback_url: str) -> None:
    """Keep an address."""
    run("INSERT OR REPLACE INTO webhooks VALUES (?, ?)", event_type, callback_url)


def callback_of(event_type: str) -> str | None:
    """The address, or None."""
    found: str | None = scalar("SELECT callback_url FROM webhooks WHERE event_type = ?", event_type)
    return found
