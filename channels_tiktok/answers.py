"""What TikTok's answers hold, as far as we use it. Ids are text, missing fields are tolerated."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class TokenGrant:
    """The answer to a code or a refresh token (docs/tiktok-api.md 1.3, 1.4). Tokens never show in its repr.

    `refresh_token` is empty and the lifetimes (seconds from now) are None where TikTok left them out.
    """

    business_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int | None
    refresh_expires_in: int | None
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class TokenInfo:
    """Whose token it is and what it may do (docs/tiktok-api.md 1.6)."""

    app_id: str
    business_id: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class BusinessProfile:
    """The account as TikTok shows it (docs/tiktok-api.md 2). `is_business_account` is None when not told."""

    username: str
    display_name: str
    profile_image: str
    is_business_account: bool | None


@dataclass(frozen=True)
class ConversationPage:
    """One page of conversations as TikTok lists them (docs/tiktok-api.md 3.2)."""

    conversations: list[dict[str, Any]]
    has_more: bool
    cursor: int


@dataclass(frozen=True)
class Thread:
    """The newest messages of a conversation, at most 20, and who takes part (docs/tiktok-api.md 3.3)."""

    messages: list[dict[str, Any]]
    participants: list[dict[str, Any]]


@dataclass(frozen=True)
class PostPage:
    """One page of the account's own posts as TikTok lists them (docs/tiktok-api.md 2)."""

    posts: list[dict[str, Any]]
    has_more: bool
    cursor: int


@dataclass(frozen=True)
class Media:
    """A file that was fetched: its bytes and what the server says that they are."""

    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True)
class AdAccess:
    """What an advertiser's consent gave (docs/tiktok-api.md 1.7). The token never shows in its repr."""

    access_token: str = field(repr=False)
    advertiser_ids: tuple[str, ...]
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """Something of TikTok's that has an id and a name: an advertiser, a lead form, a CRM event set."""

    id: str
    name: str


@dataclass(frozen=True)
class LeadTask:
    """How far TikTok is with writing the file of many leads (docs/tiktok-api.md 6.3)."""

    task_id: str
    status: str
    file_type: str


@dataclass(frozen=True)
class Receipt:
    """TikTok's word that it took something: its number of the request, and whether it took only a part."""

    request_id: str
    is_partial: bool = False


def storable(text: str) -> str:
    """Give `text` without the characters that no database takes: NUL and halves of surrogate pairs."""
    return _NOT_STORABLE.sub("�", text)


def cleaned(value: Any) -> Any:
    """The same JSON value with every text in it storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return value


def text_in(data: Mapping[str, Any], key: str) -> str:
    """Give the text (or the number, as text) at `key`; empty when there is nothing of the kind."""
    value = data.get(key)
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def number_in(data: Mapping[str, Any], key: str) -> int | None:
    """Give the whole number at `key`, also when it came as text; None when there is none."""
    value = text_in(data, key)
    return int(value) if re.fullmatch(r"-?[0-9]{1,18}", value) else None


def object_in(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Give the object at `key`; empty when it is missing or something else."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def objects_in(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Give the objects of the list at `key`; whatever else stands in it is left out."""
    value = data.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def scopes_in(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the granted scopes, which TikTok writes comma-separated."""
    return tuple(re.findall(r"[^,\s]+", text_in(data, "scope")))


def token_grant(data: Mapping[str, Any]) -> TokenGrant:
    """Read the answer of the token endpoints."""
    return TokenGrant(
        business_id=text_in(data, "open_id"),
        access_token=text_in(data, "access_token"),
        refresh_token=text_in(data, "refresh_token"),
        expires_in=number_in(data, "expires_in"),
        refresh_expires_in=number_in(data, "refresh_token_expires_in"),
        scopes=scopes_in(data),
    )


def business_profile(data: Mapping[str, Any]) -> BusinessProfile:
    """Read the answer of /business/get/."""
    told = data.get("is_business_account")
    return BusinessProfile(
        username=text_in(data, "username"),
        display_name=text_in(data, "display_name"),
        profile_image=text_in(data, "profile_image"),
        is_business_account=told if isinstance(told, bool) else None,
    )


def texts_in(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Give the texts (or numbers, as text) of the list at `key`."""
    value = data.get(key)
    found = [text_in({"one": item}, "one") for item in value] if isinstance(value, list) else []
    return tuple(text for text in found if text)


def named_in(data: Mapping[str, Any], key: str, *, id_key: str, name_key: str) -> list[Named]:
    """Give the named things of the list at `key`; what has no id is left out."""
    found = [Named(text_in(item, id_key), text_in(item, name_key)) for item in objects_in(data, key)]
    return [one for one in found if one.id]
