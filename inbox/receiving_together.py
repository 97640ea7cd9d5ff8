"""The usual case of `inbox.receiving`, a whole batch at once: customers write, each message newer than the last.

Guarantee: what is taken in here ends exactly as if `inbox.receiving` had applied it by itself, in a fixed number
of queries however many messages there are. A conversation with anything else in the batch (an echo, a reaction,
a referral, a message that came late, a reply under way, a new name) is left alone, and so is the whole batch if
the database refuses any of it: `inbox.receiving` then goes through it one by one.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction

from channels_tiktok import journal
from channels_tiktok.models import Channel, WebhookEvent
from inbox import access, windows
from inbox.arriving import BROUGHT_BACK, attachment_of, bring_back, look_soon, message_of
from inbox.incoming import Incoming, Unreadable, read_content
from inbox.models import Attachment, Contact, Conversation, ConversationEvent, Message, ReplyWindow

logger = logging.getLogger(__name__)

Lines = list[ConversationEvent]
Key = tuple[int, str]  # the channel's id, and TikTok's id of the conversation

UNDER_WAY = (Message.State.QUEUED, Message.State.SENDING, Message.State.UNCONFIRMED)


@dataclass
class Letters:
    """What one customer wrote in a batch, in order of arrival, with the events that told it."""

    channel: Channel
    incoming: list[Incoming] = field(default_factory=list)
    events: list[WebhookEvent] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """Which conversation they belong to."""
        return self.channel.pk, self.incoming[0].conversation_id


def receive_together(
    pairs: Collection[tuple[journal.Delivery, WebhookEvent]], channels: Mapping[str, Channel]
) -> tuple[list[WebhookEvent], Lines]:
    """Take in what can be taken in at once; give the events that are done and their lines for the timeline.

    `channels` are the known ones by `business_id`. Call it inside a transaction. Only the database's own trouble
    is raised (OperationalError, InterfaceError); after any other error nothing is stored and nothing is done.
    """
    conversations = _lock(_keys(pairs, channels))
    letters = _letters(pairs, channels)
    if not letters:
        return [], []
    try:
        with transaction.atomic():
            return _take_in(letters, conversations)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("%s conversations could not be taken in together", len(letters))
        return [], []


def _letters(
    pairs: Iterable[tuple[journal.Delivery, WebhookEvent]], channels: Mapping[str, Channel]
) -> dict[Key, Letters]:
    """The conversations of the batch in which nothing happened but that the customer wrote."""
    found: dict[tuple[str, str], Letters] = {}
    others: set[tuple[str, str]] = set()
    for delivery, event in pairs:
        place = delivery.business_id, str(delivery.content.get("conversation_id", ""))
        channel = channels.get(delivery.business_id)
        incoming = _plain_message(delivery, event)
        if incoming is None or channel is None or channel.status == Channel.Status.REMOVED:
            others.add(place)
            continue
        letters = found.setdefault(place, Letters(channel))
        letters.incoming.append(incoming)
        letters.events.append(event)
    return {letters.key: letters for place, letters in found.items() if place not in others}


def _plain_message(delivery: journal.Delivery, event: WebhookEvent) -> Incoming | None:
    """A customer's message that changes nothing but its conversation, or None."""
    if delivery.event != "im_receive_msg" or "referral" in delivery.content:
        return None
    try:
        incoming = read_content(delivery.content, event=delivery.event, received_at=event.received_at)
    except Unreadable:
        return None
    plain = incoming.from_customer and incoming.kind != "reaction" and incoming.customer is not None
    return incoming if plain and incoming.message_id and incoming.conversation_id else None


def _take_in(
    letters: dict[Key, Letters], conversations: dict[Key, Conversation]
) -> tuple[list[WebhookEvent], Lines]:
    missing = {key: letters[key] for key in letters.keys() - conversations.keys()}
    if missing:
        _begin(missing)
        conversations = conversations | _lock(missing.keys())
    usual = [(conversations[key], told) for key, told in letters.items() if _is_usual(conversations[key], told)]
    busy = _with_replies_under_way(conversation for conversation, _ in usual)
    known = _known_messages(usual)

    done: list[WebhookEvent] = []
    lines: Lines = []
    messages: list[Message] = []
    opened: list[ReplyWindow] = []
    changed: list[Conversation] = []
    for conversation, told in usual:
        if conversation.pk in busy:
            continue
        done += told.events
        for incoming, event in zip(told.incoming, told.events, strict=True):
            if (conversation.pk, incoming.message_id) in known:
                continue
            known.add((conversation.pk, incoming.message_id))
            message = message_of(conversation, incoming, Message.Source.CUSTOMER, Message.State.RECEIVED)
            messages.append(message)
            window = windows.window_of(message)
            opened.append(window)
            conversation.window, conversation.window_closes_at = window, window.closes_at
            lines += bring_back(conversation, message, at=event.received_at, is_news=True)
        changed.append(conversation)
    Message.objects.bulk_create(messages)
    Attachment.objects.bulk_create(filter(None, map(attachment_of, messages)))
    ReplyWindow.objects.bulk_create(opened)
    _save(changed)
    return done, lines


def _keys(pairs: Iterable[tuple[journal.Delivery, WebhookEvent]], channels: Mapping[str, Channel]) -> set[Key]:
    """The conversations that a batch tells of, whatever it tells."""
    return {
        (channels[told.business_id].pk, str(told.content.get("conversation_id", "")))
        for told, _ in pairs
        if told.business_id in channels
    }


