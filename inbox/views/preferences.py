"""What each person chooses for themselves."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from inbox.forms import PreferencesForm
from inbox.models import Preferences
from inbox.views.agent_page import AgentRequest, agent_page


@require_http_methods(["GET", "POST"])
@agent_page
def show_preferences(request: AgentRequest) -> HttpResponse:
    """Show and change one's own preferences."""
    form = PreferencesForm(request.POST or None, instance=Preferences.of(request.user))
    if form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("inbox:preferences")
    return render(
        request,
        "inbox/preferences.html",
        {"form": form},
        status=422 if form.is_bound else 200,
    )
