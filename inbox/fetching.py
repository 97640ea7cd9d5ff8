"""Fetch what belongs to messages and contacts: pictures, videos, stickers, portraits.

Guarantee: the message is there at once and waits for nobody; its file follows. A file is fetched by one worker
at a time, outside any transaction, and tried again after growing pauses while TikTok is away. What can't be
had is said in a sentence on the message. A worker that dies in between has only lost an attempt: its lease ends.

The rows are the queue: `Attachment.state` *pending*, `Contact.picture_fetch_at`. A claim is a conditional
update that moves the next attempt behind the lease. Files get names that nobody can guess, and are only given
out by `inbox/views/files.py`; what a killed worker left of them is cleared away (`channels_tiktok/files.py`).
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet

from channels_tiktok import errors, files, pacing, portraits, tokens
from channels_tiktok.answers import Media
from channels_tiktok.client import tiktok
from channels_tiktok.media import Examined, NotShowable, examine
from channels_tiktok.models import Channel
from config.sentences import stored
from config.tasks import ring
from inbox.incoming import read_listed
from inbox.models import Attachment, Contact, ConversationEvent, Message, Post, Preferences
from inbox.sending import line
from inbox.timeline import record

logger = logging.getLogger(__name__)

# Then the task rings anew, so that replies and webhooks never wait longer for a worker.
FETCH_FOR = timedelta(seconds=10)
LEASE = timedelta(minutes=2)  # longer than the worker lets a task run
PAUSES = [timedelta(seconds=seconds) for seconds in (10, 60, 600, 3_600, 21_600)]
NOT_NAMED = stored("TikTok didn't say where this file is.")
OUR_FAULT = stored("This file could not be stored here. An administrator finds the reason in the log.")
NAMED_BY = [
    (Attachment, "file"),
    (Attachment, "thumbnail"),
    (Contact, "picture"),
    (Post, "thumbnail"),
    (Preferences, "picture"),
]
GAVE_UP = stored("TikTok did not give this file, although we asked for it several times.")


def fetch_due(*, clock: Callable[[], datetime], at_most: timedelta = FETCH_FOR) -> int:
    """Fetch the files that are due, the newest messages' first; give how many were tried.

    After `at_most` it rings for a fresh task instead of going on.
    """
    tried, end = 0, clock() + at_most
    for fetch_next in _waiting(clock):
        if clock() >= end:
            ring("inbox.tasks.fetch_files")
            break
        tried += fetch_next(at=clock())
    return tried


def _waiting(clock: Callable[[], datetime]) -> Iterator[Callable[..., bool]]:
    """What is due, found a few at a time. New messages' files go before a backfill's and before portraits."""
    while ids := list(_due_attachments(clock()).order_by("-id").values_list("pk", flat=True)[:20]):
        for pk in ids:
            yield partial(_fetch_attachment, pk)
    while ids := list(portraits.due(Contact, at=clock()).order_by("-id").values_list("pk", flat=True)[:20]):
        for pk in ids:
            yield partial(_fetch_portrait, pk)


# ── Attachments ───────────────────────────────────────────────────────────────────────────────────────


def _due_attachments(at: datetime) -> QuerySet[Attachment]:
    return Attachment.objects.filter(
        Q(try_again_at__isnull=True) | Q(try_again_at__lte=at),
        state=Attachment.State.PENDING,
        message__conversation__channel__status=Channel.Status.CONNECTED,
    )


def _fetch_attachment(pk: int, *, at: datetime) -> bool:
    """Claim one attachment, fetch it, settle it; False if somebody else was faster."""
    # The claim itself names no other table: PostgreSQL and SQLite update one row.
    free = Attachment.objects.filter(
        Q(try_again_at__isnull=True) | Q(try_again_at__lte=at), pk=pk, state=Attachment.State.PENDING
    )
    if not free.update(attempts=F("attempts") + 1, try_again_at=at + LEASE):
        return False
    attachment = Attachment.objects.select_related("message__conversation__channel__credential").get(pk=pk)
    try:
        examined = examine(_download(attachment, at=at).content)
    except errors.ReconnectNeeded:
        # No fault of the file's: it waits until the channel is connected again.
        _mine(attachment).update(attempts=attachment.attempts - 1, try_again_at=None)
    except errors.Refused as refusal:
        _fail(attachment, refusal.sentence, at=at)
    except NotShowable as reason:
        _fail(attachment, str(reason), at=at)
    except errors.TikTokError as error:
        _try_again(attachment, error.sentence, at=at)
    except Exception:  # whatever one file does to its decoder, the others go on
        logger.exception("%s could not be examined", attachment)
        _try_again(attachment, OUR_FAULT, at=at)
    else:
        _keep_or_try_again(attachment, examined, at=at)
    return True


def _download(attachment: Attachment, *, at: datetime) -> Media:
    """The bytes, by whichever way TikTok offers this kind (docs/tiktok-api.md 3.3, 3.5)."""
    channel = attachment.message.conversation.channel

    def call(token: str) -> Media:
        if attachment.media_id:
            return _offered(attachment, token, at=at)
        return _shown(attachment, token, at=at)

    return tokens.with_access(channel=channel, at=at, call=call)


def _offered(attachment: Attachment, token: str, *, at: datetime) -> Media:
    """A picture or video: ask where it is, which is good for a day, and fetch it with the token."""
    message = attachment.message
    conversation = message.conversation
    pacing.wait_for_spare_turn(at=at)
    url = tiktok().download_url(
        token=token,
        business_id=conversation.channel.business_id,
        conversation_id=conversation.tiktok_conversation_id,
        message_id=message.tiktok_message_id or "",
        media_id=attachment.media_id,
        media_type="VIDEO" if attachment.kind == Message.Kind.VIDEO else "IMAGE",
    )
    return tiktok().fetch_media(url, token)


def _shown(attachment: Attachment, token: str, *, at: datetime) -> Media:
    """A sticker or emoji: its address stands in the message; TikTok's list has a fresh one once it expired."""
    try:
        if attachment.source_url:
            return tiktok().fetch_media(attachment.source_url)
        raise errors.Refused(NOT_NAMED)
    except errors.Refused:
        url = _address_in_list(attachment, token, at=at)
        if not url or url == attachment.source_url:
            raise
        Attachment.objects.filter(pk=attachment.pk).update(source_url=url)
        return tiktok().fetch_media(url)


