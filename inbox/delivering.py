"""What happens to a queued reply: claimed, handed to TikTok, settled.

Guarantee: a reply is handed to TikTok at most once unless TikTok surely didn't carry it out. It is marked
*sending* and committed before the call; if we die or hear nothing after that, it becomes *unconfirmed* and
is never sent again by itself. Replies of one conversation leave in their order, one at a time
(`one_reply_in_flight_per_conversation`); different conversations go in parallel.

One kind of answer leaves it open whether TikTok carried the request out: an error of its own (code 5xxxx), which
is to be tried again. Such a reply is never sent again before all that TikTok has told us by then says that it
isn't there: after a pause TikTok's list is read, and the very last statement before the call (`_may_leave`) goes
through only while no echo has settled the reply and none waits unread in the journal. Whatever an echo's
transaction is doing, that statement waits for its row or sees its journal row, so there is no gap between the two
on our side. What can't be closed by anybody but TikTok, which knows no idempotency keys: that it carries out the
first request *after* it has answered with an error and after its list was read without it.

Which answer leads where: docs/tiktok-api.md 5.3.
"""

import logging
import random
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext_noop

from channels_tiktok import errors, journal, pacing, tokens
from channels_tiktok.client import tiktok
from channels_tiktok.models import Channel
from config.sentences import stored
from config.tasks import ring, ring_at
from inbox import access, timeline, windows
from inbox.following import follow_channels, removal_unfinished
from inbox.models import Attachment, Conversation, ConversationEvent, Message
from inbox.sending import copy_last_message, line

logger = logging.getLogger(__name__)

# Longer than the client's connect and read timeouts together: a lease that ends means that the worker died.
LEASE = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(minutes=5)
FIRST_LOOK = timedelta(seconds=5)
UPLOAD_KEPT_FOR = timedelta(days=29)  # a day less than TikTok promises
TOO_LATE = stored("Not sent: the reply window closed before TikTok took it.")
LOCKED = stored("Not sent: TikTok had refused the reply before it, so nothing goes out until the customer writes.")
UNREAD = stored("TikTok has told us something that must be read before this is tried again.")
PICTURE_LOST = stored("Its picture is no longer stored here. Send it again from the file.")
ABANDONED = stored("The worker stopped while it was sending this, so TikTok never confirmed it.")
# A drain hands over to a fresh task before the worker's own time limit (Q_CLUSTER timeout) would cut it.
DRAIN_FOR = timedelta(seconds=25)

Clock = Callable[[], datetime]
State = Message.State
# Replies that TikTok may have, as far as we know: handed over, and not settled.
MAY_HAVE_ARRIVED = Q(state__in=[Message.State.SENDING, Message.State.UNCONFIRMED]) | Q(
    state=Message.State.QUEUED, attempts__gt=0
)
SOON = timedelta(seconds=5)  # after a claim, nothing else will have touched the reply
Line = ConversationEvent.Kind
SETTLED_FIELDS = (
    "state",
    "tiktok_message_id",
    "sent_at",
    "occurred_at",
    "claimed_until",
    "try_again_at",
    "error_code",
    "error_detail",
)


class _NotOurs(Exception):
    """Something settled the reply, or its lease has ended, since it was claimed: it must not leave now."""


def deliver_due(*, clock: Clock, parallel: int = 8, meanwhile: Callable[[], object] = lambda: None) -> int:
    """Hand over every reply that is due, up to `parallel` conversations at a time; give how many were tried.

    `meanwhile` is called again and again while TikTok keeps us waiting, so that a slow TikTok never keeps a
    worker from its other work.
    """
    follow_channels(at=clock())
    settle_abandoned(at=clock())
    fail_overdue(at=clock())
    if connection.in_atomic_block:  # other connections couldn't see the rows
        return _deliver_one_by_one(clock)
    tried, end = 0, clock() + DRAIN_FOR
    under_way: set[Future[int]] = set()
    with ThreadPoolExecutor(parallel) as threads:
        while clock() < end:
            message = claim_next(at=clock()) if len(under_way) < parallel else None
            if message:
                under_way.add(threads.submit(_deliver_in_thread, message, clock, end))
            elif under_way:
                done, under_way = wait(under_way, timeout=0.1, return_when=FIRST_COMPLETED)
                tried += sum(future.result() for future in done)
                if not done:
                    meanwhile()
            else:
                return tried
    ring("inbox.tasks.deliver_replies")
    return tried + sum(future.result() for future in under_way)


