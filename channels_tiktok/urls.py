"""Where we are reached: `urlpatterns` under /channels/tiktok/, `webhook_urlpatterns` at the root."""

from django.urls import path
from django.views.generic import RedirectView

from channels_tiktok import ads_views, views

app_name = "channels_tiktok"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:channels_tiktok_channel_changelist"), name="channels"),
    path("connect/", views.connect, name="connect"),
    path("<int:channel_id>/picture/", views.picture, name="picture"),
    path("callback/", views.callback, name="callback"),
    path("ads/connect/", ads_views.connect, name="connect-ads"),
    path("ads/callback/", ads_views.callback, name="ads-callback"),
]

webhook_urlpatterns = [
    path("webhooks/tiktok/", views.webhook, name="tiktok_webhook"),
    path("webhooks/tiktok/leads/", ads_views.lead_webhook, name="tiktok_lead_webhook"),
]
