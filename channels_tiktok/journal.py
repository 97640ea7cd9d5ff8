"""The journal of everything that TikTok delivered.

Guarantee: an event that was stored stays until it has been processed, ignored or parked, each with a time
and a reason; a crash, a lost wake-up or an emptied task queue only delays it. One delivery is one row,
however often TikTok repeats it and however many processes receive it at once.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_noop

from channels_tiktok import app_credentials
from channels_tiktok.answers import cleaned, number_in, storable, text_in
from channels_tiktok.models import TIKTOK_ID_LENGTH, Channel, RefusedDeliveries, WebhookEvent
from config.sentences import stored
from config.tasks import ring

logger = logging.getLogger(__name__)

PENDING, PROCESSED, IGNORED, FAILED = (
    WebhookEvent.State.PENDING,
    WebhookEvent.State.PROCESSED,
    WebhookEvent.State.IGNORED,
    WebhookEvent.State.FAILED,
)
RING_AGAIN_AFTER = timedelta(seconds=1)
NOTE_AGAIN_AFTER = timedelta(minutes=1)
OTHER_APP = stored("It was delivered for another TikTok app: {app}")
NOT_JSON = stored("{what} is not JSON.")
NOT_AN_OBJECT = stored("{what} is not a JSON object.")
BACKOFF = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
)
RECONSIDERED_FOR = timedelta(minutes=10)
MOST_ATTEMPTS = len(BACKOFF) + 1
KEPT_FOR = timedelta(days=30)  # after it was settled; TikTok repeats deliveries for three days
PURGED_AT_ONCE = 1_000
REPLAYED_AT_ONCE = 500


class Undecodable(Exception):
    """A delivery that can't be read, now or ever; the text says why."""


@dataclass(frozen=True)
class Delivery:
    """A delivery, read (docs/tiktok-api.md 4.1). `create_time` is TikTok's, in seconds; None if not told."""

    event: str
    business_id: str
    create_time: int | None
    client_key: str
    content: dict[str, Any]


# ── Storing ───────────────────────────────────────────────────────────────────────────────────────────


def store_delivery(*, body: bytes, log_id: str, at: datetime) -> WebhookEvent | None:
    """Store one delivery; give None when the same bytes are already stored.

    What can never be read is stored as failed, what belongs to another app as ignored, each with the reason;
    everything else waits as pending. Raises only what the database raises when it is away.
    """
    event = _row_for(body, log_id=log_id, at=at)
    number = _insert(event)
    if number is None:
        logger.info("TikTok repeated a delivery: log %s", event.log_id)
        return None
    event.pk, event._state.adding = number, False
    if event.error:
        logger.warning("webhook event %s is %s: %s", event.pk, event.state, event.error)
    return event


