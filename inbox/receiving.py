"""What happens when a customer writes, and everything else that TikTok tells us.

Guarantee: each event of the journal takes effect exactly once, whatever the order and however often it comes.
An event is applied and marked as processed in one transaction, so a crash leaves it pending and untouched.
An event that can't be applied fails alone, with its reason, and its neighbours go on. Any order of the same
events leads to the same conversations: times are TikTok's, and nothing depends on what came first.

Read `drain`, then `_apply`, then the function named after the event (docs/tiktok-api.md 4.3–4.9). What is usual,
a customer writing, is taken in many at a time by `inbox.receiving_together`, to the same effect.
"""

import logging
import time
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext_noop

from channels_tiktok import connecting, journal
from channels_tiktok.models import Channel, ChannelEvent, WebhookEvent
from config.sentences import stored
from config.tasks import ring
from inbox import access, delivering, posts, questions, referrals, timeline, windows
from inbox.arriving import BROUGHT_BACK, attachment_of, bring_back, look_soon, message_of
from inbox.delivering import apply_read_mark, settle_sent
from inbox.following import follow_channels
from inbox.incoming import (
    MEDIA_KINDS,
    Ignored,
    Incoming,
    Person,
    Unreadable,
    as_object,
    emoji_of,
    moment,
    read_content,
    read_id,
)
from inbox.models import (
    Contact,
    ContactUsername,
    Conversation,
    ConversationEvent,
    Message,
    Reaction,
)
from inbox.receiving_together import receive_together
from inbox.sending import copy_last_message, line

logger = logging.getLogger(__name__)

# Events per transaction. On SQLite a batch keeps every other writer waiting, webhooks among them: keep it short.
BATCH = {"postgresql": 100, "sqlite": 50}
# Hand over to a fresh task before the worker's own time limit (Q_CLUSTER timeout) would cut this one.
DRAIN_FOR = timedelta(seconds=40)
BATCH_PAUSES = (0.1, 0.5, 1, 2, 4)  # seconds

Lines = list[ConversationEvent]
Line = ConversationEvent.Kind

REMOVED_BECAUSE = {
    "1": stored("The account's owner withdrew our access in TikTok."),
    "2": stored("The TikTok account was deleted."),
    "3": stored("TikTok changed the age setting of the account."),
    "4": stored("TikTok banned the account."),
    "5": stored("The developer app's access was revoked."),
}
ACCESS_TAKEN = stored("TikTok took our access away.")
NO_USE = stored("We have no use for the event {event}.")
NO_CHANNEL = stored("No channel is connected for the account {account}.")
WAS_REMOVED = stored("{channel} was removed.")
WITHHELD = stored(
    "Someone in the European Economic Area, the United Kingdom or Switzerland wrote. TikTok doesn't pass such "
    "messages on: open the TikTok app to read it."
)


def drain(*, clock: Callable[[], datetime], at_most: timedelta = DRAIN_FOR) -> int:
    """Apply pending events, oldest first, until none is left; give how many were settled.

    What happened to channels is taken on before and in between, whoever made it happen.

    Never less than until none is left: `journal.ring_unless_rung` counts on whoever settles an event to look
    once more afterwards. After `at_most` it rings for a fresh task instead.
    """
    settled, end = 0, clock() + at_most
    while clock() < end:
        batch = _take_batch(clock)
        if not batch:
            return settled
        settled += batch
    ring("inbox.tasks.drain_journal")
    return settled


def _take_batch(clock: Callable[[], datetime]) -> int:
    """Tell what happened to channels, then apply a batch.

    One that lost a deadlock to another worker, or its database, is whole again: it is taken up once more, with
    pauses in which a database that restarts comes back.
    """
    for pause in BATCH_PAUSES:
        try:
            follow_channels(at=clock())
            return process_batch(at=clock())
        except (OperationalError, InterfaceError) as error:
            logger.warning("A batch of the journal is tried again: %s", error)
        if not connection.in_atomic_block:
            connection.close()
            time.sleep(pause)
    follow_channels(at=clock())
    return process_batch(at=clock())


