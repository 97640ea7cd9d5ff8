"""The page on which an account's owner lets an app in (docs/tiktok-api.md 1.1 and 1.2)."""

from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from sandbox.addresses import redirect_problem
from sandbox.identifiers import letters
from sandbox.pictures import avatar_url
from sandbox.store import now, row, rows, run, site

consent = Blueprint("consent", __name__)

# What each scope lets an app do, in the words of the page.
SCOPES = {
    "user.info.basic": "Read your display name and profile picture",
    "user.info.username": "Read your username",
    "user.account.type": "See whether this is a Business Account",
    "user.info.profile": "Read your bio, profile link and verification",
    "user.info.stats": "Read your follower, like and video counts",
    "user.insights": "Read the insights of your account",
    "video.list": "See your public posts",
    "comment.list": "Read comments on your posts",
    "comment.list.manage": "Reply to comments and manage them",
    "message.list.read": "Read your direct messages",
    "message.list.send": "Send direct messages for you",
    "message.list.manage": "Manage automatic messages and message settings",
}


@consent.route("/v2/auth/authorize", methods=["GET", "POST"], strict_slashes=False)
@consent.route("/v2/auth/authorize/", methods=["GET", "POST"])
def authorize() -> Response | str | tuple[str, int]:
    """Show the consent page, or send the browser back with the owner's answer."""
    problem = request_problem()
    if problem:
        return render_template("consent_error.html", problem=problem), 400
    if request.method == "POST":
        return allow() if request.form.get("answer") == "authorize" else deny()
    if request.args.get("disable_auto_auth") != "1" and granted_before():
        # TikTok's own quirk: who has agreed before is sent straight back, without a code.
        return back({})
    return page()


def page(problem: str = "") -> str:
    """The consent page itself."""
    accounts = [
        {**dict(account), "avatar": avatar_url(account["business_id"], account["display_name"])}
        for account in rows("SELECT * FROM accounts ORDER BY rowid")
    ]
    scopes = [(name, SCOPES[name]) for name in wanted_scopes()]
    return render_template("consent.html", accounts=accounts, scopes=scopes, problem=problem)


def wanted_scopes() -> list[str]:
    """The scopes in the request, each once, in its order."""
    names = (name.strip() for name in request.args.get("scope", "").split(","))
    return list(dict.fromkeys(name for name in names if name))


def request_problem() -> str | None:
    """Why no consent can be asked for, in a sentence, or None."""
    if request.args.get("client_key") != site().app_id:
        return "This app is unknown. Check client_key."
    if request.args.get("response_type") != "code":
        return "response_type must be code."
    reason = redirect_problem(request.args.get("redirect_uri", ""))
    if reason:
        return f"redirect_uri {reason}."
    unknown = [name for name in wanted_scopes() if name not in SCOPES]
    if unknown or not wanted_scopes():
        return f"Unknown scope: {', '.join(unknown)}." if unknown else "scope is required."
    return None


def granted_before() -> bool:
    """Whether some account has agreed to the same scopes and not taken it back."""
    earlier = rows("SELECT requested_scope FROM grants WHERE revoked_at IS NULL AND code_used_at IS NOT NULL")
    return any(set(found[0].split(",")) == set(wanted_scopes()) for found in earlier)


def allow() -> Response | tuple[str, int]:
    """Write the grant down and send the browser back with a code."""
    business_id = request.form.get("business_id", "")
    ticked = [name for name in wanted_scopes() if name in request.form.getlist("scope")]
    if row("SELECT 1 FROM accounts WHERE business_id = ?", business_id) is None:
        return page("Choose an account."), 400
    if not ticked:
        return page("Tick at least one permission, or deny."), 400
    code = letters(40)
    run(
        "INSERT INTO grants (business_id, scope, requested_scope, redirect_uri, auth_code, granted_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        business_id,
        ",".join(ticked),
        ",".join(wanted_scopes()),
        request.args["redirect_uri"],
        code,
        now(),
    )
    return back({"code": code, "scopes": ",".join(ticked)})


def deny() -> Response:
    """Send the browser back with a refusal."""
    return back(
        {
            "error": "access_denied",
            "error_code": "-2",
            "error_description": "The user has denied the authorization.",
        }
    )


def back(answer: dict[str, str]) -> Response:
    """To the app's redirect address, with its `state` unchanged."""
    if "state" in request.args:
        answer = {**answer, "state": request.args["state"]}
    return redirect(f"{request.args['redirect_uri']}?{urlencode(answer)}")
