"""Where each address leads."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from channels_tiktok.urls import webhook_urlpatterns
from config.health import healthz, readyz
from inbox.forms import LoginForm

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="inbox:list")),
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
    path("api/v1/", include("inbox.api.urls")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    *webhook_urlpatterns,
]
