"""What happens when a customer writes, and everything else that TikTok tells us.

Guarantee: each event of the journal takes effect exactly once, whatever the order and however often it comes.
An event is applied and marked as processed in one transaction, so a crash leaves it pending and untouched.
An event that can't be applied fails alone, with its reason, and its neighbours go on. Any order of the same
events leads to the same conversations: times are TikTok's, and nothing depends on what came first.

Read `drain`, then `_apply`, then the function named after the event (docs/tiktok-api.md 4.3–4.9).
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction

from channels_tiktok import connecting, journal
from channels_tiktok.models import Channel, ChannelEvent, WebhookEvent
from inbox import access, windows
from inbox.delivering import apply_read_mark, settle_sent
from inbox.incoming import MEDIA_KINDS, Incoming, Person, Unreadable, moment, read_content, read_listed
from inbox.models import Attachment, Contact, Conversation, ConversationEvent, Message, Reaction, Referral
from inbox.sending import copy_last_message, line
from inbox.timeline import record

logger = logging.getLogger(__name__)

# Events per transaction. On SQLite a batch keeps every other writer waiting, webhooks among them: keep it short.
BATCH = {"postgresql": 100, "sqlite": 20}
# Hand over to a fresh task before the worker's own time limit (Q_CLUSTER timeout) would cut this one.
DRAIN_FOR = timedelta(seconds=40)

Lines = list[ConversationEvent]
Line = ConversationEvent.Kind

REMOVED_BECAUSE = {
    "1": "The account's owner withdrew our access in TikTok.",
    "2": "The TikTok account was deleted.",
    "3": "TikTok changed the age setting of the account.",
    "4": "TikTok banned the account.",
    "5": "The developer app's access was revoked.",
}


class Ignored(Exception):
    """The event is genuine, but there is nothing for us to do with it."""


def drain(*, clock: Callable[[], datetime], at_most: timedelta = DRAIN_FOR) -> int:
    """Apply pending events, oldest first, until none is left; give how many were settled.

    Never less than until none is left: `journal.ring_unless_rung` counts on whoever settles an event to look
    once more afterwards. After `at_most` it rings for a fresh task instead.
    """
    settled, end = 0, clock() + at_most
    while clock() < end:
        batch = process_batch(at=clock())
        if not batch:
            return settled
        settled += batch
    from inbox.tasks import drain_journal

    drain_journal.ring()
    return settled


@transaction.atomic
def process_batch(*, at: datetime) -> int:
    """Apply a batch of pending events in one transaction; give how many were taken on."""
    events = journal.claim_pending(limit=BATCH[connection.vendor], at=at)
    if not events:
        return 0
    lines: Lines = []
    processed: list[WebhookEvent] = []
    channels = {
        channel.business_id: channel
        for channel in Channel.objects.filter(business_id__in={event.business_id for event in events})
    }
    # Sorted, so that two workers lock conversations in the same order and never wait for each other in a ring.
    for delivery, event in sorted(_decoded(events, at=at), key=_place):
        try:
            with transaction.atomic():
                lines += _apply(delivery, event, channels.get(delivery.business_id))
            processed.append(event)
        except Ignored as reason:
            journal.mark_ignored(event, str(reason), at)
        except Unreadable as error:
            journal.park(event, str(error), at)
        except OperationalError:
            raise  # the database's trouble, not the event's: the whole batch stays pending
        except Exception as error:  # whatever a poison event raises, it fails alone and is tried again later
            logger.exception("Event %s (%s) could not be applied", event.pk, event.event)
            journal.mark_failed_attempt(event, f"{type(error).__name__}: {error}", at)
    journal.mark_processed(processed, at)
    journal.note_heard_from(business_ids=sorted({event.business_id for event in processed}), at=at)
    record(lines)
    return len(events)


def _decoded(events: Iterable[WebhookEvent], *, at: datetime) -> Iterable[tuple[journal.Delivery, WebhookEvent]]:
    for event in events:
        try:
            yield journal.decode(event), event
        except journal.Undecodable as error:
            journal.park(event, str(error), at)


def _place(pair: tuple[journal.Delivery, WebhookEvent]) -> tuple[str, str, int]:
    delivery, event = pair
    return delivery.business_id, str(delivery.content.get("conversation_id", "")), event.pk


def _apply(delivery: journal.Delivery, event: WebhookEvent, channel: Channel | None) -> Lines:
    """Let one event take effect; give the lines that it adds to the timeline."""
    apply = EVENTS.get(delivery.event)
    if apply is None:
        raise Ignored(f"We have no use for the event {delivery.event!r}.")
    if channel is None:
        raise Ignored(f"No channel is connected for the account {delivery.business_id!r}.")
    if channel.status == Channel.Status.REMOVED:
        raise Ignored(f"{channel.name} was removed.")
    return apply(channel, delivery, event.received_at)


# ── The events ────────────────────────────────────────────────────────────────────────────────────────


def _receive_message(channel: Channel, delivery: journal.Delivery, received_at: datetime) -> Lines:
    """`im_receive_msg` and `im_send_msg`: a message of the customer, an echo, or a reaction of either."""
    incoming = read_content(delivery.content, event=delivery.event, received_at=received_at)
    lines: Lines = []
    conversation = find_conversation(channel, incoming)
    if isinstance(delivery.content.get("referral"), dict):
        lines += _keep_referral(conversation, delivery.content["referral"], incoming.at)
    return lines + receive(conversation, incoming, content=delivery.content, at=received_at)


def receive(conversation: Conversation, incoming: Incoming, *, content: dict[str, Any], at: datetime) -> Lines:
    """Let one message, from a webhook or from the content list, take effect. `conversation` is locked."""
    if incoming.kind == "reaction":
        return _keep_reactions(conversation, content.get("reaction"), incoming, at=at)
    if not incoming.message_id:
        raise Unreadable("The message has no message_id.")
    known = conversation.messages.filter(tiktok_message_id=incoming.message_id).first()
    if incoming.from_customer:
        return [] if known else _receive_from_customer(conversation, incoming, at=at)
    if known:
        return _learn_time(known, incoming, at=at)
    return _receive_echo(conversation, incoming, at=at)


def _receive_from_customer(conversation: Conversation, incoming: Incoming, *, at: datetime) -> Lines:
    """The customer wrote: store it, open its reply window, bring the conversation back to the agents."""
    is_newest = conversation.last_message_id is None or incoming.at >= conversation.last_message_at
    message = _store(conversation, incoming, Message.Source.CUSTOMER, Message.State.RECEIVED)
    windows.open_window(conversation=conversation, message=message)
    lines = [line(message, Line.MESSAGE_RECEIVED, at=at)]
    conversation.inbound_count += 1  # its row is locked
    if is_newest and conversation.status != Conversation.Status.OPEN:
        lines.append(line(message, Line.STATUS_CHANGED, at=at, before=conversation.status, after="open"))
        conversation.status, conversation.snoozed_until = Conversation.Status.OPEN, None
    if is_newest:
        conversation.last_message, conversation.last_message_at = message, message.occurred_at
    conversation.save(
        update_fields=["inbound_count", "status", "snoozed_until", "last_message", "last_message_at"]
    )
    return lines


def _receive_echo(conversation: Conversation, incoming: Incoming, *, at: datetime) -> Lines:
    """The business wrote (docs/tiktok-api.md 4.4): one of our replies, the owner, an automatic message, an app."""
    ours = None if incoming.source in ("APP", "WEB", "OTHERS") else _reply_echoed_by(conversation, incoming)
    if ours and not incoming.is_automatic:
        lines = settle_sent(ours, tiktok_message_id=incoming.message_id, sent_at=incoming.at, at=at)
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
    """The reply under way that this echo is of: same kind and text, the one in flight before older doubts."""
    replies = conversation.messages.filter(
        source=Message.Source.AGENT,
        state__in=[Message.State.SENDING, Message.State.UNCONFIRMED],
        kind=incoming.message_kind,
    ).order_by("state", "deliver_at", "id")  # "sending" sorts before "unconfirmed"
    return next((reply.pk for reply in replies if reply.text.strip() == incoming.text.strip()), None)


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
        {**content, "from_user": {**_dict(content.get("from_user")), "role": "personal_account"}},
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
    return [_line_about(conversation, Line.MESSAGES_READ, at=received_at)] if seen else []


def _receive_referral(channel: Channel, delivery: journal.Delivery, received_at: datetime) -> Lines:
    """`im_referral_msg`: the customer came by an ad or a message link (docs/tiktok-api.md 4.7)."""
    incoming = read_content(delivery.content, event=delivery.event, received_at=received_at)
    conversation = find_conversation(channel, incoming)
    return _keep_referral(conversation, _dict(delivery.content.get("referral")), incoming.at)


def _receive_withheld(channel: Channel, delivery: journal.Delivery, received_at: datetime) -> Lines:
    """`im_receive_msg_eu`: someone in the EEA, UK or Switzerland wrote; TikTok keeps the content to itself."""
    ChannelEvent.objects.get_or_create(
        channel=channel,
        kind=ChannelEvent.Kind.CONTENT_WITHHELD,
        at=moment(delivery.content.get("timestamp"), received_at=received_at),
        defaults={
            "detail": "Someone in the European Economic Area, the United Kingdom or Switzerland wrote. TikTok "
            "doesn't pass such messages on: open the TikTok app to read it."
        },
    )
    return [ConversationEvent(channel=channel, kind=Line.CHANNEL_CHANGED, at=received_at)]


def _receive_withdrawal(channel: Channel, delivery: journal.Delivery, received_at: datetime) -> Lines:
    """`authorization.removed`: our access was taken away (docs/tiktok-api.md 4.3)."""
    reason = REMOVED_BECAUSE.get(str(delivery.content.get("reason")), "TikTok took our access away.")
    connecting.disconnect(channel=channel, reason=reason, at=received_at)
    return [ConversationEvent(channel=channel, kind=Line.CHANNEL_CHANGED, at=received_at)]


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
        raise Unreadable("The event has no conversation_id.")
    known = access.locked_conversations().filter(channel=channel, tiktok_conversation_id=incoming.conversation_id)
    conversation = known.first() or _begin_conversation(channel, incoming)
    if incoming.customer:
        _learn_names(conversation.contact, incoming.customer, at=incoming.at)
    return conversation


def _begin_conversation(channel: Channel, incoming: Incoming) -> Conversation:
    if incoming.customer is None:
        raise Unreadable("The event doesn't say who the customer is.")
    begun, _ = Conversation.objects.get_or_create(
        channel=channel,
        tiktok_conversation_id=incoming.conversation_id,
        defaults={
            "contact": _find_contact(channel, incoming.customer, at=incoming.at),
            "created_at": incoming.at,
            "last_message_at": incoming.at,
        },
    )
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
    if person.tiktok_user_id != contact.tiktok_user_id or at <= contact.named_at:
        return
    news = {
        name: value
        for name in ("username", "display_name", "is_follower")
        if (value := getattr(person, name)) not in ("", None)
    }
    Contact.objects.filter(pk=contact.pk, named_at__lt=at).update(**news, named_at=at)


def _store(
    conversation: Conversation, incoming: Incoming, source: Message.Source, state: Message.State
) -> Message:
    kind = incoming.message_kind
    message = Message.objects.create(
        conversation=conversation,
        direction=Message.Direction.INBOUND if incoming.from_customer else Message.Direction.OUTBOUND,
        kind=kind,
        source=source,
        state=state,
        text=incoming.text,
        content=incoming.content,
        tiktok_kind=incoming.kind[:50],
        tiktok_message_id=incoming.message_id,
        quoted_message_id=incoming.quoted_message_id,
        occurred_at=incoming.at,
        sent_at=incoming.at,
    )
    if kind in MEDIA_KINDS:
        Attachment.objects.create(
            message=message,
            kind=kind,
            media_id=str(incoming.content.get("media_id", ""))[:500],
            source_url=str(incoming.content.get("url", ""))[:2083],
        )
    return message


def _keep_reactions(conversation: Conversation, items: Any, incoming: Incoming, *, at: datetime) -> Lines:
    """Add or take back reactions; the newest change of each wins, whichever came first."""
    for item in items if isinstance(items, list) else [items]:
        change = _dict(item)
        changed_at = moment(change.get("timestamp"), received_at=incoming.at)
        reaction, is_new = Reaction.objects.get_or_create(
            conversation=conversation,
            tiktok_message_id=str(change.get("original_msg_id", ""))[:200],
            tiktok_user_id=str(change.get("unique_identifier", ""))[:200],
            emoji=str(change.get("emoji") or change.get("type") or "")[:100],
            defaults={"is_on": _adds(change), "changed_at": changed_at},
        )
        if not is_new and changed_at > reaction.changed_at:
            reaction.is_on, reaction.changed_at = _adds(change), changed_at
            reaction.save(update_fields=["is_on", "changed_at"])
    return [_line_about(conversation, Line.REACTION_CHANGED, at=at)]


def _adds(change: dict[str, Any]) -> bool:
    return str(change.get("operation", "ADD")).upper() != "REMOVE"


def _keep_referral(conversation: Conversation, referral: dict[str, Any], at: datetime) -> Lines:
    """Keep how the customer came; the newest arrival is the one that lists show."""
    source = str(referral.get("source", "")).lower()
    if source not in Referral.Source.values:
        raise Ignored(f"We don't know the referral source {source!r}.")
    detail = _dict(referral.get(source))
    kept, is_new = Referral.objects.get_or_create(
        conversation=conversation,
        source=source,
        arrived_at=moment(detail.get("timestamp"), received_at=at),
        defaults={
            "ref": str(detail.get("ref", ""))[:2083],
            "prefilled_message": str(detail.get("prefilled_message", "")),
            "audit_status": str(detail.get("prefilled_message_audit_status", ""))[:20],
            "ad_id": str(detail.get("ad_id", ""))[:100],
            "ad_name": str(detail.get("ad_name", ""))[:500],
            "advertiser_id": str(detail.get("advertiser_id", ""))[:100],
            "embed_url": str(detail.get("embed_url", ""))[:2083],
        },
    )
    if not is_new:
        return []
    conversation.referral = conversation.referrals.order_by("-arrived_at", "-id").first()
    conversation.save(update_fields=["referral"])
    return [_line_about(conversation, Line.REFERRAL_ARRIVED, at=at, referral=kept.pk)]


def _line_about(
    conversation: Conversation, kind: ConversationEvent.Kind, *, at: datetime, **data: Any
) -> ConversationEvent:
    return ConversationEvent(
        channel_id=conversation.channel_id, conversation=conversation, kind=kind, data=data, at=at
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# ── The other way in: TikTok's own list ───────────────────────────────────────────────────────────────


@transaction.atomic
def receive_list(*, channel: Channel, messages: Iterable[dict[str, Any]], at: datetime) -> int:
    """Let entries of the content list take effect exactly like webhooks; give how many were new to us."""
    lines: Lines = []
    for entry in sorted(messages, key=lambda entry: str(entry.get("timestamp", ""))):
        try:
            incoming = read_listed(entry, received_at=at)
            lines += receive(find_conversation(channel, incoming), incoming, content=entry, at=at)
        except Unreadable as error:
            logger.warning("An entry of %s's content list can't be read: %s", channel, error)
    record(lines)
    return len(lines)
