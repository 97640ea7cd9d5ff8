"""Where each address leads."""

from django.contrib import admin
from django.urls import include, path

from channels_tiktok.urls import webhook_urlpatterns

urlpatterns = [
    path("admin/", admin.site.urls),
    path("channels/tiktok/", include("channels_tiktok.urls")),
    *webhook_urlpatterns,
]
