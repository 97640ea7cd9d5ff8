"""Look whether a channel really works, and say what is wrong and what to do.

Guarantee: only TikTok's clear word disconnects a channel: a refused renewal, a call refused with a fresh token,
a necessary permission or the Business Account that is gone by TikTok's own answer. Whatever else is found, odd
answers and silence included, leaves it connected with its `trouble` in words. Each change is one line of the
channel's history, and a finding that stays the same writes none.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from channels_tiktok import connecting, pacing, portraits, tokens
from channels_tiktok.answers import BusinessProfile, TokenInfo, number_in
from channels_tiktok.client import ConversationType, tiktok
from channels_tiktok.connecting import PROFILE_FIELDS, REQUIRED_SCOPES, SCOPES
from channels_tiktok.errors import AccessExpired, Busy, OutcomeUnknown, ReconnectNeeded, Refused, TikTokError
from channels_tiktok.models import Channel, ChannelEvent, WebhookEvent
from config.sentences import stored, translated
from config.tasks import ring

logger = logging.getLogger(__name__)

SILENT_AFTER = timedelta(minutes=5)
CHECK_AGAIN_AFTER = timedelta(minutes=10)
# A sweep ends before the worker's own time limit (Q_CLUSTER timeout) would cut it.
SWEEP_FOR = timedelta(seconds=30)
CONVERSATION_TYPES: tuple[ConversationType, ...] = ("SINGLE", "STRANGER")

UNREACHABLE = stored(
    "TikTok could not be reached at the last check. Replies wait and are sent once it answers again."
)
SILENT = stored(
    "TikTok has newer messages than it delivered here. Look whether PUBLIC_URL can be reached from the internet, "
    "then run “manage.py register_webhook”. If only first messages are missing, let the account receive direct "
    "messages from everyone in TikTok's privacy settings."
)
NO_WEBHOOK = stored("TikTok delivers messages nowhere: run “manage.py register_webhook”.")
OTHER_WEBHOOK = stored(
    "TikTok delivers messages to {url} instead of here. If that is not meant, run “manage.py register_webhook”."
)
NOT_ASKED = stored("Where TikTok delivers messages could not be asked: {sentence}")
OTHER_ACCOUNT = stored(
    "TikTok says that the access belongs to another account than @{username}. If messages fail, connect it again."
)
NO_SCOPES = stored("TikTok did not say what the account permits. If messages fail, connect it again.")
PERSONAL = stored(
    "@{username} is no longer a Business Account, and TikTok opens direct messages to Business Accounts only. "
    "Switch it back in TikTok under Settings, Account, then connect it again."
)
NO_PROFILE = stored("TikTok did not show the account's profile: {sentence}")
# TikTok documents no code for a restricted or suspended account (docs/tiktok-api.md 5.3, 8).
AND_MAYBE_RESTRICTED = stored(
    "{sentence} It may be restricted or suspended, which TikTok doesn't tell us: log in to TikTok as the "
    "account, or "
    "to TikTok Business Center, and look."
)
RESTRICTED = stored("TikTok restricts this inbox for a time and says: “{said}” Replies wait.")
AND_SAYS = stored("{sentence} TikTok says: “{said}”")
DISCONNECTED = stored("Disconnected: {sentence}")
FORMERLY = stored("The account was called @{username} before.")
REMOVED = stored("It was removed; connecting the account again brings it back.")
CHECK_FAILED = stored("The check itself failed; the log says why.")


@dataclass(frozen=True)
class Report:
    """What a check found: sentences with the next step, and notes that need none yet."""

    channel: Channel
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Notice:
    """What staff who may connect should know of a channel, in one sentence."""

    channel: Channel
    sentence: str
    reconnect: bool = False  # whether connecting it again is what helps


# ── Checking ──────────────────────────────────────────────────────────────────────────────────────────


def check_channel(
    *, channel: Channel, at: datetime, webhook: Callable[[], str | None] = lambda: ask_webhook()
) -> Report:
    """Check one channel and write down what was found. Not to be called in a transaction.

    `webhook` gives what `ask_webhook` says: the address is the app's, so for many channels it is asked once.
    """
    channel.refresh_from_db()
    if channel.status == Channel.Status.REMOVED:
        return Report(channel, notes=[REMOVED])
    if channel.status == Channel.Status.DISCONNECTED:
        return _disconnected(channel)
    wrong, notes = _ask(channel, at=at)
    if not _write_down(channel, trouble="\n".join(wrong), webhook_error=webhook(), at=at):
        channel.refresh_from_db()
        return _disconnected(channel)
    wrong += [channel.webhook_error] if channel.webhook_error else []
    ends = tokens.consent_ends_soon(channel, at)
    return Report(channel, wrong, [*notes, ends] if ends else notes)


def check_all(*, at: datetime) -> Iterator[Report]:
    """Check every channel that was not removed, one after the other; one that fails stops none."""
    webhook_error = ask_webhook()
    for channel in Channel.objects.exclude(status=Channel.Status.REMOVED).order_by("name", "id"):
        yield _checked(channel, webhook_error, at=at)


def sweep(*, clock: Callable[[], datetime]) -> bool:
    """Check connected channels, longest unchecked first, for half a minute; say whether some are left.

    It ends when TikTok can't be reached: each further channel would wait as long for nothing.
    """
    end = clock() + SWEEP_FOR
    due = Q(checked_at__isnull=True) | Q(checked_at__lte=clock() - CHECK_AGAIN_AFTER)
    channels = Channel.objects.filter(due, status=Channel.Status.CONNECTED)
    webhook_error = ask_webhook()
    for channel in channels.order_by(F("checked_at").asc(nulls_first=True), "id"):
        if clock() >= end:
            return True
        if UNREACHABLE in _checked(channel, webhook_error, at=clock()).problems:
            return False
    return False


def _checked(channel: Channel, webhook_error: str | None, *, at: datetime) -> Report:
    # Before anything can go wrong: a channel whose check is cut off must not be the next one again.
    Channel.objects.filter(pk=channel.pk).update(checked_at=at)
    try:
        return check_channel(channel=channel, at=at, webhook=lambda: webhook_error)
    except Exception:  # whatever one channel's answers bring about, the others are checked
        logger.exception("channel %s could not be checked", channel.pk)
        return Report(channel, [CHECK_FAILED])


def ask_webhook() -> str | None:
    """Say what is wrong with the address that TikTok delivers to; empty if nothing, None if it didn't answer."""
    try:
        url = tiktok().webhook_url()
    except (Busy, OutcomeUnknown):
        return None
    except TikTokError as error:
        return NOT_ASKED.format(sentence=error.sentence)
    if url is None:
        return NO_WEBHOOK
    return "" if url == connecting.webhook_callback_url() else OTHER_WEBHOOK.format(url=url[:200])


