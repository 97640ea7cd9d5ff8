"""Connecting a TikTok account, connecting it again, and what happens to a channel afterwards.

Guarantee: nothing is half made. A consent is good for one return of the person who began it; the channel
and its tokens are stored in one transaction or not at all; access that we don't keep is given back.
"""

import itertools
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from channels_tiktok import app_credentials, journal, portraits
from channels_tiktok.answers import BusinessProfile, TokenGrant
from channels_tiktok.client import tiktok
from channels_tiktok.errors import AccessExpired, AppMisconfigured, Busy, OutcomeUnknown, TikTokError
from channels_tiktok.models import TIKTOK_ID_LENGTH, Channel, ChannelEvent, Credential, OAuthState
from config.encryption import SecretUnreadable
from config.sentences import stored, translated
from config.tasks import ring

logger = logging.getLogger(__name__)

STATE_LIFE = timedelta(minutes=10)
ACCESS_LIFE = 86_400  # seconds, where TikTok doesn't say; docs/tiktok-api.md 1.3
REFRESH_LIFE = 31_536_000
NAME_LIMIT = 80  # characters
NOT_REGISTERED_YET = stored("The webhook is not registered yet: run “manage.py register_webhook”.")
NOT_GIVEN_BACK = stored(
    "TikTok did not take the access back. Its tokens are deleted here, so it ends within a day."
)
NOT_DELIVERED_YET = stored(
    "Connected, but TikTok does not deliver messages here yet: {sentence} Run “manage.py register_webhook” to try "
    "again."
)
CONNECTED_AS = stored("as @{username}")
CALLED_NOW = stored("as @{username}, now called “{name}”: another channel is called “{former}”")
RENAMED = stored("from “{former}” to “{name}”")
TAKEN = gettext_noop("Another channel is called “%(name)s”. Choose a different name.")

# What we ask for, in plain words. One scope that the app isn't approved for makes TikTok refuse the whole
# consent, so nothing is asked for that isn't needed (docs/tiktok-api.md 1.2).
SCOPES = {
    "message.list.read": stored("Read your direct messages"),
    "message.list.send": stored("Send direct messages"),
    "message.list.manage": stored("Manage your direct messages"),
    "user.info.basic": stored("See your name and picture"),
    "user.info.username": stored("See your username"),
    "user.account.type": stored("See whether it is a Business Account"),
}
REQUIRED_SCOPES = tuple(scope for scope in SCOPES if scope != "user.account.type")
PROFILE_FIELDS = {
    "user.info.username": ["username"],
    "user.info.basic": ["display_name", "profile_image"],
    "user.account.type": ["is_business_account"],
}


class ConnectingFailed(Exception):
    """An account was not connected; `sentence` says why and what to do. Nothing was changed."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotSetUp(ConnectingFailed):
    """The installation lacks what connecting needs."""


class ConsentDenied(ConnectingFailed):
    """The account's owner said no, or TikTok ended the consent."""


class StateUnknown(ConnectingFailed):
    """The return from TikTok belongs to no consent that is open: forged, or already used."""


class StateForeign(ConnectingFailed):
    """The consent was begun by somebody else."""


class StateExpired(ConnectingFailed):
    """The consent was begun too long ago."""


class CodeRefused(ConnectingFailed):
    """TikTok sent no code, or doesn't take the code that it sent: used, expired, cancelled."""


class ScopesMissing(ConnectingFailed):
    """The owner unticked a permission that the inbox can't do without."""


class PersonalAccount(ConnectingFailed):
    """Only a TikTok Business Account can be connected."""


class OtherAccount(ConnectingFailed):
    """A channel was to be reconnected, but the consent came from another account."""


class AppNotAccepted(ConnectingFailed):
    """TikTok doesn't accept our app: a matter for the operator."""


class TikTokAway(ConnectingFailed):
    """TikTok could not be asked, or did not answer."""


