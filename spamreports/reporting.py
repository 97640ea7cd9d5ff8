"""Report a contact as spam to TikTok Ads.

Guarantee: a contact is reported once on an ad account, also when two press at the same moment
(`one_report_per_contact_and_ad_account`). The report is kept at once with its event, and never shown as more than
TikTok said: without a lead id there is nothing that TikTok takes (docs/tiktok-api.md 6.4), and it says so. The
contact is not told and stays in the inbox.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from channels_tiktok.models import AdAccount
from inbox import access, timeline
from inbox.models import Conversation, ConversationEvent
from leads import joining
from spamreports import telling
from spamreports.models import DEFAULT_REPORT_EVENT, EventMapping, SpamReport

REPORT = "spamreports.report_contact"
LONGEST_COMMENT = 2_000


class ReportRefused(Exception):
    """A contact can't be reported now; `code` for programs, `sentence` for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Readiness:
    """Whether a conversation's contact can be reported: on which ad account, or what is missing."""

    ad_account: AdAccount | None
    code: str = ""
    sentence: str = ""


def readiness(conversation: Conversation, accounts: list[AdAccount]) -> Readiness:
    """Choose the ad account to report on among `accounts`, those that serve the conversation's channel.

    It is the one whose ad brought the contact, where TikTok told that; else the first that can take reports.
    """
    connected = [one for one in accounts if one.status == AdAccount.Status.CONNECTED]
    able = [one for one in connected if one.lower_funnel_events]
    if not connected:
        return Readiness(None, "no_ad_account", _("Connect an ad account for this channel first."))
    if not able:
        return Readiness(
            None, "no_lower_funnel_events", _("Turn on lower funnel events for the ad account first.")
        )
    brought_by = conversation.referral.advertiser_id if conversation.referral else ""
    return Readiness(next((one for one in able if one.advertiser_id == brought_by), able[0]))


def serving(conversation: Conversation) -> list[AdAccount]:
    """The ad accounts that serve the conversation's channel, connected or not."""
    return list(AdAccount.objects.filter(channels=conversation.channel_id).order_by("id"))


@transaction.atomic
def report(
    *, user: User, conversation_id: int, reason: SpamReport.Reason, comment: str, at: datetime
) -> SpamReport:
    """Report the contact of a conversation; raises ReportRefused, PermissionDenied, Conversation.DoesNotExist."""
    access.require(user, REPORT)
    conversation = access.lock_conversation_for(user, conversation_id, permission=access.VIEW)
    ready = readiness(conversation, serving(conversation))
    account = ready.ad_account
    if account is None:
        raise ReportRefused(ready.code, ready.sentence)
    already = ReportRefused("already_reported", _("This contact has already been reported."))
    if SpamReport.objects.filter(contact=conversation.contact_id, ad_account=account).exists():
        raise already
    mapping = EventMapping.objects.filter(ad_account=account, trigger=EventMapping.Trigger.REPORT).first()
    try:
        with transaction.atomic():
            event = telling.tell(
                account=account,
                event_id=f"report-{account.pk}-{conversation.contact_id}",
                event_name=mapping.event_name if mapping else DEFAULT_REPORT_EVENT,
                mapping=mapping,
                lead=joining.lead_of(conversation.contact, ad_account=account),
                contact=conversation.contact,
                at=at,
            )
            made = SpamReport.objects.create(
                ad_account=account,
                contact=conversation.contact,
                conversation=conversation,
                event=event,
                reason=reason,
                comment=comment.strip()[:LONGEST_COMMENT],
                reported_by=user,
                reported_at=at,
            )
    except IntegrityError as error:  # somebody else was faster
        raise already from error
    kind = ConversationEvent.Kind.TOLD_BY_APP
    told = {"what": "spamreports.reported", "report": made.pk, "reason": str(reason), "on": account.name}
    line = timeline.about(conversation, kind, at=at, **told)
    line.actor = user
    timeline.record([line])
    return made
