"""Stages and labels become events for TikTok Ads: once, in batches, and each with what became of it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from channels_tiktok.models import AdAccount
from inbox import working
from inbox.models import Conversation, Label
from leads import joining, receiving, staging
from leads.incoming import IncomingLead
from leads.models import Lead
from spamreports import delivering, telling
from spamreports.models import EventMapping, LowerFunnelEvent
from tests.factories import AGENT_PERMISSIONS, NOW, make_agent, make_contact, make_conversation, make_inbound

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> User:
    return make_agent("ana", permissions=(*AGENT_PERMISSIONS, "leads.view_lead", "leads.change_lead"))


@pytest.fixture
def ayu(shop) -> Conversation:
    conversation = make_conversation(shop, contact=make_contact(shop))
    make_inbound(conversation)
    return conversation


@pytest.fixture
def lead(account) -> Lead:
    return submit(account, "31")


@pytest.fixture
def mapping(account) -> EventMapping:
    return EventMapping.objects.create(
        ad_account=account,
        trigger="stage",
        stage="qualified",
        event_name="Qualified",
        value="25.50",
        currency="USD",
    )


def submit(account, number: str, **fields) -> Lead:
    answers = [{"question": "email", "answer": "ayu@example.com"}]
    values = {"tiktok_lead_id": number, "source": "INSTANT_FORM", "submitted_at": NOW, "answers": answers}
    receiving.take_in(IncomingLead(**(values | fields)), account=account, at=NOW)
    return Lead.objects.get(tiktok_lead_id=number)


def qualify(user, lead, stage=Lead.Stage.QUALIFIED):
    staging.change_stage(user=user, lead_id=lead.pk, stage=stage, at=timezone.now())
    telling.follow(clock=timezone.now)


def queue(account, *leads, name="Qualified") -> None:
    for lead in leads:
        telling.tell(
            account=account,
            event_id=f"{name}-{lead.pk}",
            event_name=name,
            mapping=None,
            lead=lead,
            contact=None,
            at=NOW,
        )


def calls(tiktok) -> list[dict]:
    return tiktok.look("/calls?path=event/track")["calls"]


def test_a_stage_is_told_once_under_its_mapped_name_with_value_and_hashes(
    tiktok, account, mapping, lead, ana, clock
):
    qualify(ana, lead)
    qualify(ana, lead, Lead.Stage.CONTACTED)
    qualify(ana, lead)
    assert delivering.deliver_due(clock=clock) == 1
    (event,) = tiktok.events()
    assert (event["event"], event["lead_id"], event["event_set_id"]) == ("Qualified", "31", account.event_set_id)
    assert event["body"]["properties"] == {"value": 25.5, "currency": "USD"}
    assert event["body"]["user"] == {"email": [lead.email_digest]}
    assert event["body"]["lead"]["lead_event_source"] == "Reply48"
    assert "ayu@example.com" not in str(event)
    kept = LowerFunnelEvent.objects.get()
    assert (kept.state, bool(kept.request_id)) == ("accepted", True)


def test_a_lead_that_arrives_is_raw_and_that_can_be_told_too(tiktok, account, clock):
    EventMapping.objects.create(ad_account=account, trigger="stage", stage="raw", event_name="Lead")
    submit(account, "31")
    telling.follow(clock=timezone.now)
    delivering.deliver_due(clock=clock)
    assert [event["event"] for event in tiktok.events()] == ["Lead"]


def test_a_stage_that_is_not_mapped_tells_nothing(account, mapping, lead, ana):
    qualify(ana, lead, Lead.Stage.CONTACTED)
    assert not LowerFunnelEvent.objects.exists()


def test_with_lower_funnel_events_off_nothing_is_told(account, mapping, lead, ana):
    AdAccount.objects.update(lower_funnel_events=False)
    qualify(ana, lead)
    assert not LowerFunnelEvent.objects.exists()


def test_a_label_tells_of_the_lead_of_the_conversation(tiktok, account, lead, ayu, ana, clock):
    label = Label.objects.create(name="Sold")
    EventMapping.objects.create(ad_account=account, trigger="label", label=label, event_name="Purchase")
    telling.follow(clock=timezone.now)  # begins to follow
    joining.join(user=ana, lead_id=lead.pk, conversation_id=ayu.pk, at=NOW)
    working.set_labels(user=ana, conversation_id=ayu.pk, labels=[label], at=NOW)
    telling.follow(clock=timezone.now)
    working.set_labels(user=ana, conversation_id=ayu.pk, labels=[], at=NOW)
    working.set_labels(user=ana, conversation_id=ayu.pk, labels=[label], at=NOW)
    telling.follow(clock=timezone.now)
    delivering.deliver_due(clock=clock)
    (event,) = tiktok.events()
    assert (event["event"], event["lead_id"]) == ("Purchase", "31")
    assert len(event["body"]["user"]["external_id"]) == 1


def test_without_a_lead_an_event_is_skipped_with_what_is_missing(tiktok, account, ayu, ana, clock):
    label = Label.objects.create(name="Sold")
    EventMapping.objects.create(ad_account=account, trigger="label", label=label, event_name="Purchase")
    telling.follow(clock=timezone.now)
    working.set_labels(user=ana, conversation_id=ayu.pk, labels=[label], at=NOW)
    telling.follow(clock=timezone.now)
    event = LowerFunnelEvent.objects.get()
    assert (event.state, "no lead id is known" in event.reason) == ("skipped", True)
    assert delivering.deliver_due(clock=clock) == 0


def test_never_more_than_a_thousand_in_a_call(tiktok, account, clock):
    values = {"ad_account": account, "event_name": "Qualified", "happened_at": NOW, "try_again_at": NOW}
    lead = submit(account, "1")
    LowerFunnelEvent.objects.bulk_create(
        LowerFunnelEvent(event_id=f"e{number}", lead=lead, **values) for number in range(1001)
    )
    assert delivering.deliver_due(clock=clock) == 1001
    assert [call["code"] for call in calls(tiktok)] == [0, 0]
    assert not LowerFunnelEvent.objects.exclude(state="accepted").exists()


def test_one_event_that_tiktok_refuses_takes_no_other_with_it(tiktok, account, clock):
    leads = [submit(account, str(number)) for number in range(1, 8)]
    queue(account, *leads)
    LowerFunnelEvent.objects.filter(lead=leads[4]).update(happened_at=NOW + timedelta(days=1))
    assert delivering.deliver_due(clock=clock) == 7
    refused = LowerFunnelEvent.objects.get(state="refused")
    assert refused.lead == leads[4]
    assert "event_time" in refused.reason
    assert {event["lead_id"] for event in tiktok.events()} == {"1", "2", "3", "4", "6", "7"}


@pytest.mark.parametrize("kind", ["hang_after", "reset_after"])
def test_an_answer_that_did_not_arrive_is_asked_for_again_and_counted_once(tiktok, account, lead, clock, kind):
    queue(account, lead)
    tiktok.fault(kind, path="event/track", seconds=0)
    assert delivering.deliver_due(clock=clock) == 0
    assert LowerFunnelEvent.objects.get().state == "waiting"
    clock.at += timedelta(minutes=2)
    assert delivering.deliver_due(clock=clock) == 1
    assert [bool(event["is_repeated"]) for event in tiktok.events()] == [False, True]


def test_a_part_of_one_event_is_no_success(tiktok, account, lead, clock):
    queue(account, lead)
    tiktok.fault("code", path="event/track", code=20001)
    delivering.deliver_due(clock=clock)
    event = LowerFunnelEvent.objects.get()
    assert (event.state, "only a part" in event.reason) == ("refused", True)


def test_after_two_days_of_trying_it_is_given_up_in_words(tiktok, account, lead, clock):
    queue(account, lead)
    tiktok.fault("code", path="event/track", code=50000, count=100)
    for _ in range(20):
        delivering.deliver_due(clock=clock)
        clock.at += timedelta(hours=25)
    event = LowerFunnelEvent.objects.get()
    assert (event.state, "two days" in event.reason) == ("refused", True)


def test_withdrawn_access_disconnects_the_account_and_what_waits_leaves_after_connecting_again(
    tiktok, account, shop, lead, clock
):
    queue(account, lead)
    tiktok.control("/ads/revoke", advertiser_id=account.advertiser_id)
    assert delivering.deliver_due(clock=clock) == 0
    account.refresh_from_db()
    assert (account.status, "Connect the ad account again" in account.reason) == ("disconnected", True)
    assert LowerFunnelEvent.objects.get().state == "waiting"
    tiktok.connect_ads(shop)
    clock.at += timedelta(minutes=2)
    assert delivering.deliver_due(clock=clock) == 1
    assert AdAccount.objects.get().pk == account.pk


def test_a_missing_permission_refuses_the_event_and_disconnects_nothing(tiktok, shop, clock):
    account = tiktok.connect_ads(shop, scope=[12000000])
    queue(account, submit(account, "1"))
    assert delivering.deliver_due(clock=clock) == 1
    assert LowerFunnelEvent.objects.get().state == "refused"
    assert AdAccount.objects.get().status == "connected"


def test_the_test_code_goes_with_each_call(tiktok, account, lead, clock):
    AdAccount.objects.update(test_event_code="TEST123")
    queue(account, lead)
    delivering.deliver_due(clock=clock)
    assert tiktok.events()[0]["test_event_code"] == "TEST123"
    assert "As a test" in LowerFunnelEvent.objects.get().reason


def test_what_was_refused_can_be_tried_again(tiktok, account, lead, clock, admin_client):
    queue(account, lead)
    tiktok.fault("code", path="event/track", code=40002)
    delivering.deliver_due(clock=clock)
    event = LowerFunnelEvent.objects.get()
    admin_client.post(
        "/admin/spamreports/lowerfunnelevent/", {"action": "try_again", "_selected_action": [event.pk]}
    )
    assert delivering.deliver_due(clock=clock) == 1
    assert admin_client.get("/admin/spamreports/lowerfunnelevent/").status_code == 200
    assert admin_client.get("/admin/spamreports/eventmapping/add/").status_code == 200