class NameRefused(Exception):
    """A channel can't be called that; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


# ── Begin ─────────────────────────────────────────────────────────────────────────────────────────────


def begin(*, user: User | None, channel: Channel | None = None, at: datetime) -> str:
    """Begin a consent and give the address of TikTok's page; good for 10 minutes and one return.

    `channel` is the one to reconnect. `user` is None only on the command line. Raises NotSetUp.
    Source: docs/tiktok-api.md 1.1.
    """
    _check_set_up()
    OAuthState.objects.filter(expires_at__lte=at).delete()
    state = OAuthState.objects.create(
        value=secrets.token_urlsafe(32), user=user, channel=channel, expires_at=at + STATE_LIFE
    )
    query = {
        "client_key": app_credentials.current().id,
        "response_type": "code",
        "disable_auto_auth": "1",
        "redirect_uri": callback_url(),
        "scope": ",".join(dict.fromkeys([*SCOPES, *app_credentials.optional_scopes()])),
        "state": _signer().sign(state.value),
    }
    return f"{settings.TIKTOK_AUTH_URL}?{urlencode(query, quote_via=quote, safe='')}"


def callback_url() -> str:
    """Where TikTok sends the browser back to; registered with the app, character for character."""
    return f"{settings.PUBLIC_URL}/channels/tiktok/callback/"


def webhook_callback_url() -> str:
    """Where TikTok delivers events to."""
    return f"{settings.PUBLIC_URL}/webhooks/tiktok/"


def _check_set_up() -> None:
    if not settings.TOKEN_ENCRYPTION_KEYS:
        raise NotSetUp(_("No account can be connected yet: an administrator has to set TOKEN_ENCRYPTION_KEYS."))
    app = app_credentials.current()
    for name, value in (("TIKTOK_APP_ID", app.id), ("TIKTOK_APP_SECRET", app.secret)):
        if not value:
            raise NotSetUp(
                _(
                    "No account can be connected yet: an administrator has to enter what %(name)s stands "
                    "for in the admin, under TikTok app."
                )
                % {"name": name}
            )


def _signer() -> signing.Signer:
    return signing.Signer(salt="channels_tiktok.connecting")


# ── Finish ────────────────────────────────────────────────────────────────────────────────────────────


def finish(
    *, state: str, code: str, error: str, error_description: str, user: User | None, at: datetime
) -> Channel:
    """Finish a consent with what TikTok sent the browser back with; give the connected channel.

    An account that is already known is updated and keeps our name for it. When the webhook could not be
    registered the channel is connected all the same and `webhook_error` says so. Raises ConnectingFailed.
    """
    begun = _pop(state, user=user, at=at)
    if error:
        raise ConsentDenied(_denial(error, error_description))
    if not code:
        raise CodeRefused(_("TikTok sent no code back. Start again, and confirm on TikTok's page."))
    grant = _exchange(code)
    try:
        profile = _check(grant, to_reconnect=begun.channel)
        try:
            channel = _store(grant, profile, user=user or begun.user, at=at)
        except IntegrityError:  # another account took the same name in this moment; now that is seen
            channel = _store(grant, profile, user=user or begun.user, at=at)
    except ConnectingFailed:
        _give_back(grant)
        raise
    journal.ring_drain()
    _register_webhook_for(channel, at=at)
    ring(settings.CHANNEL_CONNECTED_TASK)  # named by path: nothing here knows the inbox
    return channel


def _pop(state: str, *, user: User | None, at: datetime) -> OAuthState:
    """Take the consent out of the table: whoever deletes the row has it, so no return counts twice."""
    unknown = StateUnknown(_("This connection was already finished, or it was not begun here. Start again."))
    try:
        value = _signer().unsign(state)
    except signing.BadSignature:
        raise unknown from None
    begun = OAuthState.objects.select_related("channel", "user").filter(pk=value).first()
    if begun is None:
        raise unknown
    # One that was begun on the command line has no user: whoever may connect channels may finish it.
    if begun.user_id is not None and begun.user_id != (user.pk if user else None):
        raise StateForeign(_("This connection was begun by somebody else. Start again yourself."))
    deleted, __ = OAuthState.objects.filter(pk=value).delete()
    if not deleted:
        raise unknown
    if begun.expires_at <= at:
        raise StateExpired(_("This connection was begun more than 10 minutes ago. Start again."))
    return begun


def _denial(error: str, description: str) -> str:
    if error == "access_denied":
        return _("The account's owner did not agree on TikTok's page, so nothing was connected.")
    said = description or error
    return _("TikTok ended the connection and says: “%(said)s”. Start again.") % {"said": said[:200]}


def _exchange(code: str) -> TokenGrant:
    try:
        return tiktok().exchange_code(code=code, redirect_uri=callback_url())
    except TikTokError as error:
        raise _failure(error) from error


def _failure(error: TikTokError) -> ConnectingFailed:
    logger.warning("connecting failed: %s", error)
    if isinstance(error, (Busy, OutcomeUnknown)):
        return TikTokAway(_("TikTok did not answer just now, so nothing was connected. Start again in a moment."))
    if isinstance(error, AppMisconfigured):
        return AppNotAccepted(translated(error.sentence))
    return CodeRefused(translated(error.sentence))


def _check(grant: TokenGrant, *, to_reconnect: Channel | None) -> BusinessProfile:
    """Make sure that the grant is one that the inbox can live with."""
    if len(grant.business_id) > TIKTOK_ID_LENGTH:
        raise CodeRefused(
            _("TikTok named the account with an id that is too long to keep. Nothing was connected.")
        )
    missing = [f"“{_(SCOPES[scope])}”" for scope in REQUIRED_SCOPES if scope not in grant.scopes]
    if missing:
        raise ScopesMissing(
            _(
                "On TikTok's page these permissions were left out: %(names)s. The inbox can't work "
                "without them. Start again and leave every box ticked."
            )
            % {"names": ", ".join(missing)}
        )
    fields = [field for scope in PROFILE_FIELDS if scope in grant.scopes for field in PROFILE_FIELDS[scope]]
    try:
        profile = tiktok().business(token=grant.access_token, business_id=grant.business_id, fields=fields)
    except TikTokError as error:
        raise _failure(error) from error
    if profile.is_business_account is False:
        raise PersonalAccount(
            _(
                "@%(username)s is a personal account. TikTok opens direct messages to Business "
                "Accounts only: switch it in TikTok under Settings, Account, then start again."
            )
            % {"username": profile.username}
        )
    if to_reconnect is not None and to_reconnect.business_id != grant.business_id:
        raise OtherAccount(
            _(
                "You wanted to reconnect %(channel)s (@%(wanted)s), but on TikTok's "
                "page you were logged in as @%(username)s. Log in as @%(wanted)s "
                "and start again."
            )
            % {
                "channel": to_reconnect.name,
                "wanted": to_reconnect.username,
                "username": profile.username,
            }
        )
    return profile


@transaction.atomic
def _store(grant: TokenGrant, profile: BusinessProfile, *, user: User | None, at: datetime) -> Channel:
    credential = Credential(
        business_id=grant.business_id,
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        access_expires_at=at + timedelta(seconds=grant.expires_in or ACCESS_LIFE),
        refresh_expires_at=at + timedelta(seconds=grant.refresh_expires_in or REFRESH_LIFE),
        scopes=",".join(grant.scopes),
        refreshed_at=at,
    )
    # Written without reading what was there: that may be encrypted with a key which is lost.
    everything = [field.name for field in Credential._meta.concrete_fields if not field.primary_key]
    Credential.objects.bulk_create(
        [credential], update_conflicts=True, unique_fields=["business_id"], update_fields=everything
    )
    told: dict[str, Any] = {
        "username": profile.username[:100],
        "display_name": profile.display_name[:200],
        "status": Channel.Status.CONNECTED,
        "reason": "",
        "trouble": "",
        "credential": credential,
        "connected_by": user,
        "connected_at": at,
        "webhook_error": NOT_REGISTERED_YET,
    }
    known = Channel.objects.filter(business_id=grant.business_id).first()
    theirs = (profile.display_name.strip() or profile.username.strip() or "TikTok account")[:NAME_LIMIT].strip()
    former = known.name if known else ""
    # Our own name survives; only where another channel took it meanwhile does it get a number.
    told["name"] = free_name(former or theirs, besides=known)
    told |= portraits.news(known or Channel(), profile.profile_image, at=at)
    channel, __ = Channel.objects.update_or_create(business_id=grant.business_id, defaults=told)
    if channel.picture_fetch_at:
        ring("channels_tiktok.tasks.fetch_pictures")
    journal.reconsider(business_id=grant.business_id, at=at)
    template = CALLED_NOW if former and channel.name != former else CONNECTED_AS
    detail = template.format(username=channel.username, name=channel.name, former=former)
    note(channel, ChannelEvent.Kind.CONNECTED, detail=detail, actor=user, at=at)
    return channel


def _give_back(grant: TokenGrant) -> None:
    """Revoke a grant that we don't keep, unless the account is connected here: it may end with it."""
    if Channel.objects.filter(business_id=grant.business_id, status=Channel.Status.CONNECTED).exists():
        return
    _revoke(grant.access_token)


