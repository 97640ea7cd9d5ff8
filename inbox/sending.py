"""What happens when an agent replies.

Guarantee: `queue_replies` either stores the reply together with its reply window's slot, its timeline line and
the worker's wake-up, all in one transaction, or refuses in words and stores nothing. Twenty agents who press
Send at once with one reply left get one message and nineteen refusals. A text and an image sent together are
two messages and two slots, both or neither. `inbox/delivering.py` takes over.
"""

import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from config.tasks import ring, ring_at
from inbox import access, drafts, images, posts, timeline, windows, working
from inbox.models import Attachment, Conversation, ConversationEvent, Message
from inbox.people import name_of
from inbox.questions import Question
from inbox.refusals import BadReply as BadReply

# White space, control and format characters: TikTok refuses a text of nothing else, and that would cost a slot.
INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}
TEXT_LIMIT = 6_000  # characters, docs/tiktok-api.md 3.1
# Before a window closes: time for a few attempts, should TikTok be busy just then.
SAFETY = timedelta(minutes=5)
QUOTABLE = (Message.Kind.TEXT, Message.Kind.IMAGE, Message.Kind.SHARE_POST)  # docs/tiktok-api.md 3.1
TWO_MESSAGES = gettext_noop("A text and an image are two messages: send them as two requests.")
NO_IMAGES = gettext_noop(
    "TikTok doesn't allow images in this conversation: it depends on both countries. Send words instead."
)

State = Message.State


