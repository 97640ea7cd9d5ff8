"""Where each address leads."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from channels_tiktok.urls import webhook_urlpatterns
from config.health import healthz, readyz
from inbox.forms import LoginForm


def favicon(request: HttpRequest) -> HttpResponse:
    """Lead who asks for this by habit to our icon, whatever name it was collected under."""
    return HttpResponseRedirect(static("icons/reply48.svg"))


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="inbox:list")),
    path("inbox/leads/", include("leads.urls")),
    path("inbox/", include("spamreports.urls")),
    path("inbox/", include("inbox.urls")),
    path(
        "login/",
        LoginView.as_view(
            template_name="login.html", authentication_form=LoginForm, redirect_authenticated_user=True
        ),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("channels/tiktok/", include("channels_tiktok.urls")),
    path("api/v1/", include("leads.api_urls")),
    path("api/v1/", include("spamreports.api_urls")),
    path("api/v1/", include("inbox.api.urls")),
    path("favicon.ico", favicon),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    *webhook_urlpatterns,
]
