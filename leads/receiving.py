"""What happens when somebody submits a lead form.

Guarantee: each lead is one row (`one_row_per_tiktok_lead`), whichever way and however often TikTok tells of it. A
delivery takes effect and is settled in one transaction; one that can't be read fails alone, with its reason.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from channels_tiktok import lead_journal
from channels_tiktok.answers import objects_in, text_in
from channels_tiktok.journal import Undecodable
from channels_tiktok.lead_journal import FAILED, IGNORED, PROCESSED
from channels_tiktok.models import AdAccount, LeadDelivery
from config.sentences import stored
from leads import incoming, joining
from leads.identifiers import person_in
from leads.incoming import IncomingLead, UnreadableLead
from leads.models import Lead, LeadChange

logger = logging.getLogger(__name__)

BATCH = 50
NOT_LEADS = stored("It is not about leads: object {object}.")
NO_AD_ACCOUNT = stored("No ad account here has the advertiser {advertiser}.")


class _Unknown(Exception):
    """No ad account here has this advertiser; the text names it."""


def drain(*, clock: Callable[[], datetime]) -> int:
    """Take in what was delivered, until nothing is due; give how many deliveries were settled."""
    settled = 0
    while batch := _drain_batch(at=clock()):
        settled += batch
    return settled


@transaction.atomic
def _drain_batch(*, at: datetime) -> int:
    deliveries = lead_journal.claim(limit=BATCH, at=at)
    for delivery in deliveries:
        try:
            with transaction.atomic():
                _take_delivery(delivery, at=at)
        except (UnreadableLead, Undecodable) as error:
            lead_journal.settle(delivery, FAILED, str(error), at=at)
        except _Unknown as error:
            lead_journal.settle(delivery, IGNORED, str(error), at=at)
        except Exception as error:  # whatever one delivery brings about, its neighbours go on
            logger.exception("lead delivery %s failed", delivery.pk)
            lead_journal.mark_failed_attempt(delivery, f"{type(error).__name__}: {error}"[:500], at=at)
        else:
            lead_journal.settle(delivery, PROCESSED, "", at=at)
    return len(deliveries)


def _take_delivery(delivery: LeadDelivery, *, at: datetime) -> None:
    told = lead_journal.decode(delivery)
    if text_in(told, "object") not in ("", "1"):
        raise _Unknown(NOT_LEADS.format(object=text_in(told, "object")[:20]))
    entries = [incoming.from_webhook(entry, at=at) for entry in objects_in(told, "entry")]
    accounts = {
        account.advertiser_id: account
        for account in AdAccount.objects.filter(advertiser_id__in={entry.advertiser_id for entry in entries})
    }
    for entry in entries:
        account = accounts.get(entry.advertiser_id)
        if account is None:
            raise _Unknown(NO_AD_ACCOUNT.format(advertiser=entry.advertiser_id[:50] or "(none)"))
        take_in(entry, account=account, at=at)


@transaction.atomic
def take_in(lead: IncomingLead, *, account: AdAccount, at: datetime) -> bool:
    """Keep a lead and suggest which conversation it became; False when it is here already."""
    person = person_in(lead.answers)
    kept, is_new = Lead.objects.get_or_create(
        tiktok_lead_id=lead.tiktok_lead_id,
        defaults={
            "ad_account": account,
            "source": lead.source,
            "answers": lead.answers,
            "name": person.name,
            "phone_digest": person.phone.digest if person.phone else "",
            "phone_tail": person.phone.match if person.phone else "",
            "email_digest": person.email.digest if person.email else "",
            "submitted_at": lead.submitted_at,
            "received_at": at,
            **lead.facts,
        },
    )
    if is_new:
        LeadChange.objects.create(lead=kept, kind=LeadChange.Kind.ARRIVED, at=at)
        joining.suggest(kept)
    return is_new