@transaction.atomic
def process_batch(*, at: datetime) -> int:
    """Apply a batch of pending events in one transaction; give how many were taken on."""
    events = journal.claim_pending(limit=BATCH[connection.vendor], at=at)
    if not events:
        return 0
    channels = {
        channel.business_id: channel
        for channel in Channel.objects.filter(business_id__in={event.business_id for event in events})
    }
    # Sorted, so that two workers begin conversations in the same order and never wait for each other in a ring.
    deliveries = sorted(_decoded(events, at=at), key=_place)
    processed, lines = receive_together(deliveries, channels)
    done = {event.pk for event in processed}
    for delivery, event in deliveries:
        if event.pk in done:
            continue
        try:
            with transaction.atomic():
                lines += _apply(delivery, event, channels.get(delivery.business_id))
            processed.append(event)
        except Ignored as reason:
            journal.mark_ignored(event, str(reason), at)
        except Unreadable as error:
            journal.park(event, str(error), at)
        except (OperationalError, InterfaceError):
            raise  # the database's trouble, not the event's: the whole batch stays pending
        except Exception as error:  # whatever a poison event raises, it fails alone and is tried again later
            logger.exception("Event %s (%s) could not be applied", event.pk, event.event)
            journal.mark_failed_attempt(event, f"{type(error).__name__}: {error}", at)
    journal.mark_processed(processed, at)
    journal.note_heard_from(business_ids=sorted({event.business_id for event in processed}), at=at)
    finish(lines)
    return len(events)


def finish(lines: Lines) -> None:
    """End a transaction: have the files of its messages fetched, and write the timeline."""
    if any(line.message and line.message.kind in MEDIA_KINDS for line in lines):
        ring("inbox.tasks.fetch_files")
    timeline.record(lines)


def _decoded(events: Iterable[WebhookEvent], *, at: datetime) -> Iterable[tuple[journal.Delivery, WebhookEvent]]:
    for event in events:
        try:
            yield journal.decode(event), event
        except journal.Undecodable as error:
            journal.park(event, str(error), at)
        except Exception as error:  # no single row may stop the whole journal
            logger.exception("Event %s can't be read", event.pk)
            journal.mark_failed_attempt(event, f"{type(error).__name__}: {error}", at)


def _place(pair: tuple[journal.Delivery, WebhookEvent]) -> tuple[str, str, int]:
    delivery, event = pair
    return delivery.business_id, str(delivery.content.get("conversation_id", "")), event.pk


def _apply(delivery: journal.Delivery, event: WebhookEvent, channel: Channel | None) -> Lines:
    """Let one event take effect; give the lines that it adds to the timeline."""
    apply = EVENTS.get(delivery.event)
    if apply is None:
        raise Ignored(NO_USE.format(event=repr(delivery.event)))
    if channel is None:
        raise Ignored(NO_CHANNEL.format(account=repr(delivery.business_id)))
    if channel.status == Channel.Status.REMOVED:
        raise Ignored(WAS_REMOVED.format(channel=channel.name))
    return apply(channel, delivery, event.received_at)


# ── The events ────────────────────────────────────────────────────────────────────────────────────────


def _receive_message(channel: Channel, delivery: journal.Delivery, received_at: datetime) -> Lines:
    """`im_receive_msg` and `im_send_msg`: a message of the customer, an echo, or a reaction of either."""
    incoming = read_content(delivery.content, event=delivery.event, received_at=received_at)
    lines: Lines = []
    conversation = find_conversation(channel, incoming)
    if isinstance(delivery.content.get("referral"), dict):
        lines += referrals.keep_told(conversation, delivery.content["referral"], incoming.at)
    return lines + receive(conversation, incoming, content=delivery.content, at=received_at)