def _revoke(access_token: str) -> None:
    """Give access back as well as we can: TikTok ends it by itself when nobody renews it."""
    try:
        tiktok().revoke(access_token=access_token)
    except TikTokError as error:
        logger.warning("TikTok did not take an access back: %s", error)


# ── Webhook ───────────────────────────────────────────────────────────────────────────────────────────


def register_webhook(*, at: datetime) -> str:
    """Have TikTok deliver the events of all accounts here; give the address. Raises TikTokError."""
    url = webhook_callback_url()
    tiktok().set_webhook(callback_url=url)
    with transaction.atomic():
        told = Channel.objects.select_for_update().exclude(webhook_error__in=["", NOT_REGISTERED_YET])
        for channel in told.filter(status=Channel.Status.CONNECTED):
            kind = ChannelEvent.Kind.TROUBLED if channel.trouble else ChannelEvent.Kind.RECOVERED
            note(channel, kind, detail=channel.trouble, at=at)
        Channel.objects.exclude(webhook_error="").update(webhook_error="")
    return url


def _register_webhook_for(channel: Channel, *, at: datetime) -> None:
    try:
        register_webhook(at=at)
        channel.webhook_error = ""
    except TikTokError as error:
        logger.error("the webhook could not be registered: %s", error)
        channel.webhook_error = NOT_DELIVERED_YET.format(sentence=error.sentence)
        with transaction.atomic():
            channel.save(update_fields=["webhook_error"])
            note(channel, ChannelEvent.Kind.TROUBLED, detail=channel.webhook_error, at=at)


