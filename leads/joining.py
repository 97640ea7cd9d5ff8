"""Which conversation a lead became.

TikTok does not say (docs/tiktok-api.md 6.2), so it is a suggestion with its ground until a colleague confirms it:
a phone number or e-mail address that the customer typed in the chat, or an arrival by the same ad at that time.

Guarantee: a guess never overwrites what a colleague has said, and what people typed is kept as hashes only.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from channels_tiktok.models import AdAccount
from inbox import access, timeline, timeline_readers
from inbox.models import Contact, Conversation, ConversationEvent, Message, Referral
from leads.access import CHANGE, lock_lead_for
from leads.identifiers import identifiers_in
from leads.models import KnownIdentifier, Lead, LeadChange

READER = "leads"
# How long before and after a submission an arrival by the same ad may be the same person.
EARLIEST, LATEST = timedelta(hours=1), timedelta(hours=48)
Ground = Lead.Ground


# ── Suggesting ────────────────────────────────────────────────────────────────────────────────────────


def suggest(lead: Lead) -> bool:
    """Look which conversation a lead may have become, and note it with its ground; say whether there is one."""
    by_contact = _by_identifier(lead)
    if by_contact:
        contact_id, ground = by_contact
        newest = Conversation.objects.filter(contact_id=contact_id).order_by("-last_message_at").first()
        return _note(lead.pk, newest.pk, ground) if newest else False
    arrival = _by_ad(lead)
    return _note(lead.pk, arrival.conversation_id, Ground.AD) if arrival else False


def _by_identifier(lead: Lead) -> tuple[int, Lead.Ground] | None:
    wanted = {lead.phone_tail: Ground.PHONE, lead.email_digest: Ground.EMAIL}
    wanted.pop("", None)
    known = KnownIdentifier.objects.filter(match__in=wanted, contact__channel__in=lead.ad_account.channels.all())
    found = known.order_by("-id").values_list("contact_id", "match").first()
    return (found[0], wanted[found[1]]) if found else None


def _by_ad(lead: Lead) -> Referral | None:
    """The arrival by the lead's ad that is nearest in time, in a conversation that no lead has yet."""
    if not lead.ad_id:
        return None
    near = Referral.objects.filter(
        source=Referral.Source.AD,
        ad_id=lead.ad_id,
        arrived_at__range=(lead.submitted_at - EARLIEST, lead.submitted_at + LATEST),
        conversation__channel__in=lead.ad_account.channels.all(),
        conversation__leads__isnull=True,
        conversation__suggested_leads__isnull=True,
    )
    found = list(near.order_by("arrived_at")[:50])
    return min(found, key=lambda one: abs(one.arrived_at - lead.submitted_at), default=None)


def _note(lead_id: int, conversation_id: int, ground: Lead.Ground) -> bool:
    waiting = Lead.objects.filter(pk=lead_id, conversation__isnull=True)
    if ground == Ground.AD:  # the weakest ground replaces none
        waiting = waiting.filter(suggested__isnull=True)
    return bool(waiting.update(suggested_id=conversation_id, ground=ground))


# ── Following the inbox ───────────────────────────────────────────────────────────────────────────────


def follow_inbox() -> int:
    """Look at what customers wrote and how they came since the last time; give how many lines were read."""
    read = 0
    while batch := timeline_readers.follow(READER, take=_take):
        read += batch
    return read


def _take(lines: Sequence[ConversationEvent]) -> None:
    if not AdAccount.objects.exists():  # nobody here has ads: nothing is looked for
        return
    kind = ConversationEvent.Kind.MESSAGE_RECEIVED
    received = [line.message_id for line in lines if line.kind == kind and line.message_id]
    messages = Message.objects.filter(pk__in=received, direction=Message.Direction.INBOUND).exclude(text="")
    for message in messages.select_related("conversation"):
        _learn(message)
    arrived = {line.conversation_id for line in lines if line.kind == ConversationEvent.Kind.REFERRAL_ARRIVED}
    arrivals = Referral.objects.filter(conversation__in=arrived - {None}, source=Referral.Source.AD)
    for arrival in arrivals.exclude(ad_id="").select_related("conversation"):
        _welcome(arrival)


