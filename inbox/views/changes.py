"""What agents do on the pages: reply, mark as seen, close, assign.

With the page's script each answer holds the pieces that changed; without it, a redirect back.
"""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, HttpResponseLocation

from inbox import access, drafts, presence, reading, sending, telling, timeline, working, workspace
from inbox.forms import AssignForm, StatusForm
from inbox.listing import Listing, counts_cursor_and_views, counts_of, next_after, with_matches
from inbox.models import Conversation, Message
from inbox.refusals import BadReply
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script
from inbox.views.live import CURSOR_HEADER, render_changes
from inbox.views.pages import render_conversation
from inbox.windows import ReplyRefused


@require_POST
@agent_page
def reply(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Queue a reply, or say why not and keep the text; with `close`, close the conversation after it."""
    text, at = request.POST.get("text", ""), timezone.now()
    try:
        deliver_at = _chosen_time(request, at=at) if "schedule" in request.POST else None
    except BadReply as error:
        return _refused(request, conversation_id, text=text, sentence=error.sentence, status=422)
    sentence, status, more = queued(
        request,
        conversation_id,
        text=text,
        image=request.FILES.get("image"),
        quoted_id=_number(request.POST.get("quoted")),
        deliver_at=deliver_at,
        ends_draft=True,
    )
    if sentence:
        return _refused(request, conversation_id, text=text, sentence=sentence, status=status, **more)
    presence.stop_typing(user=request.user, conversation_id=conversation_id)
    if "close" in request.POST and request.user.has_perm(access.CHANGE):
        closed = Conversation.Status.CLOSED
        working.change_status(user=request.user, conversation_id=conversation_id, status=closed, at=at)
    return answered(request, conversation_id, error="")


def queued(request: AgentRequest, conversation_id: int, **reply: Any) -> tuple[str, int, dict[str, Any]]:
    """Queue a reply from a page, after the time for an undo. Give why not, in words (empty if it was), and how
    that is answered: the HTTP status, and what the template is told besides."""
    try:
        sending.queue_replies(
            user=request.user,
            conversation_id=conversation_id,
            at=timezone.now(),
            held_for=workspace.undo_delay_of(request.user),
            newest_seen=None if "anyway" in request.POST else _number(request.POST.get("newest")),
            **reply,
        )
    except BadReply as error:
        return error.sentence, 422, {}
    except ReplyRefused as error:
        return error.sentence, 409, {}
    except sending.Overtaken as error:
        return error.sentence, 409, {"may_send_anyway": True}
    return "", 200, {}


@require_POST
@agent_page
def cancel(request: AgentRequest, message_id: int) -> HttpResponse:
    """Take a reply back that TikTok doesn't have yet; its text becomes the draft again if there is none."""
    message, at = _message(message_id), timezone.now()
    conversation = access.get_conversation_for(request.user, message.conversation_id, permission=access.REPLY)
    if not sending.cancel_reply(user=request.user, message_id=message_id, at=at, with_its_other_half=True):
        too_late = _("It was too late to take this back: TikTok may have it already.")
        return _refused(request, conversation.pk, text=None, sentence=too_late, status=409)
    text = sending.text_of_press(message)
    if text and not drafts.text_of(request.user, conversation):
        drafts.save(user=request.user, conversation_id=conversation.pk, text=text, at=at)
    return answered(request, conversation.pk, error="", taken_back=text)


@require_POST
@agent_page
def send_again(request: AgentRequest, message_id: int) -> HttpResponse:
    """Say anew what failed or was never confirmed."""
    conversation_id = _message(message_id).conversation_id
    try:
        sending.send_again(user=request.user, message_id=message_id, at=timezone.now())
    except BadReply as error:
        return _refused(request, conversation_id, text=None, sentence=error.sentence, status=422)
    except ReplyRefused as error:
        return _refused(request, conversation_id, text=None, sentence=error.sentence, status=409)
    return answered(request, conversation_id, error="")


@require_POST
@agent_page
def save_draft(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Keep what stands in the box; with `typing`, the customer may see that somebody types."""
    at, text = timezone.now(), request.POST.get("text", "")
    changed = drafts.save(user=request.user, conversation_id=conversation_id, text=text, at=at)
    cursor = timeline.cursor_now()  # before the row is read: what happens afterwards has a higher number
    conversation = access.get_conversation_for(request.user, conversation_id)
    if "typing" in request.POST and text.strip():
        telling.somebody_types(user=request.user, conversation=conversation, at=at)
    if not changed:
        return HttpResponse(status=204)
    listing = Listing.asked_for(request.user, request.POST)
    context = {
        "listing": listing,
        "rows": with_matches(listing, [conversation]),
        "at": at,
        "open_id": conversation_id,
    }
    response = render(request, "inbox/_rows_again.html", context)
    response[CURSOR_HEADER] = str(cursor)
    return response


@require_POST
@agent_page
def mark_seen(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Remember that this agent has seen the customer's messages, as many as their page showed."""
    conversation = access.get_conversation_for(request.user, conversation_id)
    shown = request.POST.get("inbound", "")
    if shown.isdecimal():
        conversation.inbound_count = min(conversation.inbound_count, int(shown))
    is_news = bool(conversation.unread_count)  # type: ignore[attr-defined]  # annotated in inbox.access
    access.mark_seen(user=request.user, conversation=conversation)
    if is_news:
        telling.somebody_read(conversation=conversation)
    return _row_again(request, conversation_id)


@require_POST
@agent_page
def mark_unread(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Count the customer's last message as unread again, for this agent."""
    conversation = access.get_conversation_for(request.user, conversation_id)
    reading.mark_unread_for(user=request.user, conversation=conversation)
    return _row_again(request, conversation_id)


def _row_again(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """The conversation's row and the counts, after this agent's own mark moved."""
    if not asked_by_script(request):
        return redirect("inbox:conversation", conversation_id)
    at = timezone.now()
    listing = Listing.asked_for(request.user, request.POST)
    counts, cursor, saved = counts_cursor_and_views(request.user, at=at)
    found = access.conversations_for(request.user).prefetch_related(None).filter(pk=conversation_id)
    # A row that is no longer in the view "Unread" stays until the list is loaded anew: it is being worked on.
    context = {
        "listing": listing,
        "saved": saved,
        "saved_counts": counts_of(saved, request.user),
        "counts": counts,
        "rows": with_matches(listing, found),
        "at": at,
        "open_id": conversation_id,
    }
    response = render(request, "inbox/_seen.html", context)
    response[CURSOR_HEADER] = str(cursor)
    return response


@require_POST
@agent_page
def set_status(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Close or reopen a conversation; with `next`, go on to the next one of the list one came from."""
    form = StatusForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=400)
    at, status = timezone.now(), Conversation.Status(form.cleaned_data["status"])
    listing = Listing.asked_for(request.user, request.POST if asked_by_script(request) else request.GET)
    before = access.get_conversation_for(request.user, conversation_id, permission=access.CHANGE)
    working.change_status(user=request.user, conversation_id=conversation_id, status=status, at=at)
    if "next" not in request.POST:
        return answered(request, conversation_id)
    following = next_after(listing, before, at=at)
    if not asked_by_script(request):
        where = reverse("inbox:conversation", args=[following.pk]) if following else reverse("inbox:list")
        return redirect(where + listing.query)
    if following is None:
        return HttpResponseClientRedirect(reverse("inbox:list") + listing.query)
    address = reverse("inbox:conversation", args=[following.pk]) + listing.query
    return HttpResponseLocation(address, target="#conversation", swap="outerHTML")


@require_http_methods(["GET", "POST"])
@agent_page
def assign(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Give a conversation to a person, a team, or nobody; GET asks whom."""
    conversation = access.get_conversation_for(request.user, conversation_id, permission=access.ASSIGN)
    form = AssignForm(request.POST or None, conversation=conversation)
    if request.method == "POST" and form.is_valid():
        working.change(user=request.user, conversation_id=conversation_id, at=timezone.now(), **form.changes())
        return answered(request, conversation_id)
    template = "inbox/_assign_form.html" if asked_by_script(request) else "inbox/assign.html"
    listing = Listing.asked_for(request.user, request.GET)
    context = {"conversation": conversation, "form": form, "listing": listing}
    return render(request, template, context, status=422 if form.is_bound else 200)


def answered(request: AgentRequest, conversation_id: int, **context: Any) -> HttpResponse:
    """The answer to a change: with the page's script the pieces that changed, else the way back."""
    if asked_by_script(request):
        return render_changes(request, request.POST, **context)
    back = Listing.asked_for(request.user, request.GET).query
    return redirect(reverse("inbox:conversation", args=[conversation_id]) + back)


def _refused(
    request: AgentRequest, conversation_id: int, *, text: str | None, sentence: str, status: int, **context: Any
) -> HttpResponse:
    if asked_by_script(request):
        return render_changes(request, request.POST, status=status, error=sentence, **context)
    return render_conversation(request, conversation_id, text=text, error=sentence, status=status, **context)


def _message(message_id: int) -> Message:
    """A message that may not be there is treated like its conversation."""
    message = Message.objects.filter(pk=message_id).first()
    if message is None:
        raise Conversation.DoesNotExist
    return message


def _number(word: str | None) -> int | None:
    return int(word) if word and word.isascii() and word.isdigit() and len(word) < 19 else None


def _chosen_time(request: AgentRequest, *, at: datetime) -> datetime:
    """The time that was chosen: with its zone from the page's script, else in the server's zone."""
    try:
        chosen = parse_datetime(request.POST.get("send_at") or request.POST.get("send_at_local") or "")
    except ValueError:
        chosen = None
    if chosen is None:
        raise BadReply("send_at", _("Choose the day and time to send it."))
    if timezone.is_naive(chosen):
        chosen = timezone.make_aware(chosen)
    if chosen <= at:
        raise BadReply("send_at", _("That time is past. Choose a later one, or send it now."))
    return chosen
