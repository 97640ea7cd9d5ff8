"""The sandbox, mounted into the product's HTTP client and its webhook: real requests, no sockets."""

import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import urllib3
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from requests.adapters import BaseAdapter
from werkzeug.test import EnvironBuilder, run_wsgi_app

from channels_tiktok import connecting, connecting_ads
from channels_tiktok.models import AdAccount, AdGrant, Channel, Credential
from sandbox.app import create_app
from sandbox.deliveries import deliver_due
from sandbox.store import rows
from tests.factories import NOW

ORIGIN = "http://tiktok.test"


class WsgiAdapter(BaseAdapter):
    """Carries requests to a WSGI app. What the app raises reaches the client as the network would show it."""

    def __init__(self, app: Any) -> None:
        super().__init__()
        self.app = app

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):  # noqa: ARG002
        builder = EnvironBuilder.from_environ(
            EnvironBuilder(
                path=request.path_url.split("?")[0],
                query_string=request.path_url.partition("?")[2],
                base_url=ORIGIN,
                method=request.method,
                headers=list(request.headers.items()),
                data=request.body or b"",
            ).get_environ()
        )
        try:
            content, status, headers = run_wsgi_app(self.app, builder.get_environ(), buffered=True)
        except ConnectionResetError as error:
            broken = urllib3.exceptions.ProtocolError("Connection aborted.", error)
            raise requests.ConnectionError(broken, request=request) from error
        except TimeoutError as error:
            raise requests.ReadTimeout(str(error), request=request) from error
        response = requests.Response()
        response.status_code = int(status.split()[0])
        response.headers.update(headers)
        response.raw = urllib3.HTTPResponse(io.BytesIO(b"".join(content)), preload_content=False)
        response.request, response.url = request, request.url
        return response

    def close(self) -> None:
        """Nothing is held open."""