def receive(
    conversation: Conversation,
    incoming: Incoming,
    *,
    content: dict[str, Any],
    at: datetime,
    is_news: bool = True,
) -> Lines:
    """Let one message, from a webhook or from the content list, take effect. `conversation` is locked.

    What is no news, because it was said before the account was connected here, is nobody's unread.
    """
    if incoming.kind == "reaction":
        return _keep_reactions(conversation, content.get("reaction"), incoming, at=at)
    if not incoming.message_id:
        raise Unreadable(gettext_noop("The message has no message_id."))
    known = conversation.messages.filter(tiktok_message_id=incoming.message_id).first()
    if incoming.from_customer:
        return [] if known else _receive_from_customer(conversation, incoming, at=at, is_news=is_news)
    if known:
        return _learn_time(known, incoming, at=at)
    return _receive_echo(conversation, incoming, at=at)


def _receive_from_customer(
    conversation: Conversation, incoming: Incoming, *, at: datetime, is_news: bool
) -> Lines:
    """The customer wrote: store it, open its reply window, bring the conversation back to the agents."""
    message = _store(conversation, incoming, Message.Source.CUSTOMER, Message.State.RECEIVED)
    windows.open_window(conversation=conversation, message=message)
    lines = bring_back(conversation, message, at=at, is_news=is_news)
    conversation.save(update_fields=BROUGHT_BACK)
    return lines


def _receive_echo(conversation: Conversation, incoming: Incoming, *, at: datetime) -> Lines:
    """The business wrote (docs/tiktok-api.md 4.4): one of our replies, the owner, an automatic message, an app."""
    ours = None if incoming.source in ("APP", "WEB", "OTHERS") else _reply_echoed_by(conversation, incoming)
    if ours and not incoming.is_automatic:
        lines = settle_sent(ours, tiktok_message_id=incoming.message_id, tiktok_time=incoming.at, at=at)
        copy_last_message(conversation)
        return lines
    message = _store(conversation, incoming, _business_source(incoming), Message.State.SENT)
    if message.source in windows.COUNTED:
        windows.place_in_window(message)
    apply_read_mark(message)
    copy_last_message(conversation)
    return [line(message, Line.MESSAGE_SENT_OUTSIDE, at=at)]


def _business_source(incoming: Incoming) -> Message.Source:
    if incoming.is_automatic or incoming.source == "OTHERS":
        return Message.Source.AUTOMATIC
    return Message.Source.OTHER if incoming.source == "API" else Message.Source.OWNER


def _reply_echoed_by(conversation: Conversation, incoming: Incoming) -> int | None:
    """The reply under way that this echo is of: same kind and content, the one in flight before older doubts.

    One that went back into the queue counts too: TikTok may have carried out what it answered with an error.
    """
    replies = conversation.messages.filter(
        delivering.MAY_HAVE_ARRIVED, source=Message.Source.AGENT, kind=incoming.message_kind
    )
    alike = [reply for reply in replies if _same_content(reply, incoming)]
    order = [Message.State.SENDING, Message.State.QUEUED, Message.State.UNCONFIRMED]
    alike.sort(key=lambda reply: (order.index(Message.State(reply.state)), reply.deliver_at, reply.pk))
    return alike[0].pk if alike else None


def _same_content(reply: Message, incoming: Incoming) -> bool:
    """Whether an echo says what a reply said. What a card or post was can be told only where TikTok repeats it."""
    if reply.kind == Message.Kind.TEMPLATE:
        asked, echoed = questions.read(reply.content), questions.read(incoming.content)
        return not echoed or _all_words(asked) == _all_words(echoed)
    if reply.kind == Message.Kind.SHARE_POST:
        echoed_id = posts.item_id_of(incoming.content)
        return not echoed_id or posts.item_id_of(reply.content) == echoed_id
    return _same_text(reply.text, incoming.text)


def _all_words(asked: list[questions.Question]) -> list[list[str]]:
    return [[_tidy(words) for words in (question.title, *question.buttons)] for question in asked]


