"""`business/message/send/` with every rule of docs/tiktok-api.md 3.1."""

import sqlite3
from typing import Any

from flask import g

from sandbox.api import Refusal, account_endpoint, body, invalid, missing, own_conversation
from sandbox.chats import add_message, embed_url, window
from sandbox.events import message_event, push
from sandbox.media import images_allowed, own_image
from sandbox.store import now_ms, row, run, transaction

CONTENT_KEYS = {
    "TEXT": "text",
    "IMAGE": "image",
    "SHARE_POST": "share_post",
    "TEMPLATE": "template",
    "SENDER_ACTION": "sender_action",
}
TYPING_MS = 5000
QUOTABLE = {"TEXT", "IMAGE", "SHARE_POST"}
BUTTON_TITLE = {"QA_BUTTON_CARD": 20, "QA_LINK_CARD": 40}


@account_endpoint("POST", "business/message/send/", scope="message.list.send")
def send() -> dict[str, Any]:
    """Check the form, then whether what is named exists, then whether the business may write."""
    request_body = body()
    message_type = checked_type(request_body)
    payload = PAYLOADS[message_type](request_body)
    conversation = checked_recipient(request_body)
    if message_type == "SENDER_ACTION":
        act(conversation["conversation_id"], payload["sender_action"])
        return {"message": {"message_id": ""}}
    message = store(conversation, message_type, payload, request_body)
    push(message_event(message), echo=True)
    return {"message": {"message_id": message["message_id"]}}


def store(
    conversation: sqlite3.Row, message_type: str, payload: dict[str, Any], request_body: dict[str, Any]
) -> sqlite3.Row:
    """Keep the message if the window is open and quota is left; both are judged under the write lock."""
    if message_type == "IMAGE" and not images_allowed(conversation):
        raise invalid("Images cannot be sent in this conversation.")
    with transaction():
        quoted = checked_quote(request_body, message_type, conversation["conversation_id"])
        if not window(conversation["conversation_id"]).open:
            raise Refusal(40064, "You are sending messages too fast. Take a rest.")
        return add_message(
            conversation["conversation_id"],
            from_business=True,
            source="API",
            type=message_type,
            payload=payload,
            referenced_message_id=quoted,
        )


def checked_type(request_body: dict[str, Any]) -> str:
    """The message type, with exactly its own content beside it."""
    message_type = request_body.get("message_type")
    if not isinstance(message_type, str) or message_type not in CONTENT_KEYS:
        raise invalid("Param message_type is invalid.")
    given = {key for key in CONTENT_KEYS.values() if request_body.get(key) is not None}
    if given != {CONTENT_KEYS[message_type]}:
        raise invalid(
            f"A message of type {message_type} carries {CONTENT_KEYS[message_type]} and no other content."
        )
    return message_type


def checked_recipient(request_body: dict[str, Any]) -> sqlite3.Row:
    """The conversation that is written to."""
    if request_body.get("direct_reply") is not None:
        check_direct_reply(request_body)
    if request_body.get("recipient_type") != "CONVERSATION":
        raise invalid("Param recipient_type is invalid.")
    recipient = request_body.get("recipient")
    if not isinstance(recipient, str) or not recipient:
        raise invalid("Param recipient is required.")
    return own_conversation(recipient)


def check_direct_reply(request_body: dict[str, Any]) -> None:
    """Answers to comments: checked in form; nobody comments in the sandbox, so no comment is ever found."""
    reply = request_body["direct_reply"]
    if request_body.get("recipient") is not None or request_body.get("recipient_type") is not None:
        raise invalid("Params recipient and recipient_type are not allowed with direct_reply.")
    if not isinstance(reply, dict) or reply.get("reply_type") != "COMMENT_REPLY":
        raise invalid("Param direct_reply.reply_type is invalid.")
    comment = reply.get("comment_reply")
    if not isinstance(comment, dict) or not isinstance(comment.get("comment_id"), str):
        raise invalid("Param direct_reply.comment_reply.comment_id is required.")
    raise missing("comment")