def _learn(message: Message) -> None:
    """Keep what identifies the customer, and find the lead that has the same."""
    conversation = message.conversation
    for found in identifiers_in(message.text):
        KnownIdentifier.objects.get_or_create(
            contact_id=conversation.contact_id,
            kind=found.kind,
            match=found.match,
            defaults={"digest": found.digest, "message": message},
        )
        is_phone = found.kind == KnownIdentifier.Kind.PHONE
        same = Q(phone_tail=found.match) if is_phone else Q(email_digest=found.match)
        waiting = Lead.objects.filter(
            same, conversation__isnull=True, ad_account__channels=conversation.channel_id
        ).order_by("-submitted_at")
        for lead_id in waiting.values_list("pk", flat=True)[:10]:
            _note(lead_id, conversation.pk, Ground.PHONE if is_phone else Ground.EMAIL)


def _welcome(arrival: Referral) -> None:
    """Someone came by an ad: find the lead of that ad and time that still waits for its conversation."""
    waiting = Lead.objects.filter(
        ad_id=arrival.ad_id,
        submitted_at__range=(arrival.arrived_at - LATEST, arrival.arrived_at + EARLIEST),
        conversation__isnull=True,
        suggested__isnull=True,
        ad_account__channels=arrival.conversation.channel_id,
    )
    taken = Lead.objects.filter(Q(conversation=arrival.conversation) | Q(suggested=arrival.conversation))
    found = list(waiting.order_by("-submitted_at")[:50])
    if found and not taken.exists():
        nearest = min(found, key=lambda lead: abs(lead.submitted_at - arrival.arrived_at))
        _note(nearest.pk, arrival.conversation_id, Ground.AD)


# ── What colleagues say ───────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def join(*, user: User, lead_id: int, conversation_id: int, at: datetime) -> bool:
    """Say that a lead became a conversation; False if that is said already.

    Raises PermissionDenied, Lead.DoesNotExist or Conversation.DoesNotExist.
    """
    access.require(user, CHANGE)
    conversation = access.lock_conversation_for(user, conversation_id, permission=access.VIEW)
    lead = lock_lead_for(user, lead_id)
    if lead.conversation_id == conversation.pk:
        return False
    former = lead.conversation
    Lead.objects.filter(pk=lead.pk).update(conversation=conversation, suggested=None, ground="", joined_by=user)
    LeadChange.objects.create(lead=lead, kind=LeadChange.Kind.JOINED, actor=user, at=at)
    lines = [_line(conversation, lead, joined=True, actor=user, at=at)]
    if former:
        lines.append(_line(former, lead, joined=False, actor=user, at=at))
    timeline.record(lines)
    return True


@transaction.atomic
def part(*, user: User, lead_id: int, at: datetime) -> bool:
    """Say that a lead's conversation, joined or suggested, is not the right one; False if there is none."""
    lead = lock_lead_for(user, lead_id)
    former = lead.conversation
    if former is None and lead.suggested_id is None:
        return False
    Lead.objects.filter(pk=lead.pk).update(conversation=None, suggested=None, ground="", joined_by=None)
    LeadChange.objects.create(lead=lead, kind=LeadChange.Kind.PARTED, actor=user, at=at)
    if former:
        timeline.record([_line(former, lead, joined=False, actor=user, at=at)])
    return True


def _line(conversation: Conversation, lead: Lead, *, joined: bool, actor: User, at: datetime) -> ConversationEvent:
    told: dict[str, Any] = {"what": "leads.joined", "lead": lead.pk, "name": str(lead), "joined": joined}
    line = timeline.about(conversation, ConversationEvent.Kind.TOLD_BY_APP, at=at, **told)
    line.actor = actor
    return line


def lead_of(contact: Contact, *, ad_account: AdAccount) -> Lead | None:
    """The newest lead of an ad account that is joined to a conversation of this contact."""
    joined = Lead.objects.filter(ad_account=ad_account, conversation__contact=contact)
    return joined.order_by("-submitted_at", "-id").first()


def digests_of(contacts: Iterable[int]) -> dict[int, dict[str, set[str]]]:
    """What is known of contacts, hashed as TikTok takes it: typed in a chat, or answered in a joined lead."""
    found: dict[int, dict[str, set[str]]] = {pk: {"phone": set(), "email": set()} for pk in contacts}
    typed = KnownIdentifier.objects.filter(contact__in=found).exclude(digest="")
    for contact_id, kind, digest in typed.values_list("contact_id", "kind", "digest"):
        found[contact_id][kind].add(digest)
    joined = Lead.objects.filter(conversation__contact__in=found)
    for contact_id, phone, email in joined.values_list("conversation__contact_id", "phone_digest", "email_digest"):
        if phone:
            found[contact_id]["phone"].add(phone)
        if email:
            found[contact_id]["email"].add(email)
    return found
