"""Ordered faults and the log of calls: docs/tiktok-api.md 9.10."""

import json
import threading

import pytest

from sandbox.deliveries import deliver_due


def sends(tiktok):
    return tiktok.see("calls", path="business/message/send")["calls"]


def count(tiktok, conversation_id):
    return sum(m["from"] == "business" for m in tiktok.see(f"threads/{conversation_id}")["messages"])


def test_next_call_answers_a_code_once(connected):
    conversation_id = connected.writes()
    connected.do("faults", path="business/message/send", kind="code", code=40100)
    assert connected.send(conversation_id)["code"] == 40100
    assert connected.send(conversation_id)["code"] == 0
    assert count(connected, conversation_id) == 1


def test_next_n_calls_to_a_pattern(connected):
    connected.do("faults", path="business/message/*", kind="code", code=51065, count=2)
    conversation_id = connected.writes()
    assert connected.get("business/get/", business_id=connected.business_id)["code"] == 0
    assert [connected.send(conversation_id)["code"] for _ in range(3)] == [51065, 51065, 0]


@pytest.mark.parametrize("after", [False, True])
def test_html_5xx(connected, after):
    conversation_id = connected.writes()
    connected.do("faults", path="business/message/send", kind="http_status", http_status=503, after=after)
    answer = connected.raw(
        "POST",
        "business/message/send/",
        json={
            "business_id": connected.business_id,
            "recipient_type": "CONVERSATION",
            "recipient": conversation_id,
            "message_type": "TEXT",
            "text": {"body": "Hi"},
        },
    )
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert count(connected, conversation_id) == after


@pytest.mark.parametrize(
    ("kind", "error", "done"),
    [
        ("hang_after", TimeoutError, 1),
        ("hang_before", TimeoutError, 0),
        ("reset_after", ConnectionResetError, 1),
        ("reset_before", ConnectionResetError, 0),
    ],
)
def test_no_answer_at_all(connected, kind, error, done):
    conversation_id = connected.writes()
    connected.do("faults", path="business/message/send", kind=kind, seconds=0)
    with pytest.raises(error):
        connected.send(conversation_id, "Did it arrive?")
    assert count(connected, conversation_id) == done
    (call,) = sends(connected)
    assert (call["fault"], call["done"], call["text"]) == (kind, bool(done), "Did it arrive?")


def test_empty_message_id_garbage_and_slow(connected):
    conversation_id = connected.writes()
    for kind in ("empty_message_id", "garbage", "slow"):
        connected.do("faults", path="business/message/send", kind=kind, seconds=0)
    first = connected.send(conversation_id)
    assert (first["code"], first["data"]["message"]["message_id"]) == (0, "")
    body = {
        "business_id": connected.business_id,
        "recipient_type": "CONVERSATION",
        "recipient": conversation_id,
        "message_type": "TEXT",
        "text": {"body": "Hi"},
    }
    garbage = connected.raw("POST", "business/message/send/", json=body)
    assert garbage.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(garbage.get_data())
    assert connected.send(conversation_id)["code"] == 0
    assert count(connected, conversation_id) == 3


def test_faults_are_listed_and_withdrawn(connected):
    fault = connected.do("faults", kind="garbage", count=5)
    assert [f["remaining"] for f in connected.see("faults")["faults"]] == [5]
    connected.web.delete(f"/sandbox/api/faults/{fault['id']}")
    assert connected.see("faults")["faults"] == []
    connected.do("faults", status=400, kind="explode")


def test_calls_tell_what_was_sent_and_what_came_back(connected):
    conversation_id = connected.writes()
    good = connected.send(conversation_id, "One")
    connected.send("unknown+/==", "Two")
    first, second = sends(connected)
    assert (first["text"], first["code"], first["done"]) == ("One", 0, True)
    assert first["message_id"] == good["data"]["message"]["message_id"]
    assert (second["code"], second["message_id"]) == (40007, None)
    assert first["request"]["recipient"] == conversation_id
    connected.web.delete("/sandbox/api/calls")
    assert connected.see("calls")["calls"] == []


def test_parallel_sends_never_pass_the_quota(connected):
    conversation_id = connected.writes()
    codes = []

    def send():
        body = {
            "business_id": connected.business_id,
            "recipient_type": "CONVERSATION",
            "recipient": conversation_id,
            "message_type": "TEXT",
            "text": {"body": "Hi"},
        }
        headers = {"Access-Token": connected.token}
        answer = connected.app.test_client().post(
            "/open_api/v1.3/business/message/send/", json=body, headers=headers
        )
        codes.append(answer.get_json()["code"])

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0] * 10 + [40064] * 6
    assert deliver_due(connected.app) == 11


def test_reset(connected):
    conversation_id = connected.writes()
    connected.do("faults", kind="garbage")
    connected.do("reset", keep_connections=True)
    assert connected.web.get(f"/sandbox/api/threads/{conversation_id}").status_code == 404
    assert connected.see("faults")["faults"] == []
    assert connected.get("business/get/", business_id=connected.business_id)["code"] == 0
    connected.do("reset")
    assert connected.get("business/get/", business_id=connected.business_id)["code"] == 40105
    assert connected.see("webhooks")["callback_url"] is None


def test_new_accounts_and_customers(tiktok):
    account = tiktok.do(
        "accounts", username="teh.tarik", display_name="Teh Tarik", country="my", business_id="-000X"
    )
    assert (account["business_id"], account["country"], account["connected"]) == ("-000X", "MY", False)
    tiktok.do("accounts", status=400, username="teh.tarik")
    person = tiktok.do("customers", display_name="Siti Nur", country="my")
    assert person["username"] == "siti.nur"
    assert tiktok.do("customers", display_name="Siti Nur")["username"] == "siti.nur2"
    tiktok.do("customers", status=400, display_name="")
    tiktok.do("customers", status=400, display_name="X", country="Malaysia")
    tiktok.do("customers/99/messages", status=400, account="-000X", text="x")


def test_phone_state(connected):
    connected.writes("Hi")
    state = connected.see("phone", account=connected.business_id, customer=1)
    assert state["thread"]["messages"][0]["text"] == "Hi"
    assert state["customers"][0]["last"] == "Hi"
    assert state["webhooks"]["waiting"] == 1
    page = connected.web.get("/", follow_redirects=True)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
