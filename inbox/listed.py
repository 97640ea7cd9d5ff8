"""What TikTok's own lists say of a conversation (docs/tiktok-api.md 3.2, 3.3): the other way in.

Guarantee: an entry of the content list takes effect exactly like the webhook of the same message, and not a
second time. The lists also tell what webhooks don't: names and pictures of customers, which reactions are on,
and that there is more in TikTok than they show.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, transaction

from channels_tiktok import portraits
from channels_tiktok.models import Channel
from inbox import access, referrals, timeline
from inbox.incoming import (
    Incoming,
    Person,
    Unreadable,
    as_object,
    emoji_of,
    moment,
    read_id,
    read_listed,
    read_participant,
)
from inbox.models import REPLY_WINDOW, Contact, Conversation, ConversationEvent, Reaction
from inbox.receiving import find_conversation, finish, receive

logger = logging.getLogger(__name__)

# The list may be that much older than what webhooks have told.
LIST_LAG = timedelta(minutes=1)
LIST_LENGTH = 20  # messages, docs/tiktok-api.md 3.3

Lines = list[ConversationEvent]
Line = ConversationEvent.Kind
NEW_MESSAGE = (Line.MESSAGE_RECEIVED, Line.MESSAGE_SENT_OUTSIDE)


@transaction.atomic
def receive_list(
    *,
    channel: Channel,
    messages: Iterable[dict[str, Any]],
    at: datetime,
    conversation_id: str = "",
    participants: Iterable[dict[str, Any]] = (),
    referral: dict[str, Any] | None = None,
) -> int:
    """Let a conversation's content list take effect exactly like webhooks; give how many changes it brought.

    `participants` come with that list; `referral` is the conversation list's word on how the customer came. An
    entry that can't be applied is left out alone.
    """
    entries = sorted(messages, key=lambda entry: str(entry.get("timestamp", "")))
    answered_at = _answered_at(entries, at=at)
    lines: Lines = []
    for place, entry in enumerate(entries):
        is_limit = place == 0 and len(entries) >= LIST_LENGTH
        try:
            with transaction.atomic():
                lines += _receive_entry(channel, entry, is_limit=is_limit, answered_at=answered_at, at=at)
        except OperationalError:
            raise
        except Unreadable as error:
            logger.warning("An entry of %s's content list can't be read: %s", channel, error)
        except Exception:  # whatever one entry raises, its neighbours go on
            logger.exception("An entry of %s's content list could not be applied", channel)
    if conversation_id:
        lines += _receive_frame(channel, conversation_id, participants, referral or {}, at=at)
    finish(lines)
    return len(lines)


def _answered_at(entries: list[dict[str, Any]], *, at: datetime) -> datetime | None:
    """When a person on the business's side last wrote, as far as the list goes."""
    answers = []
    for entry in entries:
        try:
            incoming = read_listed(entry, received_at=at)
        except Unreadable:
            continue
        if not (incoming.from_customer or incoming.is_automatic or incoming.source == "OTHERS"):
            answers.append(incoming.at)
    return max(answers, default=None)


def _receive_entry(
    channel: Channel, entry: dict[str, Any], *, is_limit: bool, answered_at: datetime | None, at: datetime
) -> Lines:
    """One entry. `is_limit`: the list is full; if even this oldest one is new to us, there is more before it."""
    incoming = read_listed(entry, received_at=at)
    conversation = find_conversation(channel, incoming)
    is_news = _is_news(channel, incoming, answered_at=answered_at, at=at)
    lines = receive(conversation, incoming, content=entry, at=at, is_news=is_news)
    if is_limit and any(one.kind in NEW_MESSAGE for one in lines):
        before = incoming.at - timedelta(microseconds=1)
        lines.append(timeline.about(conversation, Line.HISTORY_MISSING, at=before))
    return lines + _keep_reactions(conversation, entry, at=at)


def _is_news(channel: Channel, incoming: Incoming, *, answered_at: datetime | None, at: datetime) -> bool:
    """Whether agents are to see it as unread.

    What was written before the account was first connected is history, unless its writer still waits for an
    answer and may still get one.
    """
    if channel.news_since is None or incoming.at >= channel.news_since:
        return True
    return incoming.at > at - REPLY_WINDOW and (answered_at is None or incoming.at > answered_at)


def _receive_frame(
    channel: Channel,
    conversation_id: str,
    participants: Iterable[dict[str, Any]],
    referral: dict[str, Any],
    *,
    at: datetime,
) -> Lines:
    """What the lists say around the messages: who the customer is, and how they came."""
    customers = [one for one in participants if str(one.get("role", "")).upper() == "PERSONAL_ACCOUNT"]
    person = read_participant(customers[0]) if customers else None
    known = Conversation.objects.filter(channel=channel, tiktok_conversation_id=conversation_id).first()
    if known is None:
        if person is None or not referral:
            return []  # nothing was said in it yet
        arrival = Incoming(conversation_id, "", at, from_customer=True, customer=person, kind="")
        known = find_conversation(channel, arrival)
    conversation = access.lock_conversation(known.pk)
    lines = _learn_profile(conversation, person, at=at) if person else []
    return lines + referrals.keep_listed(conversation, referral, at)


def _learn_profile(conversation: Conversation, person: Person, *, at: datetime) -> Lines:
    """Take over what only the content list tells of a contact. It is of now, so it always counts.

    The picture's address expires and differs each time; its path names the picture.
    """
    contact = conversation.contact
    if person.tiktok_user_id != contact.tiktok_user_id:
        return []
    news: dict[str, Any] = {}
    if person.display_name and person.display_name != contact.display_name:
        news["display_name"] = person.display_name[:200]
    if person.is_follower is not None and person.is_follower != contact.is_follower:
        news["is_follower"] = person.is_follower
    lines = [timeline.about(conversation, Line.CONTACT_CHANGED, at=at)] if news else []
    news |= portraits.news(contact, person.picture_url, at=at)
    if news:
        Contact.objects.filter(pk=contact.pk).update(**news)
    return lines


def _keep_reactions(conversation: Conversation, entry: dict[str, Any], *, at: datetime) -> Lines:
    """Make a message's reactions those of the content list, which names only the ones that are on.

    A change of the last minute is left alone: the list may be a little older than what a webhook told.
    """
    message_id = read_id(entry.get("message_id"))
    known = list(Reaction.objects.filter(conversation=conversation, tiktok_message_id=message_id))
    found = entry.get("reactions")
    listed = [as_object(item) for item in found] if isinstance(found, list) else []
    seen, changed = set(), False
    for item in listed:
        person, emoji = read_id(item.get("unique_identifier")), emoji_of(item)
        seen.add((person, emoji))
        changed_at = moment(item.get("timestamp"), received_at=at)
        mine = next((one for one in known if (one.tiktok_user_id, one.emoji) == (person, emoji)), None)
        if mine is None:
            Reaction.objects.create(
                conversation=conversation,
                tiktok_message_id=message_id,
                tiktok_user_id=person,
                emoji=emoji,
                is_on=True,
                changed_at=changed_at,
            )
            changed = True
        elif changed_at > mine.changed_at:
            changed |= not mine.is_on
            mine.is_on, mine.changed_at = True, changed_at
            mine.save(update_fields=["is_on", "changed_at"])
    for one in known:
        if one.is_on and (one.tiktok_user_id, one.emoji) not in seen and one.changed_at < at - LIST_LAG:
            one.is_on, one.changed_at = False, at - LIST_LAG
            one.save(update_fields=["is_on", "changed_at"])
            changed = True
    return [timeline.about(conversation, Line.REACTION_CHANGED, at=at)] if changed else []
