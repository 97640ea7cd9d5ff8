"""Consent and tokens: docs/tiktok-api.md 1 and 9.1."""

from urllib.parse import parse_qs, urlsplit

import pytest

APP_ID, SECRET = "7400000000000000001", "example_app_secret_0001"
BACK = "https://inbox.example.com/channels/tiktok/callback/"
SCOPE = "user.info.basic,user.info.username,message.list.read,message.list.send"
DAY = 86400


def authorize(tiktok, *, answer="authorize", tick=None, **changes):
    query = {
        "client_key": APP_ID,
        "response_type": "code",
        "redirect_uri": BACK,
        "scope": SCOPE,
        "state": "s/1+2",
        "disable_auto_auth": "1",
        **changes,
    }
    business_id = tiktok.see("accounts")["accounts"][0]["business_id"]
    form = {
        "answer": answer,
        "business_id": business_id,
        "scope": SCOPE.split(",") if tick is None else tick,
    }
    return tiktok.web.post("/v2/auth/authorize", query_string=query, data=form)


def returned(answer):
    assert answer.status_code == 302
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.location).query).items()}


def exchange(tiktok, code, **changes):
    body = {
        "client_id": APP_ID,
        "client_secret": SECRET,
        "grant_type": "authorization_code",
        "auth_code": code,
        "redirect_uri": BACK,
        **changes,
    }
    return tiktok.post("tt_user/oauth2/token/", **body)


def refresh(tiktok, refresh_token, **changes):
    body = {
        "client_id": APP_ID,
        "client_secret": SECRET,
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        **changes,
    }
    return tiktok.post("tt_user/oauth2/refresh_token/", **body)


def profile(tiktok, token, business_id):
    query = {"business_id": business_id}
    return tiktok.raw("GET", "business/get/", query_string=query, headers={"Access-Token": token}).get_json()


def connect(tiktok):
    return exchange(tiktok, returned(authorize(tiktok))["code"])["data"]


@pytest.mark.parametrize("path", ["/v2/auth/authorize", "/v2/auth/authorize/"])
def test_consent_page_lists_accounts_and_scopes(tiktok, path):
    query = {"client_key": APP_ID, "response_type": "code", "redirect_uri": BACK, "scope": SCOPE}
    page = tiktok.web.get(path, query_string=query).get_data(as_text=True)
    for word in ("kopi.corner", "batik.house", "just.me", "Personal account", "message.list.send", "Deny"):
        assert word in page


@pytest.mark.parametrize(
    "change",
    [
        {"client_key": "nobody"},
        {"response_type": "token"},
        {"redirect_uri": ""},
        {"redirect_uri": "http://inbox.example.com/callback/"},
        {"redirect_uri": "https://inbox.example.com/callback"},
        {"redirect_uri": "https://inbox.example.com/callback/?x=1"},
        {"scope": ""},
        {"scope": "message.list.read,nonsense"},
    ],
)
def test_bad_authorize_request_shows_a_page_and_redirects_nowhere(tiktok, change):
    answer = authorize(tiktok, **change)
    assert answer.status_code == 400
    assert "cannot be authorized" in answer.get_data(as_text=True)


def test_local_redirect_may_be_plain_http(tiktok):
    answer = authorize(tiktok, redirect_uri="http://127.0.0.1:8000/channels/tiktok/callback/")
    assert answer.location.startswith("http://127.0.0.1:8000/channels/tiktok/callback/?code=")


def test_consent_gives_a_code_and_the_state_unchanged(tiktok):
    back = returned(authorize(tiktok))
    assert back["state"] == "s/1+2"
    data = exchange(tiktok, back["code"])["data"]
    assert data["expires_in"] == DAY
    assert data["refresh_token_expires_in"] == 365 * DAY
    assert data["token_type"] == "Bearer"
    assert data["scope"] == SCOPE
    assert profile(tiktok, data["access_token"], data["open_id"])["data"]["display_name"] == "Kopi Corner"


def test_unticked_scope_is_not_granted(tiktok):
    back = returned(authorize(tiktok, tick=["user.info.basic"]))
    assert exchange(tiktok, back["code"])["data"]["scope"] == "user.info.basic"


def test_deny_returns_an_error_and_the_state(tiktok):
    back = returned(authorize(tiktok, answer="deny"))
    assert set(back) == {"error", "error_code", "error_description", "state"}


