"""Read TikTok's own lists of a channel's conversations: what webhooks did not bring, what was there before us.

Guarantee: every conversation that TikTok lists is read at least once after each connection, and every change
of it that no webhook brought within `THOROUGH_EVERY`; a run that was cut short goes on where it stopped. One
worker reads a channel at a time. What the messages mean is the reader's business: nothing here knows the inbox.

A run: `claim` → `list_conversations` → (`next_to_read` → `read` → `note_read`)… → `finish`. The lists show 90
days, 100 conversations of each type, and the 20 newest messages of each (docs/tiktok-api.md 3.2, 3.3).
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from channels_tiktok import tokens
from channels_tiktok.answers import ConversationPage, Thread, cleaned, number_in, object_in, text_in
from channels_tiktok.client import ConversationType, tiktok
from channels_tiktok.errors import TikTokError
from channels_tiktok.models import TIKTOK_ID_LENGTH, Channel, ListedConversation, Polling

logger = logging.getLogger(__name__)

SHORTEST = timedelta(minutes=2)  # between two runs while webhooks are silent, or missed something
LONGEST = timedelta(minutes=15)  # while they bring everything
SOON = timedelta(seconds=10)
SILENT_AFTER = timedelta(minutes=30)
THOROUGH_EVERY = timedelta(hours=6)
AFTER_TROUBLE = timedelta(minutes=1)
LEASE = timedelta(seconds=90)  # longer than the worker lets a task run
MOST_PAGES = 20
MOST_ATTEMPTS = 3
TYPES: tuple[ConversationType, ...] = ("SINGLE", "STRANGER")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 100_000_000_000

# Says for a listed conversation whether everything up to that time is already known.
IsKnown = Callable[[str, datetime], bool]


# ── Whose turn it is ──────────────────────────────────────────────────────────────────────────────────


def due(*, at: datetime) -> list[Channel]:
    """The connected channels that are to be polled now, new connections first."""
    _begin_with_new_connections(at=at)
    ready = Polling.objects.filter(
        Q(claimed_until__isnull=True) | Q(claimed_until__lte=at),
        channel__status=Channel.Status.CONNECTED,
        next_run_at__lte=at,
    )
    order = (F("filled_at").asc(nulls_first=True), "next_run_at")
    return [polling.channel for polling in ready.select_related("channel").order_by(*order)]


def _begin_with_new_connections(*, at: datetime) -> None:
    """A channel that was connected, or connected anew, is filled up from the lists."""
    connected = Channel.objects.filter(status=Channel.Status.CONNECTED, connected_at__isnull=False)
    for channel in connected.filter(~Q(polling__connection_at=F("connected_at")) | Q(polling__isnull=True)):
        anew = {
            "connection_at": channel.connected_at,
            "next_run_at": at,
            "pause": SHORTEST,
            "claimed_until": None,
            "is_thorough": True,
            "listed_at": None,
            "to_read": 0,
            "were_read": 0,
            "found": 0,
            "filled_at": None,
            "error": "",
        }
        with transaction.atomic():
            Polling.objects.update_or_create(channel=channel, defaults=anew)
            first = Channel.objects.filter(pk=channel.pk, news_since__isnull=True)
            first.update(news_since=channel.connected_at)
            # Read again whatever was read before: more may have been said while we were away.
            channel.listed_conversations.update(is_wanted=False, read_up_to=None)


def claim(*, channel: Channel, at: datetime) -> Polling | None:
    """Take a channel's run on for the time of the lease; None if another worker has it."""
    mine = Polling.objects.filter(
        Q(claimed_until__isnull=True) | Q(claimed_until__lte=at), channel=channel, next_run_at__lte=at
    )
    if not mine.update(claimed_until=at + LEASE):
        return None
    return Polling.objects.select_related("channel__credential").get(channel=channel)


