"""Connecting a TikTok ad account, setting it up, and giving it up again.

Guarantee: a consent is good for one return of the person who began it. What an advertiser allowed is stored once,
encrypted, and no page ever reads it; access that no ad account needs any more is given back. An ad account never
tells TikTok of events without an event set of its own (`lower_funnel_events_need_an_event_set`).
"""

import logging
import secrets
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.utils.translation import gettext as _

from channels_tiktok import lead_journal
from channels_tiktok.ads_client import consent_url, tiktok_ads
from channels_tiktok.answers import AdAccess, Named
from channels_tiktok.connecting import (
    STATE_LIFE,
    AppNotAccepted,
    CodeRefused,
    ConnectingFailed,
    ConsentDenied,
    NotSetUp,
    StateExpired,
    StateForeign,
    StateUnknown,
    TikTokAway,
)
from channels_tiktok.errors import (
    AccessExpired,
    AppMisconfigured,
    Busy,
    OutcomeUnknown,
    ReconnectNeeded,
    TikTokError,
)
from channels_tiktok.models import AdAccount, AdGrant, Channel, LeadSubscription, OAuthState
from config.encryption import SecretUnreadable
from config.sentences import stored, translated
from config.tasks import ring

logger = logging.getLogger(__name__)
T = TypeVar("T")

# TikTok's numbers (docs/tiktok-api.md 1.7), in plain words.
SCOPES = {"12000000": "Lead Management", "5": "Measurement"}
WITHDRAWN = stored("TikTok no longer accepts this ad account's access. Connect the ad account again.")
NOT_CONNECTED = stored("The ad account is not connected. Connect it again.")
NOT_DELIVERED = {
    LeadSubscription.Source.INSTANT_FORM: stored("TikTok does not deliver new leads here (Lead form): {sentence}"),
    LeadSubscription.Source.DIRECT_MESSAGE: stored(
        "TikTok does not deliver new leads here (Direct message): {sentence}"
    ),
}
UNREACHABLE = stored("TikTok could not be reached at the last check.")
NOT_LET_IN = stored("TikTok no longer lets us into this advertiser. Connect the ad account again.")
LEFT_OUT = stored("On TikTok's page “{permission}” was left out. Connect again with every box ticked.")
NO_EVENT_SET = stored("TikTok no longer has the CRM event set “{name}”. Choose another one.")


class SettingRefused(Exception):
    """An ad account can't be set up so; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


# ── Begin ─────────────────────────────────────────────────────────────────────────────────────────────


def begin(*, user: User, at: datetime) -> str:
    """Begin an advertiser's consent and give the address of TikTok's page; good for 10 minutes and one return.

    Raises NotSetUp. Source: docs/tiktok-api.md 1.7.
    """
    if not settings.TOKEN_ENCRYPTION_KEYS or not tiktok_ads().is_set_up:
        raise NotSetUp(_("No ad account can be connected yet: this installation has no TikTok app."))
    OAuthState.objects.filter(expires_at__lte=at).delete()
    state = OAuthState.objects.create(value=secrets.token_urlsafe(32), user=user, expires_at=at + STATE_LIFE)
    return consent_url(redirect_uri=callback_url(), state=_signer().sign(state.value))


def callback_url() -> str:
    """Where TikTok sends the advertiser's browser back to; registered with the app."""
    return f"{settings.PUBLIC_URL}/channels/tiktok/ads/callback/"


def lead_callback_url() -> str:
    """Where TikTok delivers leads to."""
    return f"{settings.PUBLIC_URL}/webhooks/tiktok/leads/"


def _signer() -> signing.Signer:
    return signing.Signer(salt="channels_tiktok.connecting_ads")


# ── Finish ────────────────────────────────────────────────────────────────────────────────────────────


