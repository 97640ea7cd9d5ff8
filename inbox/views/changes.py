"""What agents do on the pages: reply, mark as seen, close, assign.

With the page's script each answer holds the pieces that changed; without it, a redirect back.
"""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from inbox import access, working
from inbox.forms import AssignForm, StatusForm
from inbox.listing import Listing, counts_and_cursor
from inbox.models import Conversation
from inbox.sending import BadReply, queue_reply
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script
from inbox.views.live import CURSOR_HEADER, render_changes
from inbox.views.pages import render_conversation
from inbox.windows import ReplyRefused


@require_POST
@agent_page
def reply(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Queue a reply, or say why not and keep the text."""
    text = request.POST.get("text", "")
    try:
        queue_reply(user=request.user, conversation_id=conversation_id, text=text, at=timezone.now())
    except BadReply as error:
        return _refused(request, conversation_id, text=text, sentence=error.sentence, status=422)
    except ReplyRefused as error:
        return _refused(request, conversation_id, text=text, sentence=error.sentence, status=409)
    return _done(request, conversation_id, error="")


@require_POST
@agent_page
def mark_seen(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Remember that this agent has seen the customer's messages, as many as their page showed."""
    conversation = access.get_conversation_for(request.user, conversation_id)
    shown = request.POST.get("inbound", "")
    if shown.isdecimal():
        conversation.inbound_count = min(conversation.inbound_count, int(shown))
    access.mark_seen(user=request.user, conversation=conversation)
    if not asked_by_script(request):
        return redirect("inbox:conversation", conversation_id)
    at = timezone.now()
    listing = Listing.asked_for(request.user, request.POST)
    counts, cursor = counts_and_cursor(request.user, at=at)
    rows = access.conversations_for(request.user).prefetch_related(None).filter(pk=conversation_id)
    # A row that is no longer in the view "Unread" stays until the list is loaded anew: it is being worked on.
    context = {"listing": listing, "counts": counts, "rows": rows, "at": at, "open_id": conversation_id}
    response = render(request, "inbox/_seen.html", context)
    response[CURSOR_HEADER] = str(cursor)
    return response


@require_POST
@agent_page
def set_status(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Close or reopen a conversation."""
    form = StatusForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=400)
    status = Conversation.Status(form.cleaned_data["status"])
    working.change_status(user=request.user, conversation_id=conversation_id, status=status, at=timezone.now())
    return _done(request, conversation_id)


@require_http_methods(["GET", "POST"])
@agent_page
def assign(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Give a conversation to a person or to nobody; GET asks whom."""
    conversation = access.get_conversation_for(request.user, conversation_id, permission=access.CHANGE)
    form = AssignForm(request.POST or None, initial={"assignee": conversation.assignee_id})
    if request.method == "POST" and form.is_valid():
        working.assign(
            user=request.user,
            conversation_id=conversation_id,
            assignee=form.cleaned_data["assignee"],
            at=timezone.now(),
        )
        return _done(request, conversation_id)
    template = "inbox/_assign_form.html" if asked_by_script(request) else "inbox/assign.html"
    listing = Listing.asked_for(request.user, request.GET)
    context = {"conversation": conversation, "form": form, "listing": listing}
    return render(request, template, context, status=422 if form.is_bound else 200)


def _done(request: AgentRequest, conversation_id: int, **context: Any) -> HttpResponse:
    if asked_by_script(request):
        return render_changes(request, request.POST, **context)
    back = Listing.asked_for(request.user, request.GET).query
    return redirect(reverse("inbox:conversation", args=[conversation_id]) + back)


def _refused(
    request: AgentRequest, conversation_id: int, *, text: str, sentence: str, status: int
) -> HttpResponse:
    if asked_by_script(request):
        return render_changes(request, request.POST, status=status, error=sentence)
    return render_conversation(request, conversation_id, text=text, error=sentence, status=status)
