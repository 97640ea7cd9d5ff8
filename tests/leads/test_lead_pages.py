"""The pages and the API of leads: what they show, to whom."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from inbox import search_operators
from inbox.models import Conversation
from leads import joining, receiving
from leads.incoming import IncomingLead
from leads.models import Lead
from tests.factories import AGENT_PERMISSIONS, NOW, make_agent, make_contact, make_conversation, make_inbound

pytestmark = pytest.mark.django_db
SEES = (*AGENT_PERMISSIONS, "leads.view_lead")
ANSWERS = [
    {"question": "name", "answer": "Ayu"},
    {"question": "phone_number", "answer": "+628123456789"},
    {"question": "email", "answer": "ayu@example.com"},
    {"question": "wishes", "answer": "Call +628123456789 or write to ayu@example.com"},
]


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def submit(account, number="31", **fields) -> Lead:
    values = {"tiktok_lead_id": number, "source": "INSTANT_FORM", "submitted_at": NOW, "answers": ANSWERS}
    receiving.take_in(IncomingLead(**(values | fields)), account=account, at=NOW)
    return Lead.objects.get(tiktok_lead_id=number)


@pytest.fixture
def lead(account) -> Lead:
    return submit(account, facts={"ad_name": "Raya promo", "campaign_name": "Raya"})


@pytest.fixture
def ayu(shop) -> Conversation:
    conversation = make_conversation(shop, contact=make_contact(shop))
    make_inbound(conversation)
    return conversation


@pytest.fixture
def ana():
    return make_agent(
        "ana", permissions=(*SEES, "leads.change_lead", "leads.view_personal_data"), first_name="Ana"
    )


def test_a_lead_waits_in_the_inbox_without_a_composer_and_says_why(lead, ana):
    page = browser(ana).get("/inbox/leads/").text
    assert "Lead, waiting for the customer's first message" in page
    page = browser(ana).get(f"/inbox/leads/{lead.pk}/").text
    assert "TikTok lets nobody write first" in page
    assert "composer" not in page
    for shown in ("Raya promo", "Phone number", "+628123456789", "ayu@example.com"):
        assert shown in page


def test_numbers_and_addresses_are_hidden_from_people_without_the_permission(lead, ayu, ana):
    joining.join(user=ana, lead_id=lead.pk, conversation_id=ayu.pk, at=NOW)
    rita = make_agent("rita", permissions=SEES)
    api = APIClient()
    api.force_login(rita)
    pages = [
        browser(rita).get(f"/inbox/leads/{lead.pk}/").text,
        browser(rita).get(f"/inbox/{ayu.pk}/").text,
        api.get("/api/v1/leads/").text,
    ]
    for page in pages:
        assert "8123456789" not in page
        assert "ayu@example.com" not in page
        assert "••••••89" in page
    assert "are hidden" in pages[0]
    assert "+628123456789" in browser(ana).get(f"/inbox/{ayu.pk}/").text


def test_whoever_may_not_see_leads_sees_none_of_them(lead, ayu, ana):
    joining.join(user=ana, lead_id=lead.pk, conversation_id=ayu.pk, at=NOW)
    client = browser(make_agent("otto"))
    assert client.get("/inbox/leads/").status_code == 403
    assert client.get(f"/inbox/leads/{lead.pk}/").status_code == 403
    assert client.post(f"/inbox/leads/{lead.pk}/stage/", {"stage": "qualified"}).status_code == 403
    page = client.get(f"/inbox/{ayu.pk}/").text
    assert "Phone number" not in page
    assert "/inbox/leads/" not in page
    assert client.get("/api/v1/leads/").status_code == 403


def test_leads_of_channels_that_somebody_does_not_see_are_not_there_for_them(lead, ana):
    lost = make_agent("lou", permissions=("leads.view_lead", "leads.change_lead"))  # sees no channel
    assert "Ayu" not in browser(lost).get("/inbox/leads/").text
    assert browser(lost).get(f"/inbox/leads/{lead.pk}/").status_code == 404
    assert browser(lost).post(f"/inbox/leads/{lead.pk}/stage/", {"stage": "raw"}).status_code == 404
    assert "Ayu" in browser(ana).get("/inbox/leads/").text


def test_a_suggestion_is_shown_with_its_ground_and_confirmed_where_it_stands(lead, ayu, ana):
    Lead.objects.update(suggested=ayu, ground="phone")
    client = browser(ana)
    assert "The customer wrote this phone number" in client.get(f"/inbox/leads/{lead.pk}/").text
    page = client.get(f"/inbox/{ayu.pk}/").text
    assert "Perhaps this lead" in page
    answer = client.post(f"/inbox/leads/{lead.pk}/join/", {"conversation": ayu.pk, "back": ayu.pk})
    assert answer.url == f"/inbox/{ayu.pk}/"
    page = client.get(f"/inbox/{ayu.pk}/").text
    assert "Ana confirmed that this is the lead “Ayu”" in page


def test_another_conversation_is_chosen_by_the_customers_name(lead, ayu, ana):
    client = browser(ana)
    assert "@ayu_22" in client.get(f"/inbox/leads/{lead.pk}/choose/?q=ayu").text
    assert "No conversation" in client.get(f"/inbox/leads/{lead.pk}/choose/?q=nobody").text
    client.post(f"/inbox/leads/{lead.pk}/join/", {"conversation": ayu.pk})
    assert Lead.objects.get().conversation == ayu


def test_the_stage_is_changed_on_the_page(lead, ana):
    client = browser(ana)
    assert client.post(f"/inbox/leads/{lead.pk}/stage/", {"stage": "qualified"}).status_code == 302
    assert Lead.objects.get().stage == "qualified"
    assert client.post(f"/inbox/leads/{lead.pk}/stage/", {"stage": "sold"}).status_code == 400
    assert client.post("/inbox/leads/99/stage/", {"stage": "raw"}).status_code == 404


def test_the_list_costs_the_same_for_any_number_and_goes_on_where_it_ended(account, ana):
    client = browser(ana)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            client.get("/inbox/leads/")
        return len(found)

    submit(account)
    client.get("/inbox/leads/")
    one = queries()
    for number in range(100, 165):
        submit(account, str(number))
    assert queries() == one <= 6
    seen, address = [], "/inbox/leads/"
    while address:
        page = client.get(address)
        seen += [row.tiktok_lead_id for row in page.context["rows"]]
        following = page.context["following"]
        address = f"/inbox/leads/?after={following.replace('+', '%2B')}" if following else ""
    assert len(seen) == len(set(seen)) == 66


def test_leads_and_reports_cost_a_thread_two_queries_more(lead, ayu, ana):
    def queries(user) -> int:
        client = browser(user)
        client.get(f"/inbox/{ayu.pk}/")
        with CaptureQueriesContext(connection) as found:
            client.get(f"/inbox/{ayu.pk}/")
        return len(found)

    joining.join(user=ana, lead_id=lead.pk, conversation_id=ayu.pk, at=NOW)
    kim = make_agent("kim", permissions=(*SEES, "leads.change_lead", "spamreports.report_contact"))
    assert queries(kim) <= queries(make_agent("otto", permissions=AGENT_PERMISSIONS)) + 2 <= 14


def test_the_api_lists_gets_and_changes_leads(lead, ayu, ana):
    api = APIClient()
    api.force_login(ana)
    (found,) = api.get("/api/v1/leads/?stage=raw").json()["results"]
    assert found["lead_id"] == "31"
    assert found["campaign"]["name"] == "Raya"
    assert found["conversation"] is None
    changed = api.patch(f"/api/v1/leads/{lead.pk}/", {"stage": "contacted", "conversation": ayu.pk})
    assert (changed.json()["stage"], changed.json()["conversation"]) == ("contacted", ayu.pk)
    assert api.patch(f"/api/v1/leads/{lead.pk}/", {"conversation": None}).json()["conversation"] is None
    assert api.patch(f"/api/v1/leads/{lead.pk}/", {"conversation": 999}).status_code == 404
    assert api.patch(f"/api/v1/leads/{lead.pk}/", {"stage": "sold"}).status_code == 400
    rita = make_agent("rita", permissions=SEES)
    api.force_login(rita)
    assert api.patch(f"/api/v1/leads/{lead.pk}/", {"stage": "raw"}).status_code == 403


def test_the_search_knows_leads_by_stage(lead, ayu, ana):
    other = make_conversation(ayu.channel)
    joining.join(user=ana, lead_id=lead.pk, conversation_id=ayu.pk, at=timezone.now())
    operator = search_operators.registered()["lead"]

    def found(value: str) -> set[int]:
        condition: Q = operator.condition(value, ana)
        return set(Conversation.objects.filter(condition).values_list("pk", flat=True))

    assert found("raw") == found("any") == {ayu.pk}
    assert found("none") == {other.pk}
    assert found("qualified") == set()
    with pytest.raises(ValueError, match="not a stage"):
        operator.condition("sold", ana)
