"""The addresses of message links under `/api/v1/`."""

from django.urls import path

from messagelinks.api import MessageLinkViewSet

app_name = "messagelinks-api"

urlpatterns = [
    path("message-links/", MessageLinkViewSet.as_view({"get": "list", "post": "create"}), name="message-links"),
    path(
        "message-links/<int:link_id>/",
        MessageLinkViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="message-link",
    ),
]
