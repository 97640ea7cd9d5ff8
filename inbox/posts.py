"""The posts of a channel's own account, from which an agent picks one to share (docs/tiktok-api.md 2, 3.1).

Guarantee: a page never waits for TikTok. It shows the posts that a worker read last, and has them read anew
when that is a minute ago; a post that the account deleted is gone from here within a day. Small copies of the
pictures are fetched from TikTok's own hosts only, decoded and kept here, so that no agent's browser asks anybody
else. What can't be read (the permission `video.list` wasn't given, TikTok is away) is said in a sentence, and
never disconnects the channel.
"""

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from channels_tiktok import answers, errors, files, pacing, tokens
from channels_tiktok.answers import PostPage
from channels_tiktok.client import tiktok
from channels_tiktok.media import NotShowable, examine
from channels_tiktok.models import TIKTOK_ID_LENGTH, Channel, Credential
from config.sentences import stored
from config.tasks import ring
from inbox import windows
from inbox.models import Conversation, Post, PostList
from inbox.refusals import BadReply

logger = logging.getLogger(__name__)

SCOPE = "video.list"
READ_AGAIN_AFTER = timedelta(minutes=1)
WHOLE_AGAIN_AFTER = timedelta(days=1)
PAGE = 20  # posts a call, TikTok's most
MOST_PAGES = 25  # of one reading: 500 posts
READ_FOR = timedelta(seconds=20)
PICTURES_AT_ONCE = 40
PICTURE_LIMIT = 5 * 1024 * 1024  # bytes
PICTURE_ATTEMPTS = 3
NOT_PERMITTED = stored("TikTok has not permitted Reply48 to see the posts of this account.")


# ── What a page shows ─────────────────────────────────────────────────────────────────────────────────


def posts_of(channel: Channel, *, words: str = "") -> QuerySet[Post]:
    """The channel's posts as TikTok listed them last; with `words` those whose caption has all of them."""
    whole_at = PostList.objects.filter(channel=OuterRef("channel")).values("whole_at")
    listed = Q(seen_at__gte=Subquery(whole_at)) | ~Exists(whole_at.filter(whole_at__isnull=False))
    posts = Post.objects.filter(listed, channel=channel)
    for word in words.split()[:10]:
        posts = posts.filter(caption__icontains=word)
    return posts


def page_of(channel: Channel, *, words: str, after: str, size: int) -> tuple[list[Post], str]:
    """Some posts, newest first, beginning after the post whose number is `after`, and the number to go on from."""
    posts = posts_of(channel, words=words)
    last = Post.objects.filter(channel=channel, pk=int(after[:18])).first() if _is_number(after) else None
    if last:
        posts = posts.filter(Q(posted_at__lt=last.posted_at) | Q(posted_at=last.posted_at, pk__lt=last.pk))
    found = list(posts.order_by("-posted_at", "-id")[: size + 1])
    return found[:size], str(found[size - 1].pk) if len(found) > size else ""


def has_newer(channel: Channel, *, than: str) -> bool:
    """Whether there is a newer post than the one whose number is given; with none, whether there is any."""
    newest = posts_of(channel).order_by("-posted_at", "-id").values_list("pk", flat=True).first()
    return newest is not None and str(newest) != than


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()


def is_being_read(known: PostList, *, at: datetime) -> bool:
    """Whether a worker was rung that has not read the list yet. One that never comes is not waited for."""
    is_read = known.read_at is not None and known.read_at >= known.asked_at
    return not is_read and not known.problem and known.asked_at > at - READ_AGAIN_AFTER


def missing_permission(channel: Channel) -> str:
    """Why the posts of a connected channel can't be read and who can change that; empty when TikTok permits it."""
    if channel.status != Channel.Status.CONNECTED:
        return ""
    granted = Credential.objects.filter(pk=channel.credential_id).values_list("scopes", flat=True).first() or ""
    if SCOPE in granted.split(","):
        return ""
    *others, last = windows.who_can_repair() or [_("someone who may connect channels")]
    return _(
        "TikTok hasn't permitted Reply48 to see the posts of %(channel)s: the permission “%(scope)s” is missing. "
        "%(people)s can add it to the optional permissions and then connect the channel again."
    ) % {
        "channel": channel.name,
        "scope": SCOPE,
        "people": _("%(others)s or %(last)s") % {"others": ", ".join(others), "last": last} if others else last,
    }


def have_read(channel: Channel, *, at: datetime) -> PostList:
    """Let a worker read TikTok's list if that is due; of several pages that find it due, one has it read."""
    known = PostList.objects.filter(channel=channel).first()
    if known and known.asked_at > at - READ_AGAIN_AFTER:
        return known
    with transaction.atomic():
        known, is_new = PostList.objects.get_or_create(channel=channel, defaults={"asked_at": at})
        due = PostList.objects.filter(pk=known.pk, asked_at__lte=at - READ_AGAIN_AFTER)
        if is_new or due.update(asked_at=at, problem=""):
            known.asked_at, known.problem = at, ""
            ring("inbox.tasks.read_posts", channel.pk)
    return known


def as_content(conversation: Conversation, item_id: str) -> dict[str, Any]:
    """The post as its message keeps it. Raises BadReply unless it is one of the channel's own."""
    post = posts_of(conversation.channel).filter(item_id=item_id).first()
    if post is None:
        name = conversation.channel.name
        raise BadReply("post", _("This post isn't among the posts of %(name)s any more.") % {"name": name})
    return {"item_id": post.item_id, "embed_url": post.embed_url, "caption": post.caption, "post": post.pk}


