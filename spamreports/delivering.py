"""Hand queued events to TikTok.

Guarantee: an event is settled by TikTok's word alone. Repeating a call does no harm, because TikTok counts an
event id once within 48 hours; so a call whose answer did not arrive is made again. One event that TikTok refuses
takes no other with it: a batch that was refused is halved until the one is found. Never over 1,000 in a call.

What waits for an ad account that is disconnected, or whose lower funnel events are off, goes on waiting.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from channels_tiktok.ads_client import EVENTS_PER_CALL, tiktok_ads
from channels_tiktok.answers import Receipt
from channels_tiktok.connecting_ads import with_access
from channels_tiktok.errors import AppMisconfigured, Busy, OutcomeUnknown, ReconnectNeeded, Refused, TikTokError
from channels_tiktok.health import AND_SAYS
from channels_tiktok.models import AdAccount
from config.sentences import stored
from inbox import timeline
from leads.identifiers import sha256
from leads.joining import digests_of
from spamreports.models import LowerFunnelEvent, SpamReport
from spamreports.telling import report_changed

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
WORK_FOR = timedelta(seconds=40)
BACKOFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
    timedelta(hours=24),
)
PERMISSION_CODES = (40001, 40130)
EVENT_SOURCE = "Reply48"
PARTLY = stored("TikTok took only a part of this event.")
TEST_ONLY = stored("As a test: TikTok shows it in Events Manager and uses it for nothing else.")
GIVEN_UP = stored("TikTok did not take it in two days of trying: {sentence}")
NO_REQUEST = stored("TikTok's answer named no request.")
State = LowerFunnelEvent.State


def deliver_due(*, clock: Callable[[], datetime]) -> int:
    """Send what is due, ad account by ad account; give how many events were settled."""
    end, settled = clock() + WORK_FOR, 0
    for account in AdAccount.objects.filter(status=AdAccount.Status.CONNECTED, lower_funnel_events=True):
        while clock() < end and (events := _claim(account, at=clock())):
            settled += _send(account, events, at=clock())
    return settled


@transaction.atomic
def _claim(account: AdAccount, *, at: datetime) -> list[LowerFunnelEvent]:
    """Take up to 1,000 events under a lease. What can't be sent was never queued."""
    due = LowerFunnelEvent.objects.filter(ad_account=account, state=State.WAITING, try_again_at__lte=at)
    events = list(
        due.order_by("try_again_at", "id")
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("lead", "contact")[:EVENTS_PER_CALL]
    )
    LowerFunnelEvent.objects.filter(pk__in=[event.pk for event in events]).update(try_again_at=at + LEASE)
    return events


def _send(account: AdAccount, events: Sequence[LowerFunnelEvent], *, at: datetime) -> int:
    """Send a batch; where TikTok refuses it, its halves. Give how many were settled."""
    known = digests_of({event.contact_id for event in events if event.contact_id})
    payload = [as_payload(event, known=known.get(event.contact_id or 0, {})) for event in events]
    try:
        receipt = with_access(account=account, at=at, call=lambda token: _track(account, payload, token))
    except TikTokError as error:
        if not _is_passing(error):
            return _refuse_or_halve(account, events, error, at=at)
        _postpone(events, error, at=at)
        return 0
    if receipt.is_partial:
        return _refuse_or_halve(account, events, Refused(PARTLY, request_id=receipt.request_id), at=at)
    if not receipt.request_id:
        _postpone(events, OutcomeUnknown(NO_REQUEST), at=at)
        return 0
    reason = TEST_ONLY if account.test_event_code else ""
    return _settle(events, State.ACCEPTED, reason, receipt.request_id, at=at)


def _is_passing(error: TikTokError) -> bool:
    """Whether the same call may go well later; a missing permission is about this event set, so it may not."""
    if isinstance(error, ReconnectNeeded):
        return error.code not in PERMISSION_CODES
    return isinstance(error, (Busy, OutcomeUnknown, AppMisconfigured))


