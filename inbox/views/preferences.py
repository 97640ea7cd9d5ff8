"""What each person chooses for themselves."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inbox import shortcuts
from inbox.forms import NotificationsForm, PreferencesForm, ShortcutsForm
from inbox.models import Preferences
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script


@require_http_methods(["GET", "POST"])
@agent_page
def show_preferences(request: AgentRequest) -> HttpResponse:
    """Show and change one's own preferences."""
    form = PreferencesForm(request.POST or None, instance=Preferences.of(request.user))
    return _changed(request, form, "preferences")


@require_GET
@agent_page
def show_keys(request: AgentRequest) -> HttpResponse:
    """Which keys do what."""
    preferences = Preferences.of(request.user)
    context = {"preferences": preferences, "groups": shortcuts.overview(preferences.shortcuts)}
    return render(request, "inbox/_keys.html" if asked_by_script(request) else "inbox/keys.html", context)


@require_http_methods(["GET", "POST"])
@agent_page
def change_keys(request: AgentRequest) -> HttpResponse:
    """Choose one's own keys, take the defaults back, or switch them off."""
    preferences = Preferences.of(request.user)
    if "reset" in request.POST:
        preferences.shortcuts = {}
        preferences.save()
        messages.success(request, _("All keys are the default again."))
        return redirect("inbox:change-keys")
    return _changed(request, ShortcutsForm(request.POST or None, instance=preferences), "change-keys")


@require_http_methods(["GET", "POST"])
@agent_page
def change_notifications(request: AgentRequest) -> HttpResponse:
    """Choose what is shown, what rings, and when neither may."""
    form = NotificationsForm(request.POST or None, instance=Preferences.of(request.user))
    return _changed(request, form, "notifications")


@require_POST
@agent_page
def change_duty(request: AgentRequest) -> HttpResponse:
    """Go on or off duty, and back to where the switch was."""
    preferences = Preferences.of(request.user)
    preferences.on_duty = request.POST.get("on_duty") == "yes"
    preferences.save()
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if is_ours else "inbox:list")


def _changed(request: AgentRequest, form: Any, name: str) -> HttpResponse:
    """Save the form and show its page again, or show what is wrong with it."""
    if form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect(f"inbox:{name}")
    template = f"inbox/{name.replace('-', '_')}.html"
    return render(request, template, {"form": form}, status=422 if form.is_bound else 200)
