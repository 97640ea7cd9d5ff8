"""Leads that no webhook brought: TikTok's newest one, and files of all leads of each form and ad.

Guarantee: with webhooks off, the pull side alone brings every lead of the forms, and of the ads that we know of. A
file that TikTok has not written yet is looked at again later; one ad account's trouble stops no other.
"""

import itertools
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import F

from channels_tiktok.ads_client import tiktok_ads
from channels_tiktok.answers import LeadTask
from channels_tiktok.connecting_ads import with_access
from channels_tiktok.errors import TikTokError
from channels_tiktok.models import AdAccount, LeadSubscription
from inbox.models import Referral
from leads import incoming, receiving
from leads.incoming import UnreadableLead
from leads.models import Lead, LeadPull

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=10)
LEASE = timedelta(minutes=3)
MOST_ATTEMPTS = 60
MOST_ADS = 50
FILE_BATCH = 500
KNOWN_SINCE = timedelta(days=30)
WORK_FOR = timedelta(seconds=40)


def connected() -> list[AdAccount]:
    """The ad accounts whose leads can be asked for."""
    return list(AdAccount.objects.filter(status=AdAccount.Status.CONNECTED).order_by("id"))


def plan(*, account: AdAccount, at: datetime) -> int:
    """Ask for the newest lead of messages, and queue a file for each form and known ad; give how many files.

    Raises TikTokError.
    """
    token_call = tiktok_ads()
    newest = with_access(
        account=account,
        at=at,
        call=lambda token: token_call.newest_lead(
            token=token,
            advertiser_id=account.advertiser_id,
            lead_source=LeadSubscription.Source.DIRECT_MESSAGE,
        ),
    )
    _take_newest(newest, account=account, at=at)
    forms = with_access(
        account=account,
        at=at,
        call=lambda token: token_call.lead_forms(token=token, advertiser_id=account.advertiser_id),
    )
    pulls = [LeadPull(ad_account=account, page_id=form.id[:100], look_again_at=at) for form in forms]
    pulls += [LeadPull(ad_account=account, ad_id=ad_id, look_again_at=at) for ad_id in _known_ads(account, at=at)]
    LeadPull.objects.bulk_create(pulls, ignore_conflicts=True)  # what is queued already stays so
    return len(pulls)


def _take_newest(answer: dict[str, object], *, account: AdAccount, at: datetime) -> None:
    try:
        lead = incoming.from_newest(answer, at=at)
    except UnreadableLead as error:
        logger.warning("ad account %s: %s", account.pk, error)
        return
    if lead:
        receiving.take_in(lead, account=account, at=at)


def _known_ads(account: AdAccount, *, at: datetime) -> list[str]:
    """Ads that brought leads or customers by message lately: TikTok gives their leads only by the ad's number."""
    leads = Lead.objects.filter(
        ad_account=account, source=Lead.Source.DIRECT_MESSAGE, submitted_at__gte=at - KNOWN_SINCE
    )
    arrivals = Referral.objects.filter(
        source=Referral.Source.AD, advertiser_id=account.advertiser_id, arrived_at__gte=at - KNOWN_SINCE
    )
    found = [*leads.values_list("ad_id", flat=True).distinct()[:MOST_ADS]]
    found += arrivals.values_list("ad_id", flat=True).distinct()[:MOST_ADS]
    return [ad_id for ad_id in dict.fromkeys(found) if ad_id][:MOST_ADS]


def work(*, clock: Callable[[], datetime], account: AdAccount | None = None) -> int:
    """Go on with the files that are due, for 40 seconds at most; give how many new leads they brought."""
    end, found = clock() + WORK_FOR, 0
    while clock() < end:
        pull = _claim(at=clock(), account=account)
        if pull is None:
            break
        found += _go_on(pull, at=clock())
    return found


def next_look(*, account: AdAccount | None = None) -> datetime | None:
    """When the next file is due; None when none is queued."""
    pulls = LeadPull.objects.filter(ad_account__status=AdAccount.Status.CONNECTED)
    pulls = pulls.filter(ad_account=account) if account else pulls
    return pulls.order_by("look_again_at").values_list("look_again_at", flat=True).first()


def _claim(*, at: datetime, account: AdAccount | None) -> LeadPull | None:
    due = LeadPull.objects.filter(look_again_at__lte=at, ad_account__status=AdAccount.Status.CONNECTED)
    if account:
        due = due.filter(ad_account=account)
    for pull in due.select_related("ad_account").order_by("look_again_at", "id")[:5]:
        ours = LeadPull.objects.filter(pk=pull.pk, look_again_at=pull.look_again_at)
        if ours.update(look_again_at=at + LEASE, attempts=F("attempts") + 1):
            return pull
    return None


def _go_on(pull: LeadPull, *, at: datetime) -> int:
    """One step: ask for the file, ask how far it is, or take it in; give how many new leads there were."""
    account = pull.ad_account
    try:
        task = with_access(account=account, at=at, call=lambda token: _ask(pull, token))
        if task.status == "SUCCEED":
            found = _take_file(pull, task.task_id, at=at)
            pull.delete()
            return found
    except (TikTokError, UnreadableLead) as error:
        logger.warning("leads of %s could not be read: %s", pull, error)
        if isinstance(error, UnreadableLead) or pull.attempts >= MOST_ATTEMPTS:
            pull.delete()  # planned anew within the hour
            return 0
        task = LeadTask(pull.task_id, "RUNNING", "")
    if task.status == "FAILED" or pull.attempts >= MOST_ATTEMPTS:
        logger.warning("TikTok did not write the leads of %s", pull)
        pull.delete()
        return 0
    LeadPull.objects.filter(pk=pull.pk).update(task_id=task.task_id, look_again_at=at + LOOK_AGAIN)
    return 0


def _ask(pull: LeadPull, token: str) -> LeadTask:
    return tiktok_ads().ask_for_leads(
        token=token,
        advertiser_id=pull.ad_account.advertiser_id,
        ad_id="" if pull.task_id else pull.ad_id,
        page_id="" if pull.task_id else pull.page_id,
        task_id=pull.task_id,
    )


def _take_file(pull: LeadPull, task_id: str, *, at: datetime) -> int:
    account = pull.ad_account
    media = with_access(
        account=account,
        at=at,
        call=lambda token: tiktok_ads().download_leads(
            token=token, advertiser_id=account.advertiser_id, task_id=task_id, limit=incoming.LARGEST_FILE
        ),
    )
    leads = incoming.from_file(media, at=at)
    found = 0
    while batch := list(itertools.islice(leads, FILE_BATCH)):  # a file holds every lead that there ever was
        known = set(
            Lead.objects.filter(tiktok_lead_id__in=[lead.tiktok_lead_id for lead in batch]).values_list(
                "tiktok_lead_id", flat=True
            )
        )
        fresh = [lead for lead in batch if lead.tiktok_lead_id not in known]
        found += sum(receiving.take_in(lead, account=account, at=at) for lead in fresh)
    return found
