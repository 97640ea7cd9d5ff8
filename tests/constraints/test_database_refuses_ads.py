"""What the database itself refuses about ad accounts, leads, reports and events, shown with plain SQL."""

from typing import Any

import pytest
from django.db import IntegrityError, connection

from channels_tiktok.models import AdAccount, AdGrant, LeadDelivery, LeadSubscription
from inbox.models import Label
from leads.models import KnownIdentifier, Lead, LeadChange, LeadPull
from spamreports.models import EventMapping, LowerFunnelEvent, SpamReport
from tests.constraints.test_database_refuses import execute, insert_copy
from tests.factories import NOW, make_conversation

pytestmark = pytest.mark.django_db


def refuses(constraint: str, column: str = "") -> Any:
    """PostgreSQL names every constraint; SQLite names checks, and of unique ones only the last column."""
    unique = column and connection.vendor == "sqlite"
    return pytest.raises(IntegrityError, match=column if unique else constraint)


@pytest.fixture
def account() -> AdAccount:
    grant = AdGrant.objects.create(access_token="secret", advertisers=[], granted_at=NOW)
    return AdAccount.objects.create(advertiser_id="1", name="Ads", status="connected", grant=grant)


@pytest.fixture
def conversation():
    return make_conversation()


@pytest.fixture
def lead(account) -> Lead:
    return Lead.objects.create(
        ad_account=account, tiktok_lead_id="7", source="INSTANT_FORM", submitted_at=NOW, received_at=NOW
    )


@pytest.fixture
def event(account, lead) -> LowerFunnelEvent:
    return LowerFunnelEvent.objects.create(
        ad_account=account, event_id="e1", event_name="Spam", lead=lead, happened_at=NOW, try_again_at=NOW
    )


def test_one_ad_account_per_advertiser(account):
    with refuses("one_ad_account_per_advertiser", "channels_tiktok_adaccount.advertiser_id"):
        insert_copy("channels_tiktok_adaccount", account.pk)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("ad_account_names_its_advertiser", "advertiser_id = ''"),
        ("ad_account_status_is_known", "status = 'removed'"),
        ("connected_ad_account_holds_a_grant", "grant_id = NULL"),
        ("lower_funnel_events_need_an_event_set", "lower_funnel_events = true"),
    ],
)
def test_an_ad_account_is_never(account, constraint, change):
    with refuses(constraint):
        execute(f"UPDATE channels_tiktok_adaccount SET {change}")


def test_one_subscription_per_ad_account_and_source(account):
    row = LeadSubscription.objects.create(
        ad_account=account, lead_source="INSTANT_FORM", subscription_id="s", subscribed_at=NOW
    )
    with refuses("one_subscription_per_ad_account_and_source", "channels_tiktok_leadsubscription.lead_source"):
        insert_copy("channels_tiktok_leadsubscription", row.pk)


def test_one_row_per_lead_delivery(db):
    row = LeadDelivery.objects.create(fingerprint="f", body=b"{}", received_at=NOW, try_again_at=NOW)
    with refuses("one_row_per_lead_delivery", "channels_tiktok_leaddelivery.fingerprint"):
        insert_copy("channels_tiktok_leaddelivery", row.pk)
    with refuses("lead_delivery_is_settled_once_it_is_not_pending"):
        execute("UPDATE channels_tiktok_leaddelivery SET state = 'processed'")
    with refuses("lead_delivery_state_is_known"):
        execute("UPDATE channels_tiktok_leaddelivery SET state = 'lost', settled_at = received_at")


def test_one_row_per_tiktok_lead(lead):
    with refuses("one_row_per_tiktok_lead", "leads_lead.tiktok_lead_id"):
        insert_copy("leads_lead", lead.pk)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("lead_has_a_tiktok_id", "tiktok_lead_id = ''"),
        ("lead_stage_is_known", "stage = 'sold'"),
        ("lead_source_is_known", "source = 'FAX'"),
        ("suggestion_has_a_ground", "suggested_id = {conversation}"),
        (
            "joined_lead_has_no_suggestion",
            "conversation_id = {conversation}, suggested_id = {conversation}, ground = 'ad'",
        ),
    ],
)
def test_a_lead_is_never(lead, conversation, constraint, change):
    with refuses(constraint):
        execute(f"UPDATE leads_lead SET {change.format(conversation=conversation.pk)}")