class Overtaken(Exception):
    """Someone else answered since the agent last looked. The agent may send anyway."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class _Part:
    """One message of a reply: what it says, or the files of its picture, already stored."""

    kind: Message.Kind = Message.Kind.TEXT
    text: str = ""
    content: dict[str, Any] = field(default_factory=dict)
    picture: "_StoredPicture | None" = None
    quotes: str = ""


@dataclass(frozen=True)
class _StoredPicture:
    file: str
    thumbnail: str
    content_type: str
    width: int | None
    height: int | None


def queue_reply(
    *,
    user: Any,
    conversation_id: int,
    text: str = "",
    image: images.File | bytes | None = None,
    question: Question | None = None,
    post_id: str = "",
    quoted_id: int | None = None,
    at: datetime,
    deliver_at: datetime | None = None,
) -> Message:
    """Queue one reply of `user`: a text, an image, a question or a post, delivered at once or at `deliver_at`.

    Raises what `queue_replies` raises.
    """
    if text and image is not None:
        raise BadReply("image", _(TWO_MESSAGES))
    return queue_replies(
        user=user,
        conversation_id=conversation_id,
        text=text,
        image=image,
        question=question,
        post_id=post_id,
        quoted_id=quoted_id,
        at=at,
        deliver_at=deliver_at,
    )[-1]


def queue_replies(
    *,
    user: Any,
    conversation_id: int,
    text: str = "",
    image: images.File | bytes | None = None,
    question: Question | None = None,
    post_id: str = "",
    quoted_id: int | None = None,
    at: datetime,
    deliver_at: datetime | None = None,
    held_for: timedelta = timedelta(0),
    newest_seen: int | None = None,
    ends_draft: bool = False,
) -> list[Message]:
    """Queue what `user` sends with one press: an image, a text, or both, in that order; a question; or a post.

    They are delivered at once, after `held_for` (time for an undo), or at `deliver_at`, the time that the agent
    chose. `quoted_id` is the message that the text answers. With `newest_seen`, the newest message that the
    agent has seen, a reply that somebody else's overtook is not queued. `ends_draft`: it was the agent's draft.

    Raises BadReply, Overtaken, `windows.ReplyRefused`, PermissionDenied or Conversation.DoesNotExist.
    """
    is_card = question is not None or bool(post_id)
    if is_card and (text.strip() or image is not None or quoted_id or (question and post_id)):
        raise BadReply("text", _("A question or a post is a message of its own: send the rest separately."))
    words = _checked_text(text) if text.strip() or not (image is not None or is_card) else ""
    access.get_conversation_for(user, conversation_id, permission=access.REPLY)  # before any work on a picture
    with _stored(images.prepare(image) if image is not None else None) as picture, transaction.atomic():
        conversation = access.lock_conversation_for(user, conversation_id, permission=access.REPLY)
        parts = [_Part(Message.Kind.IMAGE, picture=picture)] if picture else []
        if question:
            parts.append(_Part(Message.Kind.TEMPLATE, content=question.as_template()))
        elif post_id:
            parts.append(_Part(Message.Kind.SHARE_POST, content=posts.as_content(conversation, post_id)))
        elif words:
            parts.append(_Part(text=words, quotes=_quoted(conversation, quoted_id)))
        elif quoted_id:
            raise BadReply(
                "quoted", _("Only a text can answer one message. Write something, or take the quote off.")
            )
        if picture and conversation.images_allowed is False:
            raise BadReply("image", _(NO_IMAGES))
        _check_allowed(conversation, needed=len(parts), at=at)
        if newest_seen is not None:
            _check_not_overtaken(conversation, user=user, newest_seen=newest_seen, at=at)
        if deliver_at and deliver_at > at:
            _check_fits(conversation, deliver_at)
            leaves_at, is_scheduled = deliver_at, True
        else:
            leaves_at, is_scheduled = _leaves_at(conversation, at=at, held_for=held_for), False
        messages = [
            _queue(conversation, part, user=user, at=at, deliver_at=leaves_at, is_scheduled=is_scheduled)
            for part in parts
        ]
        if ends_draft:
            drafts.drop(user=user, conversation_id=conversation_id)
        _finish(conversation, messages, user=user, at=at)
    return messages


def send_again(*, user: Any, message_id: int, at: datetime) -> Message:
    """Say anew, as a new message with a new slot, what failed or what TikTok never confirmed.

    The old message stays, and can't be sent again twice. Raises BadReply while we still look for it, and what
    `queue_replies` raises.
    """
    old = Message.objects.select_related("conversation").get(pk=message_id)
    with transaction.atomic():
        conversation = access.lock_conversation_for(user, old.conversation_id, permission=access.REPLY)
        old.refresh_from_db()
        if old.source != Message.Source.AGENT or not may_send_again(old):
            raise BadReply("message", _("This message needs no second attempt."))
        attachment = old.attachments.first()
        if attachment and not attachment.file:
            raise BadReply("image", _("Its picture is no longer kept here. Send it anew from your file."))
        picture = attachment and _StoredPicture(
            attachment.file.name or "",
            attachment.thumbnail.name or "",
            attachment.content_type,
            attachment.width,
            attachment.height,
        )
        _check_allowed(conversation, needed=1, at=at)
        try:
            with transaction.atomic():
                message = _queue(
                    conversation,
                    _Part(
                        Message.Kind(old.kind),
                        text=old.text,
                        content=old.content,
                        picture=picture or None,
                        quotes=old.quoted_message_id,
                    ),
                    user=user,
                    at=at,
                    deliver_at=_leaves_at(conversation, at=at, held_for=timedelta(0)),
                    again_of=old,
                )
        except IntegrityError as error:  # the database holds one second attempt of each
            raise BadReply("message", _("This was sent again already.")) from error
        _finish(conversation, [message], user=user, at=at, again_of=old.pk)
    return message


def may_send_again(message: Message) -> bool:
    """Whether it is certain, or as certain as it will ever be, that this reply didn't arrive."""
    given_up = message.state == State.UNCONFIRMED and message.try_again_at is None
    return message.state == State.FAILED or given_up


def cancel_reply(*, user: Any, message_id: int, at: datetime, with_its_other_half: bool = False) -> bool:
    """Take back a reply that TikTok surely doesn't have; its slot is free again. False if it was too late.

    `with_its_other_half`: also what was sent with the same press, an image beside its text.
    """
    with transaction.atomic():
        asked = Message.objects.get(pk=message_id)
        conversation = access.lock_conversation_for(user, asked.conversation_id, permission=access.REPLY)
        wanted = conversation.messages.filter(pk=message_id)
        if with_its_other_half:
            wanted = conversation.messages.filter(author=asked.author_id, queued_at=asked.queued_at)
        lines = []
        for message in wanted.select_related("window").order_by("id"):
            # What TikTok answered with an error of its own (5xxxx) may be on the customer's phone all the same.
            queued = Message.objects.filter(pk=message.pk, state=State.QUEUED)
            won = queued.exclude(attempts__gt=0, error_code__startswith="5").update(state=State.CANCELLED)
            if won:
                message.state, message.conversation = State.CANCELLED, conversation
                windows.give_back(message)
                lines.append(line(message, ConversationEvent.Kind.REPLY_CANCELLED, at=at, actor=user))
        timeline.record(lines)
    return bool(lines)