def _address_in_list(attachment: Attachment, token: str, *, at: datetime) -> str:
    conversation = attachment.message.conversation
    pacing.wait_for_spare_turn(at=at)
    listed = tiktok().messages(
        token=token,
        business_id=conversation.channel.business_id,
        conversation_id=conversation.tiktok_conversation_id,
    )
    for entry in listed.messages:
        if str(entry.get("message_id", "")) == attachment.message.tiktok_message_id:
            incoming = read_listed({**entry, "timestamp": None}, received_at=attachment.message.occurred_at)
            return str(incoming.content.get("url", ""))[:2083]
    return ""


def _keep_or_try_again(attachment: Attachment, examined: Examined, *, at: datetime) -> None:
    try:
        _keep(attachment, examined, at=at)
    except DatabaseError:
        raise
    except Exception:  # no room, or no way to where files are kept
        logger.exception("%s could not be stored", attachment)
        _try_again(attachment, OUR_FAULT, at=at)


def _keep(attachment: Attachment, examined: Examined, *, at: datetime) -> None:
    """Write the files, then say so in one transaction; a claim that was lost meanwhile leaves no files behind."""
    written = [files.write(attachment.file, examined.file)]
    if examined.thumbnail:
        written.append(files.write(attachment.thumbnail, examined.thumbnail))
    with transaction.atomic():
        kept = _mine(attachment).update(
            state=Attachment.State.STORED,
            file=attachment.file.name,
            thumbnail=attachment.thumbnail.name or "",
            content_type=examined.file.content_type,
            width=examined.width,
            height=examined.height,
            try_again_at=None,
            error="",
        )
        if kept:
            record([line(attachment.message, ConversationEvent.Kind.ATTACHMENT_STORED, at=at)])
    if not kept:
        for file in written:
            file.storage.delete(str(file.name))


def _try_again(attachment: Attachment, sentence: str, *, at: datetime) -> None:
    if attachment.attempts > len(PAUSES):
        _fail(attachment, sentence if sentence == OUR_FAULT else GAVE_UP, at=at)
        return
    logger.info("%s was not fetched: %s", attachment, sentence)
    again = at + PAUSES[attachment.attempts - 1]
    _mine(attachment).update(try_again_at=again, error=sentence)


def _fail(attachment: Attachment, sentence: str, *, at: datetime) -> None:
    logger.warning("%s can't be had: %s", attachment, sentence)
    with transaction.atomic():
        if _mine(attachment).update(state=Attachment.State.FAILED, try_again_at=None, error=sentence):
            record([line(attachment.message, ConversationEvent.Kind.ATTACHMENT_FAILED, at=at)])


def _mine(attachment: Attachment) -> QuerySet[Attachment]:
    """The row, while the claim that read it still holds."""
    return Attachment.objects.filter(
        pk=attachment.pk, state=Attachment.State.PENDING, attempts=attachment.attempts
    )


# ── Contacts' pictures ────────────────────────────────────────────────────────────────────────────────


def _fetch_portrait(pk: int, *, at: datetime) -> bool:
    """Copy one contact's picture and tell its conversations; False if somebody else was faster."""

    def tell(contact: Contact) -> None:
        record(
            ConversationEvent(
                channel_id=contact.channel_id,
                conversation=conversation,
                kind=ConversationEvent.Kind.CONTACT_CHANGED,
                at=at,
            )
            for conversation in contact.conversations.all()
        )

    return portraits.fetch(Contact, pk, at=at, tell=tell)