@dataclass(frozen=True)
class Permission:
    """Something that the account's owner could allow on TikTok's page."""

    words: str
    granted: bool


def permissions(*, channel: Channel) -> list[Permission]:
    """Give what was asked for when the channel was connected, and what of it was granted."""
    scopes = Credential.objects.filter(pk=channel.business_id).values_list("scopes", flat=True).first() or ""
    granted = set(scopes.split(","))
    asked = dict.fromkeys([*SCOPES, *app_credentials.optional_scopes()])
    return [Permission(translated(SCOPES.get(scope, scope)), scope in granted) for scope in asked]


# ── Afterwards ────────────────────────────────────────────────────────────────────────────────────────


def who_may_connect() -> QuerySet[User]:
    """Everyone active who may connect channels, and so repair one, by name."""
    people = User.objects.with_perm(
        "channels_tiktok.connect_channel", backend="django.contrib.auth.backends.ModelBackend"
    )
    return people.order_by("first_name", "last_name", "username")


def note(
    channel: Channel, kind: ChannelEvent.Kind, *, detail: str = "", actor: User | None = None, at: datetime
) -> None:
    """Write a line of the channel's history, in the transaction that it tells of, and wake up who follows it."""
    ChannelEvent.objects.create(channel=channel, kind=kind, detail=detail, actor=actor, at=at)
    journal.ring_drain()


@transaction.atomic
def disconnect(*, channel: Channel, reason: str, at: datetime) -> bool:
    """Mark a connected channel as disconnected, with the reason in words; say whether it was connected."""
    connected = Channel.objects.filter(pk=channel.pk, status=Channel.Status.CONNECTED)
    if not connected.update(status=Channel.Status.DISCONNECTED, reason=reason, trouble=""):
        return False
    note(channel, ChannelEvent.Kind.DISCONNECTED, detail=reason, at=at)
    channel.status, channel.reason, channel.trouble = Channel.Status.DISCONNECTED, reason, ""
    logger.warning("channel %s disconnected: %s", channel.pk, reason)
    return True