def _deliver_in_thread(message: Message, clock: Clock, end: datetime) -> int:
    """Deliver a claimed reply, then others that are due, over one connection; give how many were tried."""
    tried = 0
    due: Message | None = message
    try:
        while due:
            tried += 1
            deliver(due, clock=clock)
            due = claim_next(at=clock()) if clock() < end else None
    except Exception:  # nobody waits for this thread's result; the lease ends and says what is known
        logger.exception("Reply %s could not be delivered", due and due.pk)
    finally:
        connection.close()
    return tried


def _deliver_one_by_one(clock: Clock) -> int:
    tried = 0
    while message := claim_next(at=clock()):
        deliver(message, clock=clock)
        tried += 1
    return tried


@transaction.atomic
def claim_next(*, at: datetime) -> Message | None:
    """Mark the next due reply as *sending*, with a lease, and give it; None when nothing is due."""
    # Whoever comes second steps over what is being claimed, and waits for nobody. On SQLite the transaction itself
    # is the lock. (`one_reply_in_flight_per_conversation` has the last word.)
    due = _due(at).select_for_update(of=("self",), skip_locked=True, no_key=True)
    message = due.select_related("conversation__channel").order_by("deliver_at", "id").first()
    if message is None:
        return None
    claim = {"state": State.SENDING, "claimed_until": at + LEASE, "handed_over_at": at}
    Message.objects.filter(pk=message.pk).update(**claim, attempts=F("attempts") + 1)
    for name, value in claim.items():
        setattr(message, name, value)
    message.attempts += 1
    timeline.record([line(message, Line.REPLY_SENDING, at=at, attempt=message.attempts)])
    return message


def _due(at: datetime) -> QuerySet[Message]:
    """Replies that may be handed over at `at`: none in the same conversation goes before them."""
    before_it = Message.objects.filter(
        conversation=OuterRef("conversation"), state__in=[State.QUEUED, State.SENDING]
    ).filter(
        Q(deliver_at__lt=OuterRef("deliver_at")) | Q(deliver_at=OuterRef("deliver_at"), id__lt=OuterRef("id"))
    )
    return (
        Message.objects.filter(state=State.QUEUED, deliver_at__lte=at, window_closes_at__gt=at)
        .filter(Q(try_again_at__isnull=True) | Q(try_again_at__lte=at))
        .filter(Exists(_connected_conversations()))
        .exclude(Exists(before_it))
    )


def _connected_conversations() -> QuerySet[Conversation]:
    return Conversation.objects.filter(
        ~removal_unfinished(OuterRef("channel_id")),
        id=OuterRef("conversation"),
        channel__status=Channel.Status.CONNECTED,
    )


def deliver(message: Message, *, clock: Clock) -> None:
    """Hand a claimed reply to TikTok and write down what became of it."""
    try:
        if _was_taken_after_all(message, clock=clock):
            return
        media_id = _uploaded(message, clock=clock) if message.kind == Message.Kind.IMAGE else None
        message_id = _send(message, media_id=media_id, clock=clock)
    except _NotOurs:
        return
    except errors.DirectMessageRefused as error:
        fail(message, error=error, at=clock(), keeps_slot=True)
    except errors.Busy as error:
        try_again(message, error=error, at=clock())
    except errors.OutcomeUnknown as error:
        leave_unconfirmed(message, error=error, at=clock())
    except errors.ReconnectNeeded as error:
        wait_for_reconnect(message, error=error, at=clock())
    except errors.TikTokError as error:
        fail(message, error=error, at=clock(), keeps_slot=False)
    else:
        with transaction.atomic():
            access.only_lock_conversation(message.conversation)
            lines = settle_sent(message.pk, tiktok_message_id=message_id, at=clock())
            copy_last_message(message.conversation)
            timeline.record(lines)