def ask_for(*, channel: Channel, at: datetime) -> bool:
    """Have a thorough run begin now, or the present one go on; False if a worker is reading just now."""
    _begin_with_new_connections(at=at)
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lte=at)
    mine = Polling.objects.filter(free, channel=channel)
    mine.filter(filled_at__isnull=False).update(is_thorough=True, listed_at=None)
    return bool(mine.update(next_run_at=at, claimed_until=None))


def look_soon(*, channel: Channel, at: datetime) -> bool:
    """Bring the next run forward, because the lists may tell more than a webhook did; False if it is near."""
    waiting = Polling.objects.filter(channel=channel, next_run_at__gt=at + SOON)
    return bool(waiting.update(next_run_at=at + SOON))


def stay(polling: Polling, *, at: datetime) -> None:
    """Prolong the lease."""
    Polling.objects.filter(pk=polling.pk).update(claimed_until=at + LEASE)


# ── A run ─────────────────────────────────────────────────────────────────────────────────────────────


def list_conversations(polling: Polling, *, is_known: IsKnown, at: datetime, wait: Callable[[], None]) -> None:
    """Read the conversation list, unless this run has it, and note which conversations are to be read.

    `wait` is called before each call of TikTok's.
    """
    if polling.listed_at is not None:
        return
    if polling.thorough_at is None or at - polling.thorough_at >= THOROUGH_EVERY:
        polling.is_thorough = True
    for kind in TYPES:
        cursor, pages, has_more = 0, 0, True
        while has_more and pages < MOST_PAGES:
            wait()
            page = _page(polling.channel, kind, cursor, at=at)
            for conversation in page.conversations:
                _keep_listed(polling, conversation, is_known=is_known, at=at)
            has_more = page.has_more and page.cursor > cursor
            cursor, pages = page.cursor, pages + 1
    polling.listed_at, polling.found, polling.were_read = at, 0, 0
    polling.to_read = polling.channel.listed_conversations.filter(is_wanted=True).count()
    polling.save(update_fields=["listed_at", "found", "were_read", "to_read", "is_thorough"])


def _page(channel: Channel, kind: ConversationType, cursor: int, *, at: datetime) -> ConversationPage:
    return tokens.with_access(
        channel=channel,
        at=at,
        call=lambda token: tiktok().conversations(
            token=token, business_id=channel.business_id, conversation_type=kind, cursor=cursor
        ),
    )


def _keep_listed(polling: Polling, conversation: dict[str, Any], *, is_known: IsKnown, at: datetime) -> None:
    """Note one listed conversation, and whether this run reads it."""
    conversation_id = text_in(conversation, "conversation_id")
    if not 0 < len(conversation_id) <= TIKTOK_ID_LENGTH:
        return  # one that is too long can't be kept: cut, it could be another one
    updated_at = _moment(number_in(conversation, "update_time"), at=at)
    referral = cleaned(object_in(conversation, "referral"))
    listed, is_new = ListedConversation.objects.get_or_create(
        channel=polling.channel,
        tiktok_conversation_id=conversation_id,
        defaults={"updated_at": updated_at, "referral": referral},
    )
    listed.is_wanted = _is_wanted(listed, updated_at, referral, is_known, is_new or polling.is_thorough)
    listed.updated_at, listed.referral, listed.attempts = updated_at, referral, 0
    listed.save(update_fields=["updated_at", "referral", "is_wanted", "attempts"])


def _is_wanted(
    listed: ListedConversation,
    updated_at: datetime,
    referral: dict[str, Any],
    is_known: IsKnown,
    at_all_events: bool,
) -> bool:
    if listed.read_up_to is not None and updated_at <= listed.read_up_to and referral == listed.referral:
        return False
    return at_all_events or not is_known(listed.tiktok_conversation_id, updated_at)


def _moment(number: int | None, *, at: datetime) -> datetime:
    """TikTok's milliseconds (or seconds) as a time; now, when it is none."""
    if not number:
        return at
    try:
        return _EPOCH + number * timedelta(milliseconds=1 if number >= _MILLISECONDS_FROM else 1_000)
    except OverflowError:
        return at