def finish(*, state: str, code: str, user: User, at: datetime) -> AdGrant:
    """Finish a consent with what TikTok sent the browser back with; give what was granted.

    Raises ConnectingFailed, and nothing was stored.
    """
    _pop(state, user=user, at=at)
    if not code:
        raise ConsentDenied(_("The advertiser did not agree on TikTok's page, so nothing was connected."))
    try:
        access = tiktok_ads().exchange_code(code=code)
        advertisers = tiktok_ads().advertisers(token=access.access_token)
    except TikTokError as error:
        raise _failure(error) from error
    if not advertisers:
        _revoke(access.access_token)
        raise CodeRefused(_("No ad account was chosen on TikTok's page. Start again, and tick at least one."))
    return _store(access, advertisers, user=user, at=at)


def _pop(state: str, *, user: User, at: datetime) -> None:
    """Take the consent out of the table: whoever deletes the row has it, so no return counts twice."""
    unknown = StateUnknown(_("This connection was already finished, or it was not begun here. Start again."))
    try:
        value = _signer().unsign(state)
    except signing.BadSignature:
        raise unknown from None
    begun = OAuthState.objects.filter(pk=value).first()
    if begun is None:
        raise unknown
    if begun.user_id != user.pk:
        raise StateForeign(_("This connection was begun by somebody else. Start again yourself."))
    deleted, __ = OAuthState.objects.filter(pk=value).delete()
    if not deleted:
        raise unknown
    if begun.expires_at <= at:
        raise StateExpired(_("This connection was begun more than 10 minutes ago. Start again."))


def _failure(error: TikTokError) -> ConnectingFailed:
    logger.warning("connecting an ad account failed: %s", error)
    if isinstance(error, (Busy, OutcomeUnknown)):
        return TikTokAway(_("TikTok did not answer just now, so nothing was connected. Start again in a moment."))
    if isinstance(error, AppMisconfigured):
        return AppNotAccepted(translated(error.sentence))
    return CodeRefused(translated(error.sentence))


def _store(access: AdAccess, advertisers: list[Named], *, user: User, at: datetime) -> AdGrant:
    return AdGrant.objects.create(
        access_token=access.access_token,
        advertisers=[{"id": one.id[:100], "name": one.name[:200] or one.id} for one in advertisers],
        scopes=",".join(access.scopes)[:500],
        granted_by=user,
        granted_at=at,
    )


# ── Choosing and setting up ───────────────────────────────────────────────────────────────────────────


def connect(*, grant: AdGrant, advertiser_id: str, user: User | None, at: datetime) -> AdAccount:
    """Connect one advertiser of a grant, or connect it again; what was set up before is kept.

    Leads are subscribed to; what TikTok does not take is kept as the account's trouble. Raises SettingRefused.
    """
    named = {one["id"]: one["name"] for one in grant.advertisers}
    if advertiser_id not in named:
        raise SettingRefused(_("Choose one of the ad accounts that were ticked on TikTok's page."))
    with transaction.atomic():
        former = AdAccount.objects.filter(advertiser_id=advertiser_id).values_list("grant_id", flat=True).first()
        account, __ = AdAccount.objects.update_or_create(
            advertiser_id=advertiser_id,
            defaults={
                "name": named[advertiser_id],
                "status": AdAccount.Status.CONNECTED,
                "reason": "",
                "trouble": "",
                "grant": grant,
                "connected_by": user,
                "connected_at": at,
            },
        )
        if former and former != grant.pk:  # not revoked: TikTok may end the new access with the old one
            _drop_unused(former)
        lead_journal.reconsider(at=at)
    subscribe(account=account, at=at)
    ring(settings.AD_ACCOUNT_CONNECTED_TASK)  # named by path: nothing here knows the leads
    return account