def _lock(keys: Collection[Key]) -> dict[Key, Conversation]:
    """Those conversations that there are, locked in the order of their ids, so that two workers never cross."""
    rows = access.locked_conversations().filter(
        channel_id__in={channel for channel, _ in keys},
        tiktok_conversation_id__in=[number for _, number in keys],
    )
    found = {(row.channel_id, row.tiktok_conversation_id): row for row in rows.order_by("id")}
    return {key: row for key, row in found.items() if key in keys}


def _begin(letters: Mapping[Key, Letters]) -> None:
    """Make the contacts and conversations that are missing; another worker may do so at the same moment."""
    first = {key: told.incoming[0] for key, told in sorted(letters.items())}
    people = {
        (key[0], incoming.customer.tiktok_user_id): (incoming.customer, incoming.at)
        for key, incoming in first.items()
        if incoming.customer
    }
    Contact.objects.bulk_create(
        [
            Contact(
                channel_id=channel_id,
                tiktok_user_id=person.tiktok_user_id,
                username=person.username,
                is_follower=person.is_follower,
                named_at=at,
            )
            for (channel_id, _), (person, at) in sorted(people.items(), key=lambda item: item[0])
        ],
        ignore_conflicts=True,
    )
    contacts = {
        (contact.channel_id, contact.tiktok_user_id): contact
        for contact in Contact.objects.filter(
            channel_id__in={channel for channel, _ in people}, tiktok_user_id__in=[user for _, user in people]
        )
    }
    Conversation.objects.bulk_create(
        [
            Conversation(
                channel_id=channel_id,
                tiktok_conversation_id=number,
                contact=contacts[channel_id, incoming.customer.tiktok_user_id],
                created_at=incoming.at,
                last_message_at=incoming.at,
            )
            for (channel_id, number), incoming in first.items()
            if incoming.customer
        ],
        ignore_conflicts=True,
    )
    newcomers: dict[int, tuple[Channel, datetime]] = {}
    for key, told in letters.items():
        newcomers.setdefault(key[0], (told.channel, first[key].at))
    for channel, at in newcomers.values():
        look_soon(channel, at=at)


def _is_usual(conversation: Conversation, told: Letters) -> bool:
    """Whether each message is newer than all before it, and from the contact under the names that we know."""
    newest = conversation.last_message_at if conversation.last_message_id else None
    opened_at = conversation.window.opened_at if conversation.window else None
    contact = conversation.contact
    for incoming in told.incoming:
        person = incoming.customer
        if (newest and incoming.at <= newest) or (opened_at and incoming.at <= opened_at) or person is None:
            return False
        if person.tiktok_user_id != contact.tiktok_user_id or person.username not in ("", contact.username):
            return False
        if person.is_follower not in (None, contact.is_follower):
            return False
        newest = incoming.at
    return True


def _with_replies_under_way(conversations: Iterable[Conversation]) -> set[int]:
    """The conversations in which a reply waits: it may belong to the window that now opens."""
    waiting = Message.objects.filter(
        conversation_id__in=[conversation.pk for conversation in conversations], state__in=UNDER_WAY
    )
    return set(waiting.values_list("conversation_id", flat=True))


def _known_messages(usual: Iterable[tuple[Conversation, Letters]]) -> set[tuple[int, str]]:
    """Which of the messages are already stored: the conversation's id, and TikTok's of the message."""
    numbers = [incoming.message_id for _, told in usual for incoming in told.incoming]
    stored = Message.objects.filter(
        conversation_id__in=[conversation.pk for conversation, _ in usual], tiktok_message_id__in=numbers
    )
    return {(row, str(number)) for row, number in stored.values_list("conversation_id", "tiktok_message_id")}


# Written out, because every delivery pays for them: `bulk_update` takes twice as long as all the rest together.
_CONVERSATION_FIELDS: list[Any] = [
    Conversation._meta.get_field(name) for name in (*BROUGHT_BACK, "window", "window_closes_at")
]
_UPDATE_CONVERSATION = (
    f"UPDATE {Conversation._meta.db_table} "  # noqa: S608
    f"SET {', '.join(f'{field.column} = %s' for field in _CONVERSATION_FIELDS)} WHERE id = %s"
)
_UPDATE_CONTACT = f"UPDATE {Contact._meta.db_table} SET named_at = %s WHERE id = %s AND named_at < %s"  # noqa: S608


def _save(conversations: list[Conversation]) -> None:
    """Save what the messages changed in their conversations, and that the contacts' names still hold."""
    named_at = {conversation.contact_id: conversation.last_message_at for conversation in conversations}
    for conversation in conversations:  # these have their ids only now
        conversation.window, conversation.last_message = conversation.window, conversation.last_message
    moments = {number: connection.ops.adapt_datetimefield_value(at) for number, at in named_at.items()}
    with connection.cursor() as cursor:
        cursor.executemany(
            _UPDATE_CONVERSATION,
            [
                [
                    *(
                        field.get_db_prep_save(getattr(conversation, field.attname), connection)
                        for field in _CONVERSATION_FIELDS
                    ),
                    conversation.pk,
                ]
                for conversation in conversations
            ],
        )
        cursor.executemany(_UPDATE_CONTACT, [[moments[n], n, moments[n]] for n in sorted(moments)])
