"""Rows to start a test from: plain functions, made the way the product makes them where that matters."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import transaction

from channels_tiktok import connecting
from channels_tiktok.models import Channel, Credential
from inbox import access, sending, windows
from inbox.models import Contact, Conversation, Message

NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)

AGENT_PERMISSIONS = (
    "inbox.view_conversation",
    "inbox.change_conversation",
    "inbox.reply_conversation",
    "inbox.assign_conversation",
    "inbox.label_conversation",
    "channels_tiktok.view_channel",
)


def make_agent(username: str = "ana", *, permissions: tuple[str, ...] = AGENT_PERMISSIONS, **fields: Any) -> User:
    """A person with a password equal to the username."""
    user = User.objects.create_user(username=username, password=username, **fields)
    for permission in permissions:
        app_label, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app_label, codename=codename))
    return User.objects.get(pk=user.pk)


def make_channel(name: str = "", *, business_id: str = "", at: datetime = NOW, **fields: Any) -> Channel:
    """A connected channel with tokens that last a day from `at`."""
    business_id = business_id or f"-000BIZ{next(_numbers)}"
    name = name or connecting.free_name("Kopi Corner")
    credential = Credential.objects.create(
        business_id=business_id,
        access_token=f"act.{business_id}",
        refresh_token=f"rft.{business_id}",
        access_expires_at=at + timedelta(days=1),
        refresh_expires_at=at + timedelta(days=365),
        refreshed_at=at,
    )
    values = {
        "username": "kopi.corner",
        "display_name": name,
        "status": Channel.Status.CONNECTED,
        "connected_at": at,
    }
    return Channel.objects.create(business_id=business_id, name=name, credential=credential, **(values | fields))


def make_contact(
    channel: Channel, *, username: str = "ayu_22", display_name: str = "Ayu", **fields: Any
) -> Contact:
    """A customer of `channel`."""
    return Contact.objects.create(
        channel=channel,
        tiktok_user_id=f"+USER{next(_numbers)}",
        username=username,
        display_name=display_name,
        named_at=fields.pop("named_at", NOW),
        **fields,
    )


def make_conversation(
    channel: Channel | None = None, *, contact: Contact | None = None, at: datetime = NOW, **fields: Any
) -> Conversation:
    """A conversation in which nobody has written yet."""
    channel = channel or make_channel()
    return Conversation.objects.create(
        channel=channel,
        contact=contact or make_contact(channel),
        tiktok_conversation_id=f"u5J+conv/{next(_numbers)}==",
        created_at=at,
        last_message_at=at,
        **fields,
    )


@transaction.atomic
def make_inbound(
    conversation: Conversation, text: str = "Hi, is the blue one in stock?", *, at: datetime = NOW, **fields: Any
) -> Message:
    """The customer writes `text` at `at`, which opens a reply window."""
    locked = access.lock_conversation(conversation.pk)
    message = Message.objects.create(
        conversation=locked,
        direction=Message.Direction.INBOUND,
        source=Message.Source.CUSTOMER,
        state=Message.State.RECEIVED,
        text=text,
        tiktok_message_id=f"mIn{next(_numbers)}+/==",
        occurred_at=at,
        sent_at=at,
        **({"kind": Message.Kind.TEXT} | fields),
    )
    windows.open_window(conversation=locked, message=message)
    locked.inbound_count += 1
    locked.save(update_fields=["inbound_count"])
    sending.copy_last_message(locked)
    conversation.refresh_from_db()
    return message


def make_reply(
    conversation: Conversation, user: User, text: str = "Yes, it is.", *, at: datetime = NOW, **fields: Any
) -> Message:
    """An agent replies, through the product's own way."""
    return sending.queue_reply(user=user, conversation_id=conversation.pk, text=text, at=at, **fields)
