"""Sending, its rules and the window: docs/tiktok-api.md 3.1, 5.1 and 9.3."""

import base64
import io

import pytest
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

HOUR = 3600


def picture(kind="JPEG"):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, kind)
    return buffer.getvalue()


def upload(tiktok, content, name="a.jpg", **changes):
    form = {"business_id": tiktok.business_id, "media_type": "IMAGE", **changes}
    file = FileStorage(io.BytesIO(content), filename=name)
    boundary, body = encode_multipart(form | {"file": file})  # the client itself would leave a large file open
    kind = f"multipart/form-data; boundary={boundary}"
    return tiktok.raw("POST", "business/message/media/upload/", data=body, content_type=kind).get_json()


REFUND = {"type": "REPLY", "title": "Refund", "id": "r"}


def card(kind="QA_BUTTON_CARD", title="What?", buttons=(REFUND,)):
    template = {"type": kind, "title": title, "buttons": list(buttons)}
    return {"message_type": "TEMPLATE", "template": template}


def button(title="Refund", **changes):
    return {"type": "REPLY", "title": title, **changes}


def sent_texts(tiktok, conversation_id):
    return [m["text"] for m in tiktok.see(f"threads/{conversation_id}")["messages"] if m["from"] == "business"]


def test_a_text_arrives_and_echoes(connected):
    conversation_id = connected.writes("Is the blue one in stock?")
    answer = connected.send(conversation_id, "Yes 👍")
    message_id = answer["data"]["message"]["message_id"]
    assert answer["code"] == 0
    assert base64.b64decode(message_id, validate=True)
    assert sent_texts(connected, conversation_id) == ["Yes 👍"]
    connected.deliver()
    name, content = connected.receiver.events()[-1]
    assert name == "im_send_msg"
    assert content["message_id"] == message_id
    assert content["message_tag"] == {"source": "API"}
    assert content["text"] == {"body": "Yes 👍"}
    assert content["from_user"] == {"id": connected.business_id, "role": "business_account"}


def test_conversation_ids_need_percent_encoding(connected):
    conversation_id = connected.writes()
    assert all(mark in conversation_id for mark in "+/=")


@pytest.mark.parametrize(
    "change",
    [
        {"recipient_type": "USER"},
        {"recipient_type": None},
        {"recipient": None},
        {"recipient": "has a space"},
        {"message_type": "VIDEO"},
        {"message_type": "TEXT"},
        {"message_type": "TEXT", "text": {"body": ""}},
        {"message_type": "TEXT", "text": {"body": "   "}},
        {"message_type": "TEXT", "text": {"body": "x" * 6001}},
        {"message_type": "TEXT", "text": "Hello"},
        {"message_type": "TEXT", "text": {"body": "x"}, "image": {"media_id": "m"}},
        {"message_type": "IMAGE", "image": {}},
        {"message_type": "SHARE_POST", "share_post": {}},
        {"message_type": "SENDER_ACTION", "sender_action": "DANCE"},
        card(kind="CARD"),
        card(title="x" * 41),
        card(title=""),
        card(buttons=()),
        card(buttons=[button()] * 4),
        card(buttons=[button("x" * 21)]),
        card(kind="QA_LINK_CARD", buttons=[button("x" * 41)]),
        card(buttons=[button(id="x" * 41)]),
        card(buttons=[button(type="LINK")]),
        {"message_type": "TEXT", "text": {"body": "x"}, "referenced_message_info": {}},
        {"message_type": "TEXT", "text": {"body": "x"}, "direct_reply": {"reply_type": "COMMENT_REPLY"}},
    ],
    ids=lambda change: str(change)[:60],
)
def test_invalid_parameters_are_40002(connected, change):
    conversation_id = connected.writes()
    assert connected.send(conversation_id, **{"message_type": "TEXT", **change})["code"] == 40002
    assert sent_texts(connected, conversation_id) == []


