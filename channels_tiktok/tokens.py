"""Access to TikTok for a channel: a token that is good, and its renewal.

Guarantee: one renewal at a time per account, each refresh token presented once, whatever TikTok returns
stored in one statement before anybody uses it. Only a clear refusal of TikTok's disconnects a channel; a
passing fault never does.

A crash between TikTok's answer and our commit leaves a refresh token that TikTok has already replaced. The
next renewal is then refused and the channel disconnected with that reason: one sentence, no loop.
"""

import logging
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from channels_tiktok import pacing
from channels_tiktok.answers import TokenGrant
from channels_tiktok.client import tiktok
from channels_tiktok.connecting import ACCESS_LIFE, SCOPES, disconnect
from channels_tiktok.errors import (
    AccessExpired,
    AppMisconfigured,
    Busy,
    ReconnectNeeded,
    TikTokError,
)
from channels_tiktok.models import Channel, Credential
from config.encryption import SecretUnreadable
from config.sentences import stored

logger = logging.getLogger(__name__)
T = TypeVar("T")

RENEW_WHEN_LEFT = timedelta(minutes=5)
RENEW_AHEAD = timedelta(hours=2)
SPREAD = 30 * 60  # seconds over which the renewals of many accounts are spread
LEASE = timedelta(seconds=30)  # longer than one request may take
LOOK_AGAIN_AFTER = 0.2  # seconds
WAIT_AT_MOST = 25  # seconds
NOT_CONNECTED = stored("The account is not connected. Connect it again.")
NOTE_CALL_AFTER = timedelta(minutes=1)
WARN_AHEAD = timedelta(days=30)
# What a refused renewal must say to end the connection, besides AccessExpired and ReconnectNeeded: that TikTok
# doesn't take this refresh token. Any other refusal may be about the request, the app or TikTok's own trouble.
NO_TO_THE_TOKEN = (40000, 40002, 40007, 40106, 40109, 40131)
WITHDRAWN = stored("TikTok no longer accepts this account's access. Connect the account again.")
NOT_PERMITTED = stored("TikTok does not permit this for the account and says: “{said}” Connect the account again.")
PERMISSION_TAKEN = stored(
    "In TikTok this permission was taken away: {permissions}. Connect the account again, with every box ticked."
)
RENEWING = stored("The account's access is being renewed, and that takes long. It will be tried again.")
OTHER_ACCOUNT = stored("TikTok's answer named another account. It will be tried again.")
NOT_RENEWED = stored("TikTok did not renew the account's access just now. It will be tried again.")
JUST_CHANGED = stored("The account's access has just changed. It will be tried again.")


@dataclass(frozen=True)
class Renewal:
    """How the renewal of one channel's access went; `error` is None when it went well."""

    channel: Channel
    error: TikTokError | None


def access_token(*, channel: Channel, at: datetime) -> str:
    """Give a token with at least 5 minutes left, renewing it if need be. `at` is now, not a while ago.

    Not to be called in a transaction: others must see the lease. Raises ReconnectNeeded (the channel is
    disconnected then), Busy (a passing fault) or AppMisconfigured.
    """
    credential = _credential(channel)
    if credential.access_expires_at - at >= RENEW_WHEN_LEFT:
        return str(credential.access_token)
    return _renewed(channel, stale=credential.access_token, at=at)


def with_access(*, channel: Channel, at: datetime, call: Callable[[str], T]) -> T:
    """Make `call` with a good token; when TikTok refuses the token, renew it once and call once more.

    Refused again, the channel is disconnected with TikTok's reason and ReconnectNeeded is raised. All other
    errors of `call`, and those of `access_token`, pass through. Source: docs/tiktok-api.md 5.3.
    """
    token = access_token(channel=channel, at=at)
    try:
        result = call(token)
    except (AccessExpired, ReconnectNeeded) as refusal:
        logger.info("channel %s: TikTok refused its access: %s", channel.pk, refusal)
        token = _renewed(channel, stale=token, at=at)
        try:
            result = call(token)
        except (AccessExpired, ReconnectNeeded) as second:
            raise end(channel, second, token=token, at=at) from second
    _note_call(channel, at=at)
    return result