def set_up(
    *,
    account: AdAccount,
    event_set_id: str,
    lower_funnel_events: bool,
    test_event_code: str,
    channels: Collection[Channel],
    offered: Collection[Named],
) -> None:
    """Say where the account's leads write to and which events TikTok gets; raises SettingRefused.

    `offered` are the event sets as TikTok lists them: only one of those may be chosen.
    """
    names = {one.id: one.name for one in offered} | {account.event_set_id: account.event_set_name}
    if event_set_id and event_set_id not in names:
        raise SettingRefused(_("Choose one of the ad account's CRM event sets."))
    if lower_funnel_events and not event_set_id:
        raise SettingRefused(
            _(
                "Lower funnel events need a CRM event set. If there is none to choose, make one in TikTok's "
                "Events Manager first."
            )
        )
    with transaction.atomic():
        AdAccount.objects.filter(pk=account.pk).update(
            event_set_id=event_set_id,
            event_set_name=names.get(event_set_id, "")[:200] if event_set_id else "",
            lower_funnel_events=lower_funnel_events,
            test_event_code=test_event_code.strip()[:100],
        )
        account.channels.set(channels)
    account.refresh_from_db()


def event_sets(*, account: AdAccount, at: datetime) -> list[Named]:
    """The CRM event sets that can be chosen, asked of TikTok. Raises TikTokError."""
    return with_access(
        account=account,
        at=at,
        call=lambda token: tiktok_ads().event_sets(token=token, advertiser_id=account.advertiser_id),
    )


def subscribe(*, account: AdAccount, at: datetime) -> list[str]:
    """Have TikTok deliver the account's leads here; give what went wrong, in sentences."""
    wrong = []
    for source in LeadSubscription.Source:
        try:
            number = with_access(account=account, at=at, call=_subscribing(account, source))
        except TikTokError as error:
            logger.warning("ad account %s: no subscription to %s: %s", account.pk, source, error)
            wrong.append(NOT_DELIVERED[source].format(sentence=error.sentence))
            continue
        LeadSubscription.objects.update_or_create(
            ad_account=account, lead_source=source, defaults={"subscription_id": number, "subscribed_at": at}
        )
    AdAccount.objects.filter(pk=account.pk).update(trouble="\n".join(wrong), checked_at=at)
    account.refresh_from_db()
    return wrong


def _subscribing(account: AdAccount, source: LeadSubscription.Source) -> Callable[[str], str]:
    return lambda token: tiktok_ads().subscribe(
        token=token,
        advertiser_id=account.advertiser_id,
        lead_source=source,
        callback_url=lead_callback_url(),
    )


# ── Using and checking ────────────────────────────────────────────────────────────────────────────────


def with_access(*, account: AdAccount, at: datetime, call: Callable[[str], T]) -> T:
    """Make `call` with the account's token; when TikTok refuses the token, the account is disconnected.

    The token has no end and can't be renewed (docs/tiktok-api.md 1.7). A missing permission disconnects nothing.
    Raises TikTokError.
    """
    found = AdAccount.objects.filter(pk=account.pk, status=AdAccount.Status.CONNECTED).values_list(
        "grant", flat=True
    )
    grant_id = found.first()
    if grant_id is None:
        raise ReconnectNeeded(account.reason or NOT_CONNECTED)
    try:
        token = str(AdGrant.objects.get(pk=grant_id).access_token)
    except SecretUnreadable as error:
        raise AppMisconfigured(str(error)) from error
    try:
        return call(token)
    except AccessExpired as refusal:
        _end(account, grant_id)
        raise ReconnectNeeded(
            WITHDRAWN,
            code=refusal.code,
            tiktok_message=refusal.tiktok_message,
            request_id=refusal.request_id,
            log_id=refusal.log_id,
        ) from refusal


def _end(account: AdAccount, grant_id: int) -> None:
    """Mark as disconnected, unless it was connected anew meanwhile."""
    ended = AdAccount.objects.filter(pk=account.pk, grant_id=grant_id, status=AdAccount.Status.CONNECTED)
    if ended.update(status=AdAccount.Status.DISCONNECTED, reason=WITHDRAWN, trouble=""):
        LeadSubscription.objects.filter(ad_account=account).delete()
        logger.warning("ad account %s disconnected: %s", account.pk, WITHDRAWN)


