"""Read what TikTok says about a message, in either of its two dialects, into one shape.

Webhooks write enums in lower case and call the type `type`; the content list writes them in upper case and
calls it `message_type` (docs/tiktok-api.md 3.3, 4.3, 4.4). Numbers may come as strings, fields may be
missing, and unknown ones are let through. What can't be understood at all raises `Unreadable`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from channels_tiktok.models import TIKTOK_ID_LENGTH
from config.sentences import stored
from inbox.models import Message

# A clock that leads ours by more than this is not believed.
CLOCK_LEAD = timedelta(minutes=5)
NAME_LENGTH = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR = datetime(9999, 1, 1, tzinfo=UTC)
NOT_A_TIME = stored("{value} is not a time.")
ID_TOO_LONG = stored("An id has {length} characters; at most {most} can be kept.")
MILLISECONDS_FROM = 100_000_000_000  # as seconds that is the year 5138, as milliseconds 1973

KINDS = {kind.value: kind for kind in Message.Kind if kind is not Message.Kind.UNSUPPORTED}
MEDIA_KINDS = {Message.Kind.IMAGE, Message.Kind.VIDEO, Message.Kind.STICKER, Message.Kind.EMOJI}


class Unreadable(ValueError):
    """An event lacks what nobody can do without; trying again can't help."""


class Ignored(Exception):
    """An event is genuine, but there is nothing for us to do with it."""


@dataclass(frozen=True)
class Person:
    """A TikTok user as named by an event. `display_name` only comes from the content list."""

    tiktok_user_id: str
    username: str = ""
    display_name: str = ""
    is_follower: bool | None = None
    picture_url: str = ""


@dataclass(frozen=True)
class Incoming:
    """One message, reaction or read mark, whichever way it came."""

    conversation_id: str
    message_id: str
    at: datetime
    from_customer: bool
    customer: Person | None
    kind: str  # TikTok's word in lower case: text, image, reaction, …
    text: str = ""
    source: str = ""  # APP, WEB, API, OTHERS, …
    is_automatic: bool = False
    quoted_message_id: str = ""
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def message_kind(self) -> Message.Kind:
        """Our kind; what we don't know is shown as an unsupported message."""
        return KINDS.get(self.kind, Message.Kind.UNSUPPORTED)


def moment(value: Any, *, received_at: datetime) -> datetime:
    """TikTok's time as an aware datetime (UTC). Takes milliseconds or seconds, as a number or a string.

    A missing time is the time of arrival; so is one that lies in our future, because a window that opened in
    the future would promise hours that TikTok doesn't give.
    """
    if value in (None, "", 0, "0"):
        return received_at
    try:
        number = int(float(value)) if isinstance(value, str) and "." in value else int(value)
        unit = timedelta(milliseconds=1) if abs(number) >= MILLISECONDS_FROM else timedelta(seconds=1)
        at = EPOCH + number * unit
    except (TypeError, ValueError, OverflowError) as error:
        raise Unreadable(NOT_A_TIME.format(value=repr(value))) from error
    return received_at if at > received_at + CLOCK_LEAD else at


def read_content(content: dict[str, Any], *, event: str, received_at: datetime) -> Incoming:
    """Read the decoded `content` of a webhook event (docs/tiktok-api.md 4.4–4.7)."""
    sender, receiver = _user(content, "from_user"), _user(content, "to_user")
    from_customer = _is_from_customer(sender, receiver, event)
    their_id, username = (sender, content.get("from")) if from_customer else (receiver, content.get("to"))
    customer_id = read_id(their_id.get("id")) or read_id(content.get("unique_identifier"))
    kind = _word(content.get("type")).lower()
    return Incoming(
        conversation_id=read_id(content.get("conversation_id")),
        message_id=read_id(content.get("message_id")),
        at=moment(content.get("timestamp"), received_at=received_at),
        from_customer=from_customer,
        customer=Person(customer_id, _word(username)[:NAME_LENGTH], "", _truth(content.get("is_follower")))
        if customer_id
        else None,
        kind=kind,
        text=_word(_part(content, "text").get("body")),
        source=_word(_part(content, "message_tag").get("source")).upper(),
        is_automatic=bool(content.get("auto_message_type")),
        quoted_message_id=read_id(_part(content, "referenced_message_info").get("referenced_message_id")),
        content=_kept(content, kind) | _future_time(content.get("timestamp"), received_at=received_at),
    )


def read_listed(message: dict[str, Any], *, received_at: datetime) -> Incoming:
    """Read one entry of the content list (docs/tiktok-api.md 3.3)."""
    as_webhook = {
        **message,
        "from": message.get("sender"),
        "to": message.get("recipient"),
        "type": message.get("message_type"),
    }
    return read_content(as_webhook, event="", received_at=received_at)


def read_participant(participant: dict[str, Any]) -> Person | None:
    """Read the customer among a content list's participants (docs/tiktok-api.md 3.3)."""
    customer_id = read_id(participant.get("id"))
    if not customer_id:
        return None
    return Person(
        customer_id,
        display_name=_word(participant.get("display_name"))[:NAME_LENGTH],
        is_follower=_truth(participant.get("is_follower")),
        picture_url=_word(participant.get("profile_image")),
    )


def _future_time(value: Any, *, received_at: datetime) -> dict[str, str]:
    """TikTok's own time, kept where the time of arrival stands in its place."""
    if value in (None, "") or moment(value, received_at=FAR) <= received_at + CLOCK_LEAD:
        return {}
    return {"future_time": str(value)[:40]}


def _is_from_customer(sender: dict[str, Any], receiver: dict[str, Any], event: str) -> bool:
    roles = _word(sender.get("role")).lower(), _word(receiver.get("role")).lower()
    if roles[0] == "personal_account" or roles[1] == "business_account":
        return True
    if roles[0] == "business_account" or roles[1] == "personal_account":
        return False
    return event != "im_send_msg"


def _kept(content: dict[str, Any], kind: str) -> dict[str, Any]:
    """The kind's own part, and what a tap on a question card answers."""
    kept = _part(content, kind) if kind else {}
    if isinstance(content.get("reply_source_payload"), dict):
        kept = {**kept, "reply_source_payload": content["reply_source_payload"]}
    if content.get("auto_message_type"):
        kept = {**kept, "auto_message_type": content["auto_message_type"]}
    return kept


def _part(content: dict[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _user(content: dict[str, Any], name: str) -> dict[str, Any]:
    return _part(content, name)


def _word(value: Any) -> str:
    """A string of what should be one: ids sometimes arrive as numbers. NUL can't be stored, so it goes."""
    return "" if value is None or isinstance(value, dict | list) else str(value).replace("\x00", "")


def read_id(value: Any) -> str:
    """One of TikTok's ids. One that is too long to keep is refused: cut, it could be somebody else's."""
    given = _word(value)
    if len(given) > TIKTOK_ID_LENGTH:
        raise Unreadable(ID_TOO_LONG.format(length=len(given), most=TIKTOK_ID_LENGTH))
    return given


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def emoji_of(change: dict[str, Any]) -> str:
    """The emoji of a reaction; TikTok's own word for those that are pictures."""
    return str(change.get("emoji") or change.get("type") or "")[:100]


def as_object(value: Any) -> dict[str, Any]:
    """An object, also where something else stands in its place."""
    return value if isinstance(value, dict) else {}
