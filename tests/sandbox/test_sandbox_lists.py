"""Lists, media down, capabilities: docs/tiktok-api.md 3.2 to 3.6 and 9.4 to 9.6."""

import pytest

DAY = 86400


def contents(tiktok, conversation_id):
    return tiktok.get(
        "business/message/content/list/", business_id=tiktok.business_id, conversation_id=conversation_id
    )


def conversations(tiktok, kind="STRANGER", **query):
    return tiktok.get(
        "business/message/conversation/list/",
        business_id=tiktok.business_id,
        conversation_type=kind,
        **query,
    )


def test_twenty_newest_first(connected):
    for number in range(25):
        connected.clock.now += 1
        conversation_id = connected.writes(f"Line {number}")
    messages = contents(connected, conversation_id)["data"]["messages"]
    assert [m["text"]["body"] for m in messages] == [f"Line {n}" for n in range(24, 4, -1)]


def test_message_and_participants(connected):
    conversation_id = connected.writes("Hi")
    connected.send(conversation_id, "Hello")
    data = contents(connected, conversation_id)["data"]
    out, inbound = data["messages"]
    business, person = data["participants"]
    assert (out["sender"], out["recipient"]) == ("kopi.corner", "ayu_22")
    assert out["message_tag"] == {"source": "API"}
    assert out["from_user"] == {"role": "BUSINESS_ACCOUNT", "id": connected.business_id}
    assert inbound["from_user"] == {"role": "PERSONAL_ACCOUNT", "id": person["id"]}
    assert inbound["timestamp"] == 1785000000000
    assert (business["display_name"], person["display_name"]) == ("Kopi Corner", "Ayu Lestari")
    assert person["is_follower"] is True
    assert "is_follower" not in business


@pytest.mark.parametrize(
    ("kind", "key"),
    [("image", "media_id"), ("video", "media_id"), ("sticker", "url"), ("emoji", "url"), ("other", None)],
)
def test_kinds_of_content(connected, kind, key):
    conversation_id = connected.writes(kind=kind)
    (message,) = contents(connected, conversation_id)["data"]["messages"]
    assert message["message_type"] == kind.upper()
    if key:
        assert set(message[kind]) == {key}
    else:
        assert kind not in message
    if key == "url":
        assert connected.web.get(message[kind]["url"]).mimetype == "image/png"


def test_shared_post_and_card(connected):
    conversation_id = connected.writes(kind="share_post")
    buttons = [{"type": "REPLY", "title": "Refund", "id": "r"}]
    template = {"type": "QA_BUTTON_CARD", "title": "What?", "buttons": buttons}
    connected.clock.now += 1
    connected.send(conversation_id, message_type="TEMPLATE", template=template)
    card, post = contents(connected, conversation_id)["data"]["messages"]
    assert card["template"] == template
    assert set(post["share_post"]) == {"embed_url"}


def test_reactions_are_marks_and_not_messages(connected):
    conversation_id = connected.writes("Hi")
    message_id = contents(connected, conversation_id)["data"]["messages"][0]["message_id"]
    connected.writes(kind="reaction", referenced_message_id=message_id, emoji="👍")
    (message,) = contents(connected, conversation_id)["data"]["messages"]
    assert message["reactions"][0]["emoji"] == "👍"
    connected.writes(kind="reaction_remove", referenced_message_id=message_id, emoji="👍")
    (message,) = contents(connected, conversation_id)["data"]["messages"]
    assert "reactions" not in message


def test_plus_that_became_a_space_is_40002(connected):
    conversation_id = connected.writes()
    raw = f"business_id={connected.business_id}&conversation_id={conversation_id}"
    answer = connected.raw("GET", "business/message/content/list/", query_string=raw).get_json()
    assert (answer["code"], answer["message"]) == (40002, "Param conversation_id is invalid.")
    assert contents(connected, conversation_id)["code"] == 0


def test_conversation_of_another_account_does_not_exist(connected):
    conversation_id = connected.writes()
    connected.connect("batik.house")
    assert contents(connected, conversation_id)["code"] == 40007


