"""The pages that agents look at: the list, a conversation, and more of either."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from inbox import access, additions, capabilities, drafts, same_person, saved_replies, sending, thread
from inbox.listing import Listing, counts_cursor_and_views, counts_of, notices_for, page_of
from inbox.models import Conversation, Message, Preferences, SavedReply
from inbox.sending import TEXT_LIMIT
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script
from inbox.windows import Allowance, allowance


@require_GET
@agent_page
def show_list(request: AgentRequest) -> HttpResponse:
    """The inbox with no conversation open."""
    return render_list(request)


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
def show_search_help(request: AgentRequest) -> HttpResponse:
    """Searches to learn from, with what they find."""
    access.require(request.user, access.VIEW)
    examples = [
        ("refund -blue", _("with the first word and without the second")),
        ('"thank you" OR thanks', _("with one of them; quotation marks keep words together")),
        ("from:ayu", _("of a customer with this name, now or earlier")),
        ("is:unread assignee:none", _("that you have not read and nobody has")),
        ("window:<6h quota:<=3", _("that close within 6 hours and have at most 3 replies left")),
        ("status:closed label:vip", _("closed ones with a label")),
        ("has:image after:2026-01-01", _("with an image, and with a message since that day")),
        ("status:open older_than:2d", _("open ones in which nobody has written for 2 days")),
        ("ref:spring ad:sale", _("that came by a link with this ref, by this ad")),
        ("failed:yes channel:shop", _("of one channel, with replies that may not have arrived")),
    ]
    template = "inbox/_search_help.html" if asked_by_script(request) else "inbox/search_help.html"
    return render(request, template, {"examples": examples})


@require_GET
@agent_page
def show_earlier(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """The messages before those that a thread shows."""
    conversation = access.get_conversation_for(request.user, conversation_id)
    page = thread.page_of(conversation, before=request.GET.get("before", ""))
    context = {"conversation": conversation, "page": page, "at": timezone.now(), "quotable": sending.QUOTABLE}
    return render(request, "inbox/_items.html", context)


def render_list(request: AgentRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    """Render the inbox with no conversation open."""
    access.require(request.user, access.VIEW)
    listing = Listing.asked_for(request.user, request.GET)
    context = _list_context(listing, at=timezone.now(), after=request.GET.get("after", ""), with_saved_counts=True)
    context["preferences"] = Preferences.of(request.user)
    return render(request, "inbox/page.html", context | more, status=status)


def render_conversation(
    request: AgentRequest,
    conversation_id: int,
    *,
    text: str | None = None,
    note_text: str | None = None,
    error: str = "",
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """Render a conversation, with `text` and `note_text` (or else the drafts) in the boxes, and what was wrong."""
    access.require(request.user, access.VIEW)
    at = timezone.now()
    listing = Listing.asked_for(request.user, request.GET)
    only_conversation = asked_by_script(request)
    context = _list_context(listing, at=at, only_counts=only_conversation)
    found = access.conversations_for(request.user).prefetch_related(None)
    conversation = (
        additions.with_hints(found)
        .annotate(
            draft_text=drafts.text_in(request.user),
            note_draft_text=drafts.note_text_in(request.user),
            person_has_others=same_person.has_others(request.user),
        )
        .get(pk=conversation_id)
    )
    found_id = _number(request.GET.get("message"))
    before = request.GET.get("before", "") or thread.order_around(conversation, found_id)
    page = thread.page_of(conversation, before=before, at=at)
    context |= {"is_older": bool(before), "found_id": found_id}
    context |= conversation_context(request, conversation, at=at)
    text = conversation.draft_text or "" if text is None else text
    note_text = conversation.note_draft_text or "" if note_text is None else note_text
    context |= {
        "page": page,
        "slots": _slots(conversation, page),
        "text": text or _chosen_saved_reply(request, conversation),
        "note_text": note_text,
        "mode": "note" if request.GET.get("mode") == "note" else "reply",
        "error": error,
        **more,
    }
    if not only_conversation:
        context["preferences"] = Preferences.of(request.user)
    template = "inbox/_opened.html" if only_conversation else "inbox/page.html"
    return render(request, template, context, status=status)


def _chosen_saved_reply(request: AgentRequest, conversation: Conversation) -> str:
    """The text of the saved reply that was chosen on its page, where there is no script to put it into the box."""
    chosen = request.GET.get("saved", "")
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) < 19):
        return ""
    reply: SavedReply | None = saved_replies.for_person(request.user).filter(pk=int(chosen)).first()
    return saved_replies.filled(reply, conversation=conversation, user=request.user) if reply else ""


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
        "may_assign": request.user.has_perm(access.ASSIGN),
        "may_label": request.user.has_perm(access.LABEL),
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


def _list_context(
    listing: Listing, *, at: datetime, after: str = "", only_counts: bool = False, with_saved_counts: bool = False
) -> dict[str, Any]:
    counts, cursor, saved = counts_cursor_and_views(listing.user, at=at)
    rows, following = ([], "") if only_counts else page_of(listing, at=at, after=after)
    return {
        "listing": listing,
        "saved": saved,
        "saved_counts": counts_of(saved, listing.user) if with_saved_counts else {},
        "counts": counts,
        "cursor": cursor,
        "rows": rows,
        "following": following,
        "notices": notices_for(listing.user, at=at) if counts.get("need") and not only_counts else [],
        "at": at,
    }


def _slots(conversation: Conversation, page: thread.Page) -> list[Message]:
    """What used the window's replies: nearly always among the messages that are shown anyway."""
    shown = [item.of for item in page.items if isinstance(item.of, Message)]
    held = [one for one in shown if one.slot and one.window_id == conversation.window_id]
    if conversation.window and len(held) < conversation.window.replies_used:
        return thread.slots_of(conversation)
    return sorted(held, key=lambda message: message.slot or 0)


def _number(word: str | None) -> int | None:
    return int(word) if word and word.isascii() and word.isdigit() and len(word) < 19 else None
