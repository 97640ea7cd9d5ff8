"""Threads as the sandbox sees them, and what an account's owner does in the TikTok app.

T stands for a thread's JSON (`thread.describe_thread`), W for {"conversation_id": …, "message": M}.

    GET  /threads/<conversation_id> -> T
    POST /threads/<conversation_id>/owner-messages {text, kind="text", source="APP"} -> W; kind: text image;
         source: APP WEB OTHERS. It counts in the window, but is never refused.
    POST /threads/<conversation_id>/automatic-messages {text?, auto_message_type="WELCOME_MESSAGE"} -> W
    POST /threads/<conversation_id>/owner-read {} -> T
    POST /threads/<conversation_id>/images {allowed: true | false | null} -> T; null: by the countries
"""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from sandbox.chats import add_message
from sandbox.customer import Unclear, content_of, given, thread_named, told
from sandbox.events import message_event, push
from sandbox.store import now_ms, run
from sandbox.thread import describe_thread

owner = Blueprint("owner", __name__, url_prefix="/sandbox/api")


@owner.get("/threads/<path:conversation_id>")
def thread(conversation_id: str) -> ResponseReturnValue:
    found = describe_thread(conversation_id)
    return found if found is not None else ({"error": f"There is no conversation {conversation_id}."}, 404)


@owner.post("/threads/<path:conversation_id>/owner-messages")
def owner_message(conversation_id: str) -> ResponseReturnValue:
    wanted, conversation = given(), thread_named(conversation_id)
    kind = str(wanted.get("kind", "text"))
    if kind not in {"text", "image"}:
        raise Unclear("The owner writes text or sends an image.")
    content = content_of(kind, wanted, conversation["business_id"], conversation_id)
    found = add_message(
        conversation_id,
        from_business=True,
        source=str(wanted.get("source") or "APP"),
        type=kind.upper(),
        payload=content,
    )
    push(message_event(found))
    return told(found), 201


@owner.post("/threads/<path:conversation_id>/automatic-messages")
def automatic_message(conversation_id: str) -> ResponseReturnValue:
    wanted, conversation = given(), thread_named(conversation_id)
    found = add_message(
        conversation["conversation_id"],
        from_business=True,
        source="OTHERS",
        type="TEXT",
        payload={"body": str(wanted.get("text") or "Welcome! We answer within the hour.")},
        auto_message_type=str(wanted.get("auto_message_type") or "WELCOME_MESSAGE"),
    )
    push(message_event(found))
    return told(found), 201


@owner.post("/threads/<path:conversation_id>/owner-read")
def owner_read(conversation_id: str) -> ResponseReturnValue:
    thread_named(conversation_id)
    run("UPDATE conversations SET business_read_ms = ? WHERE conversation_id = ?", now_ms(), conversation_id)
    return thread(conversation_id)


@owner.post("/threads/<path:conversation_id>/images")
def allow_images(conversation_id: str) -> ResponseReturnValue:
    thread_named(conversation_id)
    allowed = given().get("allowed")
    run("UPDATE conversations SET images_allowed = ? WHERE conversation_id = ?", allowed, conversation_id)
    return thread(conversation_id)