def _same_text(one: str, other: str) -> bool:
    """Whether two texts are the same but for what TikTok may tidy up: white space and Unicode's two forms."""
    return _tidy(one) == _tidy(other)


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _learn_time(message: Message, incoming: Incoming, *, at: datetime) -> Lines:
    """The echo of a message that we know tells TikTok's own time of it."""
    if message.sent_at == incoming.at:
        return []
    message.sent_at = message.occurred_at = incoming.at
    message.save(update_fields=["sent_at", "occurred_at"])
    windows.place_in_window(message)
    apply_read_mark(message)
    copy_last_message(message.conversation)
    return [line(message, Line.MESSAGE_TIMED, at=at)]


def _receive_read_mark(channel: Channel, delivery: journal.Delivery, received_at: datetime) -> Lines:
    """`im_mark_read_msg`: everything we sent up to a time has been seen (docs/tiktok-api.md 4.6)."""
    content = delivery.content
    read = content.get("read") if isinstance(content.get("read"), dict) else {}
    incoming = read_content(
        {**content, "from_user": {**as_object(content.get("from_user")), "role": "personal_account"}},
        event=delivery.event,
        received_at=received_at,
    )
    conversation = find_conversation(channel, incoming)
    up_to = moment((read or {}).get("last_read_timestamp"), received_at=incoming.at)
    if conversation.customer_read_at and conversation.customer_read_at >= up_to:
        return []
    conversation.customer_read_at = up_to
    conversation.save(update_fields=["customer_read_at"])
    seen = conversation.messages.filter(state=Message.State.SENT, sent_at__lte=up_to).update(
        state=Message.State.READ, read_at=up_to
    )
    return [timeline.about(conversation, Line.MESSAGES_READ, at=received_at)] if seen else []


def _receive_referral(channel: Channel, delivery: journal.Delivery, received_at: datetime) -> Lines:
    """`im_referral_msg`: the customer came by an ad or a message link (docs/tiktok-api.md 4.7)."""
    incoming = read_content(delivery.content, event=delivery.event, received_at=received_at)
    conversation = find_conversation(channel, incoming)
    return referrals.keep_told(conversation, as_object(delivery.content.get("referral")), incoming.at)


def _receive_withheld(channel: Channel, delivery: journal.Delivery, received_at: datetime) -> Lines:
    """`im_receive_msg_eu`: someone in the EEA, UK or Switzerland wrote; TikTok keeps the content to itself."""
    ChannelEvent.objects.get_or_create(
        channel=channel,
        kind=ChannelEvent.Kind.CONTENT_WITHHELD,
        at=moment(delivery.content.get("timestamp"), received_at=received_at),
        defaults={"detail": WITHHELD},
    )
    # The lists may show it, though TikTok doesn't promise that (docs/tiktok-api.md 4.5).
    look_soon(channel, at=received_at)
    return []  # `inbox.following` tells it


def _receive_withdrawal(channel: Channel, delivery: journal.Delivery, received_at: datetime) -> Lines:
    """`authorization.removed`: our access was taken away (docs/tiktok-api.md 4.3)."""
    taken_at = moment(delivery.create_time, received_at=received_at)  # in whole seconds
    if channel.connected_at and taken_at + timedelta(seconds=1) <= channel.connected_at:
        raise Ignored(gettext_noop("The account was connected again since."))
    reason = REMOVED_BECAUSE.get(str(delivery.content.get("reason")), ACCESS_TAKEN)
    connecting.disconnect(channel=channel, reason=reason, at=received_at)
    return []


EVENTS: dict[str, Callable[[Channel, journal.Delivery, datetime], Lines]] = {
    "im_receive_msg": _receive_message,
    "im_send_msg": _receive_message,
    "im_mark_read_msg": _receive_read_mark,
    "im_referral_msg": _receive_referral,
    "im_receive_msg_eu": _receive_withheld,
    "authorization.removed": _receive_withdrawal,
}


# ── Rows ──────────────────────────────────────────────────────────────────────────────────────────────