def _track(account: AdAccount, payload: list[dict[str, Any]], token: str) -> Receipt:
    return tiktok_ads().track(
        token=token,
        event_set_id=account.event_set_id,
        events=payload,
        test_event_code=account.test_event_code,
    )


def as_payload(event: LowerFunnelEvent, *, known: dict[str, set[str]]) -> dict[str, Any]:
    """An event as TikTok takes it (docs/tiktok-api.md 6.4): identifiers are hashed, nothing of a chat is in it."""
    lead = event.lead
    phones, emails = set(known.get("phone", ())), set(known.get("email", ()))
    if lead:
        phones |= {lead.phone_digest} - {""}
        emails |= {lead.email_digest} - {""}
    user: dict[str, Any] = {"phone": sorted(phones), "email": sorted(emails)}
    if event.contact:
        user["external_id"] = [sha256(event.contact.tiktok_user_id.strip().lower())]
    payload: dict[str, Any] = {
        "event": event.event_name,
        "event_time": int(event.happened_at.timestamp()),
        "event_id": event.event_id,
        "user": {name: values for name, values in user.items() if values},
        "lead": {"lead_id": lead.tiktok_lead_id if lead else "", "lead_event_source": EVENT_SOURCE},
    }
    if event.value is not None:
        payload["properties"] = {"value": float(event.value), "currency": event.currency}
    return payload


def _refuse_or_halve(
    account: AdAccount, events: Sequence[LowerFunnelEvent], error: TikTokError, *, at: datetime
) -> int:
    if len(events) > 1:
        return _in_halves(account, events, at=at)
    said = error.sentence
    if error.tiktok_message and error.tiktok_message not in said:
        said = AND_SAYS.format(sentence=said, said=error.tiktok_message[:300])
    return _settle(events, State.REFUSED, said, error.request_id, at=at)


def _in_halves(account: AdAccount, events: Sequence[LowerFunnelEvent], *, at: datetime) -> int:
    middle = len(events) // 2
    return _send(account, events[:middle], at=at) + _send(account, events[middle:], at=at)


@transaction.atomic
def _settle(
    events: Sequence[LowerFunnelEvent],
    state: LowerFunnelEvent.State,
    reason: str,
    request_id: str,
    *,
    at: datetime,
) -> int:
    ids = [event.pk for event in events]
    settled = LowerFunnelEvent.objects.filter(pk__in=ids, state=State.WAITING).update(
        state=state,
        reason=reason,
        request_id=request_id[:100],
        settled_at=at,
        attempts=F("attempts") + 1,
    )
    reports = SpamReport.objects.filter(event__in=ids).select_related("conversation")
    timeline.record([report_changed(report, at=at) for report in reports])
    return settled


def _postpone(events: Sequence[LowerFunnelEvent], error: TikTokError, *, at: datetime) -> None:
    """Try again later; after the last pause, give up in words."""
    logger.warning("%s event(s) were not taken: %s", len(events), error)
    for event in events:
        waiting = LowerFunnelEvent.objects.filter(pk=event.pk, state=State.WAITING)
        if isinstance(error, ReconnectNeeded):  # waits for the ad account, however long that takes
            waiting.update(try_again_at=at + BACKOFF[0], reason=error.sentence)
        elif event.attempts < len(BACKOFF):
            pause = timedelta(seconds=getattr(error, "retry_after", None) or 0)
            waiting.update(
                attempts=F("attempts") + 1,
                try_again_at=at + max(BACKOFF[event.attempts], pause),
                reason=error.sentence,
            )
        else:
            _settle([event], State.REFUSED, GIVEN_UP.format(sentence=error.sentence), error.request_id, at=at)


def try_again(*, events: Sequence[LowerFunnelEvent], at: datetime) -> int:
    """Queue refused events that have a lead once more; give how many."""
    refused = LowerFunnelEvent.objects.filter(
        pk__in=[event.pk for event in events], state=State.REFUSED, lead__isnull=False
    )
    return refused.update(state=State.WAITING, reason="", attempts=0, try_again_at=at, settled_at=None)