def _note_call(channel: Channel, *, at: datetime) -> None:
    """Note on the channel that its access works, once a minute at most: sends must not queue up for its row."""
    stale = at - NOTE_CALL_AFTER
    if channel.last_call_at is None or channel.last_call_at < stale:
        unless_noted = Q(last_call_at__isnull=True) | Q(last_call_at__lt=stale)
        Channel.objects.filter(unless_noted, pk=channel.pk).update(last_call_at=at)
        channel.last_call_at = at


def refresh_due(*, at: datetime, everyone: bool = False) -> list[Renewal]:
    """Renew the access of each connected channel that ends within about 2 hours; one failure stops none.

    The moment is spread by account, so that accounts connected together don't all ask in one minute.
    `everyone` renews all, whenever they end.
    """
    channels = Channel.objects.filter(status=Channel.Status.CONNECTED).annotate(
        ends=F("credential__access_expires_at")
    )
    due = [
        channel for channel in channels.order_by("ends") if everyone or channel.ends <= _due_before(channel, at)
    ]
    return [_renewal(channel, ends=channel.ends, at=at) for channel in due]


def consent_ends_soon(channel: Channel, at: datetime) -> str:
    """Say until when the account must be connected again, from 30 days before; empty while there is time.

    TikTok's year counts from the consent, and no renewal extends it (docs/tiktok-api.md 1.4).
    """
    if channel.status != Channel.Status.CONNECTED or channel.credential_id is None:
        return ""
    ends = getattr(channel, "consent_ends_at", None)  # given by `with_consent_end`
    if ends is None:  # read alone: no secret is decrypted to show a date
        credential = Credential.objects.filter(pk=channel.credential_id)
        ends = credential.values_list("refresh_expires_at", flat=True).first()
    if ends is None or ends - at > WARN_AHEAD:
        return ""
    facts = {"channel": channel.name, "username": channel.username, "day": date_format(ends, "j F Y")}
    return (
        _(
            "TikTok asks for the account's permission anew once a year. Connect %(channel)s "
            "(@%(username)s) again by "
            "%(day)s, or it stops working then."
        )
        % facts
    )


def with_consent_end() -> QuerySet[Channel]:
    """All channels, each with `consent_ends_at`, so that `consent_ends_soon` needs no query."""
    return Channel.objects.annotate(consent_ends_at=F("credential__refresh_expires_at"))


def _due_before(channel: Channel, at: datetime) -> datetime:
    spread = timedelta(seconds=zlib.crc32(channel.business_id.encode()) % SPREAD)
    return at + RENEW_AHEAD - spread


def _renewal(channel: Channel, *, ends: datetime, at: datetime) -> Renewal:
    try:
        credential = _credential(channel)
        if credential.access_expires_at == ends:  # otherwise somebody was faster
            _renewed(channel, stale=credential.access_token, at=at)
    except TikTokError as error:
        logger.warning("channel %s: its access was not renewed: %s", channel.pk, error)
        return Renewal(channel, error)
    return Renewal(channel, None)


def _credential(channel: Channel) -> Credential:
    """Read the tokens as they are now; raise ReconnectNeeded when the channel isn't connected."""
    try:
        now = Channel.objects.select_related("credential").get(pk=channel.pk)
    except SecretUnreadable as error:
        raise AppMisconfigured(str(error)) from error
    if now.status != Channel.Status.CONNECTED or now.credential is None:
        raise ReconnectNeeded(now.reason or NOT_CONNECTED)
    return now.credential


def _renewed(channel: Channel, *, stale: str, at: datetime) -> str:
    """Give the token that follows `stale`: whoever gets the lease renews, the others wait for the result."""
    for looks in range(int(WAIT_AT_MOST / LOOK_AGAIN_AFTER)):
        now = at + timedelta(seconds=looks * LOOK_AGAIN_AFTER)
        if _take_lease(channel, until=now + LEASE, at=now):
            return _renew(channel, stale=stale, lease=now + LEASE, at=now)
        time.sleep(LOOK_AGAIN_AFTER)
        token = str(_credential(channel).access_token)
        if token != stale:
            return token
    raise Busy(RENEWING)


