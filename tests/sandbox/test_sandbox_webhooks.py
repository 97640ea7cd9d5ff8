"""Webhooks: docs/tiktok-api.md 3.9, 4 and 9.8."""

import hashlib
import hmac
import json

import pytest

from sandbox.deliveries import sign

APP_ID, SECRET = "7400000000000000001", "example_app_secret_0001"
HOOK = "https://inbox.example.com/webhooks/tiktok/"
HOUR = 3600


def valid(post):
    _url, body, headers = post
    parts = dict(part.split("=", 1) for part in headers["Tiktok-Signature"].split(","))
    expected = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return parts["s"] == expected


def texts(tiktok):
    return [content["text"]["body"] for _name, content in tiktok.receiver.events()]


def test_signature_vector():
    body = (
        b'{"client_key":"7400000000000000001","event":"im_mark_read_msg","create_time":1785000000,'
        b'"user_openid":"-000BIZexample","content":"{}"}'
    )
    assert len(body) == 134
    signed = sign("example_app_secret_0001", 1785000000, body)
    expected = "6cff6941f10236cd1ef3223c5e363229c8378675dcdea52114f43a3470336ab6"
    assert signed == f"t=1785000000,s={expected}"


def test_configuration(tiktok):
    who = {"app_id": APP_ID, "secret": SECRET, "event_type": "DIRECT_MESSAGE"}
    assert tiktok.post("business/webhook/delete/", **who)["code"] == 0
    assert "callback_url" not in tiktok.get("business/webhook/list/", **who)["data"]
    made = tiktok.post("business/webhook/update/", **who, callback_url=HOOK)
    assert made["data"] == {"app_id": APP_ID, "event_type": "DIRECT_MESSAGE", "callback_url": HOOK}
    assert tiktok.get("business/webhook/list/", **who)["data"]["callback_url"] == HOOK
    assert tiktok.get("business/webhook/list/", **who | {"secret": "x"})["code"] == 40101
    assert tiktok.get("business/webhook/list/", **who | {"event_type": "x"})["code"] == 40002


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", 40002),
        ("http://inbox.example.com/w/", 40002),
        ("ftp://x/", 40002),
        ("http://127.0.0.1:8000/webhooks/tiktok/", 0),
        ("http://localhost:8000/webhooks/tiktok/", 0),
    ],
)
def test_callback_addresses(tiktok, url, code):
    who = {"app_id": APP_ID, "secret": SECRET, "event_type": "DIRECT_MESSAGE"}
    assert tiktok.post("business/webhook/update/", **who, callback_url=url)["code"] == code


def test_envelope_and_headers(connected):
    conversation_id = connected.writes("Hi")
    assert connected.deliver() == 1
    url, body, headers = connected.receiver.posts[0]
    envelope = json.loads(body)
    content = json.loads(envelope.pop("content"))
    assert url == HOOK
    assert envelope == {
        "client_key": APP_ID,
        "event": "im_receive_msg",
        "create_time": 1785000000,
        "user_openid": connected.business_id,
    }
    assert valid(connected.receiver.posts[0])
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-schema-version"] == "1.0"
    assert headers["x-tt-logid"]
    assert content["conversation_id"] == conversation_id
    assert content["type"] == "text"
    assert (content["from"], content["to"]) == ("ayu_22", "kopi.corner")
    assert content["from_user"] == {"id": content["unique_identifier"], "role": "personal_account"}
    assert content["is_follower"] is True
    assert content["scene_type"] == 0


def test_nothing_leaves_for_an_account_that_is_not_connected(tiktok):
    tiktok.business_id = "kopi.corner"
    tiktok.writes("Anybody?")
    assert tiktok.deliver() == 0


def test_no_address_no_webhook(connected):
    connected.post("business/webhook/delete/", app_id=APP_ID, secret=SECRET, event_type="DIRECT_MESSAGE")
    connected.writes("Lost")
    connected.deliver()
    assert connected.receiver.posts == []
    assert connected.see("deliveries")["deliveries"][0]["outcome"] == "no address"