def remove(*, channel: Channel, actor: User | None, at: datetime) -> bool:
    """Remove a channel: give its access back to TikTok if that can be, delete its tokens in any case, keep its
    history.

    Says whether there was anything to remove; the history says whether TikTok took the access back. Connecting
    the same account again brings the channel back.
    """
    is_given_back = _give_up_access(channel)
    with transaction.atomic():
        here = Channel.objects.filter(pk=channel.pk).exclude(status=Channel.Status.REMOVED)
        removed = here.update(
            status=Channel.Status.REMOVED, reason="", credential=None, webhook_error="", trouble=""
        )
        # Only its key is read: a secret that can't be decrypted any more must not keep the row alive.
        Credential.objects.filter(pk=channel.business_id).only("business_id").delete()
        if removed:
            detail = "" if is_given_back else NOT_GIVEN_BACK
            note(channel, ChannelEvent.Kind.REMOVED, detail=detail, actor=actor, at=at)
    channel.refresh_from_db()
    return bool(removed)


def _give_up_access(channel: Channel) -> bool:
    """Revoke what TikTok gave us for `channel`; False if TikTok may still count it."""
    try:
        credential = Credential.objects.filter(pk=channel.business_id).first()
        if credential is not None:
            _revoke_what_counts(credential)
    except (SecretUnreadable, TikTokError) as error:
        logger.warning("channel %s: TikTok did not take its access back: %s", channel.pk, error)
        return False
    return True


def _revoke_what_counts(credential: Credential) -> None:
    """A grant can only be revoked with an access that still counts: renew it for that, if need be."""
    try:
        tiktok().revoke(access_token=credential.access_token)
    except AccessExpired:
        try:
            grant = tiktok().refresh(refresh_token=credential.refresh_token)
        except (Busy, OutcomeUnknown):
            raise
        except TikTokError as error:
            logger.info("account %s: there is no access to give back: %s", credential.pk, error)
            return
        tiktok().revoke(access_token=grant.access_token)


@transaction.atomic
def rename(*, channel: Channel, name: str, actor: User | None, at: datetime) -> bool:
    """Give a channel our own name, which TikTok never sees; say whether it changed. Raises NameRefused."""
    wanted = valid_name(name)
    if _is_taken(wanted, besides=channel):
        raise NameRefused(_(TAKEN) % {"name": wanted})
    others = Channel.objects.filter(pk=channel.pk).exclude(name=wanted)
    former = others.values_list("name", flat=True).first()
    try:
        with transaction.atomic():
            renamed = others.update(name=wanted)
    except IntegrityError as error:  # somebody took it since we looked
        raise NameRefused(_(TAKEN) % {"name": wanted}) from error
    if former is None or not renamed:
        return False
    note(channel, ChannelEvent.Kind.RENAMED, detail=RENAMED.format(former=former, name=wanted), actor=actor, at=at)
    channel.name = wanted
    return True


def valid_name(name: str) -> str:
    """Give `name` without the space around it; raise NameRefused unless that leaves 1 to 80 characters."""
    wanted = name.replace("\0", "").strip()
    if not wanted:
        raise NameRefused(_("A channel needs a name."))
    if len(wanted) > NAME_LIMIT:
        raise NameRefused(
            _("A channel's name can have %(most)s characters; this one has %(length)s.")
            % {"most": NAME_LIMIT, "length": len(wanted)}
        )
    return wanted


def free_name(wanted: str, *, besides: Channel | None = None) -> str:
    """Give `wanted`, or “wanted 2”, “wanted 3” … where another channel is called that."""
    endings = itertools.chain([""], (f" {number}" for number in itertools.count(2)))
    names = (wanted[: NAME_LIMIT - len(ending)].rstrip() + ending for ending in endings)
    return next(name for name in names if not _is_taken(name, besides=besides))


def _is_taken(name: str, *, besides: Channel | None) -> bool:
    """Whether another channel is called that. A disconnected one keeps its name: it is to be repaired."""
    others = Channel.objects.exclude(status=Channel.Status.REMOVED).filter(name__iexact=name)
    return (others.exclude(pk=besides.pk) if besides else others).exists()
