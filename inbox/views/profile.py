"""A person's own page: their name and picture, time zone and language, password and API token."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST
from rest_framework.authtoken.models import Token

from inbox.forms import ProfileForm
from inbox.models import Preferences
from inbox.views.agent_page import AgentRequest, agent_page


@require_http_methods(["GET", "POST"])
@agent_page
def show_profile(request: AgentRequest) -> HttpResponse:
    """Show and change one's own profile."""
    form = ProfileForm(request.POST or None, request.FILES or None, instance=Preferences.of(request.user))
    if form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("inbox:profile")
    return _page(request, form=form, status=422 if form.is_bound else 200)


@require_POST
@sensitive_variables("token")
@agent_page
def change_token(request: AgentRequest) -> HttpResponse:
    """Make a new API token, which ends the former one, or only end that. This answer alone shows a new one."""
    Token.objects.filter(user=request.user).delete()
    if "revoke" in request.POST:
        messages.success(request, _("The token is revoked: programs that use it are refused from now on."))
        return redirect("inbox:profile")
    token = Token.objects.create(user=request.user)
    return _page(request, form=ProfileForm(instance=Preferences.of(request.user)), new_token=token.key)


def _page(request: AgentRequest, *, form: ProfileForm, new_token: str = "", status: int = 200) -> HttpResponse:
    made_at = Token.objects.filter(user=request.user).values_list("created", flat=True).first()
    context = {"form": form, "token_made_at": made_at, "new_token": new_token}
    return render(request, "inbox/profile.html", context, status=status)
