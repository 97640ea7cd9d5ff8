"""Tokens: exchange, refresh with rotation, revoke, info (docs/tiktok-api.md 1.3 to 1.6)."""

import sqlite3
from typing import Any

from sandbox.api import Refusal, body, check_app, endpoint, live_token, required
from sandbox.identifiers import letters
from sandbox.store import now, row, run, site, transaction

CODE_LIFETIME = 600  # seconds
ACCESS_LIFETIME = 86400  # seconds
REFRESH_LIFETIME = 365 * 86400  # seconds, counted from the grant and never extended


@endpoint("POST", "tt_user/oauth2/token/")
def exchange() -> dict[str, Any]:
    """A code from the consent page for the first pair of tokens; a code works once and for 10 minutes."""
    check_client("authorization_code")
    with transaction():
        grant = row("SELECT * FROM grants WHERE auth_code = ?", required("auth_code"))
        if grant is None or grant["code_used_at"] is not None or grant["revoked_at"] is not None:
            raise Refusal(40110, "Auth code is incorrect, or has been used or cancelled.")
        if grant["granted_at"] + CODE_LIFETIME <= now():
            raise Refusal(40110, "Auth code has expired.")
        if body().get("redirect_uri") != grant["redirect_uri"]:
            raise Refusal(40110, "redirect_uri does not match the one of the authorization.")
        run("UPDATE grants SET code_used_at = ? WHERE id = ?", now(), grant["id"])
        return issue(grant, refresh_expires_at=now() + REFRESH_LIFETIME)


@endpoint("POST", "tt_user/oauth2/refresh_token/")
def refresh() -> dict[str, Any]:
    """A refresh token for a new pair. The old one dies here; the year goes on counting from the grant."""
    check_client("refresh_token")
    with transaction():
        old = row("SELECT * FROM tokens WHERE refresh_token = ?", required("refresh_token"))
        grant = row("SELECT * FROM grants WHERE id = ?", old["grant_id"]) if old else None
        if old is None or grant is None or old["rotated_at"] is not None or grant["revoked_at"] is not None:
            raise Refusal(40107, "Refresh token is invalid.")
        if old["refresh_expires_at"] <= now():
            raise Refusal(40103, "Refresh token has expired. The account's owner must authorize again.")
        run("UPDATE tokens SET rotated_at = ? WHERE refresh_token = ?", now(), old["refresh_token"])
        return issue(grant, refresh_expires_at=old["refresh_expires_at"])


@endpoint("POST", "tt_user/oauth2/revoke/")
def revoke() -> dict[str, Any]:
    """End a grant: its access and refresh tokens stop working at once."""
    check_app(body().get("client_id"), body().get("client_secret"))
    token = live_token(required("access_token"))
    run("UPDATE grants SET revoked_at = ? WHERE id = ?", now(), token["grant_id"])
    return {}


@endpoint("POST", "tt_user/token_info/get/")
def token_info() -> dict[str, Any]:
    """Whose token it is and what it may do; asks for no secret."""
    if required("app_id") != site().app_id:
        raise Refusal(40113, "The app is unknown, or the token belongs to another app.")
    token = live_token(required("access_token"))
    return {"app_id": site().app_id, "creator_id": token["business_id"], "scope": token["scope"]}


def check_client(grant_type: str) -> None:
    """Refuse a wrong app, a wrong secret or another grant type."""
    check_app(required("client_id"), required("client_secret"))
    if required("grant_type") != grant_type:
        raise Refusal(40108, f"Unsupported grant_type; use {grant_type}.")


def issue(grant: sqlite3.Row, *, refresh_expires_at: float) -> dict[str, Any]:
    """A new pair of tokens; lifetimes in the answer are the seconds that remain."""
    access_token, refresh_token = f"act.{letters(48)}", f"rft.{letters(48)}"
    run(
        "INSERT INTO tokens (access_token, refresh_token, grant_id, access_expires_at, refresh_expires_at)"
        " VALUES (?, ?, ?, ?, ?)",
        access_token,
        refresh_token,
        grant["id"],
        now() + ACCESS_LIFETIME,
        refresh_expires_at,
    )
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": ACCESS_LIFETIME,
        "refresh_token": refresh_token,
        "refresh_token_expires_in": int(refresh_expires_at - now()),
        "open_id": grant["business_id"],
        "scope": grant["scope"],
    }
