"""Envelope, paths, tokens, scopes, rate: docs/tiktok-api.md before section 1 and 9.2."""

import json

import pytest

BASE = "/open_api/v1.3/"


def test_envelope_of_success_and_refusal(connected):
    good = connected.raw("GET", "business/get/", query_string={"business_id": connected.business_id})
    bad = connected.raw("GET", "business/get/")
    for answer in (good, bad):
        assert answer.status_code == 200
        assert set(answer.get_json()) == {"code", "message", "request_id", "data"}
        assert answer.headers["X-TT-LOGID"] == answer.get_json()["request_id"]
    assert (good.get_json()["code"], good.get_json()["message"]) == (0, "OK")
    assert (bad.get_json()["code"], bad.get_json()["data"]) == (40002, {})


@pytest.mark.parametrize("path", ["business/get", "business/nothing/", "business/message/send"])
def test_unknown_path_or_missing_slash_is_a_plain_404(connected, path):
    answer = connected.raw("GET", path)
    assert answer.status_code == 404
    assert answer.get_data() == b"404 page not found"
    assert answer.mimetype == "text/plain"


def test_wrong_method_never_reaches_the_api(connected):
    answer = connected.raw("GET", "business/message/send/")
    assert (answer.status_code, answer.mimetype) == (405, "text/plain")


@pytest.mark.parametrize(
    ("header", "code"), [("", 40104), ("nonsense", 40105), ("Bearer {token}", 40105), ("{token}", 0)]
)
def test_access_token_header(connected, header, code):
    headers = {"Access-Token": header.format(token=connected.token)} if header else {}
    query = {"business_id": connected.business_id}
    answer = connected.raw("GET", "business/get/", query_string=query, headers=headers)
    assert answer.get_json()["code"] == code


def test_token_of_another_account_is_40001(connected):
    own = connected.business_id
    connected.connect("batik.house")
    assert connected.get("business/get/", business_id=own)["code"] == 40001


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("business/message/conversation/list/", {"conversation_type": "SINGLE"}),
        ("business/video/list/", {}),
        ("business/get/", {}),
    ],
)
def test_missing_scope_is_40001(tiktok, path, query):
    tiktok.connect(scope="user.info.username")
    assert tiktok.get(path, business_id=tiktok.business_id, **query)["code"] == 40001


def test_personal_account_cannot_use_messaging(tiktok):
    tiktok.connect("just.me")
    query = {"business_id": tiktok.business_id, "conversation_type": "SINGLE"}
    assert tiktok.get("business/message/conversation/list/", **query)["code"] == 40001
    profile = tiktok.get(
        "business/get/", business_id=tiktok.business_id, fields=json.dumps(["is_business_account"])
    )
    assert profile["data"] == {"is_business_account": False}


def test_profile_fields(connected):
    wanted = ["username", "display_name", "profile_image", "is_business_account"]
    data = connected.get("business/get/", business_id=connected.business_id, fields=json.dumps(wanted))["data"]
    assert list(data) == wanted
    assert connected.web.get(data["profile_image"]).mimetype == "image/jpeg"
    bad = connected.get("business/get/", business_id=connected.business_id, fields='["shoe_size"]')
    assert bad["code"] == 40002
    connected.clock.now += 2 * 86400
    assert connected.web.get(data["profile_image"]).status_code == 403


def test_own_videos_page(connected):
    query = {"business_id": connected.business_id, "fields": '["item_id","caption"]', "max_count": 3}
    first = connected.get("business/video/list/", **query)["data"]
    second = connected.get("business/video/list/", **query, cursor=first["cursor"])["data"]
    assert (len(first["videos"]), first["has_more"]) == (3, True)
    assert (len(second["videos"]), second["has_more"]) == (1, False)
    assert set(first["videos"][0]) == {"item_id", "caption"}


def test_more_than_ten_messaging_calls_a_second_are_40100(connected):
    connected.do("settings", qps=10)
    query = {"business_id": connected.business_id, "conversation_type": "SINGLE"}
    codes = [connected.get("business/message/conversation/list/", **query)["code"] for _ in range(12)]
    assert codes == [0] * 10 + [40100] * 2
    connected.clock.now += 1.01
    assert connected.get("business/message/conversation/list/", **query)["code"] == 0
    assert connected.get("business/get/", business_id=connected.business_id)["code"] == 0


def test_body_that_is_no_json_is_40002(connected):
    answer = connected.raw("POST", "business/message/send/", data="nonsense")
    assert answer.get_json()["code"] == 40002


def test_state_survives_a_restart(connected, tmp_path):
    from sandbox.app import create_app

    conversation_id = connected.writes("Still here?")
    again = create_app(
        database=tmp_path / "sandbox.sqlite3", app_id="a", app_secret="s", public_url="http://sandbox.test"
    ).test_client()
    headers = {"Access-Token": connected.token}
    thread = again.get("/sandbox/api/threads/" + conversation_id).get_json()
    assert thread["messages"][0]["text"] == "Still here?"
    assert again.get(BASE + "business/get/", headers=headers).get_json()["code"] in {40002, 40102}