def test_what_happened_to_a_lead_is_one_of_four_things(lead):
    LeadChange.objects.create(lead=lead, kind="arrived", at=NOW)
    with refuses("lead_change_kind_is_known"):
        execute("UPDATE leads_leadchange SET kind = 'lost'")


def test_one_row_per_known_identifier(conversation):
    row = KnownIdentifier.objects.create(contact=conversation.contact, kind="phone", match="m")
    with refuses("one_row_per_known_identifier", "leads_knownidentifier.match"):
        insert_copy("leads_knownidentifier", row.pk)
    with refuses("identifier_kind_is_known"):
        execute("UPDATE leads_knownidentifier SET kind = 'fax'")


def test_one_pull_per_ad_or_form(account):
    row = LeadPull.objects.create(ad_account=account, page_id="1", look_again_at=NOW)
    with refuses("one_pull_per_ad_or_form", "leads_leadpull.page_id"):
        insert_copy("leads_leadpull", row.pk)
    with refuses("pull_is_of_an_ad_or_of_a_form"):
        execute("UPDATE leads_leadpull SET ad_id = '1'")


def test_one_report_per_contact_and_ad_account(account, conversation, event):
    row = SpamReport.objects.create(
        ad_account=account,
        contact=conversation.contact,
        conversation=conversation,
        event=event,
        reason="fake",
        reported_at=NOW,
    )
    other = LowerFunnelEvent.objects.create(
        ad_account=account, event_id="e2", event_name="Spam", happened_at=NOW, try_again_at=NOW
    )
    with refuses("one_report_per_contact_and_ad_account", "spamreports_spamreport.ad_account_id"):
        insert_copy("spamreports_spamreport", row.pk, event_id=other.pk)
    with refuses("report_reason_is_known"):
        execute("UPDATE spamreports_spamreport SET reason = 'dislike'")


def test_one_event_per_event_id(event):
    with refuses("one_event_per_event_id", "spamreports_lowerfunnelevent.event_id"):
        insert_copy("spamreports_lowerfunnelevent", event.pk)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("event_state_is_known", "state = 'lost', reason = 'x'"),
        ("accepted_event_has_tiktoks_request_id", "state = 'accepted'"),
        ("unsent_event_says_why", "state = 'skipped'"),
        ("unsent_event_says_why", "state = 'refused'"),
    ],
)
def test_an_event_is_never(event, constraint, change):
    with refuses(constraint):
        execute(f"UPDATE spamreports_lowerfunnelevent SET {change}")


def test_one_event_per_stage_label_and_report(account):
    label = Label.objects.create(name="Sold")
    stage = EventMapping.objects.create(ad_account=account, trigger="stage", stage="raw", event_name="Raw")
    by_label = EventMapping.objects.create(ad_account=account, trigger="label", label=label, event_name="Sold")
    report = EventMapping.objects.create(ad_account=account, trigger="report", event_name="Spam")
    with refuses("one_event_per_stage", "spamreports_eventmapping.stage"):
        insert_copy("spamreports_eventmapping", stage.pk)
    with refuses("one_event_per_label", "spamreports_eventmapping.label_id"):
        insert_copy("spamreports_eventmapping", by_label.pk)
    with refuses("one_event_for_reports", "spamreports_eventmapping.ad_account_id"):
        insert_copy("spamreports_eventmapping", report.pk)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("event_mapping_names_what_its_trigger_needs", "stage = ''"),
        ("event_mapping_names_what_its_trigger_needs", "trigger = 'report'"),
        ("event_mapping_names_an_event", "event_name = ''"),
        ("event_value_has_a_currency", "value = 5"),
        ("event_value_has_a_currency", "currency = 'USD'"),
    ],
)
def test_an_event_mapping_is_never(account, constraint, change):
    EventMapping.objects.create(ad_account=account, trigger="stage", stage="raw", event_name="Raw")
    with refuses(constraint):
        execute(f"UPDATE spamreports_eventmapping SET {change}")