def _was_taken_after_all(message: Message, *, clock: Clock) -> bool:
    """Whether the last attempt, which TikTok answered with an error of its own (5xxxx), reached the customer.

    Such a code says "processing error" and is to be tried again (docs/tiktok-api.md 5.3), but nobody promises
    that nothing was carried out: TikTok's list tells.
    """
    from inbox.reconciling import read_list

    if not _is_left_open(message):
        return False
    try:
        read_list(message, clock=clock)
    except (errors.Busy, errors.ReconnectNeeded) as error:
        error.code = int(message.error_code)  # so that the next attempt looks, too
        raise
    except errors.TikTokError as error:
        raise errors.OutcomeUnknown(error.sentence, code=int(message.error_code)) from error
    message.refresh_from_db(fields=["state"])
    return message.state != State.SENDING


def _is_left_open(message: Message) -> bool:
    return message.error_code.isdigit() and 50_000 <= int(message.error_code) < 60_000


def _may_leave(message: Message, *, at: datetime) -> None:
    """The last look before the call, in one statement; raises _NotOurs or Busy unless the reply may leave now.

    Not made where nothing can have happened since the claim: a reply that TikTok surely doesn't have, claimed a
    moment ago.
    """
    left_open = _is_left_open(message)
    if not left_open and message.handed_over_at and at - message.handed_over_at < SOON:
        return
    mine = Message.objects.filter(pk=message.pk, state=State.SENDING, window_closes_at__gt=at)
    if left_open:
        unread = journal.unread_echoes(business_id=message.conversation.channel.business_id)
        mine = mine.filter(~Exists(unread))
    if mine.update(claimed_until=at + LEASE, handed_over_at=at):
        return
    message.refresh_from_db(fields=["state", "window_closes_at"])
    if message.state != State.SENDING:
        raise _NotOurs
    if message.window_closes_at and message.window_closes_at <= at:
        raise errors.Busy(TOO_LATE, code=int(message.error_code) if left_open else None)
    raise errors.Busy(UNREAD, code=int(message.error_code))


def _send(message: Message, *, media_id: str | None, clock: Clock) -> str:
    conversation, channel = message.conversation, message.conversation.channel
    pacing.wait_for_turn(at=clock())

    def call(token: str) -> str:
        _may_leave(message, at=clock())
        return tiktok().send_message(
            token=token,
            business_id=channel.business_id,
            conversation_id=conversation.tiktok_conversation_id,
            **_content_of(message, media_id=media_id),
            quoted_message_id=message.quoted_message_id or None,
        )

    return tokens.with_access(channel=channel, at=clock(), call=call)


def _content_of(message: Message, *, media_id: str | None) -> dict[str, Any]:
    """What TikTok's client is to send (docs/tiktok-api.md 3.1)."""
    match message.kind:
        case Message.Kind.IMAGE:
            return {"image_media_id": media_id}
        case Message.Kind.SHARE_POST:
            return {"post_id": message.content["item_id"]}
        case Message.Kind.TEMPLATE:
            return {"template": message.content}
        case _:
            return {"text": message.text}


def _uploaded(message: Message, *, clock: Clock) -> str:
    """TikTok's id of the message's picture, uploaded now unless TikTok still has it from an earlier attempt."""
    attachment = message.attachments.get()
    if attachment.media_id and attachment.uploaded_at and attachment.uploaded_at > clock() - UPLOAD_KEPT_FOR:
        return attachment.media_id
    content, channel = _bytes_of(attachment), message.conversation.channel
    pacing.wait_for_turn(at=clock())
    try:
        media_id = tokens.with_access(
            channel=channel,
            at=clock(),
            call=lambda token: tiktok().upload_image(
                token=token,
                business_id=channel.business_id,
                content=content,
                filename="picture.png" if attachment.content_type == "image/png" else "picture.jpg",
                content_type=attachment.content_type,
            ),
        )
    except errors.OutcomeUnknown as error:  # an upload has no effect on the customer, so it may be repeated
        raise errors.Busy(
            gettext_noop("TikTok did not answer while it took the picture. It will be tried again."),
            code=error.code,
            request_id=error.request_id,
        ) from error
    Attachment.objects.filter(pk=attachment.pk).update(media_id=media_id, uploaded_at=clock())
    return media_id


def _bytes_of(attachment: Attachment) -> bytes:
    try:
        with attachment.file.open("rb") as file:
            return bytes(file.read())
    except FileNotFoundError as error:
        raise errors.Refused(PICTURE_LOST) from error