def test_retry_with_growing_pauses_same_body_fresh_time(connected):
    connected.receiver.statuses = [500, 0]
    connected.writes("Hi")
    assert connected.deliver() == 1
    assert connected.deliver() == 0
    connected.clock.now += 5
    assert connected.deliver() == 1
    connected.clock.now += 5
    assert connected.deliver() == 0
    connected.clock.now += 5
    assert connected.deliver() == 1
    bodies = {post[1] for post in connected.receiver.posts}
    assert len(connected.receiver.posts) == 3
    assert len(bodies) == 1
    assert all(valid(post) for post in connected.receiver.posts)
    assert connected.see("deliveries")["deliveries"][0]["outcome"] == "delivered"


def test_discarded_after_72_hours(connected):
    connected.receiver.statuses = [503] * 1000
    connected.writes("Hi")
    start = connected.clock.now
    while connected.see("webhooks")["waiting"]:
        connected.deliver()
        last = connected.clock.now
        connected.clock.now += HOUR
    assert connected.see("deliveries")["deliveries"][0]["outcome"] == "discarded"
    assert 60 * HOUR <= last - start <= 72 * HOUR


def test_retries_can_be_looked_at_with_a_time_of_ones_own(connected):
    connected.receiver.statuses = [500]
    connected.writes("Hi")
    connected.deliver()
    assert connected.deliver(connected.clock.now + 5) == 1


def test_twice(connected):
    connected.do("webhooks", twice=True)
    connected.writes("Hi")
    assert connected.deliver() == 2
    assert connected.receiver.posts[0][1] == connected.receiver.posts[1][1]


def test_late(connected):
    connected.do("webhooks", delay_seconds=30)
    connected.writes("Hi")
    assert connected.deliver() == 0
    connected.clock.now += 30
    assert connected.deliver() == 1


def test_out_of_order(connected):
    connected.do("webhooks", out_of_order=True)
    for number in range(4):
        connected.writes(str(number))
        connected.deliver()
    assert texts(connected) == ["1", "0", "3", "2"]


def test_switching_order_back_lets_the_held_one_go(connected):
    connected.do("webhooks", out_of_order=True)
    connected.writes("held")
    assert connected.deliver() == 0
    connected.do("webhooks", out_of_order=False)
    assert connected.deliver() == 1


def test_bad_signature_for_n_attempts(connected):
    connected.do("webhooks", bad_signature=1)
    connected.receiver.statuses = [401]
    connected.writes("Hi")
    connected.deliver()
    connected.clock.now += 5
    connected.deliver()
    assert [valid(post) for post in connected.receiver.posts] == [False, True]


def test_bad_signature_until_off(connected):
    connected.do("webhooks", bad_signature=-1)
    for _ in range(3):
        connected.writes("Hi")
    connected.deliver()
    assert not any(valid(post) for post in connected.receiver.posts)
    connected.do("webhooks", bad_signature=0)
    connected.writes("Hi")
    connected.deliver()
    assert valid(connected.receiver.posts[-1])


def test_stale_timestamp(connected):
    connected.do("webhooks", stale_seconds=600)
    connected.writes("Hi")
    connected.deliver()
    assert connected.receiver.posts[0][2]["Tiktok-Signature"].startswith("t=1784999400,")
    assert valid(connected.receiver.posts[0])


def test_echo_late_and_echo_before_the_answer(connected):
    conversation_id = connected.writes()
    connected.deliver()
    connected.do("webhooks", echo_delay_seconds=10)
    connected.send(conversation_id, "late")
    assert connected.deliver() == 0
    connected.clock.now += 10
    assert connected.deliver() == 1
    connected.do("webhooks", echo_delay_seconds=0, echo_first=True)
    message_id = connected.send(conversation_id, "first")["data"]["message"]["message_id"]
    assert connected.receiver.events()[-1][1]["message_id"] == message_id
    assert connected.deliver() == 0


