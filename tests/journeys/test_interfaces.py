"""The main job through the outer interfaces alone: consent, webhook, REST, worker, TikTok's wire."""

import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from tests.journeys.conftest import PASSWORD


class Browser:
    """A person's browser without a screen: cookies, forms, redirects."""

    def __init__(self) -> None:
        jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def get(self, url: str) -> tuple[str, str]:
        with self.opener.open(url, timeout=30) as page:
            return page.url, page.read().decode()

    def submit(self, url: str, **fields: object) -> tuple[str, str]:
        pairs = [
            (name, item)
            for name, value in fields.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        request = urllib.request.Request(
            url, data=urllib.parse.urlencode(pairs).encode(), headers={"Referer": url}
        )
        with self.opener.open(request, timeout=30) as page:
            return page.url, page.read().decode()


class Api:
    """A program that calls our REST API."""

    def __init__(self, product, token: str) -> None:
        self.root, self.headers = f"{product.url}/api/v1", {"Authorization": f"Token {token}"}

    def __call__(self, path: str, body: object = None, **headers: str):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.root}{path}", data=data, headers={**self.headers, **headers})
        if data:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


def wait_for(look, *, seconds: float = 20):
    """Give what `look` finds as soon as it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.1)
    pytest.fail("It did not come to pass in time.")


def hidden_fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page))


@pytest.fixture(scope="module")
def api(product) -> Api:
    line = product.manage("drf_create_token", "admin")
    return Api(product, re.search(r"token (\w+)", line).group(1))


@pytest.fixture(scope="module")
def channel(product, api):
    """Connected as staff would: log in, consent on TikTok's page, come back."""
    browser = Browser()
    url, page = browser.get(f"{product.url}/admin/login/?next=/channels/tiktok/connect/")
    url, page = browser.submit(url, username="admin", password=PASSWORD, **hidden_fields(page))
    assert url.startswith(product.phone_url), url
    accounts = {a["username"]: a["business_id"] for a in product.look("/accounts")["accounts"]}
    scopes = re.findall(r'name="scope"[^>]*value="([^"]+)"', page) or re.findall(
        r'value="([\w.]+)"[^>]*name="scope"', page
    )
    consent = {"business_id": accounts["kopi.corner"], "scope": scopes, "answer": "authorize"}
    url, page = browser.submit(url, **consent)
    assert url.startswith(f"{product.url}/admin/"), page[:500]
    status, channels = api("/channels/")
    assert [c["status"] for c in channels["results"]] == ["connected"]
    return channels["results"][0]


def is_rinas(conversation):
    return conversation["contact"]["username"] == "rina.k"


def test_a_customer_writes_a_program_answers_and_the_customer_has_the_answer(product, api, channel):
    customer = product.phone("/customers", display_name="Rina", username="rina.k")["id"]
    product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="text", text="Is it in stock?")
    conversation = wait_for(lambda: [c for c in api("/conversations/")[1]["results"] if is_rinas(c)])[0]
    assert conversation["last_message"]["text"] == "Is it in stock?"
    assert (conversation["window"]["replies_left"], conversation["window"]["can_reply"]) == (10, True)

    path = f"/conversations/{conversation['id']}/messages/"
    key = {"Idempotency-Key": "order-1"}
    status, reply = api(path, {"text": "Yes, it is."}, **key)
    assert (status, reply["state"]) == (201, "queued")
    assert api(path, {"text": "Yes, it is."}, **key)[1]["id"] == reply["id"]
    sent = wait_for(lambda: [m for m in api(path)[1]["results"] if m["state"] == "sent"])
    assert sent[0]["tiktok_message_id"]
    calls = product.look("/calls?path=business/message/send")["calls"]
    assert [call["text"] for call in calls] == ["Yes, it is."]

    for number in range(2, 11):
        assert api(path, {"text": f"line {number}"})[0] == 201
    status, refusal = api(path, {"text": "one too many"})
    assert (status, refusal["code"]) == (409, "quota_used")
    wait_for(lambda: len([m for m in api(path)[1]["results"] if m["state"] == "sent"]) == 10)

    product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="text", text="Thanks")
    wait_for(lambda: api(f"/conversations/{conversation['id']}/")[1]["window"]["replies_left"] == 10)
    assert api(path, {"text": "You're welcome"})[0] == 201