def item_id_of(content: Any) -> str:
    """TikTok's id of a shared post, however the message names it (docs/tiktok-api.md 3.3, 4.4)."""
    if not isinstance(content, Mapping):
        return ""
    named = answers.text_in(content, "item_id") or answers.text_in(content, "video_id")
    found = re.search(r"/(?:v1|v2|video|embed)/([0-9]{6,30})", answers.text_in(content, "embed_url"))
    return named or (found[1] if found else "")


# ── What a worker does ────────────────────────────────────────────────────────────────────────────────


def read(*, channel_id: int, clock: Callable[[], datetime]) -> int:
    """Read TikTok's list of a channel's posts with their pictures, newest first; give how many posts it had.

    Once a day all of it; in between it stops at the first page that brings nothing new.
    """
    channel = Channel.objects.select_related("credential").get(pk=channel_id)
    known = PostList.objects.get_or_create(channel=channel, defaults={"asked_at": clock()})[0]
    if channel.status != Channel.Status.CONNECTED or missing_permission(channel):
        return 0
    try:
        return _read_pages(channel, known, clock=clock)
    except errors.TikTokError as error:
        logger.warning("The posts of %s could not be read: %s", channel, error)
        PostList.objects.filter(pk=known.pk).update(problem=error.sentence)
        return 0


def _read_pages(channel: Channel, known: PostList, *, clock: Callable[[], datetime]) -> int:
    began, cursor, found = clock(), 0, 0
    end = began + READ_FOR
    all_of_it = known.whole_at is None or known.whole_at <= began - WHOLE_AGAIN_AFTER
    for number in range(MOST_PAGES):
        page = _page(channel, cursor, clock=clock)
        new = _keep(channel, page, at=began)
        found, cursor = found + len(page.posts), page.cursor
        _fetch_pictures(channel, clock=clock, end=end)
        if number == 0:  # with pictures: now they can be shown
            PostList.objects.filter(pk=known.pk).update(read_at=clock(), problem="")
        if not page.has_more or not page.posts or (not new and not all_of_it):
            break
        if clock() >= end:  # the newest posts are what is shared; the rest comes another time
            return found
    if all_of_it:
        PostList.objects.filter(pk=known.pk).update(whole_at=began)
    return found


def _page(channel: Channel, cursor: int, *, clock: Callable[[], datetime]) -> PostPage:
    def call(token: str) -> PostPage:
        try:
            return tiktok().posts(token=token, business_id=channel.business_id, cursor=cursor, count=PAGE)
        except errors.ReconnectNeeded as error:
            # It says that this one permission is missing, not that the account's access has ended.
            raise errors.Refused(NOT_PERMITTED, code=error.code, request_id=error.request_id) from error

    pacing.wait_for_turn(at=clock())
    return tokens.with_access(channel=channel, at=clock(), call=call)


@transaction.atomic
def _keep(channel: Channel, page: PostPage, *, at: datetime) -> int:
    """Store one page of posts; give how many of them are new."""
    new = 0
    for told in page.posts:
        item_id = answers.text_in(told, "item_id")
        if not item_id or len(item_id) > TIKTOK_ID_LENGTH:
            continue
        seconds = answers.number_in(told, "create_time") or 0
        values: dict[str, Any] = {
            "caption": answers.text_in(told, "caption"),
            "posted_at": datetime.fromtimestamp(min(max(seconds, 0), 253_402_300_799), UTC),
            "embed_url": answers.text_in(told, "embed_url")[:2083],
            "share_url": answers.text_in(told, "share_url")[:2083],
            "thumbnail_url": answers.text_in(told, "thumbnail_url")[:2083],
            "seen_at": at,
        }
        new += Post.objects.update_or_create(channel=channel, item_id=item_id, defaults=values)[1]
    return new


def _fetch_pictures(channel: Channel, *, clock: Callable[[], datetime], end: datetime) -> None:
    """Fetch the small pictures that are still missing, the newest posts' first."""
    waiting = posts_of(channel).filter(thumbnail="", thumbnail_attempts__lt=PICTURE_ATTEMPTS)
    for post in waiting.exclude(thumbnail_url="").order_by("-posted_at", "-id")[:PICTURES_AT_ONCE]:
        if clock() >= end:
            return
        mine = Post.objects.filter(pk=post.pk, thumbnail="", thumbnail_attempts=post.thumbnail_attempts)
        if mine.update(thumbnail_attempts=F("thumbnail_attempts") + 1):
            _fetch_picture(post)


def _fetch_picture(post: Post) -> None:
    try:
        examined = examine(tiktok().fetch_media(post.thumbnail_url, limit=PICTURE_LIMIT).content)
    except (errors.TikTokError, NotShowable) as reason:
        logger.info("The picture of post %s can't be had: %s", post.pk, reason)
        return
    if examined.thumbnail is None:  # it moves, or is a video
        return
    files.write(post.thumbnail, examined.thumbnail)
    if not Post.objects.filter(pk=post.pk, thumbnail="").update(thumbnail=post.thumbnail.name):
        post.thumbnail.delete(save=False)
