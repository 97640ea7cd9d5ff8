"""The addresses that these tests need, whatever config/urls.py grows to."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path

from channels_tiktok.urls import webhook_urlpatterns

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(), name="login"),
    path("channels/tiktok/", include("channels_tiktok.urls")),
    *webhook_urlpatterns,
]
