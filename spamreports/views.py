"""The pages of reports: the dialog that reports a contact, and the exclusion list."""

import csv
import io

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from inbox import access
from inbox.listing import Listing
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script
from inbox.views.live import render_changes
from spamreports import excluding, reporting
from spamreports.forms import ReportForm
from spamreports.models import SpamReport
from spamreports.showing import VIEW


@require_http_methods(["GET", "POST"])
@agent_page
def report(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Report the contact of a conversation; GET asks why, and says what happens."""
    conversation = access.get_conversation_for(request.user, conversation_id)
    access.require(request.user, reporting.REPORT)
    form, refusal, status = ReportForm(request.POST or None), "", 200
    if form.is_bound and form.is_valid():
        try:
            reporting.report(
                user=request.user,
                conversation_id=conversation_id,
                reason=SpamReport.Reason(form.cleaned_data["reason"]),
                comment=form.cleaned_data["comment"],
                at=timezone.now(),
            )
        except reporting.ReportRefused as error:
            if asked_by_script(request):  # said beside the composer, and the dialog closes
                return render_changes(request, request.POST, error=error.sentence)
            refusal, status = error.sentence, 409
        else:
            if asked_by_script(request):
                return render_changes(request, request.POST)
            messages.success(request, _("Reported."))
            return redirect("inbox:conversation", conversation_id)
    elif form.is_bound:
        status = 422
    context = {
        "conversation": conversation,
        "form": form,
        "refusal": refusal,
        "ready": reporting.readiness(conversation, reporting.serving(conversation)),
        "listing": Listing.asked_for(request.user, request.GET),
    }
    template = "spamreports/_report.html" if asked_by_script(request) else "spamreports/report.html"
    return render(request, template, context, status=status)


@require_GET
@agent_page
def show_reported(request: AgentRequest) -> HttpResponse:
    """The exclusion list."""
    access.require(request.user, VIEW)
    shown, following = excluding.page_of(
        channels=access.channels_for(request.user), after=request.GET.get("after", "")
    )
    context = {"shown": shown, "following": following, "place": "reported", "at": timezone.now()}
    return render(request, "spamreports/list.html", context)


@require_GET
@agent_page
def export_reported(request: AgentRequest) -> HttpResponse:
    """The exclusion list as CSV."""
    access.require(request.user, VIEW)
    out = io.StringIO()
    csv.writer(out).writerows(excluding.rows(channels=access.channels_for(request.user)))
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="exclusions.csv"'
    return response
