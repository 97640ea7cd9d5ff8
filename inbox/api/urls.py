"""The addresses under `/api/v1/`."""

from typing import Any

from django.urls import path, re_path

from channels_tiktok.api import ChannelViewSet
from config.rest import NothingHere
from inbox.api.saved_views import SavedViewViewSet
from inbox.api.schema import DocsView, SchemaView
from inbox.api.views import AttachmentViewSet, ConversationViewSet, MessageViewSet, PostViewSet
from inbox.api.working import LabelViewSet, NoteViewSet, SavedReplyViewSet

app_name = "api"

MANY: Any = {"get": "list", "post": "create"}
ONE: Any = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    path("channels/", ChannelViewSet.as_view({"get": "list"}), name="channels"),
    path(
        "channels/<int:channel_id>/",
        ChannelViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="channel",
    ),
    path("channels/<int:channel_id>/posts/", PostViewSet.as_view({"get": "list"}), name="posts"),
    path("conversations/", ConversationViewSet.as_view({"get": "list"}), name="conversations"),
    path(
        "conversations/<int:conversation_id>/",
        ConversationViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="conversation",
    ),
    path(
        "conversations/<int:conversation_id>/seen/",
        ConversationViewSet.as_view({"post": "mark_seen"}),
        name="seen",
    ),
    path(
        "conversations/<int:conversation_id>/unread/",
        ConversationViewSet.as_view({"post": "mark_unread"}),
        name="unread",
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
    path("conversations/<int:conversation_id>/notes/", NoteViewSet.as_view(MANY), name="notes"),
    path("labels/", LabelViewSet.as_view(MANY), name="labels"),
    path("labels/<int:label_id>/", LabelViewSet.as_view(ONE), name="label"),
    path("saved-replies/", SavedReplyViewSet.as_view(MANY), name="saved-replies"),
    path("saved-replies/<int:reply_id>/", SavedReplyViewSet.as_view(ONE), name="saved-reply"),
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