def test_without_disable_auto_auth_a_second_consent_has_no_code(tiktok):
    connect(tiktok)
    query = {
        "client_key": APP_ID,
        "response_type": "code",
        "redirect_uri": BACK,
        "scope": SCOPE,
        "state": "again",
    }
    assert returned(tiktok.web.get("/v2/auth/authorize", query_string=query)) == {"state": "again"}
    asked = tiktok.web.get("/v2/auth/authorize", query_string=query | {"disable_auto_auth": "1"})
    assert asked.status_code == 200


def test_code_works_once(tiktok):
    code = returned(authorize(tiktok))["code"]
    assert exchange(tiktok, code)["code"] == 0
    assert exchange(tiktok, code)["code"] == 40110


def test_code_lives_ten_minutes(tiktok):
    code = returned(authorize(tiktok))["code"]
    tiktok.clock.now += 600
    assert exchange(tiktok, code)["code"] == 40110


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"client_secret": "wrong"}, 40101),
        ({"client_id": "wrong"}, 40101),
        ({"redirect_uri": BACK + "x/"}, 40110),
        ({"auth_code": "unknown"}, 40110),
        ({"grant_type": "refresh_token"}, 40108),
        ({"auth_code": ""}, 40002),
    ],
)
def test_token_exchange_refusals(tiktok, change, code):
    auth_code = returned(authorize(tiktok))["code"]
    assert exchange(tiktok, change.pop("auth_code", auth_code), **change)["code"] == code


def test_access_token_expires_after_a_day_and_refresh_heals_it(tiktok):
    first = connect(tiktok)
    tiktok.do("clock", advance_seconds=DAY)
    assert profile(tiktok, first["access_token"], first["open_id"])["code"] == 40102
    second = refresh(tiktok, first["refresh_token"])["data"]
    assert profile(tiktok, second["access_token"], second["open_id"])["code"] == 0
    assert second["refresh_token_expires_in"] == 364 * DAY


def test_refresh_rotates_and_the_old_one_is_dead(tiktok):
    first = connect(tiktok)
    second = refresh(tiktok, first["refresh_token"])["data"]
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(tiktok, first["refresh_token"])["code"] == 40107
    assert refresh(tiktok, second["refresh_token"])["code"] == 0


def test_the_year_counts_from_the_grant(tiktok):
    tokens = connect(tiktok)
    for _ in range(2):
        tiktok.clock.now += 180 * DAY
        tokens = refresh(tiktok, tokens["refresh_token"])["data"]
    tiktok.clock.now += 5 * DAY
    assert refresh(tiktok, tokens["refresh_token"])["code"] == 40103


@pytest.mark.parametrize(
    ("change", "code"),
    [({"client_secret": "wrong"}, 40101), ({"refresh_token": "x"}, 40107), ({"grant_type": "x"}, 40108)],
)
def test_refresh_refusals(tiktok, change, code):
    token = connect(tiktok)["refresh_token"]
    assert refresh(tiktok, change.pop("refresh_token", token), **change)["code"] == code


def test_revoke_ends_both_tokens(tiktok):
    tokens = connect(tiktok)
    body = {"client_id": APP_ID, "client_secret": SECRET, "access_token": tokens["access_token"]}
    assert tiktok.post("tt_user/oauth2/revoke/", **body | {"client_secret": "x"})["code"] == 40101
    assert tiktok.post("tt_user/oauth2/revoke/", **body)["code"] == 0
    assert profile(tiktok, tokens["access_token"], tokens["open_id"])["code"] == 40105
    assert refresh(tiktok, tokens["refresh_token"])["code"] == 40107


def test_token_info(tiktok):
    tokens = connect(tiktok)
    info = tiktok.post("tt_user/token_info/get/", app_id=APP_ID, access_token=tokens["access_token"])
    assert info["data"] == {"app_id": APP_ID, "creator_id": tokens["open_id"], "scope": SCOPE}
    assert tiktok.post("tt_user/token_info/get/", app_id="x", access_token="y")["code"] == 40113
    assert tiktok.post("tt_user/token_info/get/", app_id=APP_ID, access_token="y")["code"] == 40105


def test_owner_revokes_and_the_app_is_told(connected):
    connected.do(f"accounts/{connected.business_id}/revoke")
    connected.deliver()
    assert connected.receiver.events() == [("authorization.removed", {"reason": 1})]
    assert connected.get("business/get/", business_id=connected.business_id)["code"] == 40105
