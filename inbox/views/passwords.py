"""Logging in, and everything about passwords: Django's own views, in our words and with our pages."""

from typing import Any

from axes.utils import reset
from django.contrib import messages
from django.contrib.auth import views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _

from inbox.forms import ForgottenForm, LoginForm


class LogInView(views.LoginView):
    """`/login/`; who is logged in is led on."""

    template_name = "login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True


class ForgottenView(views.PasswordResetView):
    """Ask for a letter with a link. The answer is the same whether we know the address or not."""

    template_name = "people/forgotten.html"
    form_class = ForgottenForm
    success_url = reverse_lazy("password-sent")


class SentView(views.PasswordResetDoneView):
    """The letter is on its way, if there is somebody to get it."""

    template_name = "people/sent.html"


class SetView(views.PasswordResetConfirmView):
    """Where the link of a letter leads: choose a password, and be in."""

    template_name = "people/set.html"
    success_url = reverse_lazy("inbox:list")
    post_reset_login = True
    post_reset_login_backend = "inbox.backends.PeopleBackend"

    def form_valid(self, form: Any) -> HttpResponse:
        """Whoever reads the person's mail need not wait until a lock ends."""
        reset(username=form.user.get_username())
        return super().form_valid(form)


class ChangeView(views.PasswordChangeView):
    """Change one's own password. Every other session of the person ends with it."""

    template_name = "people/change.html"
    success_url = reverse_lazy("inbox:profile")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("Your password is changed. You are logged out everywhere else."))
        return super().form_valid(form)


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """The log-in page for who tried too often (django-axes asks for it)."""
    form = LoginForm(request)
    return render(request, "login.html", {"form": form, "is_locked": True}, status=429)
