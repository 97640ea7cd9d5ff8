"""Where each address leads."""

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from channels_tiktok.urls import webhook_urlpatterns
from config.health import healthz, readyz
from inbox.views import passwords


def favicon(request: HttpRequest) -> HttpResponse:
    """Lead who asks for this by habit to our icon, whatever name it was collected under."""
    return HttpResponseRedirect(static("icons/reply48.svg"))


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="inbox:list")),
    path("inbox/leads/", include("leads.urls")),
    path("inbox/", include("spamreports.urls")),
    path("inbox/", include("inbox.urls")),
    path("login/", passwords.LogInView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", login_required(passwords.ChangeView.as_view()), name="password-change"),
    path("password/forgotten/", passwords.ForgottenView.as_view(), name="password-forgotten"),
    path("password/sent/", passwords.SentView.as_view(), name="password-sent"),
    path("password/set/<uidb64>/<token>/", passwords.SetView.as_view(), name="password-set"),
    path("admin/", admin.site.urls),
    path("channels/tiktok/", include("channels_tiktok.urls")),
    path("api/v1/", include("messagelinks.api_urls")),
    path("api/v1/", include("leads.api_urls")),
    path("api/v1/", include("spamreports.api_urls")),
    path("api/v1/", include("inbox.api.urls")),  # the last one: it answers whatever leads nowhere
    path("favicon.ico", favicon),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    *webhook_urlpatterns,
]