def _disconnected(channel: Channel) -> Report:
    if channel.status == Channel.Status.REMOVED:
        return Report(channel)
    return Report(channel, [DISCONNECTED.format(sentence=channel.reason or tokens.NOT_CONNECTED)])


# ── Asking TikTok ─────────────────────────────────────────────────────────────────────────────────────


def _ask(channel: Channel, *, at: datetime) -> tuple[list[str], list[str]]:
    """Ask everything that TikTok tells of an account; give what is wrong, and notes."""
    wrong: list[str] = []
    notes: list[str] = []
    try:
        pacing.wait_for_spare_turn(at=at)
        token, info = tokens.with_access(channel=channel, at=at, call=_token_info)
        wrong += _judge_permissions(channel, info, token=token, at=at)
        profile, problem = _profile(channel, info, token=token, at=at)
        wrong += [problem] if problem else []
        if profile:
            notes += _judge_profile(channel, profile, token=token, at=at)
        if _is_silent(channel, at=at):
            wrong.append(SILENT)
    except (Busy, OutcomeUnknown) as error:
        logger.warning("channel %s could not be checked: %s", channel.pk, error)
        wrong.append(_restricted(error) or UNREACHABLE)
    except ReconnectNeeded as refusal:
        logger.info("channel %s: %s", channel.pk, refusal)  # whoever raised it has disconnected the channel
    except TikTokError as error:
        logger.error("channel %s: the check was refused: %s", channel.pk, error)
        said = _in_words(error)
        wrong.append(AND_MAYBE_RESTRICTED.format(sentence=said) if isinstance(error, Refused) else said)
    return wrong, notes


def _token_info(token: str) -> tuple[str, TokenInfo]:
    return token, tiktok().token_info(access_token=token)


def _judge_permissions(channel: Channel, info: TokenInfo, *, token: str, at: datetime) -> list[str]:
    """Compare what the account permits with what the inbox needs. Odd answers are told, never acted upon."""
    if info.business_id != channel.business_id:
        return [OTHER_ACCOUNT.format(username=channel.username)]
    if not set(info.scopes) & set(SCOPES):
        return [NO_SCOPES]
    missing = [scope for scope in REQUIRED_SCOPES if scope not in info.scopes]
    if any(scope.startswith("message.") for scope in missing):
        sentence = tokens.permission_missing(missing)
        raise tokens.end(channel, ReconnectNeeded(sentence), token=token, at=at)
    return [tokens.permission_missing(missing)] if missing else []


def _profile(channel: Channel, info: TokenInfo, *, token: str, at: datetime) -> tuple[BusinessProfile | None, str]:
    """Read the profile as far as the permissions go. A refusal here says nothing about messages."""
    fields = [name for scope in PROFILE_FIELDS if scope in info.scopes for name in PROFILE_FIELDS[scope]]
    if not fields:
        return None, ""
    pacing.wait_for_spare_turn(at=at)
    try:
        return tiktok().business(token=token, business_id=channel.business_id, fields=fields), ""
    except (Busy, OutcomeUnknown):
        raise
    except AccessExpired:
        return None, ""  # the next call says whether it was only this moment
    except TikTokError as error:
        return None, NO_PROFILE.format(sentence=_in_words(error))