def settle_sent(
    message_id: int, *, tiktok_message_id: str, at: datetime, tiktok_time: datetime | None = None
) -> list[ConversationEvent]:
    """Write down that TikTok accepted a reply, by its answer or by its echo; give the timeline's lines for it.

    Only the echo tells TikTok's own time. Without it the reply stays in its window, which is the newest: our
    clock may lag behind TikTok's and must not move it. The caller holds the conversation's lock. Nothing
    happens when the other of the two was faster.
    """
    message = (
        Message.objects.filter(MAY_HAVE_ARRIVED, pk=message_id).select_related("conversation", "window").first()
    )
    if message is None or message.window is None:
        return []
    lines = _release_id(message, tiktok_message_id, at=at)
    message.state = State.SENT
    message.tiktok_message_id = tiktok_message_id
    message.sent_at = message.occurred_at = tiktok_time or max(at, message.window.opened_at)
    message.claimed_until = message.try_again_at = None
    message.error_code = message.error_detail = ""
    message.save(update_fields=SETTLED_FIELDS)
    _ask_about_images_anew(message)
    if tiktok_time:
        windows.place_in_window(message)
    apply_read_mark(message)
    return [*lines, line(message, Line.REPLY_SENT, at=at)]


def _ask_about_images_anew(message: Message) -> None:
    """Our first reply makes a stranger's conversation another kind of one, with other rules for images."""
    if message.conversation.images_asked_at is None:
        return
    answered = Message.objects.filter(conversation=message.conversation_id, state__in=[State.SENT, State.READ])
    if not answered.exclude(pk=message.pk).exists():
        Conversation.objects.filter(pk=message.conversation_id).update(images_asked_at=None)


def _release_id(message: Message, tiktok_message_id: str, *, at: datetime) -> list[ConversationEvent]:
    """The echo came before the answer and was taken for another message: it was this one."""
    twin = (
        Message.objects.filter(conversation=message.conversation_id, tiktok_message_id=tiktok_message_id)
        .exclude(pk=message.pk)
        .select_related("window")
        .first()
    )
    if twin is None:
        return []
    if twin.source == Message.Source.AGENT:
        twin.state, twin.tiktok_message_id, twin.sent_at = State.UNCONFIRMED, None, None
        twin.try_again_at = at + FIRST_LOOK
        twin.save(update_fields=["state", "tiktok_message_id", "sent_at", "try_again_at"])
        return [line(twin, Line.REPLY_UNCONFIRMED, at=at)]
    ConversationEvent.objects.filter(message=twin).update(message=message)  # what was told of it stays told
    gone, window = twin.pk, twin.window
    twin.delete()
    if window:
        windows.deal_slots(window)
    return [line(message, Line.MESSAGE_MERGED, at=at, gone=gone)]


def apply_read_mark(message: Message) -> None:
    """Mark one sent message as seen if the customer's read mark already covers it (docs/tiktok-api.md 4.6)."""
    read_up_to = message.conversation.customer_read_at
    if message.state == State.SENT and read_up_to and message.sent_at and message.sent_at <= read_up_to:
        message.state, message.read_at = State.READ, read_up_to
        message.save(update_fields=["state", "read_at"])


def fail(message: Message, *, error: errors.TikTokError, at: datetime, keeps_slot: bool) -> None:
    """TikTok refused for certain. After 40064, its own rules, the slot stays used and the window locks."""
    logger.warning("Reply %s refused: code %s, request %s", message.pk, error.code, error.request_id)
    with transaction.atomic():
        access.lock_conversation(message.conversation_id)
        if not _leave_sending(message, State.FAILED, error=error):
            return
        if keeps_slot:
            windows.refuse_until_customer_writes(message, words=error.tiktok_message or error.sentence, at=at)
        else:
            windows.give_back(message)
        timeline.record([line(message, Line.REPLY_FAILED, at=at, code=error.code)])


def try_again(message: Message, *, error: errors.Busy, at: datetime) -> None:
    """A passing fault: back into the queue, unless the window closes before.

    What TikTok surely didn't carry out has failed then, and its slot is free; what it may have is looked for.
    """
    may_be_there = error.code is not None and 50_000 <= error.code < 60_000
    pause = timedelta(seconds=error.retry_after) if error.retry_after else _pause(message.attempts)
    again = at + (max(pause, FIRST_LOOK) if may_be_there else pause)
    with transaction.atomic():
        access.lock_conversation(message.conversation_id)
        message.refresh_from_db(fields=["window_closes_at", "window"])
        if message.window_closes_at and again >= message.window_closes_at:
            if may_be_there:
                leave_unconfirmed(message, error=error, at=at)
            elif _leave_sending(message, State.FAILED, error=error):
                windows.give_back(message)
                timeline.record([line(message, Line.REPLY_FAILED, at=at, code=error.code)])
            return
        if _leave_sending(message, State.QUEUED, error=error, try_again_at=again):
            ring_at(again, "inbox.tasks.deliver_replies")
            timeline.record([line(message, Line.REPLY_QUEUED, at=at, code=error.code)])