@pytest.mark.parametrize("knob", [{"twice": 1}, {"delay_seconds": True}, {"delay_seconds": "1"}, {"loud": True}])
def test_unclear_knobs_are_refused(tiktok, knob):
    tiktok.do("webhooks", status=400, **knob)


def test_eu_writer_is_only_announced(connected):
    conversation_id = connected.writes("Guten Tag", customer=3)
    connected.deliver()
    name, content = connected.receiver.events()[0]
    assert name == "im_receive_msg_eu"
    assert set(content) == {"to", "to_user", "timestamp"}
    answer = connected.get(
        "business/message/content/list/",
        business_id=connected.business_id,
        conversation_id=conversation_id,
    )
    assert answer["data"]["messages"] == []
    assert connected.see(f"threads/{conversation_id}")["messages"][0]["withheld"] is True
    connected.do("customers/1/eu-messages", account="kopi.corner", text="On holiday")
    connected.deliver()
    assert connected.receiver.events()[1][0] == "im_receive_msg_eu"


def test_read(connected):
    conversation_id = connected.writes()
    connected.send(conversation_id)
    connected.do("customers/1/read", account=connected.business_id)
    connected.deliver()
    name, content = connected.receiver.events()[-1]
    assert name == "im_mark_read_msg"
    assert content["read"] == {"last_read_timestamp": 1785000000000}
    assert connected.see(f"threads/{conversation_id}")["messages"][-1]["seen"] is True


def test_tap_on_a_card(connected):
    conversation_id = connected.writes()
    buttons = [{"type": "REPLY", "title": "Delivery"}, {"type": "REPLY", "title": "Refund", "id": "topic"}]
    template = {"type": "QA_BUTTON_CARD", "title": "What?", "buttons": buttons}
    sent = connected.send(conversation_id, message_type="TEMPLATE", template=template)
    message_id = sent["data"]["message"]["message_id"]
    connected.do("customers/1/taps", account=connected.business_id, message_id=message_id, button=1)
    connected.deliver()
    _, card = connected.receiver.events()[1]
    _, tap = connected.receiver.events()[2]
    assert card["template"]["type"] == "qa_button_card"
    assert card["template"]["elements"][0]["buttons"][1] == {"text": "Refund", "type": "REPLY", "id": "topic"}
    assert tap["text"] == {"body": "Refund"}
    assert tap["reply_source_payload"] == {
        "reply_source_msg_id": message_id,
        "reply_source_unique_id": "topic",
    }


def test_reaction_event(connected):
    conversation_id = connected.writes()
    message_id = connected.see(f"threads/{conversation_id}")["messages"][0]["message_id"]
    connected.writes(kind="reaction", referenced_message_id=message_id, emoji="❤️")
    connected.deliver()
    _, content = connected.receiver.events()[-1]
    (reaction,) = content["reaction"]
    assert content["type"] == "reaction"
    assert (reaction["operation"], reaction["original_msg_id"]) == ("ADD", message_id)


def test_referral_events(connected):
    connected.do("customers/1/referrals", account=connected.business_id, source="ad")
    link = {"ref": "bio", "prefilled_message": "Rude", "prefilled_message_audit_status": "REJECT"}
    arrived = connected.do("customers/2/referrals", account="kopi.corner", source="short_link", **link)
    assert arrived["prefilled"] == ""
    connected.deliver()
    (_, ad), (_, short_link) = connected.receiver.events()
    assert ad["referral"]["source"] == "ad"
    assert ad["referral"]["ad"]["timestamp"] == 1785000000000
    assert "message_id" not in ad
    assert short_link["referral"] == {"source": "short_link", "short_link": link}


def test_webhooks_under_way_come_along_when_the_clock_goes_back(connected):
    connected.do("clock", advance_seconds=3600)
    connected.receiver.statuses = [500]
    connected.writes("Hi")
    connected.deliver()
    connected.do("clock", offset_seconds=0)
    connected.clock.now += 5
    assert connected.deliver() == 1