def checked_quote(request_body: dict[str, Any], message_type: str, conversation_id: str) -> str | None:
    """The quoted message: only a text may quote, and only a text, an image or a post."""
    info = request_body.get("referenced_message_info")
    if info is None:
        return None
    quoted = info.get("referenced_message_id") if isinstance(info, dict) else None
    if message_type != "TEXT" or not isinstance(quoted, str) or not quoted:
        raise invalid("Param referenced_message_info is invalid.")
    found = row("SELECT type FROM messages WHERE message_id = ? AND conversation_id = ?", quoted, conversation_id)
    if found is None:
        raise missing("message")
    if found["type"] not in QUOTABLE:
        raise invalid("Only a text, an image or a post can be quoted.")
    return quoted


def text_payload(request_body: dict[str, Any]) -> dict[str, Any]:
    """1 to 6000 characters."""
    text = member(request_body, "text", "body")
    if not text.strip() or len(text) > 6000:
        raise invalid("Param text.body must have 1 to 6000 characters.")
    return {"body": text}


def image_payload(request_body: dict[str, Any]) -> dict[str, Any]:
    """An image that this account has uploaded within the last 30 days."""
    return {"media_id": own_image(member(request_body, "image", "media_id"))}


def post_payload(request_body: dict[str, Any]) -> dict[str, Any]:
    """One of the account's own posts."""
    item_id = member(request_body, "share_post", "item_id")
    video = row("SELECT business_id FROM videos WHERE item_id = ?", item_id)
    if video is None:
        raise missing("post")
    if video["business_id"] != g.token["business_id"]:
        raise invalid("Only the account's own posts can be shared.")
    return {"embed_url": embed_url(item_id), "video_id": item_id}


def template_payload(request_body: dict[str, Any]) -> dict[str, Any]:
    """A question of 1 to 40 characters with one to three buttons."""
    template = request_body["template"]
    kind = member(request_body, "template", "type")
    title = member(request_body, "template", "title")
    buttons = template.get("buttons")
    if kind not in BUTTON_TITLE or not 1 <= len(title) <= 40:
        raise invalid("Param template.type or template.title is invalid.")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise invalid("Param template.buttons must have 1 to 3 items.")
    return {"type": kind, "title": title, "buttons": [checked_button(b, BUTTON_TITLE[kind]) for b in buttons]}


def checked_button(button: Any, longest_title: int) -> dict[str, str]:
    """A reply button; its own id is optional."""
    if not isinstance(button, dict) or button.get("type") != "REPLY":
        raise invalid("Param template.buttons.type is invalid.")
    title, own_id = button.get("title"), button.get("id", "")
    if not isinstance(title, str) or not 1 <= len(title) <= longest_title:
        raise invalid(f"Param template.buttons.title must have 1 to {longest_title} characters.")
    if not isinstance(own_id, str) or len(own_id) > 40:
        raise invalid("Param template.buttons.id must have at most 40 characters.")
    return {"type": "REPLY", "title": title, "id": own_id}


def action_payload(request_body: dict[str, Any]) -> dict[str, Any]:
    """TYPING or MARK_READ."""
    if request_body["sender_action"] not in {"TYPING", "MARK_READ"}:
        raise invalid("Param sender_action is invalid.")
    return {"sender_action": request_body["sender_action"]}


def act(conversation_id: str, action: str) -> None:
    """Show the typing sign for 5 seconds, or mark everything in the thread as seen."""
    if action == "TYPING":
        run(
            "UPDATE conversations SET typing_until_ms = ? WHERE conversation_id = ?",
            now_ms() + TYPING_MS,
            conversation_id,
        )
    else:
        run(
            "UPDATE conversations SET business_read_ms = ? WHERE conversation_id = ?",
            now_ms(),
            conversation_id,
        )


def member(request_body: dict[str, Any], outer: str, inner: str) -> str:
    """A text inside an object of the body."""
    value = request_body[outer].get(inner) if isinstance(request_body[outer], dict) else None
    if not isinstance(value, str) or not value:
        raise invalid(f"Param {outer}.{inner} is required.")
    return value


PAYLOADS = {
    "TEXT": text_payload,
    "IMAGE": image_payload,
    "SHARE_POST": post_payload,
    "TEMPLATE": template_payload,
    "SENDER_ACTION": action_payload,
}