@pytest.mark.parametrize(
    "change",
    [
        {"recipient": "unknown+conversation/01=="},
        {"message_type": "IMAGE", "image": {"media_id": "v0out-unknown"}},
        {"message_type": "SHARE_POST", "share_post": {"item_id": "7412345678901234567"}},
        {
            "message_type": "TEXT",
            "text": {"body": "x"},
            "referenced_message_info": {"referenced_message_id": "m="},
        },
        {
            "message_type": "TEXT",
            "text": {"body": "x"},
            "recipient": None,
            "recipient_type": None,
            "direct_reply": {"reply_type": "COMMENT_REPLY", "comment_reply": {"comment_id": "749"}},
        },
    ],
    ids=["conversation", "media", "post", "quoted message", "comment"],
)
def test_unknown_objects_are_40007(connected, change):
    assert connected.send(connected.writes(), **change)["code"] == 40007


@pytest.mark.parametrize(
    "good",
    [
        {"message_type": "TEXT", "text": {"body": "x" * 6000}},
        card(),
        card(kind="QA_LINK_CARD", title="x" * 40, buttons=[button("x" * 40)] * 3),
    ],
    ids=["6000 characters", "button card", "link card"],
)
def test_the_limits_themselves_are_allowed(connected, good):
    assert connected.send(connected.writes(), **good)["code"] == 0


def test_own_post_can_be_shared_but_not_anothers(connected):
    conversation_id = connected.writes()
    own, other = (account["videos"][0]["item_id"] for account in connected.see("accounts")["accounts"][:2])
    share = {"message_type": "SHARE_POST"}
    assert connected.send(conversation_id, **share, share_post={"item_id": own})["code"] == 0
    assert connected.send(conversation_id, **share, share_post={"item_id": other})["code"] == 40002


def test_quote_only_text_image_and_post(connected):
    conversation_id = connected.writes("Quote me")
    connected.writes(kind="sticker")
    text, sticker = (m["message_id"] for m in connected.see(f"threads/{conversation_id}")["messages"])
    quote = {"referenced_message_info": {"referenced_message_id": text}}
    assert connected.send(conversation_id, **quote)["code"] == 0
    assert connected.send(conversation_id, **quote, **card())["code"] == 40002
    quote["referenced_message_info"]["referenced_message_id"] = sticker
    assert connected.send(conversation_id, **quote)["code"] == 40002


def test_sender_actions_have_no_id_no_echo_and_no_cost(connected):
    conversation_id = connected.writes()
    connected.deliver()
    before = len(connected.receiver.posts)
    for action in ("TYPING", "MARK_READ"):
        answer = connected.send(conversation_id, message_type="SENDER_ACTION", sender_action=action)
        assert answer["data"] == {"message": {"message_id": ""}}
    thread = connected.see(f"threads/{conversation_id}")
    assert (thread["typing"], thread["messages"][0]["seen"], thread["window"]["used"]) == (True, True, 0)
    connected.clock.now += 5
    assert connected.see(f"threads/{conversation_id}")["typing"] is False
    connected.deliver()
    assert len(connected.receiver.posts) == before


def test_ten_messages_then_40064_until_the_customer_writes(connected):
    conversation_id = connected.writes()
    assert [connected.send(conversation_id)["code"] for _ in range(11)] == [0] * 10 + [40064]
    connected.writes("More?")
    assert connected.send(conversation_id)["code"] == 0
    assert connected.see(f"threads/{conversation_id}")["window"]["used"] == 1


def test_window_closes_48_hours_after_the_newest_message(connected):
    conversation_id = connected.writes()
    connected.wait(48 * HOUR - 1)
    assert connected.send(conversation_id)["code"] == 0
    connected.clock.now += 1
    assert connected.send(conversation_id)["code"] == 40064
    typing = connected.send(conversation_id, message_type="SENDER_ACTION", sender_action="TYPING")
    assert typing["code"] == 0


def test_late_message_opens_a_window_from_its_own_time(connected):
    old = int((connected.clock.now - 47 * HOUR) * 1000)
    conversation_id = connected.writes(timestamp_ms=old)
    assert connected.see(f"threads/{conversation_id}")["window"]["closes_ms"] == old + 48 * HOUR * 1000
    connected.wait(HOUR)
    assert connected.send(conversation_id)["code"] == 40064