def find_conversation(channel: Channel, incoming: Incoming) -> Conversation:
    """The conversation of `incoming`, made if it is new, with its row locked and its contact's names learnt."""
    if not incoming.conversation_id:
        raise Unreadable(gettext_noop("The event has no conversation_id."))
    known = access.locked_conversations().filter(channel=channel, tiktok_conversation_id=incoming.conversation_id)
    conversation = known.first() or _begin_conversation(channel, incoming)
    if incoming.customer:
        _learn_names(conversation.contact, incoming.customer, at=incoming.at)
    return conversation


def _begin_conversation(channel: Channel, incoming: Incoming) -> Conversation:
    if incoming.customer is None:
        raise Unreadable(gettext_noop("The event doesn't say who the customer is."))
    begun, is_new = Conversation.objects.get_or_create(
        channel=channel,
        tiktok_conversation_id=incoming.conversation_id,
        defaults={
            "contact": _find_contact(channel, incoming.customer, at=incoming.at),
            "created_at": incoming.at,
            "last_message_at": incoming.at,
        },
    )
    if is_new:  # only the lists tell the customer's name and picture
        look_soon(channel, at=incoming.at)
    return access.lock_conversation(begun.pk)


def _find_contact(channel: Channel, person: Person, *, at: datetime) -> Contact:
    contact, _ = Contact.objects.get_or_create(
        channel=channel,
        tiktok_user_id=person.tiktok_user_id,
        defaults={
            "username": person.username,
            "display_name": person.display_name,
            "is_follower": person.is_follower,
            "named_at": at,
        },
    )
    return contact


def _learn_names(contact: Contact, person: Person, *, at: datetime) -> None:
    """Take over newer names of the contact; an event that came late never brings an old name back."""
    if person.tiktok_user_id != contact.tiktok_user_id:
        return
    if person.username and person.username != contact.username:
        former = (contact.username, contact.named_at) if at > contact.named_at else (person.username, at)
        _remember_username(contact, *former)
    if at <= contact.named_at:
        return
    news = {
        name: value
        for name in ("username", "display_name", "is_follower")
        if (value := getattr(person, name)) not in ("", None)
    }
    Contact.objects.filter(pk=contact.pk, named_at__lt=at).update(**news, named_at=at)


def _remember_username(contact: Contact, username: str, seen_at: datetime) -> None:
    """Keep a username that is not the contact's present one, with the newest time of its use."""
    if not username:
        return
    kept, is_new = ContactUsername.objects.get_or_create(
        contact=contact, username=username[:100], defaults={"seen_at": seen_at}
    )
    if is_new:
        contact.has_been_renamed = True
        contact.save(update_fields=["has_been_renamed"])
    elif kept.seen_at < seen_at:
        ContactUsername.objects.filter(pk=kept.pk).update(seen_at=seen_at)


def _store(
    conversation: Conversation, incoming: Incoming, source: Message.Source, state: Message.State
) -> Message:
    message = message_of(conversation, incoming, source, state)
    message.save(force_insert=True)
    if attachment := attachment_of(message):
        attachment.save(force_insert=True)
    return message


def _keep_reactions(conversation: Conversation, items: Any, incoming: Incoming, *, at: datetime) -> Lines:
    """Add or take back reactions; the newest change of each wins, whichever came first."""
    for item in items if isinstance(items, list) else [items]:
        change = as_object(item)
        changed_at = moment(change.get("timestamp"), received_at=incoming.at)
        reaction, is_new = Reaction.objects.get_or_create(
            conversation=conversation,
            tiktok_message_id=read_id(change.get("original_msg_id")),
            tiktok_user_id=read_id(change.get("unique_identifier")),
            emoji=emoji_of(change),
            defaults={"is_on": _adds(change), "changed_at": changed_at},
        )
        if not is_new and changed_at > reaction.changed_at:
            reaction.is_on, reaction.changed_at = _adds(change), changed_at
            reaction.save(update_fields=["is_on", "changed_at"])
    return [timeline.about(conversation, Line.REACTION_CHANGED, at=at)]


def _adds(change: dict[str, Any]) -> bool:
    return str(change.get("operation", "ADD")).upper() != "REMOVE"
