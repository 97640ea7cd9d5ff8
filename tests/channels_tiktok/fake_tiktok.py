"""A TikTok that answers with whatever a test tells it to: for odd replies only."""

import json
import threading
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter

API = "/open_api/v1.3"


def ok(**data):
    return {"code": 0, "message": "OK", "request_id": "REQ1", "data": data}


def refusal(code, message="No."):
    return {"code": code, "message": message, "request_id": "REQ1", "data": {}}


GRANT = {
    "access_token": "act.secret.1",
    "refresh_token": "rft.secret.1",
    "expires_in": 86400,
    "refresh_token_expires_in": 31536000,
    "open_id": "biz-1",
    "scope": "user.info.basic,user.info.username,user.account.type,"
    "message.list.read,message.list.send,message.list.manage",
}
PROFILE = {"username": "kopi.corner", "display_name": "Kopi Corner", "is_business_account": True}


class FakeTikTok(BaseAdapter):
    """Answers each path with its replies in turn; the last one goes on for ever.

    A reply is an envelope, `(status, body)`, an exception to raise, or a function of the request.
    """

    def __init__(self):
        super().__init__()
        self.replies = {}
        self.requests = []
        self.lock = threading.Lock()
        self.on("/tt_user/oauth2/token/", ok(**GRANT))
        self.on("/tt_user/oauth2/revoke/", ok())
        self.on("/tt_user/oauth2/refresh_token/", refusal(40107))
        self.on("/business/get/", ok(**PROFILE))
        self.on("/business/webhook/update/", ok())

    def on(self, path, *replies):
        self.replies[API + path if not path.startswith("http") else path] = list(replies)

    def asked(self, path):
        return [request for request in self.requests if urlsplit(request.url).path == API + path]

    def bodies(self, path):
        return [json.loads(request.body) for request in self.asked(path)]

    def query(self, path):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.asked(path)[-1].url).query).items()}

    def send(self, request, **kwargs):
        with self.lock:
            self.requests.append(request)
            address = urlsplit(request.url)
            replies = self.replies.get(address.path) or self.replies[f"https://{address.netloc}{address.path}"]
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if callable(reply) and not isinstance(reply, type):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        return self._response(request, *(reply if isinstance(reply, tuple) else (200, reply)))

    def _response(self, request, status, body, headers=None):
        response = requests.Response()
        response.request, response.url, response.status_code = request, request.url, status
        response.headers.update({"X-TT-LOGID": "LOG1", **(headers or {})})
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response._content_consumed = True
        return response

    def close(self):
        pass