def test_older_message_does_not_shorten_a_newer_window(connected):
    conversation_id = connected.writes()
    closes = connected.see(f"threads/{conversation_id}")["window"]["closes_ms"]
    connected.writes(timestamp_ms=int((connected.clock.now - 90000) * 1000))
    assert connected.see(f"threads/{conversation_id}")["window"]["closes_ms"] == closes


def test_owner_in_the_app_uses_quota_automatic_messages_do_not(connected):
    conversation_id = connected.writes()
    connected.do(f"threads/{conversation_id}/owner-messages", text="From my phone")
    connected.do(f"threads/{conversation_id}/automatic-messages")
    assert connected.see(f"threads/{conversation_id}")["window"]["used"] == 1
    connected.deliver()
    (_, owner), (_, automatic) = connected.receiver.events()[-2:]
    assert owner["message_tag"] == {"source": "APP"}
    assert automatic["auto_message_type"] == "WELCOME_MESSAGE"


def test_reactions_reads_and_referrals_open_no_window(connected):
    conversation_id = connected.writes()
    message_id = connected.see(f"threads/{conversation_id}")["messages"][0]["message_id"]
    connected.wait(49 * HOUR)
    connected.writes(kind="reaction", referenced_message_id=message_id)
    connected.do("customers/1/read", account=connected.business_id)
    connected.do("customers/1/referrals", account=connected.business_id, source="ad")
    assert connected.send(conversation_id)["code"] == 40064


def test_lenient_mode(connected):
    connected.do("settings", mode="lenient")
    conversation_id = connected.writes()
    assert [connected.send(conversation_id)["code"] for _ in range(11)] == [0] * 10 + [40064]
    connected.writes("An answer")
    assert {connected.send(conversation_id)["code"] for _ in range(12)} == {0}
    connected.wait(49 * HOUR)
    assert [connected.send(conversation_id)["code"] for _ in range(4)] == [0] * 3 + [40064]


def test_image_up_and_out(connected):
    conversation_id = connected.writes()
    media_id = upload(connected, picture())["data"]["media_id"]
    image = {"message_type": "IMAGE", "image": {"media_id": media_id}}
    assert connected.send(conversation_id, **image)["code"] == 0
    connected.wait(30 * 86400)
    connected.writes()
    assert connected.send(conversation_id, **image)["code"] == 40007


@pytest.mark.parametrize(
    ("content", "changes", "code"),
    [
        (picture("PNG"), {}, 0),
        (picture("WEBP"), {}, 40908),
        (picture("GIF"), {}, 40908),
        (b"", {}, 40906),
        (b"\xff\xd8\xff" + b"x" * (3 * 1024 * 1024 - 3), {}, 0),
        (b"\xff\xd8\xff" + b"x" * (3 * 1024 * 1024 - 2), {}, 40907),
        (picture(), {"media_type": "VIDEO"}, 40002),
    ],
    ids=["png", "webp", "gif", "empty", "3 MB", "over 3 MB", "video"],
)
def test_upload_rules(connected, content, changes, code):
    assert upload(connected, content, name="always.jpg", **changes)["code"] == code


def test_upload_without_a_file(connected):
    form = {"business_id": connected.business_id, "media_type": "IMAGE"}
    headers = {"Access-Token": connected.token, "Content-Type": "multipart/form-data; boundary=x"}
    answer = connected.web.post("/open_api/v1.3/business/message/media/upload/", data=form, headers=headers)
    assert answer.get_json()["code"] == 40905


def test_images_only_between_countries_that_allow_them(connected):
    connected.do("customers", display_name="Ken", country="JP")
    conversation_id = connected.writes(customer=4)
    media_id = upload(connected, picture())["data"]["media_id"]
    image = {"message_type": "IMAGE", "image": {"media_id": media_id}}
    assert connected.send(conversation_id, **image)["code"] == 40002
    connected.do(f"threads/{conversation_id}/images", allowed=True)
    assert connected.send(conversation_id, **image)["code"] == 0
