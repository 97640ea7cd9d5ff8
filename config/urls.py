"""Where each address leads."""

from django.contrib import admin
from django.urls import include, path

from channels_tiktok.urls import webhook_urlpatterns
from config.health import healthz, readyz

urlpatterns = [
    path("admin/", admin.site.urls),
    path("channels/tiktok/", include("channels_tiktok.urls")),
    path("api/v1/", include("inbox.api.urls")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    *webhook_urlpatterns,
]
