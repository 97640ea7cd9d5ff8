"""Rows for the API's tests, made the way the product makes them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Permission, User
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from channels_tiktok.models import Channel, Credential
from inbox import windows
from inbox.models import Contact, Conversation, Message

numbers = count(1)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def make_user(username: str, *permissions: str, **fields: Any) -> User:
    user = User.objects.create_user(username, **fields)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def client_of(user: User) -> APIClient:
    """A program that calls the API with `user`'s token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


def make_channel(**fields: Any) -> Channel:
    number = next(numbers)
    business_id = fields.pop("business_id", f"business-{number}")
    credential = Credential.objects.create(
        business_id=business_id,
        access_token="act.example",
        refresh_token="rft.example",
        access_expires_at=now() + timedelta(days=1),
        refresh_expires_at=now() + timedelta(days=365),
        refreshed_at=now(),
    )
    defaults = {
        "username": f"shop_{number}",
        "display_name": f"Shop {number}",
        "name": f"Channel {number}",
        "status": "connected",
        "credential": credential,
        "connected_at": now(),
    }
    return Channel.objects.create(business_id=business_id, **{**defaults, **fields})


def make_conversation(channel: Channel | None = None, **fields: Any) -> Conversation:
    """A conversation in which nothing was said yet."""
    number = next(numbers)
    channel = channel or make_channel()
    contact = Contact.objects.create(
        channel=channel,
        tiktok_user_id=f"+user{number}",
        username=fields.pop("username", f"customer_{number}"),
        display_name=fields.pop("display_name", f"Customer {number}"),
        named_at=now(),
    )
    defaults = {
        "tiktok_conversation_id": f"conversation-{number}==",
        "created_at": now(),
        "last_message_at": now(),
    }
    return Conversation.objects.create(channel=channel, contact=contact, **{**defaults, **fields})


def receive(
    conversation: Conversation, text: str = "Hello", *, ago: timedelta = timedelta(minutes=5), **fields: Any
) -> Message:
    """The customer wrote `ago`: the window of that message opens."""
    at = now() - ago
    message = Message.objects.create(
        conversation=conversation,
        direction="inbound",
        kind=fields.pop("kind", "text"),
        source="customer",
        state="received",
        text=text,
        tiktok_message_id=f"in-{next(numbers)}==",
        occurred_at=at,
        sent_at=at,
        **fields,
    )
    windows.open_window(conversation=conversation, message=message)
    conversation.last_message, conversation.last_message_at = message, at
    conversation.inbound_count += 1
    conversation.save()
    return message