def test_stranger_becomes_single_with_the_first_reply(connected):
    conversation_id = connected.writes()
    connected.do(f"threads/{conversation_id}/automatic-messages")
    assert len(conversations(connected)["data"]["conversations"]) == 1
    connected.send(conversation_id)
    assert conversations(connected)["data"]["conversations"] == []
    (single,) = conversations(connected, "SINGLE")["data"]["conversations"]
    assert single == {
        "conversation_id": conversation_id,
        "update_time": 1785000000000,
        "referral": {},
    }


def test_conversation_pages(connected):
    for number in range(3):
        connected.do("customers", display_name=f"Guest {number}")
        connected.clock.now += 1
        connected.writes(customer=4 + number)
    first = conversations(connected, limit=2)["data"]
    second = conversations(connected, limit=2, cursor=first["cursor"])["data"]
    assert (len(first["conversations"]), first["has_more"]) == (2, True)
    assert (len(second["conversations"]), second["has_more"]) == (1, False)
    times = [c["update_time"] for c in first["conversations"] + second["conversations"]]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"cursor": -1}])
def test_bad_paging_is_40002(connected, query):
    assert conversations(connected, **query)["code"] == 40002


def test_conversation_type_is_required(connected):
    answer = connected.get("business/message/conversation/list/", business_id=connected.business_id)
    assert answer["code"] == 40002


def test_conversations_older_than_90_days_are_gone(connected):
    connected.writes()
    connected.wait(90 * DAY)
    assert conversations(connected)["data"]["conversations"] == []


def test_referrals_in_the_list(connected):
    connected.do("customers/1/referrals", account=connected.business_id, source="ad", ad_name="Raya")
    connected.do("customers/1/referrals", url="https://tiktok.me/kopi.corner?ref=bio&message=A%20table")
    (found,) = conversations(connected)["data"]["conversations"]
    assert found["referral"]["ad"][0]["timestamp"] == 1785000000
    assert found["referral"]["short_link"] == [
        {"ref": "bio", "prefilled_message": "A table", "prefilled_message_audit_status": "PASS"}
    ]


def test_media_down(connected):
    conversation_id = connected.writes(kind="image")
    (message,) = contents(connected, conversation_id)["data"]["messages"]
    asked = {
        "business_id": connected.business_id,
        "conversation_id": conversation_id,
        "message_id": message["message_id"],
        "media_id": message["image"]["media_id"],
        "media_type": "IMAGE",
    }
    path = "business/message/media/download/"
    url = connected.post(path, **asked)["data"]["download_url"]
    assert url.startswith("http://sandbox.test/dl/")
    assert connected.web.get(url).status_code == 403
    assert connected.web.get(url, headers={"x-user": "nonsense"}).status_code == 403
    good = connected.web.get(url, headers={"x-user": connected.token})
    assert (good.status_code, good.mimetype) == (200, "image/jpeg")
    assert connected.post(path, **asked | {"media_type": "VIDEO"})["code"] == 40002
    assert connected.post(path, **asked | {"media_id": "x"})["code"] == 40007
    assert connected.post(path, **asked | {"message_id": "x"})["code"] == 40007
    connected.wait(DAY)
    assert connected.web.get(url, headers={"x-user": connected.token}).status_code == 403


def test_capabilities(connected):
    conversation_id = connected.writes()
    query = {
        "business_id": connected.business_id,
        "conversation_id": conversation_id,
        "conversation_type": "STRANGER",
        "capability_types": '["IMAGE_SEND"]',
    }
    path = "business/message/capabilities/get/"
    yes = {"capability_infos": [{"capability_type": "IMAGE_SEND", "capability_result": True}]}
    assert connected.get(path, **query)["data"] == yes
    connected.do(f"threads/{conversation_id}/images", allowed=False)
    assert connected.get(path, **query)["data"]["capability_infos"][0]["capability_result"] is False
    assert connected.get(path, **query | {"capability_types": "IMAGE_SEND"})["code"] == 40002
    assert connected.get(path, **query | {"conversation_type": "x"})["code"] == 40002
