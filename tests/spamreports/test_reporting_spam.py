"""Report a contact as spam to TikTok: who may, what is missing, what became of it."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from channels_tiktok import connecting_ads
from channels_tiktok.models import AdAccount
from inbox import search_operators
from inbox.models import Conversation, ConversationEvent
from leads import joining, receiving
from leads.incoming import IncomingLead
from leads.models import KnownIdentifier, Lead
from spamreports import delivering, telling
from spamreports.models import EventMapping, LowerFunnelEvent, SpamReport
from tests.factories import AGENT_PERMISSIONS, NOW, make_agent, make_contact, make_conversation, make_inbound

pytestmark = pytest.mark.django_db
MAY = (
    *AGENT_PERMISSIONS,
    "spamreports.report_contact",
    "spamreports.view_spamreport",
    "leads.view_lead",
    "leads.change_lead",
)
ENTRY = "Report contact as spam to TikTok"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def ana():
    return make_agent("ana", permissions=MAY, first_name="Ana")


@pytest.fixture
def ayu(shop) -> Conversation:
    conversation = make_conversation(shop, contact=make_contact(shop))
    make_inbound(conversation)
    return conversation


@pytest.fixture
def lead(account, ayu, ana) -> Lead:
    """The lead that became the conversation with Ayu."""
    incoming = IncomingLead(
        tiktok_lead_id="7500000000000000031",
        source="INSTANT_FORM",
        submitted_at=NOW,
        answers=[{"question": "phone_number", "answer": "+620000000000"}],
    )
    receiving.take_in(incoming, account=account, at=NOW)
    joining.join(user=ana, lead_id=Lead.objects.get().pk, conversation_id=ayu.pk, at=NOW)
    return Lead.objects.get()


def report(client, conversation, **fields):
    return client.post(
        f"/inbox/{conversation.pk}/spam-report/", {"reason": "fake", "comment": "Sells followers", **fields}
    )


def deliver(clock):
    return delivering.deliver_due(clock=clock)


def test_the_entry_stands_in_the_menu_and_its_dialog_says_what_happens(account, ayu, ana):
    page = browser(ana).get(f"/inbox/{ayu.pk}/").text
    assert ENTRY in page
    assert 'data-action="report"' in page
    dialog = browser(ana).get(f"/inbox/{ayu.pk}/spam-report/").text
    for words in (
        "The contact is not notified, and the conversation stays in the inbox",
        "Clearly fake or spammy",
        "Outside our target audience",
        "Irrelevant or suspicious in intent or content",
        ">Report</button>",
    ):
        assert words in dialog


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("account", "Connect an ad account for this channel first."),
        ("channel", "Connect an ad account for this channel first."),
        ("connection", "Connect an ad account for this channel first."),
        ("events", "Turn on lower funnel events for the ad account first."),
    ],
)
def test_without_ad_account_or_events_it_is_there_but_off_and_says_why(tiktok, shop, ayu, missing, sentence):
    if missing != "account":
        account = tiktok.connect_ads(shop, lower_funnel_events=missing != "events")
        if missing == "channel":
            account.channels.clear()
        if missing == "connection":
            connecting_ads.disconnect(account=account)
    user = make_agent("ana", permissions=MAY)
    page = browser(user).get(f"/inbox/{ayu.pk}/").text
    assert ENTRY in page
    assert sentence in page
    assert 'data-action="report"' not in page
    assert "/admin/channels_tiktok/adaccount/" not in page
    keeper = make_agent("kim", permissions=(*MAY, "channels_tiktok.connect_adaccount"), is_staff=True)
    assert "/admin/channels_tiktok/adaccount/" in browser(keeper).get(f"/inbox/{ayu.pk}/").text
    assert report(browser(user), ayu).status_code == 409
    assert not SpamReport.objects.exists()


def test_it_needs_a_permission_of_its_own(account, ayu):
    client = browser(make_agent("otto", permissions=(*AGENT_PERMISSIONS, "spamreports.view_spamreport")))
    assert ENTRY not in client.get(f"/inbox/{ayu.pk}/").text
    assert client.get(f"/inbox/{ayu.pk}/spam-report/").status_code == 403
    assert report(client, ayu).status_code == 403
    assert not SpamReport.objects.exists()


def test_a_report_of_a_lead_is_sent_with_its_lead_id_and_shows_tiktoks_request(
    tiktok, account, lead, ayu, ana, clock
):
    client = browser(ana)
    assert report(client, ayu).status_code == 302
    assert "On its way to TikTok" in client.get(f"/inbox/{ayu.pk}/").text
    assert deliver(clock) == 1
    (event,) = tiktok.events()
    assert (event["event"], event["lead_id"]) == ("Spam", lead.tiktok_lead_id)
    assert event["body"]["user"]["phone"] == [lead.phone_digest]
    assert "Sells followers" not in str(event["body"])
    kept = SpamReport.objects.get()
    assert (kept.reason, kept.comment, kept.reported_by) == ("fake", "Sells followers", ana)
    assert kept.event.state == "accepted"
    page = client.get(f"/inbox/{ayu.pk}/").text
    assert f"Sent to TikTok, request {kept.event.request_id}" in page
    assert "Reported</span>" in page


def test_afterwards_the_thread_says_the_two_next_steps(account, lead, ayu, ana):
    report(browser(ana), ayu)
    page = browser(ana).get(f"/inbox/{ayu.pk}/").text
    assert "Ana reported this contact as spam to TikTok: clearly fake or spammy." in page
    assert "look in TikTok Ads Manager for a response or changed delivery" in page
    assert "exclude the contact by hand when you make a new custom audience" in page
    ayu.refresh_from_db()
    assert ayu.status == "open"


def test_without_a_lead_id_it_is_kept_and_never_shown_as_sent(tiktok, account, ayu, ana, clock):
    report(browser(ana), ayu)
    assert deliver(clock) == 0
    assert tiktok.events() == []
    assert SpamReport.objects.get().event.state == "skipped"
    page = browser(ana).get(f"/inbox/{ayu.pk}/").text
    assert "Not sent: no lead id is known." in page
    assert "Sent to TikTok" not in page


def test_it_is_sent_once_the_lead_is_known(tiktok, account, ayu, ana, clock, request):
    report(browser(ana), ayu)
    request.getfixturevalue("lead")
    telling.follow(clock=timezone.now)
    assert deliver(clock) == 1
    assert [event["lead_id"] for event in tiktok.events()] == ["7500000000000000031"]


def test_what_tiktok_refuses_is_said_in_its_words(tiktok, account, lead, ayu, ana, clock):
    AdAccount.objects.update(event_set_id="7600000000000000043")  # another advertiser's
    tiktok.control("/ads/tokens")
    report(browser(ana), ayu)
    tiktok.fault("code", path="event/track", code=40002, message="data[0]: odd")
    deliver(clock)
    event = LowerFunnelEvent.objects.get()
    assert event.state == "refused"
    assert "data[0]: odd" in browser(ana).get(f"/inbox/{ayu.pk}/").text


def test_a_contact_is_reported_once_on_an_ad_account(account, lead, ayu, ana):
    client = browser(ana)
    report(client, ayu)
    again = report(client, ayu)
    assert (again.status_code, SpamReport.objects.count()) == (409, 1)
    assert "already been reported" in again.text
    assert 'data-action="report"' not in client.get(f"/inbox/{ayu.pk}/").text


def test_a_reason_is_required(account, ayu, ana):
    answer = report(browser(ana), ayu, reason="")
    assert (answer.status_code, "Choose why you report" in answer.text) == (422, True)


def test_the_report_goes_to_the_account_whose_ad_brought_the_contact(tiktok, account, shop, ayu, ana):
    from inbox.models import Referral

    other = AdAccount.objects.create(
        advertiser_id="9",
        name="Other Ads",
        status="connected",
        grant=account.grant,
        event_set_id="1",
        lower_funnel_events=True,
    )
    other.channels.add(shop)
    ayu.referral = Referral.objects.create(conversation=ayu, source="ad", arrived_at=NOW, advertiser_id="9")
    ayu.save()
    report(browser(ana), ayu)
    assert SpamReport.objects.get().ad_account == other


def test_the_event_is_called_as_staff_have_mapped_it(tiktok, account, lead, ayu, ana, clock):
    EventMapping.objects.create(ad_account=account, trigger="report", event_name="Disqualified")
    report(browser(ana), ayu)
    deliver(clock)
    assert tiktok.events()[0]["event"] == "Disqualified"


def test_an_open_page_learns_what_became_of_it(tiktok, account, lead, ayu, ana, clock):
    report(browser(ana), ayu)
    cursor = ConversationEvent.objects.order_by("-id").first().pk
    deliver(clock)
    script = Client(headers={"HX-Request": "true"})
    script.force_login(ana)
    assert "Sent to TikTok" in script.get(f"/inbox/live/?after={cursor}&conversation={ayu.pk}").text


def test_the_search_finds_reported_contacts(account, ayu, ana):
    make_conversation(ayu.channel)
    report(browser(ana), ayu)
    condition = search_operators.registered()["is:reported"].condition("reported", ana)
    assert Conversation.objects.get(condition) == ayu


def test_the_exclusion_list_holds_hashes_and_no_number(account, lead, ayu, ana, capsys):
    KnownIdentifier.objects.create(contact=ayu.contact, kind="email", digest="e" * 64, match="e" * 64)
    ayu.contact.display_name = "=cmd()"
    ayu.contact.save()
    report(browser(ana), ayu)
    page = browser(ana).get("/inbox/reported/")
    assert "=cmd()" in page.text
    file = browser(ana).get("/inbox/reported/exclusions.csv")
    assert file["Content-Type"].startswith("text/csv")
    call_command("export_exclusions")
    for text in (file.content.decode(), capsys.readouterr().out):
        lines = text.splitlines()
        assert lines[0].startswith("email_sha256,phone_sha256,tiktok_username")
        assert lines[1].startswith(f"{'e' * 64},{lead.phone_digest},ayu_22,'=cmd(),fake,")
        assert "+620000000000" not in text
    assert browser(make_agent("otto")).get("/inbox/reported/exclusions.csv").status_code == 403


def test_the_api_reports_and_tells_what_became_of_it(account, ayu, ana):
    api = APIClient()
    api.force_login(ana)
    address = f"/api/v1/conversations/{ayu.pk}/spam-report/"
    assert api.get(address).status_code == 404
    made = api.post(address, {"reason": "audience", "comment": "Not here"})
    assert made.status_code == 201
    assert made.json()["state"] == "skipped"
    assert "no lead id" in made.json()["detail"]
    assert api.get(address).json()["reason"] == "audience"
    again = api.post(address, {"reason": "audience"})
    assert (again.status_code, again.json()["code"]) == (409, "already_reported")
    assert api.post(address, {"reason": "boring"}).status_code == 400
    assert api.post("/api/v1/conversations/999/spam-report/", {"reason": "fake"}).status_code == 404
    connecting_ads.disconnect(account=account)
    other = make_conversation(ayu.channel)
    refused = api.post(f"/api/v1/conversations/{other.pk}/spam-report/", {"reason": "fake"})
    assert (refused.status_code, refused.json()["code"]) == (409, "no_ad_account")
    api.force_login(make_agent("otto"))
    assert api.post(address, {"reason": "fake"}).status_code == 403
