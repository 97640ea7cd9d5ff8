"""The answer to a page that asks what changed.

Hundreds of open pages ask every second, and nearly always nothing has. Who asked a moment ago is therefore known
for a few seconds to the process that answered: "nothing new" then costs one query, and tells nobody anything.
Whatever tells or writes something asks for the session and the person first.
"""

from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from inbox import access, live, presence, thread
from inbox.listing import Listing, notices_for
from inbox.middleware import make_personal, personal_later
from inbox.views.agent_page import AgentRequest, agent_page
from inbox.views.pages import conversation_context

CURSOR_HEADER = "X-Timeline-Cursor"


KNOWN_FOR = 10  # seconds


@personal_later
@require_GET
def show_changes(request: HttpRequest) -> HttpResponse:
    """What changed after the cursor that the page gives: 204, or the changed pieces."""
    agent_id = cache.get(_key(request))
    if agent_id is not None and _has_all(request.GET, _news(request.GET, agent_id)):
        return HttpResponse(status=204, headers={"Cache-Control": "no-store"})
    make_personal(request)
    return _show_changes(request)


@require_POST
@agent_page
def leave(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """The page looks at this conversation no longer."""
    presence.leave(user=request.user, conversation_id=conversation_id)
    return HttpResponse(status=204)


@agent_page
def _show_changes(request: AgentRequest) -> HttpResponse:
    asked = request.GET
    news = _news(asked, request.user.pk)
    if not news.is_told:
        presence.tell(user=request.user, sign=_sign(asked), at=timezone.now())
    cache.set(_key(request), request.user.pk, KNOWN_FOR)
    context: dict[str, Any] = {}
    if asked.get("presence", "") != news.version:
        access.require(request.user, access.VIEW)
        context = {"present": presence.others(user=request.user, at=timezone.now()), "version": news.version}
    elif news.cursor <= (_number(asked.get("after")) or 0):
        return HttpResponse(status=204)
    return render_changes(request, asked, **context)


def _key(request: HttpRequest) -> str:
    return f"asked-by-{request.COOKIES.get(settings.SESSION_COOKIE_NAME, '')}"


def _news(asked: Any, agent_id: int) -> presence.News:
    return presence.news(agent_id=agent_id, sign=_sign(asked), at=timezone.now())


def _sign(asked: Any) -> presence.Sign:
    """Where the person is; a page that nobody can see is nowhere."""
    if "looking" not in asked:
        return presence.Sign()
    return presence.Sign(_number(asked.get("conversation")), is_typing="typing" in asked)


def _has_all(asked: Any, news: presence.News) -> bool:
    """Whether the page that asks knows all of `news`, and we know of its person."""
    knows = news.cursor <= (_number(asked.get("after")) or 0) and news.version == asked.get("presence", "")
    return knows and news.is_told


def render_changes(request: AgentRequest, asked: Any, *, status: int = 200, **context: Any) -> HttpResponse:
    """Render the pieces that changed after `asked["after"]`, for the list and conversation named in `asked`."""
    at = timezone.now()
    listing = Listing.asked_for(request.user, asked)
    cursor, conversation_id = _number(asked.get("after")) or 0, _number(asked.get("conversation"))
    changes = live.changes_after(cursor, listing=listing, conversation_id=conversation_id, at=at)
    if (changes is None or changes.nothing) and not context:
        return HttpResponse(status=204, headers={CURSOR_HEADER: str(changes.cursor if changes else cursor)})
    if changes and not changes.nothing:
        context |= {"changes": changes, "counts": changes.counts, "saved": changes.saved}
        context["saved_counts"] = changes.saved_counts
        if changes.channels:
            context["notices"] = notices_for(request.user, at=at) if changes.counts.get("need") else []
    conversation = changes.conversation if changes else None
    if conversation is None and (context.get("error") or context.get("dialog_error")) and conversation_id:
        # A refusal may be news by itself: the window closed, and no line of the timeline says so.
        conversation = access.get_conversation_for(request.user, conversation_id)
    if conversation:
        context |= conversation_context(request, conversation, at=at)
        context["slots"] = thread.slots_of(conversation)
    context |= {"listing": listing, "at": at, "open_id": conversation_id}
    response = render(request, "inbox/_changes.html", context, status=status)
    response[CURSOR_HEADER] = str(changes.cursor if changes else cursor)
    return response


def _number(word: str | None) -> int | None:
    return int(word) if word and word.isascii() and word.isdigit() and len(word) < 19 else None
