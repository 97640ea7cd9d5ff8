"""The answer to a page that asks what changed."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from inbox import access, live, thread
from inbox.listing import Listing, notices_for
from inbox.views.agent_page import AgentRequest, agent_page
from inbox.views.pages import conversation_context

CURSOR_HEADER = "X-Timeline-Cursor"


@require_GET
@agent_page
def show_changes(request: AgentRequest) -> HttpResponse:
    """What changed after the cursor that the page gives: 204, or the changed pieces."""
    return render_changes(request, request.GET)


def render_changes(request: AgentRequest, asked: Any, *, status: int = 200, **context: Any) -> HttpResponse:
    """Render the pieces that changed after `asked["after"]`, for the list and conversation named in `asked`."""
    at = timezone.now()
    listing = Listing.asked_for(request.user, asked)
    cursor, conversation_id = _number(asked.get("after")) or 0, _number(asked.get("conversation"))
    changes = live.changes_after(cursor, listing=listing, conversation_id=conversation_id, at=at)
    if (changes is None or changes.nothing) and not context:
        return HttpResponse(status=204, headers={CURSOR_HEADER: str(changes.cursor if changes else cursor)})
    if changes and not changes.nothing:
        context |= {"changes": changes, "counts": changes.counts}
        if changes.channels:
            context["notices"] = notices_for(request.user, at=at) if changes.counts.get("need") else []
    conversation = changes.conversation if changes else None
    if conversation is None and context.get("error") and conversation_id:
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