def _take_lease(channel: Channel, *, until: datetime, at: datetime) -> bool:
    free = Q(refreshing_until__isnull=True) | Q(refreshing_until__lte=at)
    return bool(Credential.objects.filter(free, pk=channel.business_id).update(refreshing_until=until))


def _release(channel: Channel, lease: datetime) -> None:
    Credential.objects.filter(pk=channel.business_id, refreshing_until=lease).update(refreshing_until=None)


def _renew(channel: Channel, *, stale: str, lease: datetime, at: datetime) -> str:
    """Renew while holding the lease. The row is read again: who had the lease before may have renewed."""
    credential = _credential(channel)
    if credential.access_token != stale:
        _release(channel, lease)
        return str(credential.access_token)
    pacing.wait_for_turn(at=at)
    try:
        grant = tiktok().refresh(refresh_token=credential.refresh_token)
    except TikTokError as error:
        _release(channel, lease)
        raise _judged(channel, error, stale=stale, at=at) from error
    if grant.business_id not in ("", channel.business_id):
        _release(channel, lease)
        logger.error("channel %s: TikTok renewed the access of another account instead", channel.pk)
        raise Busy(OTHER_ACCOUNT)
    return _store(channel, grant, lease=lease, at=at)


def _store(channel: Channel, grant: TokenGrant, *, lease: datetime, at: datetime) -> str:
    """Store all that came in one statement; what TikTok left out stays as it was (docs/tiktok-api.md 1.4)."""
    ends = at + timedelta(seconds=grant.expires_in or ACCESS_LIFE)
    stored: dict[str, object] = {
        "access_token": grant.access_token,
        "access_expires_at": ends,
        "refreshing_until": None,
        "refreshed_at": at,
    }
    if grant.refresh_token:
        stored["refresh_token"] = grant.refresh_token
    if grant.refresh_expires_in:
        stored["refresh_expires_at"] = at + timedelta(seconds=grant.refresh_expires_in)
    if grant.scopes:
        stored["scopes"] = ",".join(grant.scopes)
    ours = Credential.objects.filter(pk=channel.business_id, refreshing_until=lease)
    if ours.update(**stored):
        return grant.access_token
    return str(_credential(channel).access_token)  # the account was connected anew meanwhile: that counts


def _judged(channel: Channel, error: TikTokError, *, stale: str, at: datetime) -> TikTokError:
    """Say what a failed renewal means: only TikTok's own clear word ends the connection."""
    if isinstance(error, AppMisconfigured):
        return error
    clear = isinstance(error, (AccessExpired, ReconnectNeeded)) or error.code in NO_TO_THE_TOKEN
    if not clear:
        return Busy(NOT_RENEWED)
    return end(channel, error, token=stale, at=at)


def end(channel: Channel, refusal: TikTokError, *, token: str, at: datetime) -> TikTokError:
    """Disconnect the channel and give the error to raise, unless it was connected anew since `token`."""
    with transaction.atomic():
        stored = Credential.objects.select_for_update().filter(pk=channel.business_id).first()
        if stored is not None and stored.access_token != token:
            return Busy(JUST_CHANGED)
        reason = _reason(refusal)
        disconnect(channel=channel, reason=reason, at=at)
    logger.warning("channel %s: TikTok ended its access: %s", channel.pk, refusal)
    return ReconnectNeeded(
        reason,
        code=refusal.code,
        tiktok_message=refusal.tiktok_message,
        request_id=refusal.request_id,
        log_id=refusal.log_id,
    )


def _reason(refusal: TikTokError) -> str:
    """Why the connection ended, in words: which permission is missing, where TikTok names it."""
    if refusal.code in (40001, 40130):
        missing = [scope for scope in SCOPES if scope in refusal.tiktok_message]
        if missing:
            return permission_missing(missing)
        if refusal.tiktok_message:
            return NOT_PERMITTED.format(said=refusal.tiktok_message[:200])
    return refusal.sentence if isinstance(refusal, ReconnectNeeded) else WITHDRAWN


def permission_missing(scopes: Iterable[str]) -> str:
    """Say which permissions the account's owner has taken back."""
    named = ", ".join(f"“{SCOPES[scope]}”" for scope in scopes)
    return PERMISSION_TAKEN.format(permissions=named)
