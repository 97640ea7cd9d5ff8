"""What agents do with a conversation besides replying: note, label, snooze."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inbox import access, drafts, notes, same_person, snoozing, working
from inbox.forms import LabelsForm, SnoozeForm
from inbox.listing import Listing
from inbox.models import Conversation
from inbox.people import assignable
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script
from inbox.views.changes import answered
from inbox.views.live import render_changes
from inbox.views.pages import render_conversation


@require_POST
@agent_page
def add_note(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Add a note, or say why not and keep the text."""
    text = request.POST.get("text", "")
    try:
        notes.add(
            user=request.user, conversation_id=conversation_id, text=text, at=timezone.now(), ends_draft=True
        )
    except working.BadChange as error:
        if asked_by_script(request):
            return render_changes(request, request.POST, status=422, note_error=error.sentence)
        return render_conversation(
            request, conversation_id, note_text=text, note_error=error.sentence, mode="note", status=422
        )
    if asked_by_script(request):
        return answered(request, conversation_id, note_error="")
    back = Listing.asked_for(request.user, request.GET).query
    address = reverse("inbox:conversation", args=[conversation_id]) + back
    return redirect(f"{address}{'&' if back else '?'}mode=note")  # the mode never changes by itself


@require_POST
@agent_page
def save_note_draft(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Keep what stands in the box for a note."""
    text = request.POST.get("text", "")
    drafts.save_note(user=request.user, conversation_id=conversation_id, text=text, at=timezone.now())
    return HttpResponse(status=204)


@require_GET
@agent_page
def show_colleagues(request: AgentRequest) -> HttpResponse:
    """Whom a note can name, as the options of a list."""
    access.require(request.user, access.VIEW)
    return render(request, "inbox/_colleagues.html", {"colleagues": assignable()})


@require_http_methods(["GET", "POST"])
@agent_page
def set_labels(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Choose the labels of a conversation; GET asks which."""
    conversation = access.get_conversation_for(request.user, conversation_id, permission=access.LABEL)
    asked = request.POST if request.method == "POST" else None
    form = LabelsForm(asked, initial={"labels": conversation.labels.all()})
    if form.is_valid():
        labels, at = form.cleaned_data["labels"], timezone.now()
        working.set_labels(user=request.user, conversation_id=conversation_id, labels=labels, at=at)
        return answered(request, conversation_id)
    return _dialog(request, "labels", conversation, form=form, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@agent_page
def snooze(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Let a conversation sleep, after a warning if its window closes meanwhile; GET asks until when."""
    conversation = access.get_conversation_for(request.user, conversation_id, permission=access.CHANGE)
    at = timezone.now()
    form = SnoozeForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "at": at}
    if form.is_valid():
        until = form.cleaned_data["until"]
        is_past_close = snoozing.sleeps_past_close(conversation, until=until, at=at)
        if is_past_close and "anyway" not in request.POST:
            context["warned_of"] = until
            context["before_close"] = snoozing.wakes_before_close(conversation, at=at)
            return _dialog(request, "snooze", conversation, status=422, **context)
        try:
            working.change_status(
                user=request.user,
                conversation_id=conversation_id,
                status=Conversation.Status.SNOOZED,
                snoozed_until=until,
                at=at,
            )
        except working.BadChange as error:
            form.add_error(None, error.sentence)
        else:
            return answered(request, conversation_id)
    context["choices"] = snoozing.choices(conversation, at=at)
    return _dialog(request, "snooze", conversation, status=422 if form.is_bound else 200, **context)


@require_GET
@agent_page
def show_others(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """The other conversations of the same person."""
    conversation = access.get_conversation_for(request.user, conversation_id)
    others = same_person.other_conversations(request.user, conversation)[: same_person.SHOWN]
    return _dialog(request, "others", conversation, others=others, at=timezone.now())


def _dialog(
    request: AgentRequest, name: str, conversation: Conversation, *, status: int = 200, **context: Any
) -> HttpResponse:
    """What belongs into a dialog; without the page's script, a page around it."""
    listing = Listing.asked_for(request.user, request.GET)
    context |= {"conversation": conversation, "listing": listing, "piece": f"inbox/_{name}_form.html"}
    template = context["piece"] if asked_by_script(request) else "inbox/dialog_page.html"
    return render(request, template, context, status=status)
