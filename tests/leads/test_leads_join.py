"""Which conversation a lead became: suggested with its ground, confirmed or changed by a colleague."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from inbox import receiving as inbox_receiving
from inbox.models import Conversation, ConversationEvent
from leads import joining, receiving, staging
from leads.models import KnownIdentifier, Lead, LeadChange
from tests.factories import AGENT_PERMISSIONS, make_agent

pytestmark = pytest.mark.django_db
LEAD_PERMISSIONS = (*AGENT_PERMISSIONS, "leads.view_lead", "leads.change_lead")


@pytest.fixture
def ana():
    return make_agent("ana", permissions=LEAD_PERMISSIONS, first_name="Ana")


@pytest.fixture
def take(tiktok):
    """Deliver, and let the workers do what they do."""

    def take():
        tiktok.deliver()
        joining.follow_inbox()  # the first time only begins to follow
        inbox_receiving.drain(clock=timezone.now)
        receiving.drain(clock=timezone.now)
        joining.follow_inbox()

    take()
    return take


def username_of(name):
    """TikTok's webhooks tell the username only."""
    return f"{name.lower()}.lead"


def customer(tiktok, name):
    return tiktok.customer(name, username=username_of(name))


def conversation_of(name):
    return Conversation.objects.get(contact__username=username_of(name))


def arrive(tiktok, name, **fields):
    number = customer(tiktok, name)
    tiktok.control(f"/customers/{number}/referrals", account="kopi.corner", source="ad", **fields)
    tiktok.write(number, "Hi there")
    return number


@pytest.mark.parametrize("written", ["call me on +62 812 3456 7890", "0812-3456-7890 is my number"])
def test_a_phone_number_typed_in_the_chat_suggests_the_conversation(tiktok, account, take, written):
    tiktok.submit({"name": "Somebody", "phone_number": "+6281234567890"}, ad_id="1")
    take()
    tiktok.write(customer(tiktok, "Ayu"), written)
    take()
    lead = Lead.objects.get()
    assert (lead.suggested.contact.username, lead.ground, lead.conversation) == ("ayu.lead", "phone", None)


def test_an_address_that_was_typed_before_the_form_came_suggests_it_too(tiktok, account, take):
    tiktok.write(customer(tiktok, "Ayu"), "Write to Ayu.Lestari@Example.com please")
    tiktok.write(customer(tiktok, "Budi"), "Mine is budi@example.com")
    take()
    tiktok.submit({"name": "A", "email": "ayu.lestari@example.com"}, ad_id="1")
    take()
    lead = Lead.objects.get()
    assert (lead.suggested.contact.username, lead.ground) == ("ayu.lead", "email")


def test_what_people_type_is_kept_as_hashes_only(tiktok, account, take):
    tiktok.write(customer(tiktok, "Ayu"), "Write to ayu@example.com")
    take()
    row = KnownIdentifier.objects.values().get()
    assert not any("@" in str(value) or "ayu" in str(value) for value in row.values())


def test_an_arrival_by_the_same_ad_at_that_time_suggests_the_conversation(tiktok, account, take, clock):
    arrive(tiktok, "Ayu")
    take()
    tiktok.submit({"name": "Somebody"}, create_time=int((clock() + timedelta(minutes=3)).timestamp()))
    take()
    lead = Lead.objects.get()
    assert (lead.suggested.contact.username, lead.ground) == ("ayu.lead", "ad")


def test_the_form_first_and_the_arrival_afterwards_is_the_same(tiktok, account, take):
    tiktok.submit({"name": "Somebody"})
    take()
    assert Lead.objects.get().suggested is None
    arrive(tiktok, "Ayu")
    take()
    assert Lead.objects.get().suggested == conversation_of("Ayu")


def test_another_ad_or_another_day_suggests_nothing(tiktok, account, take, clock):
    arrive(tiktok, "Ayu", ad_id="1800000000000099")
    arrive(tiktok, "Budi")
    take()
    tiktok.submit({"name": "Somebody"}, create_time=int((clock() - timedelta(days=3)).timestamp()))
    take()
    assert Lead.objects.get().suggested is None


def test_a_channel_that_the_ad_account_does_not_serve_is_left_out(tiktok, account, take):
    account.channels.clear()
    tiktok.submit({"name": "A", "email": "ayu@example.com"})
    take()
    arrive(tiktok, "Ayu")
    tiktok.write(customer(tiktok, "Citra"), "ayu@example.com")
    take()
    assert Lead.objects.get().suggested is None


@pytest.fixture
def suggested(tiktok, account, take):
    """A lead that may have become the conversation with Ayu."""
    tiktok.submit({"name": "Ayu L.", "phone_number": "+620000000000"})
    arrive(tiktok, "Ayu")
    arrive(tiktok, "Budi", ad_id="2")
    take()
    return Lead.objects.get()


def test_a_colleague_confirms_and_the_thread_says_so(suggested, ana):
    ayu = conversation_of("Ayu")
    assert joining.join(user=ana, lead_id=suggested.pk, conversation_id=ayu.pk, at=timezone.now())
    assert not joining.join(user=ana, lead_id=suggested.pk, conversation_id=ayu.pk, at=timezone.now())
    lead = Lead.objects.get()
    assert (lead.conversation, lead.suggested, lead.joined_by) == (ayu, None, ana)
    line = ConversationEvent.objects.get(kind="told_by_app")
    assert (line.conversation, line.actor, line.data["name"]) == (ayu, ana, "Ayu L.")


def test_a_colleague_changes_it_and_a_guess_never_overwrites_that(suggested, ana, tiktok, take):
    joining.join(user=ana, lead_id=suggested.pk, conversation_id=conversation_of("Budi").pk, at=timezone.now())
    tiktok.write(customer(tiktok, "Citra"), "my number is +620000000000")
    take()
    lead = Lead.objects.get()
    assert (lead.conversation.contact.username, lead.suggested) == ("budi.lead", None)


def test_a_colleague_says_no(suggested, ana):
    assert joining.part(user=ana, lead_id=suggested.pk, at=timezone.now())
    assert Lead.objects.get().suggested is None
    assert not joining.part(user=ana, lead_id=suggested.pk, at=timezone.now())


def test_the_stage_is_kept_with_who_changed_it(suggested, ana):
    joining.join(user=ana, lead_id=suggested.pk, conversation_id=conversation_of("Ayu").pk, at=timezone.now())
    assert staging.change_stage(user=ana, lead_id=suggested.pk, stage=Lead.Stage.QUALIFIED, at=timezone.now())
    assert not staging.change_stage(user=ana, lead_id=suggested.pk, stage=Lead.Stage.QUALIFIED, at=timezone.now())
    change = LeadChange.objects.get(kind="stage")
    assert (change.before, change.after, change.actor) == ("raw", "qualified", ana)
    assert ConversationEvent.objects.filter(kind="told_by_app", data__what="leads.stage").count() == 1


@pytest.mark.parametrize("act", ["join", "part", "stage"])
def test_who_may_only_look_changes_nothing(suggested, act):
    reader = make_agent("rita", permissions=(*AGENT_PERMISSIONS, "leads.view_lead"))
    ayu = conversation_of("Ayu").pk
    acts = {
        "join": lambda: joining.join(user=reader, lead_id=suggested.pk, conversation_id=ayu, at=timezone.now()),
        "part": lambda: joining.part(user=reader, lead_id=suggested.pk, at=timezone.now()),
        "stage": lambda: staging.change_stage(
            user=reader, lead_id=suggested.pk, stage=Lead.Stage.CONVERTED, at=timezone.now()
        ),
    }
    with pytest.raises(PermissionDenied):
        acts[act]()
