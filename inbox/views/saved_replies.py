"""Saved replies: choosing one for a conversation, and everybody's page of their own."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inbox import access, saved_replies
from inbox.forms import SavedReplyForm
from inbox.listing import Listing
from inbox.models import SavedReply
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script


@require_GET
@agent_page
def choose(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """The saved replies, filled in for this conversation: options of a list, or a page with links."""
    conversation = access.get_conversation_for(request.user, conversation_id, permission=access.REPLY)
    replies = list(saved_replies.for_person(request.user))
    for reply in replies:
        reply.filled = saved_replies.filled(  # type: ignore[attr-defined]  # for the template
            reply, conversation=conversation, user=request.user
        )
    listing = Listing.asked_for(request.user, request.GET)
    context = {"conversation": conversation, "replies": replies, "listing": listing}
    template = "inbox/_saved_reply_options.html" if asked_by_script(request) else "inbox/choose_saved_reply.html"
    return render(request, template, context)


@require_GET
@agent_page
def show_own(request: AgentRequest) -> HttpResponse:
    """One's own saved replies, and everybody's to look at."""
    access.require(request.user, access.REPLY)
    replies = saved_replies.for_person(request.user)
    context = {
        "own": [reply for reply in replies if reply.owner_id],
        "shared": [reply for reply in replies if not reply.owner_id],
    }
    return render(request, "inbox/saved_replies.html", context)


@require_http_methods(["GET", "POST"])
@agent_page
def add_own(request: AgentRequest) -> HttpResponse:
    """Write a saved reply of one's own."""
    access.require(request.user, access.REPLY)
    return _edit(request, SavedReply(owner=request.user))


@require_http_methods(["GET", "POST"])
@agent_page
def change_own(request: AgentRequest, reply_id: int) -> HttpResponse:
    """Change a saved reply of one's own."""
    return _edit(request, _own(request, reply_id))


@require_POST
@agent_page
def delete_own(request: AgentRequest, reply_id: int) -> HttpResponse:
    """Delete a saved reply of one's own."""
    _own(request, reply_id).delete()
    messages.success(request, _("Deleted."))
    return redirect("inbox:saved-replies")


def _edit(request: AgentRequest, reply: SavedReply) -> HttpResponse:
    form = SavedReplyForm(request.POST or None, instance=reply)
    if form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("inbox:saved-replies")
    context = {"form": form, "reply": reply}
    return render(request, "inbox/saved_reply.html", context, status=422 if form.is_bound else 200)


def _own(request: AgentRequest, reply_id: int) -> SavedReply:
    access.require(request.user, access.REPLY)
    found = SavedReply.objects.filter(owner=request.user, pk=reply_id).first()
    if found is None:
        raise Http404
    return found
