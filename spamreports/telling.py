"""Make events of what happened to leads: a stage was reached, a label was put on, a lead was found for a report.

Guarantee: the same happening makes one event (`one_event_per_event_id`), and TikTok counts it once. What can't be
sent is kept as skipped, with what is missing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import prefetch_related_objects

from channels_tiktok.models import AdAccount
from config import tasks
from config.sentences import stored
from inbox import timeline, timeline_readers
from inbox.models import Contact, ConversationEvent
from leads import joining
from leads.models import Lead, LeadChange
from spamreports.models import EventMapping, LowerFunnelEvent, SpamReport

READER = "spamreports"
BATCH = 100
NO_LEAD = stored(
    "Not sent: no lead id is known. TikTok takes events of leads only; join a lead to the conversation."
)
Waiting, Skipped = LowerFunnelEvent.State.WAITING, LowerFunnelEvent.State.SKIPPED


def tell(
    *,
    account: AdAccount,
    event_id: str,
    event_name: str,
    mapping: EventMapping | None,
    lead: Lead | None,
    contact: Contact | None,
    at: datetime,
) -> LowerFunnelEvent:
    """Queue an event, or keep it as skipped where no lead is known; one that is there already is given back."""
    event, is_new = LowerFunnelEvent.objects.get_or_create(
        ad_account=account,
        event_id=event_id,
        defaults={
            "event_name": event_name,
            "happened_at": at,
            "lead": lead,
            "contact": contact,
            "value": mapping.value if mapping else None,
            "currency": mapping.currency if mapping else "",
            "state": Waiting if lead else Skipped,
            "reason": "" if lead else NO_LEAD,
            "try_again_at": at,
            "settled_at": None if lead else at,
        },
    )
    if is_new and lead:
        ring()
    return event


def ring() -> None:
    """Wake a worker up to send what is queued."""
    tasks.ring("spamreports.tasks.deliver_events")


# ── Following ─────────────────────────────────────────────────────────────────────────────────────────


def follow(*, clock: Callable[[], datetime]) -> int:
    """Take on what happened in the inbox and to leads since the last time; give how many things were looked at."""
    done = 0
    while batch := timeline_readers.follow(READER, take=_take_lines) + _follow_leads(at=clock()):
        done += batch
    return done


def _take_lines(lines: Sequence[ConversationEvent]) -> None:
    labelled = [line for line in lines if line.kind == ConversationEvent.Kind.LABELS_CHANGED]
    if not labelled:
        return
    prefetch_related_objects(labelled, "conversation__contact")
    mappings = list(
        EventMapping.objects.filter(
            trigger=EventMapping.Trigger.LABEL, ad_account__lower_funnel_events=True
        ).select_related("ad_account", "label")
    )
    for line in labelled:
        added = set(line.data.get("added") or ())
        for mapping in mappings:
            if mapping.label and mapping.label.name in added:
                _tell_of_label(line, mapping)


def _tell_of_label(line: ConversationEvent, mapping: EventMapping) -> None:
    conversation = line.conversation
    if conversation is None or not mapping.ad_account.channels.filter(pk=conversation.channel_id).exists():
        return
    lead = joining.lead_of(conversation.contact, ad_account=mapping.ad_account)
    # Once per contact and label: putting it on again is no second success.
    tell(
        account=mapping.ad_account,
        event_id=f"label-{mapping.label_id}-contact-{conversation.contact_id}",
        event_name=mapping.event_name,
        mapping=mapping,
        lead=lead,
        contact=conversation.contact,
        at=line.at,
    )


@transaction.atomic
def _follow_leads(*, at: datetime) -> int:
    waiting = LeadChange.objects.filter(followed_at__isnull=True).order_by("id")
    changes = list(
        waiting.select_for_update(skip_locked=True, of=("self",)).select_related("lead__ad_account")[:BATCH]
    )
    woken: list[ConversationEvent] = []
    for change in changes:
        if change.kind == LeadChange.Kind.STAGE:
            _tell_of_stage(change, stage=change.after)
        elif change.kind == LeadChange.Kind.ARRIVED:
            _tell_of_stage(change, stage=Lead.Stage.RAW)
        elif change.kind == LeadChange.Kind.JOINED:
            woken += _wake_skipped(change.lead_id, at=at)
    LeadChange.objects.filter(pk__in=[change.pk for change in changes]).update(followed_at=at)
    timeline.record(woken)
    return len(changes)


def _tell_of_stage(change: LeadChange, *, stage: str) -> None:
    lead = change.lead
    if not lead.ad_account.lower_funnel_events:
        return
    mapping = EventMapping.objects.filter(
        ad_account=lead.ad_account, trigger=EventMapping.Trigger.STAGE, stage=stage
    ).first()
    if mapping is None:
        return
    tell(
        account=lead.ad_account,
        event_id=f"lead-{lead.tiktok_lead_id}-{stage}",
        event_name=mapping.event_name,
        mapping=mapping,
        lead=lead,
        contact=lead.conversation.contact if lead.conversation else None,
        at=change.at,
    )


def _wake_skipped(lead_id: int, *, at: datetime) -> list[ConversationEvent]:
    """A lead was joined: what could not be sent of its contact for want of one can be sent now."""
    lead = Lead.objects.select_related("conversation__contact").filter(pk=lead_id).first()
    if lead is None or lead.conversation is None:
        return []
    skipped = LowerFunnelEvent.objects.filter(
        ad_account=lead.ad_account_id, contact=lead.conversation.contact_id, state=Skipped, lead__isnull=True
    )
    if not skipped.update(state=Waiting, reason="", lead=lead, try_again_at=at, settled_at=None):
        return []
    ring()
    reports = SpamReport.objects.filter(contact=lead.conversation.contact_id, ad_account=lead.ad_account_id)
    return [report_changed(report, at=at) for report in reports.select_related("conversation", "event")]


def report_changed(report: SpamReport, *, at: datetime) -> ConversationEvent:
    """A line by which open pages show a report's new state; the thread itself doesn't show it."""
    return timeline.about(report.conversation, ConversationEvent.Kind.CONTACT_CHANGED, at=at, report=report.pk)
