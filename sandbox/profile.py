"""The account's own profile and posts (docs/tiktok-api.md 2)."""

import json
import sqlite3
from typing import Any

from flask import g, request

from sandbox.api import account_endpoint, check_scope, invalid, whole_number
from sandbox.chats import embed_url
from sandbox.pictures import avatar_url, cover_url
from sandbox.store import row, rows, scalar, site

# The scope that each profile field needs.
FIELD_SCOPES = {
    "display_name": "user.info.basic",
    "profile_image": "user.info.basic",
    "username": "user.info.username",
    "is_business_account": "user.account.type",
    "profile_deep_link": "user.info.profile",
    "bio_description": "user.info.profile",
    "is_verified": "user.info.profile",
    "followers_count": "user.info.stats",
    "following_count": "user.info.stats",
    "total_likes": "user.info.stats",
    "videos_count": "user.info.stats",
    "metrics": "user.insights",
    "audience_countries": "user.insights",
    "audience_genders": "user.insights",
    "audience_ages": "user.insights",
    "audience_cities": "user.insights",
}
VIDEO_FIELDS = ["item_id", "caption", "thumbnail_url", "share_url", "embed_url", "create_time"]


@account_endpoint("GET", "business/get/")
def business_get() -> dict[str, Any]:
    """The fields asked for; a field whose scope was not granted refuses the whole call."""
    wanted = fields(list(FIELD_SCOPES), default=["display_name", "profile_image"])
    for name in wanted:
        check_scope(FIELD_SCOPES[name])
    account = row("SELECT * FROM accounts WHERE business_id = ?", g.token["business_id"])
    known = profile_of(account) if account is not None else {}
    return {name: known[name] for name in wanted}


@account_endpoint("GET", "business/video/list/", scope="video.list")
def video_list() -> dict[str, Any]:
    """The account's own posts, newest first; the cursor is how many were passed."""
    wanted = fields(VIDEO_FIELDS, default=["item_id"])
    cursor = whole_number("cursor", default=0, least=0, most=2**53)
    count = whole_number("max_count", default=10, least=1, most=20)
    own = rows("SELECT * FROM videos WHERE business_id = ? ORDER BY create_time DESC", g.token["business_id"])
    page = [describe_video(video) for video in own[cursor : cursor + count]]
    return {
        "videos": [{name: video[name] for name in wanted} for video in page],
        "cursor": cursor + len(page),
        "has_more": cursor + len(page) < len(own),
    }


def fields(known: list[str], *, default: list[str]) -> list[str]:
    """The query's `fields`, a JSON array in a string."""
    text = request.args.get("fields")
    if text is None:
        return default
    try:
        wanted = json.loads(text)
    except ValueError:
        wanted = None
    if not isinstance(wanted, list) or not all(name in known for name in wanted):
        raise invalid("Param fields is invalid.")
    return wanted


def profile_of(account: sqlite3.Row) -> dict[str, Any]:
    """Everything that a profile can tell."""
    videos = scalar("SELECT count(*) FROM videos WHERE business_id = ?", account["business_id"])
    return {
        "username": account["username"],
        "display_name": account["display_name"],
        "profile_image": avatar_url(account["business_id"], account["display_name"]),
        "is_business_account": bool(account["is_business_account"]),
        "profile_deep_link": f"https://www.tiktok.com/@{account['username']}",
        "bio_description": account["bio"],
        "is_verified": False,
        "followers_count": 1284,
        "following_count": 96,
        "total_likes": 20412,
        "videos_count": videos,
        **{name: [] for name, scope in FIELD_SCOPES.items() if scope == "user.insights"},
    }


def describe_video(video: sqlite3.Row) -> dict[str, Any]:
    """A post as the list tells it; `create_time` in seconds."""
    username = scalar("SELECT username FROM accounts WHERE business_id = ?", video["business_id"])
    return {
        "item_id": video["item_id"],
        "caption": video["caption"],
        "thumbnail_url": cover_url(video["item_id"]),
        "share_url": f"https://www.tiktok.com/@{username}/video/{video['item_id']}",
        "embed_url": embed_url(video["item_id"]),
        "create_time": video["create_time"],
    }


def own_videos(business_id: str) -> list[dict[str, Any]]:
    """The posts with addresses on the sandbox, for its own pages."""
    own = rows("SELECT * FROM videos WHERE business_id = ? ORDER BY create_time DESC", business_id)
    return [
        {
            **describe_video(video),
            "thumbnail_url": describe_video(video)["thumbnail_url"].removeprefix(site().public_url),
        }
        for video in own
    ]