class LocalTikTok:
    """The sandbox as tests use it: its control API in plain words."""

    def __init__(self, database: Path, now: Callable[[], datetime]) -> None:
        self.now = now
        self.app = create_app(
            database=database,
            app_id=settings.TIKTOK_APP_ID,
            app_secret=settings.TIKTOK_APP_SECRET,
            public_url=ORIGIN,
            clock=lambda: self.now().timestamp(),
            deliver=self._post,
        )
        self.browser = self.app.test_client()
        self.webhooks = Client()

    def session(self) -> requests.Session:
        """A session whose requests to ORIGIN reach the sandbox, and whose others go nowhere."""
        session = requests.Session()
        session.adapters.clear()
        session.mount(ORIGIN, WsgiAdapter(self.app))
        return session

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        path = url.removeprefix(settings.PUBLIC_URL)
        answer = self.webhooks.post(path, data=body, content_type="application/json", headers=headers)
        return answer.status_code

    def control(self, path: str, /, **body: Any) -> Any:
        """POST to the control API; give its JSON."""
        answer = self.browser.post(f"/sandbox/api{path}", json=body)
        assert answer.status_code < 400, answer.text
        return answer.json

    def look(self, path: str) -> Any:
        """GET from the control API."""
        return self.browser.get(f"/sandbox/api{path}").json

    def connect(self, username: str = "kopi.corner", *, name: str = "Kopi Corner") -> Channel:
        """A channel connected with tokens that the sandbox gave for `username`."""
        tokens = self.control(f"/accounts/{username}/tokens")
        credential = Credential.objects.create(
            business_id=tokens["open_id"],
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            access_expires_at=NOW.replace(year=NOW.year + 1),
            refresh_expires_at=NOW.replace(year=NOW.year + 1),
            scopes=tokens["scope"],
            refreshed_at=NOW,
        )
        self.control("/webhooks", callback_url=f"{settings.PUBLIC_URL}/webhooks/tiktok/")
        return Channel.objects.create(
            business_id=tokens["open_id"],
            username=username,
            display_name="Kopi Corner",
            name=name,
            status=Channel.Status.CONNECTED,
            credential=credential,
            connected_at=NOW,
        )

    def connect_ads(self, *channels: Channel, **fields: Any) -> AdAccount:
        """An ad account connected with a token that the sandbox gave, its leads subscribed to."""
        given = self.control("/ads/tokens", **({"scope": fields.pop("scope")} if "scope" in fields else {}))
        listed = self.look("/ads")["advertisers"]
        grant = AdGrant.objects.create(
            access_token=given["access_token"],
            advertisers=[{"id": one["advertiser_id"], "name": one["name"]} for one in listed],
            scopes="12000000,5",
            granted_at=NOW,
        )
        account = connecting_ads.connect(
            grant=grant, advertiser_id=listed[0]["advertiser_id"], user=None, at=self.now()
        )
        values = {
            "event_set_id": listed[0]["event_sets"][0]["event_set_id"],
            "event_set_name": "Coffee orders",
            "lower_funnel_events": True,
            **fields,
        }
        AdAccount.objects.filter(pk=account.pk).update(**values)
        account.channels.set(channels)
        account.refresh_from_db()
        return account

    def submit(self, answers: dict[str, str], *, form: str = "7100000000000000051", **fields: Any) -> str:
        """Somebody submits a lead form; give TikTok's id of the lead."""
        return str(self.control("/ads/leads", page_id=form, answers=answers, **fields)["lead_id"])

    def events(self) -> list[dict[str, Any]]:
        """The events that TikTok Ads has taken, oldest first."""
        return list(reversed(self.look("/ads")["events"]))

    def consent(self, business_id: str, *, at: datetime, user: User | None = None) -> Channel:
        """The account's owner agrees on the sandbox's page: how staff connect an account, or connect it again."""
        page = urlsplit(connecting.begin(user=user, at=at))
        scopes = dict(parse_qsl(page.query))["scope"].split(",")
        agreed = self.browser.post(
            f"{page.path}?{page.query}", data={"business_id": business_id, "scope": scopes, "answer": "authorize"}
        )
        back = dict(parse_qsl(urlsplit(agreed.headers["Location"]).query))
        told = {"state": back["state"], "code": back["code"], "error": "", "error_description": ""}
        return connecting.finish(**told, user=user, at=at)

    def tokens(self) -> set[str]:
        """Every access and refresh token that the sandbox has ever given."""
        with self.app.app_context():
            return {token for found in rows("SELECT access_token, refresh_token FROM tokens") for token in found}

    def customer(self, display_name: str = "Ayu", **fields: Any) -> int:
        """A customer with a phone; give the sandbox's number for it."""
        return self.control("/customers", display_name=display_name, **fields)["id"]

    def write(self, customer: int, text: str = "Hi", account: str = "kopi.corner", **fields: Any) -> Any:
        """The customer writes to `account`."""
        body = {"account": account, "kind": "text", "text": text, **fields}
        return self.control(f"/customers/{customer}/messages", **body)

    def no_webhooks(self) -> None:
        """Deliver nothing: only the lists tell what happens."""
        self.deliver = lambda: 0  # type: ignore[method-assign]

    def media_of(self, media_id: str) -> bytes:
        """The file behind a media id, as the phone shows it."""
        return self.browser.get(f"/sandbox/api/media/{media_id}").data

    def fault(self, kind: str, path: str = "business/message/send", **fields: Any) -> None:
        """Order a fault for the next call to `path`."""
        self.control("/faults", kind=kind, path=path, **fields)

    def deliver(self) -> int:
        """Deliver the webhooks that are due."""
        return deliver_due(self.app)

    def sends(self) -> list[str]:
        """The texts of the sends that TikTok carried out, in order, whatever the caller saw."""
        calls = self.look("/calls?path=business/message/send")["calls"]
        return [call["text"] for call in calls if call["done"] and call["code"] == 0]
