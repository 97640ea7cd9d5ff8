"""A sandbox mounted as a WSGI app: no sockets, a clock that the test holds, webhooks caught in a list."""

import json
from dataclasses import dataclass, field

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sandbox.app import create_app
from sandbox.deliveries import deliver_due

APP_ID, SECRET = "7400000000000000001", "example_app_secret_0001"
BASE = "/open_api/v1.3/"
HOOK = "https://inbox.example.com/webhooks/tiktok/"


@dataclass
class Clock:
    now: float = 1785000000.0

    def __call__(self):
        return self.now


@dataclass
class Receiver:
    """The product's webhook, as TikTok sees it: answers come from `statuses`, then 200."""

    posts: list = field(default_factory=list)
    statuses: list = field(default_factory=list)

    def __call__(self, url, body, headers):
        self.posts.append((url, body, headers))
        return self.statuses.pop(0) if self.statuses else 200

    def events(self):
        found = []
        for _url, body, _headers in self.posts:
            envelope = json.loads(body)
            found.append((envelope["event"], json.loads(envelope["content"])))
        return found


@dataclass
class Tiktok:
    """Both doors of the sandbox: the API for an app, the control API for people."""

    app: object
    web: FlaskClient
    clock: Clock
    receiver: Receiver
    business_id: str = ""
    token: str = ""

    def get(self, path, /, **query) -> dict:
        return self.raw("GET", path, query_string=query).get_json()

    def post(self, path, /, **body) -> dict:
        return self.raw("POST", path, json=body).get_json()

    def raw(self, method, path, **options) -> TestResponse:
        headers = options.pop("headers", {"Access-Token": self.token} if self.token else {})
        return self.web.open(BASE + path, method=method, headers=headers, **options)

    def do(self, path, /, *, status=None, **body) -> dict:
        answer = self.web.post("/sandbox/api/" + path, json=body)
        assert answer.status_code in ((status,) if status else (200, 201)), answer.get_data(as_text=True)
        return answer.get_json()

    def see(self, path, /, **query) -> dict:
        answer = self.web.get("/sandbox/api/" + path, query_string=query)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def connect(self, account="kopi.corner", **body):
        tokens = self.do(f"accounts/{account}/tokens", **body)
        self.token, self.business_id = tokens["access_token"], tokens["open_id"]
        return tokens

    def writes(self, text="Hi", customer=1, **body) -> str:
        """The customer writes; returns the conversation_id."""
        body = {"account": self.business_id, "text": text, **body}
        return self.do(f"customers/{customer}/messages", **body)["conversation_id"]

    def send(self, conversation_id, words="Hello", /, **body) -> dict:
        if "message_type" not in body:
            body |= {"message_type": "TEXT", "text": {"body": words}}
        return self.post(
            "business/message/send/",
            **{
                "business_id": self.business_id,
                "recipient_type": "CONVERSATION",
                "recipient": conversation_id,
                **body,
            },
        )

    def wait(self, seconds):
        """Time passes; the app asks for a fresh token, for the old one may have expired."""
        self.clock.now += seconds
        self.connect()

    def deliver(self, at=None):
        return deliver_due(self.app, at)


@pytest.fixture
def tiktok(tmp_path) -> Tiktok:
    clock, receiver = Clock(), Receiver()
    app = create_app(
        database=tmp_path / "sandbox.sqlite3",
        app_id=APP_ID,
        app_secret=SECRET,
        public_url="http://sandbox.test",
        clock=clock,
        deliver=receiver,
    )
    found = Tiktok(app, app.test_client(), clock, receiver)
    found.do("settings", qps=0)
    found.do("webhooks", callback_url=HOOK)
    return found


@pytest.fixture
def connected(tiktok) -> Tiktok:
    tiktok.connect()
    return tiktok
