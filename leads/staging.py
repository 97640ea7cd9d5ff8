"""What became of a lead: raw, contacted, qualified, unqualified, converted.

Guarantee: a change and what tells of it commit together; what already is so changes nothing.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from inbox import timeline
from inbox.models import ConversationEvent
from leads.access import lock_lead_for
from leads.models import Lead, LeadChange


@transaction.atomic
def change_stage(*, user: User, lead_id: int, stage: Lead.Stage, at: datetime) -> bool:
    """Put a lead into a stage; False if it is there. Raises PermissionDenied or Lead.DoesNotExist."""
    lead = lock_lead_for(user, lead_id)
    before = lead.stage
    if before == stage:
        return False
    Lead.objects.filter(pk=lead.pk).update(stage=stage)
    LeadChange.objects.create(lead=lead, kind=LeadChange.Kind.STAGE, before=before, after=stage, actor=user, at=at)
    if lead.conversation:
        kind = ConversationEvent.Kind.TOLD_BY_APP
        told = {"what": "leads.stage", "lead": lead.pk, "before": before, "after": str(stage)}
        line = timeline.about(lead.conversation, kind, at=at, **told)
        line.actor = user
        timeline.record([line])
    return True