class RefusalCounter:
    """Counts deliveries with a bad signature, per day. Of the delivery itself nothing is kept.

    Written at most once a second by each process, so that a flood of forgeries costs no more than a trickle;
    what comes within that second is written with the next one, or lost with the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0
        self._written_at: datetime | None = None

    def count(self, *, at: datetime) -> None:
        """Count one, and write what has been counted if a second has passed."""
        with self._lock:
            self._waiting += 1
            if self._written_at is not None and timedelta() <= at - self._written_at < RING_AGAIN_AFTER:
                return
            number, self._waiting, self._written_at = self._waiting, 0, at
        try:
            self._write(number, at)
        except DatabaseError as error:
            logger.warning("%s deliveries with a bad signature were not counted: %s", number, error)

    @staticmethod
    def _write(number: int, at: datetime) -> None:
        today = RefusedDeliveries.objects.filter(day=at.date())
        if today.update(count=F("count") + number, last_at=at):
            return
        made, is_new = RefusedDeliveries.objects.get_or_create(
            day=at.date(), defaults={"count": number, "last_at": at}
        )
        if not is_new:  # another process was faster
            RefusedDeliveries.objects.filter(pk=made.pk).update(count=F("count") + number, last_at=at)


refusals = RefusalCounter()


def ring_drain() -> None:
    """Wake a worker up to work on the journal. It is named by path: nothing here knows the inbox."""
    ring(settings.JOURNAL_DRAIN_TASK)


def ring_unless_rung(*, event: WebhookEvent | None, at: datetime) -> None:
    """Ring once a second at most while events pour in; None stands for a repeated delivery.

    Call it after the event's row is committed. Then either the earlier event is still pending as everybody
    sees it, and the drain that settles it looks once more afterwards and finds ours; or it isn't: we ring.
    """
    if event is not None and event.state != PENDING:
        return
    with connection.cursor() as cursor:
        since, now = map(connection.ops.adapt_datetimefield_value, (at - RING_AGAIN_AFTER, at))
        cursor.execute(_RUNG, [since, now, since, event.pk if event else 0])
        if cursor.fetchone() is None:
            ring_drain()


# The two statements of the webhook are written out: each delivery pays for them, and the ORM would triple
# their price (a transaction around the insert, a query built anew to look). Both are the same SQL on SQLite
# and PostgreSQL.
_COLUMNS = [field for field in WebhookEvent._meta.concrete_fields if not field.primary_key]
_INSERT = (
    f"INSERT INTO {WebhookEvent._meta.db_table} ({', '.join(str(field.column) for field in _COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * len(_COLUMNS))}) ON CONFLICT (fingerprint) DO NOTHING RETURNING id"
)
# Fresh rows have both times equal: the first bounds let the index of pending events answer, the last leaves
# out rows that failed and wait for another attempt, for which nobody rings.
_RUNG = (
    f"SELECT 1 FROM {WebhookEvent._meta.db_table} WHERE state = 'pending' "  # noqa: S608
    "AND try_again_at > %s AND try_again_at <= %s AND received_at > %s AND id <> %s LIMIT 1"
)


def _insert(event: WebhookEvent) -> int | None:
    """Insert the row and give its id; None when the delivery is already there. Harmless in a transaction."""
    values = [field.get_db_prep_save(getattr(event, field.attname), connection) for field in _COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        row = cursor.fetchone()
    return row[0] if row else None


def _row_for(body: bytes, *, log_id: str, at: datetime) -> WebhookEvent:
    event = WebhookEvent(
        fingerprint=hashlib.sha256(body).hexdigest(),
        body=body,
        log_id=storable(log_id)[:200],
        received_at=at,
        try_again_at=at,
    )
    try:
        envelope = _envelope(body)
    except Undecodable as reason:
        event.state, event.error, event.settled_at = FAILED, str(reason), at
        return event
    event.event = text_in(envelope, "event")[:100]
    event.business_id = text_in(envelope, "user_openid")[:TIKTOK_ID_LENGTH]
    client_key = text_in(envelope, "client_key")
    if client_key and client_key != app_credentials.current().id:
        event.state, event.settled_at = IGNORED, at
        event.error = OTHER_APP.format(app=client_key[:100])
    return event


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────────


def decode(event: WebhookEvent) -> Delivery:
    """Read a stored delivery; raise Undecodable when its envelope or its content can't be read.

    `content` is JSON inside JSON; an object is taken as well, and a missing one is empty (docs 4.1). Text
    that no database can store is replaced.
    """
    envelope = _envelope(bytes(event.body))
    return Delivery(
        event=text_in(envelope, "event"),
        business_id=text_in(envelope, "user_openid"),
        create_time=number_in(envelope, "create_time"),
        client_key=text_in(envelope, "client_key"),
        content=_content(envelope.get("content")),
    )


def _envelope(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Undecodable(gettext_noop("The delivery is not UTF-8.")) from None
    return _object(text, "The delivery")


def _content(content: Any) -> dict[str, Any]:
    if isinstance(content, str) and content.strip():
        return _object(content, "The content of the delivery")
    if content in (None, ""):
        return {}
    if isinstance(content, dict):
        return content
    raise Undecodable(gettext_noop("The content of the delivery is not a JSON object."))


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        # NaN and Infinity are no JSON, and PostgreSQL doesn't store them.
        value = json.loads(text, parse_constant=lambda constant: None)
        # Only an escape can have brought in what no database takes.
        value = cleaned(value) if "\\u" in text else value
    except (ValueError, RecursionError):
        raise Undecodable(NOT_JSON.format(what=what)) from None
    if not isinstance(value, dict):
        raise Undecodable(NOT_AN_OBJECT.format(what=what))
    return value


# ── Claiming and settling ─────────────────────────────────────────────────────────────────────────────


def claim_pending(*, limit: int, at: datetime) -> list[WebhookEvent]:
    """Take up to `limit` events that are due at `at`, longest waiting first, in the order of their arrival.

    Call it inside the transaction that settles them: they are the caller's until it ends. On PostgreSQL
    others step over them; on SQLite others wait, since a transaction there has the database for itself.
    """
    due = WebhookEvent.objects.filter(state=PENDING, try_again_at__lte=at)
    claimed = due.order_by("try_again_at", "id").select_for_update(skip_locked=True)[:limit]
    return sorted(claimed, key=lambda event: event.pk)


def unread_echoes(*, business_id: str) -> QuerySet[WebhookEvent]:
    """Echoes of this account's messages that TikTok has delivered and that nobody has tried to apply yet."""
    return WebhookEvent.objects.filter(state=PENDING, event="im_send_msg", business_id=business_id, attempts=0)