def _judge_profile(channel: Channel, profile: BusinessProfile, *, token: str, at: datetime) -> list[str]:
    if profile.is_business_account is False:
        sentence = PERSONAL.format(username=profile.username or channel.username)
        raise tokens.end(channel, ReconnectNeeded(sentence), token=token, at=at)
    told = {"username": profile.username[:100], "display_name": profile.display_name[:200]}
    changed = {name: value for name, value in told.items() if value and value != getattr(channel, name)}
    news = changed | portraits.news(channel, profile.profile_image, at=at)
    if not news:
        return []
    if "picture_url" in news:
        ring("channels_tiktok.tasks.fetch_pictures")
    Channel.objects.filter(pk=channel.pk).update(**news)
    former = channel.username
    channel.refresh_from_db(fields=list(news))
    return [FORMERLY.format(username=former)] if "username" in news else []


def _is_silent(channel: Channel, *, at: datetime) -> bool:
    """Whether TikTok has something newer than it delivered here, for long enough to have delivered it."""
    heard = max(moment for moment in (channel.last_event_at, channel.connected_at, _EVER) if moment)
    newest = max(_newest(channel, kind, at=at) for kind in CONVERSATION_TYPES)
    if newest <= heard + SILENT_AFTER or at - newest <= SILENT_AFTER:
        return False
    waiting = WebhookEvent.objects.filter(state=WebhookEvent.State.PENDING, business_id=channel.business_id)
    return not waiting.exists()  # delivered, but our own worker has not got to it


_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def _newest(channel: Channel, kind: ConversationType, *, at: datetime) -> datetime:
    """When the newest conversation of this type changed, by TikTok's list (docs/tiktok-api.md 3.2)."""
    pacing.wait_for_spare_turn(at=at)
    page = tokens.with_access(
        channel=channel,
        at=at,
        call=lambda token: tiktok().conversations(
            token=token, business_id=channel.business_id, conversation_type=kind
        ),
    )
    changed = [number_in(conversation, "update_time") or 0 for conversation in page.conversations]
    milliseconds = max((number for number in changed if 0 < number < 10**14), default=0)
    return _EVER + timedelta(milliseconds=milliseconds)


def _restricted(error: TikTokError) -> str:
    """Whether TikTok restricts us for a time (docs/tiktok-api.md 5.3, 40100), in its own words."""
    if "restricted" not in error.tiktok_message.lower():
        return ""
    return RESTRICTED.format(said=error.tiktok_message[:200])


def _in_words(error: TikTokError) -> str:
    said = error.tiktok_message[:200]
    if not said or said in error.sentence:
        return error.sentence
    return AND_SAYS.format(sentence=error.sentence, said=said)


# ── Writing down ──────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def _write_down(channel: Channel, *, trouble: str, webhook_error: str | None, at: datetime) -> bool:
    """Keep what was found, with a line of history if it changed; False when the channel isn't connected now."""
    connected = Channel.objects.select_for_update().filter(pk=channel.pk, status=Channel.Status.CONNECTED)
    before = connected.values_list("trouble", "webhook_error").first()
    if before is None:
        return False
    found = trouble, before[1] if webhook_error is None else webhook_error
    Channel.objects.filter(pk=channel.pk).update(trouble=found[0], webhook_error=found[1], checked_at=at)
    channel.trouble, channel.webhook_error, channel.checked_at = *found, at
    if found != before:
        lines = "\n".join(line for line in found if line)
        kind = ChannelEvent.Kind.TROUBLED if lines else ChannelEvent.Kind.RECOVERED
        connecting.note(channel, kind, detail=lines, at=at)
        logger.warning("channel %s: %s", channel.pk, lines or "all is well again")
    return True


# ── Telling ───────────────────────────────────────────────────────────────────────────────────────────


def in_need(*, at: datetime) -> QuerySet[Channel]:
    """The channels that somebody who may connect should do something about."""
    wrong = Q(status=Channel.Status.DISCONNECTED) | ~Q(trouble="") | ~Q(webhook_error="")
    ending = Q(status=Channel.Status.CONNECTED, credential__refresh_expires_at__lte=at + tokens.WARN_AHEAD)
    return tokens.with_consent_end().exclude(status=Channel.Status.REMOVED).filter(wrong | ending)


def notices(*, at: datetime) -> list[Notice]:
    """What to do about them, in one sentence each. One query."""
    return [_notice(channel, at=at) for channel in in_need(at=at).order_by("name", "id")]


def _notice(channel: Channel, *, at: datetime) -> Notice:
    if channel.status == Channel.Status.DISCONNECTED:
        why = translated(channel.reason or tokens.NOT_CONNECTED)
        sentence = _("%(channel)s is disconnected: %(why)s") % {"channel": channel.name, "why": why}
        return Notice(channel, sentence, reconnect=True)
    found = " ".join(translated(line) for line in (*channel.trouble.splitlines(), channel.webhook_error) if line)
    if found:
        return Notice(channel, f"{channel.name}: {found}")
    return Notice(channel, tokens.consent_ends_soon(channel, at), reconnect=True)