def wait_for_reconnect(message: Message, *, error: errors.ReconnectNeeded, at: datetime) -> None:
    """The channel lost its access (`tokens.with_access` said so on the channel): the reply waits for it."""
    with transaction.atomic():
        access.lock_conversation(message.conversation_id)
        if _leave_sending(message, State.QUEUED, error=error):
            timeline.record([line(message, Line.REPLY_QUEUED, at=at, code=error.code)])
    follow_channels(at=at)  # open pages lock their composers now, not at the next drain


def leave_unconfirmed(message: Message, *, error: errors.TikTokError, at: datetime) -> None:
    """We don't know whether it arrived. It keeps its slot; `inbox/reconciling.py` looks for it."""
    logger.warning("Reply %s unconfirmed: %s", message.pk, error)
    with transaction.atomic():
        access.lock_conversation(message.conversation_id)
        if _leave_sending(message, State.UNCONFIRMED, error=error, try_again_at=at + FIRST_LOOK):
            ring_at(at + FIRST_LOOK, "inbox.tasks.reconcile_replies")
            timeline.record([line(message, Line.REPLY_UNCONFIRMED, at=at)])


def settle_abandoned(*, at: datetime) -> None:
    """A worker died while it was sending: nobody knows whether TikTok had the reply, so it is unconfirmed."""
    lost = errors.OutcomeUnknown(ABANDONED)
    for message in Message.objects.filter(state=State.SENDING, claimed_until__lte=at).select_related(
        "conversation"
    ):
        leave_unconfirmed(message, error=lost, at=at)


def fail_overdue(*, at: datetime) -> None:
    """Replies that still wait when their window closes, or when TikTok locks it, are not sent, and say so."""
    closed = Q(window_closes_at__lte=at)
    locked = Q(window__refused_at__isnull=False, deliver_at__lte=at)
    overdue = Message.objects.filter(closed | locked, state=State.QUEUED).select_related("conversation", "window")
    for message in overdue:
        with transaction.atomic():
            access.lock_conversation(message.conversation_id)
            still = Message.objects.filter(pk=message.pk, state=State.QUEUED, window=message.window_id)
            if _is_left_open(message):  # "not sent" could be untrue: it is looked for, and its slot stays used
                if still.update(state=State.UNCONFIRMED, try_again_at=at):
                    ring_at(at, "inbox.tasks.reconcile_replies")
                    timeline.record([line(message, Line.REPLY_UNCONFIRMED, at=at)])
                continue
            is_closed = message.window_closes_at is not None and message.window_closes_at <= at
            won = still.update(
                state=State.FAILED,
                error_code="window_closed",
                error_detail=TOO_LATE if is_closed else LOCKED,
            )
            if won:
                message.refresh_from_db()
                windows.give_back(message)
                timeline.record([line(message, Line.REPLY_FAILED, at=at, code="window_closed")])


def _leave_sending(
    message: Message, state: Message.State, *, error: errors.TikTokError, try_again_at: datetime | None = None
) -> bool:
    """Move from *sending* to `state` with what TikTok said; False if its echo has settled it meanwhile."""
    won = Message.objects.filter(pk=message.pk, state=State.SENDING).update(
        state=state,
        claimed_until=None,
        try_again_at=try_again_at,
        error_code=str(error.code or type(error).__name__),
        error_detail=error.sentence,
        tiktok_request_id=error.request_id or "",
    )
    if won:
        message.refresh_from_db(fields=["state", "window", "slot"])
    return bool(won)


def _pause(attempts: int) -> timedelta:
    """1 s, 2 s, 4 s … up to five minutes, each spread by a quarter so that many don't return at once."""
    seconds = min(2 ** max(attempts - 1, 0), LONGEST_PAUSE.total_seconds())
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311  (not a secret)