def text_of_press(message: Message) -> str:
    """The text that was sent with the press that `message` belongs to."""
    pressed = Message.objects.filter(
        conversation=message.conversation_id, author=message.author_id, queued_at=message.queued_at
    )
    return pressed.exclude(text="").order_by("id").values_list("text", flat=True).first() or ""


def latest_safe_time(conversation: Conversation) -> datetime | None:
    """The latest time for which a reply should be planned in the newest window."""
    return conversation.window.closes_at - SAFETY if conversation.window else None


def copy_last_message(conversation: Conversation) -> None:
    """Make the conversation's copy of its newest message right."""
    newest = conversation.messages.order_by("-occurred_at", "-id").values_list("pk", "occurred_at").first()
    if newest and newest != (conversation.last_message_id, conversation.last_message_at):
        conversation.last_message_id, conversation.last_message_at = newest
        conversation.save(update_fields=["last_message", "last_message_at"])


def line(
    message: Message, kind: ConversationEvent.Kind, *, at: datetime, actor: Any = None, **data: Any
) -> ConversationEvent:
    """A timeline line about `message`, not yet stored."""
    return ConversationEvent(
        channel_id=message.conversation.channel_id,
        conversation_id=message.conversation_id,
        message=message,
        kind=kind,
        actor=actor,
        data=data,
        at=at,
    )


# ── What is refused ───────────────────────────────────────────────────────────────────────────────────


