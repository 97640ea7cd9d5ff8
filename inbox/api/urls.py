"""The addresses under `/api/v1/`."""

from django.urls import path, re_path

from channels_tiktok.api import ChannelViewSet
from config.rest import NothingHere
from inbox.api.saved_views import SavedViewViewSet
from inbox.api.schema import DocsView, SchemaView
from inbox.api.views import AttachmentViewSet, ConversationViewSet, MessageViewSet

app_name = "api"

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    path("channels/", ChannelViewSet.as_view({"get": "list"}), name="channels"),
    path(
        "channels/<int:channel_id>/",
        ChannelViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="channel",
    ),
    path("conversations/", ConversationViewSet.as_view({"get": "list"}), name="conversations"),
    path(
        "conversations/<int:conversation_id>/",
        ConversationViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="conversation",
    ),
    path(
        "conversations/<int:conversation_id>/messages/",
        MessageViewSet.as_view({"get": "list", "post": "create"}),
        name="messages",
    ),
    path(
        "conversations/<int:conversation_id>/messages/<int:message_id>/",
        MessageViewSet.as_view({"get": "retrieve"}),
        name="message",
    ),
    path("attachments/<int:attachment_id>/", AttachmentViewSet.as_view({"get": "retrieve"}), name="attachment"),
    path(
        "attachments/<int:attachment_id>/thumbnail/",
        AttachmentViewSet.as_view({"get": "thumbnail"}),
        name="thumbnail",
    ),
    path("saved-views/", SavedViewViewSet.as_view({"get": "list", "post": "create"}), name="saved-views"),
    path(
        "saved-views/<int:view_id>/",
        SavedViewViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="saved-view",
    ),
    re_path(r"", NothingHere.as_view()),
]