def check(*, account: AdAccount, at: datetime) -> list[str]:
    """Ask TikTok whether the account works, subscribe again where that was lost; give what is wrong."""
    wrong: list[str] = []
    try:
        wrong += _wrong_with(account, at=at)
    except (Busy, OutcomeUnknown):
        wrong.append(UNREACHABLE)
    except TikTokError as error:
        wrong.append(error.sentence)
    AdAccount.objects.filter(pk=account.pk).update(checked_at=at)
    connected = AdAccount.objects.filter(pk=account.pk, status=AdAccount.Status.CONNECTED)
    connected.update(trouble="\n".join(wrong))
    account.refresh_from_db()
    return wrong


def _wrong_with(account: AdAccount, *, at: datetime) -> list[str]:
    listed = with_access(account=account, at=at, call=lambda token: tiktok_ads().advertisers(token=token))
    if account.advertiser_id not in {one.id for one in listed}:
        return [NOT_LET_IN]
    missing = [words for number, words in SCOPES.items() if number not in _scopes_of(account)]
    wrong = [LEFT_OUT.format(permission=words) for words in missing]
    if account.event_set_id and account.event_set_id not in {one.id for one in event_sets(account=account, at=at)}:
        wrong.append(NO_EVENT_SET.format(name=account.event_set_name))
    known = tiktok_ads().subscription_ids()
    ours = set(account.subscriptions.values_list("subscription_id", flat=True))
    if len(ours & known) < len(LeadSubscription.Source):
        wrong += subscribe(account=account, at=at)
    return wrong


def _scopes_of(account: AdAccount) -> set[str]:
    granted = AdGrant.objects.filter(ad_accounts=account.pk).values_list("scopes", flat=True).first() or ""
    return set(granted.split(","))


# ── Giving up ─────────────────────────────────────────────────────────────────────────────────────────


def disconnect(*, account: AdAccount) -> bool:
    """Disconnect: unsubscribe, and give the access back unless another ad account uses it too.

    Its leads and reports stay. Says whether it was connected.
    """
    for subscription in account.subscriptions.all():
        try:
            tiktok_ads().unsubscribe(subscription_id=subscription.subscription_id)
        except TikTokError as error:
            logger.warning("a subscription was not ended at TikTok: %s", error)
    token = _token_of_last_user(account)
    if token:
        _revoke(token)
    with transaction.atomic():
        grant_id = AdAccount.objects.filter(pk=account.pk).values_list("grant_id", flat=True).first()
        here = AdAccount.objects.filter(pk=account.pk, status=AdAccount.Status.CONNECTED)
        was_connected = here.update(status=AdAccount.Status.DISCONNECTED, reason="", trouble="")
        AdAccount.objects.filter(pk=account.pk).update(grant=None, reason="")
        account.subscriptions.all().delete()
        if grant_id:
            _drop_unused(grant_id)
    account.refresh_from_db()
    return bool(was_connected)


def _token_of_last_user(account: AdAccount) -> str:
    """The token to give back: only where no other ad account uses it."""
    if AdAccount.objects.filter(grant_id=account.grant_id).exclude(pk=account.pk).exists():
        return ""
    try:
        grant = AdGrant.objects.filter(ad_accounts=account.pk).first()
        return str(grant.access_token) if grant else ""
    except SecretUnreadable as error:
        logger.warning("ad account %s: its access was not given back: %s", account.pk, error)
        return ""


def give_back_unused(*, before: datetime) -> int:
    """Give back what was granted before a time and never chosen from; give how many there were."""
    unused = AdGrant.objects.filter(granted_at__lt=before, ad_accounts__isnull=True)
    numbers = list(unused.values_list("pk", flat=True))
    for number in numbers:
        try:
            _revoke(str(AdGrant.objects.get(pk=number).access_token))
        except SecretUnreadable as error:
            logger.warning("ad access %s was not given back: %s", number, error)
        _drop_unused(number)
    return len(numbers)


def _drop_unused(grant_id: int) -> None:
    AdGrant.objects.filter(pk=grant_id, ad_accounts__isnull=True).delete()


def _revoke(token: str) -> None:
    try:
        tiktok_ads().revoke(token=token)
    except TikTokError as error:
        logger.warning("TikTok did not take the access of an ad account back: %s", error)
