"""The local TikTok as one WSGI app: run by `manage.py sandbox`, or mounted into tests without sockets."""

import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from sandbox import ads, api, lists, oauth, profile, sending, webhooks
from sandbox.ads_pages import ads_pages
from sandbox.calls import RecordedCalls
from sandbox.consent import consent
from sandbox.control import control
from sandbox.customer import people
from sandbox.deliveries import post
from sandbox.media import downloads
from sandbox.owner import owner
from sandbox.phone import phone
from sandbox.pictures import cdn
from sandbox.seeds import plant
from sandbox.store import Deliver, Site, prepare

# These modules hang their endpoints onto `api.api` when they are imported.
ENDPOINTS = (ads, lists, oauth, profile, sending, webhooks)
POLICY = "default-src 'self'; img-src 'self' blob: data:; form-action *; frame-ancestors 'none'"


def create_app(
    *,
    database: Path | str,
    app_id: str,
    app_secret: str,
    public_url: str,
    clock: Callable[[], float] | None = None,
    deliver: Deliver | None = None,
) -> Flask:
    """A sandbox over one SQLite file.

    `public_url` is the sandbox's own origin, `clock` gives seconds, `deliver(url, body, headers)`
    posts a webhook and returns the HTTP status (0: unreachable). Nothing leaves by itself: call
    `deliveries.deliver_due(app)`, or `deliveries.start(app)` for a background thread.
    """
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # fields stay in the order they were asked for
    app.extensions["sandbox"] = Site(
        database=Path(database),
        app_id=app_id,
        app_secret=app_secret,
        public_url=public_url.rstrip("/"),
        clock=clock or time.time,
        deliver=deliver or post,
    )
    prepare(app)
    with app.app_context():
        plant()
    app.before_request(api.refuse_missing_slash)
    app.register_error_handler(HTTPException, api.plain_http_error)
    for blueprint in (api.api, consent, downloads, cdn, people, owner, control, phone, ads_pages):
        app.register_blueprint(blueprint)
    app.after_request(guard)
    app.wsgi_app = RecordedCalls(app, app.wsgi_app)  # type: ignore[method-assign]
    return app


def guard(response: Response) -> Response:
    """Pages load nothing from elsewhere and run nothing inline."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
