"""The pages that agents look at: the list, a conversation, and more of either."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from channels_tiktok import health
from inbox import access, additions, capabilities, drafts, sending, thread
from inbox.listing import Listing, counts_and_cursor, page_of
from inbox.models import Conversation, Message
from inbox.sending import TEXT_LIMIT
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script
from inbox.windows import Allowance, allowance


@require_GET
@agent_page
def show_list(request: AgentRequest) -> HttpResponse:
    """The inbox with no conversation open."""
    access.require(request.user, access.VIEW)
    at = timezone.now()
    listing = Listing.asked_for(request.user, request.GET)
    return render(request, "inbox/page.html", _list_context(listing, at=at, after=request.GET.get("after", "")))


@require_GET
@agent_page
def show_conversation(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """The inbox with one conversation open; for the page's script only that conversation."""
    return render_conversation(request, conversation_id)


@require_GET
@agent_page
def show_more_rows(request: AgentRequest) -> HttpResponse:
    """The next page of the list."""
    access.require(request.user, access.VIEW)
    at = timezone.now()
    listing = Listing.asked_for(request.user, request.GET)
    rows, following = page_of(listing, at=at, after=request.GET.get("after", ""))
    return render(
        request, "inbox/_rows.html", {"listing": listing, "rows": rows, "following": following, "at": at}
    )


@require_GET
@agent_page
def show_earlier(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """The messages before those that a thread shows."""
    conversation = access.get_conversation_for(request.user, conversation_id)
    page = thread.page_of(conversation, before=request.GET.get("before", ""))
    context = {"conversation": conversation, "page": page, "at": timezone.now(), "quotable": sending.QUOTABLE}
    return render(request, "inbox/_items.html", context)


def render_conversation(
    request: AgentRequest,
    conversation_id: int,
    *,
    text: str | None = None,
    error: str = "",
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """Render a conversation, with `text` (or else the draft) in the box and what was wrong with it."""
    access.require(request.user, access.VIEW)
    at = timezone.now()
    listing = Listing.asked_for(request.user, request.GET)
    only_conversation = asked_by_script(request)
    context = _list_context(listing, at=at, only_counts=only_conversation)
    found = access.conversations_for(request.user).prefetch_related(None)
    found = additions.with_hints(found)
    conversation = found.annotate(draft_text=drafts.text_in(request.user)).get(pk=conversation_id)
    page = thread.page_of(conversation, before=request.GET.get("before", ""))
    context |= conversation_context(request, conversation, at=at)
    text = conversation.draft_text or "" if text is None else text
    context |= {"page": page, "slots": _slots(conversation, page), "text": text, "error": error, **more}
    template = "inbox/_opened.html" if only_conversation else "inbox/page.html"
    return render(request, template, context, status=status)


def conversation_context(request: AgentRequest, conversation: Conversation, *, at: datetime) -> dict[str, Any]:
    """What the header, the composer and the details of a conversation show."""
    allowed = _allowance(request, conversation, at=at)
    if allowed.can_reply:
        capabilities.have_asked(conversation, at=at)
    return {
        "conversation": conversation,
        "open_id": conversation.pk,
        "allowance": allowed,
        "quotable": sending.QUOTABLE,
        "latest_safe": sending.latest_safe_time(conversation),
        "may_change": request.user.has_perm(access.CHANGE),
        "text_limit": TEXT_LIMIT,
        "earlier_usernames": conversation.contact.earlier_usernames,
        "additions": additions.additions_for(conversation, request.user, at=at),
    }


def _allowance(request: AgentRequest, conversation: Conversation, *, at: datetime) -> Allowance:
    if not request.user.has_perm(access.REPLY):
        sentence = _("You can read this conversation. Ask an administrator if you should answer, too.")
        return Allowance(False, 0, "no_permission", sentence)
    if request.user.has_perm(access.CONNECT):
        return allowance(conversation, at=at, who_can_repair=lambda: [_("You")])
    return allowance(conversation, at=at)


def _list_context(listing: Listing, *, at: datetime, after: str = "", only_counts: bool = False) -> dict[str, Any]:
    counts, cursor = counts_and_cursor(listing.user, at=at)
    rows, following = ([], "") if only_counts else page_of(listing, at=at, after=after)
    return {
        "listing": listing,
        "counts": counts,
        "cursor": cursor,
        "rows": rows,
        "following": following,
        "notices": health.notices(at=at) if counts.get("need") and not only_counts else [],
        "at": at,
    }


def _slots(conversation: Conversation, page: thread.Page) -> list[Message]:
    """What used the window's replies: nearly always among the messages that are shown anyway."""
    shown = [item.of for item in page.items if isinstance(item.of, Message)]
    held = [one for one in shown if one.slot and one.window_id == conversation.window_id]
    if conversation.window and len(held) < conversation.window.replies_used:
        return thread.slots_of(conversation)
    return sorted(held, key=lambda message: message.slot or 0)
