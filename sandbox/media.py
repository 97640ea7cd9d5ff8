"""Pictures and videos up and down, and whether images are possible (docs/tiktok-api.md 3.4 to 3.6)."""

import json
import sqlite3
from typing import Any

from flask import Blueprint, Response, g, request

from sandbox import api
from sandbox.identifiers import letters
from sandbox.regions import images_possible
from sandbox.store import now, row, rows, run, scalar, site

downloads = Blueprint("downloads", __name__)

LARGEST_IMAGE = 3 * 1024 * 1024  # bytes
MEDIA_LIFETIME = 30 * 86400  # seconds
LINK_LIFETIME = 86400  # seconds
MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


@api.account_endpoint("POST", "business/message/media/upload/", scope="message.list.send")
def media_upload() -> dict[str, Any]:
    """Keep an image for a later send; judged by its first bytes, not by its name."""
    if api.required("media_type") != "IMAGE":
        raise api.invalid("Param media_type is invalid.")
    if "file" not in request.files:
        raise api.Refusal(40905, "The file is missing.")
    content = request.files["file"].read()
    if not content:
        raise api.Refusal(40906, "The file is empty.")
    content_type = image_type(content)
    if content_type is None:
        raise api.Refusal(40908, "The file type is not supported. Use JPG or PNG.")
    if len(content) > LARGEST_IMAGE:
        raise api.Refusal(40907, "The file is too large. At most 3 MB are allowed.")
    return {"media_id": keep_media(g.token["business_id"], content, content_type, by_business=True)}


@api.account_endpoint("POST", "business/message/media/download/", scope="message.list.read")
def media_download() -> dict[str, Any]:
    """An address for a message's picture or video, good for 24 hours and only with header `x-user`."""
    names = ("conversation_id", "message_id", "media_id", "media_type")
    conversation_id, message_id, media_id, media_type = (api.required(name) for name in names)
    if media_type not in {"IMAGE", "VIDEO"}:
        raise api.invalid("Param media_type is invalid.")
    media = message_media(conversation_id, message_id, media_id)
    if media["media_type"] != media_type:
        raise api.invalid("Param media_type does not match the media.")
    token, expires_at = letters(40), now() + LINK_LIFETIME
    run("INSERT INTO downloads VALUES (?, ?, ?)", token, media_id, expires_at)
    return {"download_url": f"{site().public_url}/dl/{token}?x-expires={int(expires_at)}"}


@api.account_endpoint("GET", "business/message/capabilities/get/", scope="message.list.read")
def capabilities() -> dict[str, Any]:
    """Whether images can be exchanged in a conversation."""
    if wanted_capabilities() != ["IMAGE_SEND"]:
        raise api.invalid("Param capability_types is invalid.")
    if api.required("conversation_type") not in {"SINGLE", "STRANGER"}:
        raise api.invalid("Param conversation_type is invalid.")
    result = images_allowed(api.own_conversation(api.required("conversation_id")))
    return {"capability_infos": [{"capability_type": "IMAGE_SEND", "capability_result": result}]}


def wanted_capabilities() -> Any:
    """The query's `capability_types`, a JSON array in a string."""
    try:
        return json.loads(api.required("capability_types"))
    except ValueError:
        return None


def images_allowed(conversation: sqlite3.Row) -> bool:
    """By both countries, unless a person has switched this conversation by hand."""
    if conversation["images_allowed"] is not None:
        return bool(conversation["images_allowed"])
    own = scalar("SELECT country FROM accounts WHERE business_id = ?", conversation["business_id"])
    theirs = scalar("SELECT country FROM customers WHERE id = ?", conversation["customer_id"])
    return images_possible(own, theirs)


def image_type(content: bytes) -> str | None:
    """The content type by magic bytes, or None if it is neither JPG nor PNG."""
    return next((kind for magic, kind in MAGIC.items() if content.startswith(magic)), None)


def keep_media(
    business_id: str, content: bytes, content_type: str, *, by_business: bool, media_type: str = "IMAGE"
) -> str:
    """Store a file and return its media_id."""
    media_id = f"v0{'out' if by_business else 'in'}-{letters(24)}"
    run(
        "INSERT INTO media VALUES (?, ?, ?, ?, ?, ?, ?)",
        media_id,
        business_id,
        by_business,
        media_type,
        content_type,
        content,
        now(),
    )
    return media_id


def own_image(media_id: str) -> str:
    """The id again, if this account has uploaded it within 30 days."""
    found = row(
        "SELECT 1 FROM media WHERE media_id = ? AND business_id = ? AND uploaded_by_business AND created_at > ?",
        media_id,
        g.token["business_id"],
        now() - MEDIA_LIFETIME,
    )
    if found is None:
        raise api.missing("media")
    return media_id


def message_media(conversation_id: str, message_id: str, media_id: str) -> sqlite3.Row:
    """The file that this very message of this very conversation carries."""
    conversation = api.own_conversation(conversation_id)
    message = row(
        "SELECT payload FROM messages WHERE message_id = ? AND conversation_id = ? AND NOT withheld",
        message_id,
        conversation["conversation_id"],
    )
    if message is None:
        raise api.missing("message")
    media = row("SELECT * FROM media WHERE media_id = ?", media_id)
    if media is None or json.loads(message["payload"]).get("media_id") != media_id:
        raise api.missing("media")
    return media


@downloads.get("/dl/<token>")
def download(token: str) -> Response:
    """The file itself. Not an API answer: a refusal here is a plain HTTP status."""
    found = row(
        "SELECT m.*, d.expires_at FROM downloads d JOIN media m ON m.media_id = d.media_id WHERE d.token = ?",
        token,
    )
    if found is None:
        return Response("not found", 404, content_type="text/plain")
    try:
        holder = api.live_token(request.headers.get("x-user", ""))
    except api.Refusal as refusal:
        return Response(refusal.message, 403, content_type="text/plain")
    if holder["business_id"] != found["business_id"] or found["expires_at"] <= now():
        return Response("This address has expired or belongs to another account.", 403, content_type="text/plain")
    return Response(found["content"], content_type=found["content_type"])


@downloads.get("/sandbox/api/media/<media_id>")
def media_file(media_id: str) -> Response:
    """The same file for the phone page, which is no client of the API."""
    found = rows("SELECT * FROM media WHERE media_id = ?", media_id)
    if not found:
        return Response("not found", 404, content_type="text/plain")
    return Response(found[0]["content"], content_type=found[0]["content_type"])
