"""Leads that are told at the same moment, and reports that are pressed at the same moment, on PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from channels_tiktok.models import AdAccount, AdGrant
from inbox.models import ConversationEvent
from leads import receiving
from leads.incoming import IncomingLead
from leads.models import Lead, LeadChange
from spamreports import reporting
from spamreports.models import LowerFunnelEvent, SpamReport
from tests.factories import AGENT_PERMISSIONS, NOW, make_agent, make_conversation, make_inbound

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture(autouse=True)
def _only_postgresql():
    if connection.vendor != "postgresql":
        pytest.skip("a race needs several real connections: PostgreSQL")


@pytest.fixture
def account() -> AdAccount:
    grant = AdGrant.objects.create(access_token="secret", advertisers=[], granted_at=NOW)
    return AdAccount.objects.create(
        advertiser_id="1",
        name="Ads",
        status="connected",
        grant=grant,
        event_set_id="2",
        lower_funnel_events=True,
    )


def at_once(number, act):
    """Run `act(index)` in `number` threads that start together, each with a connection of its own."""
    start = threading.Barrier(number)

    def run(index):
        try:
            start.wait()
            return act(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(run, range(number)))


def test_a_lead_that_ten_ways_tell_of_at_once_is_taken_in_once(account):
    lead = IncomingLead(tiktok_lead_id="7", source="INSTANT_FORM", submitted_at=NOW)
    outcomes = at_once(10, lambda _: receiving.take_in(lead, account=account, at=timezone.now()))
    assert sorted(outcomes) == [False] * 9 + [True]
    assert Lead.objects.count() == LeadChange.objects.count() == 1


def test_ten_people_who_report_the_same_contact_at_once_make_one_report(account):
    conversation = make_conversation()
    make_inbound(conversation)
    account.channels.add(conversation.channel)
    permissions = (*AGENT_PERMISSIONS, "spamreports.report_contact")
    agents = [make_agent(f"agent{number}", permissions=permissions) for number in range(10)]

    def report(index):
        try:
            reporting.report(
                user=agents[index],
                conversation_id=conversation.pk,
                reason=SpamReport.Reason.FAKE,
                comment="",
                at=timezone.now(),
            )
            return "reported"
        except reporting.ReportRefused as refusal:
            return refusal.code

    assert sorted(at_once(10, report)) == ["already_reported"] * 9 + ["reported"]
    assert SpamReport.objects.count() == LowerFunnelEvent.objects.count() == 1
    assert ConversationEvent.objects.filter(kind="told_by_app").count() == 1
