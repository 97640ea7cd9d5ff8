"""TikTok's ads side in the sandbox is as strict as the contract says (docs/tiktok-api.md 1.7 and 6)."""

import pytest

from tests.sandbox.conftest import APP_ID, SECRET

FIRST = "7300000000000000011"
EVENT_SET = "7600000000000000041"


@pytest.fixture
def token(tiktok) -> str:
    return str(tiktok.do("ads/tokens")["access_token"])


@pytest.fixture
def api(tiktok, token):
    def call(method: str, path: str, *, given: str = token, **payload):
        return tiktok.raw(method, path, headers={"Access-Token": given}, **payload).get_json()

    return call


def events(tiktok):
    """What was taken, oldest first."""
    return tiktok.see("ads")["events"][::-1]


def event(**changes):
    return {
        "event": "Qualified",
        "event_time": 1785000000,
        "event_id": "e1",
        "user": {"phone": ["a" * 64], "external_id": "b" * 64},
        "lead": {"lead_id": "7500000000000000031", "lead_event_source": "Test"},
        **changes,
    }


def track(api, *events, **changes):
    body = {"event_source": "crm", "event_source_id": EVENT_SET, "data": list(events), **changes}
    return api("POST", "event/track/", json=body)["code"]


def test_a_right_event_is_taken_and_a_repeated_one_is_counted_once(api, tiktok):
    assert track(api, event()) == 0
    assert track(api, event()) == 0
    assert [bool(one["is_repeated"]) for one in events(tiktok)] == [False, True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": ""},
        {"event_time": "1785000000"},
        {"event_time": 4_000_000_000},
        {"lead": {}},
        {"lead": {"lead_id": 7500000000000000031}},
        {"user": {"phone": "+620000000000"}},
        {"user": {"email": ["A" * 64]}},
        {"properties": {"value": "25", "currency": "USD"}},
        {"properties": {"value": 25}},
        {"properties": {"value": 25, "currency": "dollars"}},
    ],
)
def test_an_event_that_breaks_a_rule_refuses_the_whole_request(api, tiktok, wrong):
    assert track(api, event(), event(event_id="e2", **wrong)) == 40002
    assert events(tiktok) == []


def test_a_thousand_events_are_taken_and_one_more_is_not(api):
    assert track(api, *(event(event_id=f"e{n}") for n in range(1000))) == 0
    assert track(api, *(event(event_id=f"f{n}") for n in range(1001))) == 40002
    assert track(api) == 40002


def test_unknown_sources_and_sets_and_tokens_are_refused(api, tiktok):
    assert track(api, event(), event_source="messaging") == 40002
    assert track(api, event(), event_source_id="1") == 40001
    lists = f"crm/list/?advertiser_id={FIRST}"
    assert api("GET", lists)["data"]["crm_event_sets"][0]["event_set_id"] == EVENT_SET
    assert api("GET", lists, given="")["code"] == 40104
    assert api("GET", lists, given="adv.unknown")["code"] == 40105
    account = tiktok.do("accounts/kopi.corner/tokens")["access_token"]
    assert api("GET", lists, given=account)["code"] == 40105  # an account's token is no advertiser's
    assert api("GET", "crm/list/?advertiser_id=1")["code"] == 40001


def test_a_code_works_once(tiktok):
    page = f"/portal/auth?app_id={APP_ID}&redirect_uri=http://localhost/back/&state=s"
    agreed = tiktok.web.post(page, data={"advertiser_id": FIRST, "scope": "5", "answer": "authorize"})
    code = agreed.headers["Location"].split("auth_code=")[1].split("&")[0]
    body = {"app_id": APP_ID, "secret": SECRET, "auth_code": code}
    answers = [tiktok.web.post("/open_api/v1.3/oauth2/access_token/", json=body).json for _ in range(2)]
    assert [answer["code"] for answer in answers] == [0, 40110]
    assert answers[0]["data"]["scope"] == [5]
    wrong = tiktok.web.post("/open_api/v1.3/oauth2/access_token/", json=body | {"secret": "no"}).json
    assert wrong["code"] == 40101


def test_a_file_of_leads_is_asked_for_by_ad_or_form_and_is_not_ready_at_once(api, tiktok):
    tiktok.do("ads/leads", page_id="7100000000000000051", answers={"name": "Ayu"})
    assert api("POST", "page/lead/task/", json={"advertiser_id": FIRST})["code"] == 40002
    begun = {"advertiser_id": FIRST, "page_id": "7100000000000000051"}
    task = api("POST", "page/lead/task/", json=begun)["data"]["task_id"]
    download = f"page/lead/task/download/?advertiser_id={FIRST}&task_id={task}"
    assert api("GET", download)["code"] == 40201
    state = api("POST", "page/lead/task/", json={"advertiser_id": FIRST, "task_id": task})["data"]
    assert (state["status"], state["file_type"]) == ("SUCCEED", "csv")
    assert api("GET", f"lead/get/?advertiser_id={FIRST}&lead_source=INSTANT_FORM")["code"] == 40002


def test_the_pages_of_the_ads_side_answer(tiktok):
    assert "Order coffee for your office" in tiktok.web.get("/ads/").text
    form = "/ads/forms/7100000000000000051/"
    assert "Cups per week" in tiktok.web.get(form).text
    tiktok.web.post(form, data={"name": "Ayu"})
    assert "Ayu" in tiktok.web.get("/ads/").text
    assert tiktok.web.get("/ads/forms/1/").status_code == 404
    assert tiktok.web.get("/portal/auth?app_id=wrong").status_code == 400
