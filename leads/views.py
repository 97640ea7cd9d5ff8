"""The pages of leads: the list, one lead, and what colleagues say of it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from inbox import access
from inbox.models import Conversation
from inbox.views.agent_page import AgentRequest, agent_page
from leads import joining, staging
from leads.access import CHANGE, PERSONAL, VIEW, leads_for
from leads.identifiers import labelled, masked_answers
from leads.listing import LeadListing, page_of
from leads.models import Lead

CHOICES = 20


@require_GET
@agent_page
def show_list(request: AgentRequest) -> HttpResponse:
    """The leads with none open."""
    access.require(request.user, VIEW)
    return render(request, "leads/page.html", _list_context(request))


@require_GET
@agent_page
def show_lead(request: AgentRequest, lead_id: int) -> HttpResponse:
    """The leads with one open."""
    access.require(request.user, VIEW)
    lead = _lead(request, lead_id)
    context = {
        "lead": lead,
        "answers": labelled(masked_answers(lead.answers, shows_all=request.user.has_perm(PERSONAL))),
        "is_masked": not request.user.has_perm(PERSONAL),
        "stages": Lead.Stage.choices,
        "may_change": request.user.has_perm(CHANGE),
        "changes": lead.changes.select_related("actor").order_by("id")[:50],
    }
    return render(request, "leads/page.html", _list_context(request) | context)


@require_GET
@agent_page
def choose_conversation(request: AgentRequest, lead_id: int) -> HttpResponse:
    """Ask which conversation a lead became: those of its ad account's channels, by the customer's name."""
    access.require(request.user, CHANGE)
    lead = _lead(request, lead_id)
    words = request.GET.get("q", "").strip()[:100]
    found = access.conversations_for(request.user).prefetch_related(None)
    found = found.filter(channel__in=lead.ad_account.channels.all())
    if words:
        name = words.removeprefix("@")
        by_name = found.filter(contact__display_name__icontains=name)
        found = by_name | found.filter(contact__username__icontains=name)
    shown = found.order_by("-last_message_at", "-id")[:CHOICES]
    context = {"lead": lead, "conversations": shown, "words": words, "at": timezone.now()}
    return render(request, "leads/choose.html", context)


@require_POST
@agent_page
def join(request: AgentRequest, lead_id: int) -> HttpResponse:
    """Confirm or change which conversation a lead became."""
    wanted = request.POST.get("conversation", "")
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 18:
        return HttpResponse(status=400)
    try:
        joining.join(user=request.user, lead_id=lead_id, conversation_id=int(wanted), at=timezone.now())
    except Lead.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("Joined."))
    return _back(request, lead_id)


@require_POST
@agent_page
def part(request: AgentRequest, lead_id: int) -> HttpResponse:
    """Say that the conversation of a lead isn't the right one."""
    try:
        joining.part(user=request.user, lead_id=lead_id, at=timezone.now())
    except Lead.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("Noted: that was not the conversation."))
    return _back(request, lead_id)


@require_POST
@agent_page
def set_stage(request: AgentRequest, lead_id: int) -> HttpResponse:
    """Put a lead into a stage."""
    stage = request.POST.get("stage", "")
    if stage not in Lead.Stage.values:
        return HttpResponse(status=400)
    try:
        staging.change_stage(user=request.user, lead_id=lead_id, stage=Lead.Stage(stage), at=timezone.now())
    except Lead.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("Stage: %(stage)s.") % {"stage": Lead.Stage(stage).label})
    return _back(request, lead_id)


def _lead(request: AgentRequest, lead_id: int) -> Lead:
    beside = ("ad_account", "conversation__contact", "suggested__contact", "joined_by")
    found = leads_for(request.user).select_related(*beside).filter(pk=lead_id).first()
    if found is None:
        raise Http404
    return found


def _list_context(request: AgentRequest) -> dict[str, Any]:
    listing = LeadListing.asked_for(request.user, request.GET)
    rows, following = page_of(listing, after=request.GET.get("after", ""))
    return {"listing": listing, "rows": rows, "following": following, "place": "leads", "at": timezone.now()}


def _back(request: AgentRequest, lead_id: int) -> HttpResponse:
    """To where it was done: the conversation, or the lead."""
    wanted = request.POST.get("back", "")
    if wanted.isascii() and wanted.isdigit() and Conversation.objects.filter(pk=wanted[:18]).exists():
        return redirect("inbox:conversation", int(wanted[:18]))
    return redirect("leads:lead", lead_id)