def mark_processed(events: Iterable[WebhookEvent], at: datetime) -> int:
    """Settle events whose meaning is now in other rows; give how many were still pending."""
    waiting = WebhookEvent.objects.filter(pk__in=[event.pk for event in events], state=PENDING)
    return waiting.update(state=PROCESSED, error="", settled_at=at)


def mark_ignored(event: WebhookEvent, reason: str, at: datetime) -> None:
    """Settle an event that means nothing to us, and say why."""
    waiting = WebhookEvent.objects.filter(pk=event.pk, state=PENDING)
    if waiting.update(state=IGNORED, error=reason, settled_at=at):
        logger.info("webhook event %s (%s of %s) ignored: %s", event.pk, event.event, event.business_id, reason)


def mark_failed_attempt(event: WebhookEvent, error: str, at: datetime) -> None:
    """Count an attempt that failed: it is due again after 10 s, 1 min, 10 min, 1 h and 6 h, then parked.

    Call it in a transaction of its own when the one that claimed the event was rolled back.
    """
    attempts = event.attempts + 1
    waiting = WebhookEvent.objects.filter(pk=event.pk, state=PENDING, attempts=event.attempts)
    if attempts >= MOST_ATTEMPTS:
        parked = waiting.update(state=FAILED, attempts=attempts, error=error, settled_at=at)
        if parked:
            logger.error("webhook event %s parked after %s attempts: %s", event.pk, attempts, error)
        return
    waiting.update(attempts=attempts, error=error, try_again_at=at + BACKOFF[attempts - 1])


def park(event: WebhookEvent, error: str, at: datetime) -> None:
    """Settle an event as failed at once, because trying again can't help."""
    waiting = WebhookEvent.objects.filter(pk=event.pk, state=PENDING)
    if waiting.update(state=FAILED, attempts=event.attempts + 1, error=error, settled_at=at):
        logger.error("webhook event %s parked: %s", event.pk, error)


def try_again(*, events: Iterable[WebhookEvent], at: datetime) -> int:
    """Put parked events back among the pending ones, with all their attempts; give how many there were."""
    parked = WebhookEvent.objects.filter(pk__in=[event.pk for event in events], state=FAILED)
    count = parked.update(state=PENDING, attempts=0, error="", try_again_at=at, settled_at=None)
    if count:
        ring_drain()
    return count


def replay(*, events: QuerySet[WebhookEvent], at: datetime) -> Iterator[int]:
    """Put settled events, whatever became of them, back among the pending ones; give the number of each batch.

    Harmless: an event that took effect takes none a second time.
    """
    settled = events.exclude(state=PENDING)
    numbers = list(settled.order_by("id").values_list("id", flat=True))
    for start in range(0, len(numbers), REPLAYED_AT_ONCE):
        batch = WebhookEvent.objects.filter(pk__in=numbers[start : start + REPLAYED_AT_ONCE]).exclude(
            state=PENDING
        )
        with transaction.atomic():
            count = batch.update(state=PENDING, attempts=0, error="", try_again_at=at, settled_at=None)
            if count:
                ring_drain()
        yield count


def purge(*, before: datetime, at_most: int, with_failed: bool = False) -> int:
    """Delete up to `at_most` events that were settled before a time; give how many.

    Parked ones stay until somebody has dealt with them, unless `with_failed`.
    """
    states = [PROCESSED, IGNORED, FAILED] if with_failed else [PROCESSED, IGNORED]
    # An event is settled after it was received: the first bound lets the index by age answer.
    old = WebhookEvent.objects.filter(received_at__lt=before, settled_at__lt=before, state__in=states)
    numbers = list(old.order_by("received_at").values_list("id", flat=True)[:at_most])
    count, _ = WebhookEvent.objects.filter(pk__in=numbers, state__in=states).delete()
    return count


def reconsider(*, business_id: str, at: datetime) -> int:
    """Put back what was ignored before the account was connected; give how many there were.

    A customer may write between the owner's consent and our commit. Older events come by TikTok's own lists.
    """
    ignored = WebhookEvent.objects.filter(
        state=IGNORED, business_id=business_id, received_at__gt=at - RECONSIDERED_FOR
    )
    return ignored.update(state=PENDING, attempts=0, error="", try_again_at=at, settled_at=None)


def note_heard_from(*, business_ids: Iterable[str], at: datetime) -> None:
    """Note on the channels that TikTok delivered something, at most once a minute each.

    For the reader of the journal, once per batch: a write per webhook would make the row a bottleneck.
    """
    stale = Q(last_event_at__isnull=True) | Q(last_event_at__lt=at - NOTE_AGAIN_AFTER)
    Channel.objects.filter(stale, business_id__in=set(business_ids)).update(last_event_at=at)