def next_to_read(polling: Polling) -> ListedConversation | None:
    """The newest conversation that this run still has to read."""
    wanted = polling.channel.listed_conversations.filter(is_wanted=True)
    return wanted.order_by("attempts", "-updated_at").first()


def read(polling: Polling, listed: ListedConversation, *, at: datetime) -> Thread:
    """A conversation's newest messages and who takes part in it. Raises TikTokError."""
    channel = polling.channel
    return tokens.with_access(
        channel=channel,
        at=at,
        call=lambda token: tiktok().messages(
            token=token,
            business_id=channel.business_id,
            conversation_id=listed.tiktok_conversation_id,
        ),
    )


def note_read(polling: Polling, listed: ListedConversation, *, found: int) -> None:
    """The conversation has taken effect up to what the list said of it."""
    ListedConversation.objects.filter(pk=listed.pk).update(is_wanted=False, read_up_to=listed.updated_at)
    Polling.objects.filter(pk=polling.pk).update(were_read=F("were_read") + 1, found=F("found") + found)
    polling.refresh_from_db(fields=["were_read", "found"])


def note_unreadable(polling: Polling, listed: ListedConversation, reason: str) -> None:
    """TikTok refuses this one conversation: the others go on; after a few attempts a later run asks again."""
    logger.warning("channel %s: a listed conversation can't be read: %s", polling.pk, reason)
    attempts = listed.attempts + 1
    gave_up = attempts >= MOST_ATTEMPTS
    ListedConversation.objects.filter(pk=listed.pk).update(attempts=attempts, is_wanted=not gave_up)
    if gave_up:
        Polling.objects.filter(pk=polling.pk).update(were_read=F("were_read") + 1)


# ── Its end ───────────────────────────────────────────────────────────────────────────────────────────


def finish(polling: Polling, *, at: datetime) -> None:
    """Everything of this run is read: plan the next one, sooner where webhooks are silent or missed something."""
    heard_at = Channel.objects.values_list("last_event_at", flat=True).get(pk=polling.pk)
    is_silent = heard_at is None or at - heard_at >= SILENT_AFTER
    missed = polling.found > 0 and polling.filled_at is not None
    polling.pause = SHORTEST if is_silent or missed else min(polling.pause * 2, LONGEST)
    if polling.is_thorough:
        polling.thorough_at = at
    polling.filled_at = polling.filled_at or at
    polling.finished_at, polling.next_run_at = at, at + polling.pause
    polling.listed_at, polling.claimed_until, polling.is_thorough, polling.error = None, None, False, ""
    _save_if_same_connection(polling)


def interrupt(polling: Polling, *, at: datetime) -> None:
    """Leave the rest of the run to whoever comes next."""
    Polling.objects.filter(pk=polling.pk).update(claimed_until=None, next_run_at=at)


def fail(polling: Polling, error: TikTokError, *, at: datetime) -> None:
    """TikTok is away, or busy: the run goes on after a while, and says why it stopped."""
    logger.warning("channel %s: TikTok's lists can't be read just now: %s", polling.pk, error)
    retry_after = getattr(error, "retry_after", None)
    pause = timedelta(seconds=retry_after) if retry_after else AFTER_TROUBLE
    Polling.objects.filter(pk=polling.pk).update(claimed_until=None, next_run_at=at + pause, error=error.sentence)


def _save_if_same_connection(polling: Polling) -> None:
    """A channel that was connected anew meanwhile has begun another run: that one counts."""
    planned = ["pause", "finished_at", "next_run_at", "listed_at", "claimed_until", "is_thorough", "error"]
    names = [*planned, "thorough_at", "filled_at"]
    Polling.objects.filter(pk=polling.pk, connection_at=polling.connection_at).update(
        **{name: getattr(polling, name) for name in names}
    )