def _checked_text(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not any(unicodedata.category(character) not in INVISIBLE for character in text):
        raise BadReply("text", _("Write something first."))
    if "\x00" in text:
        raise BadReply("text", _("The text holds a character that can't be sent."))
    if len(text) > TEXT_LIMIT:
        raise BadReply(
            "text",
            _("TikTok takes at most 6,000 characters; this has %(length)s. Shorten it or send two.")
            % {"length": f"{len(text):,}"},
        )
    return text


def _check_allowed(conversation: Conversation, *, needed: int, at: datetime) -> None:
    allowance = windows.allowance(conversation, at=at)
    if not allowance.can_reply:
        raise windows.ReplyRefused(allowance.code, allowance.sentence)
    if allowance.replies_left < needed:
        raise windows.ReplyRefused(
            "quota_used", _("A text and an image are two replies, and only 1 is left. Send one of them.")
        )


def _check_fits(conversation: Conversation, deliver_at: datetime) -> None:
    latest = latest_safe_time(conversation)
    if conversation.window is None or latest is None or deliver_at < conversation.window.closes_at:
        return
    times = (conversation.window.closes_at, latest)
    closes, safe = (f"{timezone.localtime(time):%Y-%m-%d %H:%M %Z}" for time in times)
    raise BadReply(
        "send_at",
        _("The reply window closes at %(closes)s. The latest safe time is %(safe)s.")
        % {"closes": closes, "safe": safe},
    )


def _check_not_overtaken(conversation: Conversation, *, user: Any, newest_seen: int, at: datetime) -> None:
    newer = (
        conversation.messages.filter(direction=Message.Direction.OUTBOUND, pk__gt=newest_seen)
        .exclude(author=user)
        .exclude(source=Message.Source.AUTOMATIC)
        .exclude(state__in=[State.FAILED, State.CANCELLED])
        .select_related("author")
        .order_by("-pk")
        .first()
    )
    if newer is None:
        return
    who = name_of(newer.author) if newer.author else newer.get_source_display()
    ago = _ago(at - (newer.queued_at or newer.occurred_at))
    raise Overtaken(
        _("%(who)s answered %(ago)s ago. Read it first; then send yours anyway if it still fits.")
        % {"who": who, "ago": ago}
    )


def _ago(passed: timedelta) -> str:
    seconds = max(0, int(passed.total_seconds()))
    if seconds < 60:
        return _("%(n)s s") % {"n": seconds}
    if seconds < 3600:
        return _("%(n)s min") % {"n": seconds // 60}
    return _("%(n)s h") % {"n": seconds // 3600}


def _quoted(conversation: Conversation, quoted_id: int | None) -> str:
    """TikTok's id of the message that is answered."""
    if quoted_id is None:
        return ""
    quoted = conversation.messages.filter(pk=quoted_id, tiktok_message_id__isnull=False).first()
    if quoted is None:
        raise BadReply("quoted", _("The message that you answer isn't in this conversation any more."))
    if quoted.kind not in QUOTABLE:
        raise BadReply("quoted", _("TikTok lets you answer a text, an image or a post, nothing else."))
    return quoted.tiktok_message_id or ""


# ── What is stored ────────────────────────────────────────────────────────────────────────────────────


def _leaves_at(conversation: Conversation, *, at: datetime, held_for: timedelta) -> datetime:
    """When an immediate reply leaves: after its hold, never before an earlier one, never past the close."""
    earlier = conversation.messages.filter(state=State.QUEUED, is_scheduled=False).aggregate(at=Max("deliver_at"))
    closes_at = conversation.window.closes_at if conversation.window else at + held_for
    held_until = max(at, min(at + held_for, closes_at - SAFETY))
    return max(held_until, earlier["at"] or at)


def _queue(
    conversation: Conversation,
    part: _Part,
    *,
    user: Any,
    at: datetime,
    deliver_at: datetime,
    is_scheduled: bool = False,
    again_of: Message | None = None,
) -> Message:
    window, slot = windows.spend(conversation=conversation, at=at)
    message = Message.objects.create(
        conversation=conversation,
        direction=Message.Direction.OUTBOUND,
        kind=part.kind,
        source=Message.Source.AGENT,
        state=State.QUEUED,
        text=part.text,
        content=part.content,
        quoted_message_id=part.quotes,
        author=user,
        occurred_at=at,
        window=window,
        window_closes_at=window.closes_at,
        slot=slot,
        queued_at=at,
        deliver_at=deliver_at,
        is_scheduled=is_scheduled,
        again_of=again_of,
    )
    if part.picture:
        Attachment.objects.create(
            message=message,
            kind=Message.Kind.IMAGE,
            state=Attachment.State.STORED,
            file=part.picture.file,
            thumbnail=part.picture.thumbnail,
            content_type=part.picture.content_type,
            width=part.picture.width,
            height=part.picture.height,
        )
    return message


def _finish(conversation: Conversation, messages: list[Message], *, user: Any, at: datetime, **data: Any) -> None:
    copy_last_message(conversation)
    taken = working.take_if_unassigned(conversation, user=user, at=at)
    _ring_delivery(messages[-1].deliver_at, at=at)
    queued = [
        line(message, ConversationEvent.Kind.REPLY_QUEUED, at=at, actor=user, **data) for message in messages
    ]
    timeline.record([*taken, *queued])


def _ring_delivery(deliver_at: datetime | None, *, at: datetime) -> None:
    if deliver_at and deliver_at > at:
        ring_at(deliver_at, "inbox.tasks.deliver_replies")
    else:
        ring("inbox.tasks.deliver_replies")


@contextmanager
def _stored(picture: images.Picture | None) -> Iterator[_StoredPicture | None]:
    """Keep a picture's files while its reply is stored, and drop them again if that is refused."""
    if picture is None:
        yield None
        return
    name = uuid.uuid4().hex
    attachment = Attachment(content_type=picture.content_type, width=picture.width, height=picture.height)
    attachment.file.save(name + picture.suffix, ContentFile(picture.content), save=False)
    attachment.thumbnail.save(name + ".jpg", ContentFile(picture.thumbnail), save=False)
    try:
        yield _StoredPicture(
            attachment.file.name or "",
            attachment.thumbnail.name or "",
            picture.content_type,
            picture.width,
            picture.height,
        )
    except BaseException:
        attachment.file.delete(save=False)
        attachment.thumbnail.delete(save=False)
        raise
