"""The REST views of conversations and messages: parse, one call, render."""

import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response

from channels_tiktok.models import Channel
from config.rest import Conflict, RestViewSet, answers
from inbox import access, files, images, posts, questions, reading, sending, working
from inbox.api import idempotency
from inbox.api.changes import ConversationChangeSerializer
from inbox.api.errors import refusals_answered
from inbox.api.filters import ConversationFilters
from inbox.api.serializers import (
    Companions,
    ConversationSerializer,
    MessageSerializer,
    NewReplySerializer,
    PostSerializer,
)
from inbox.models import Conversation, Message


@extend_schema_view(
    list=extend_schema(
        summary="List conversations", responses=answers(ConversationSerializer(many=True), bad_input=True)
    )
)
class ConversationViewSet(mixins.ListModelMixin, RestViewSet):
    """Conversations that you may see."""

    needs: ClassVar = {
        "GET": (access.VIEW,),
        "POST": (access.VIEW,),
        "PATCH": (access.CHANGE, access.ASSIGN, access.LABEL),
    }
    orderings: ClassVar = {
        "-last_message_at": "-last_message_at",
        "last_message_at": "last_message_at",
        "closes_at": "window_closes_at",
    }
    serializer_class = ConversationSerializer
    filterset_class = ConversationFilters

    def get_queryset(self) -> Any:
        return access.conversations_for(self.request.user)

    @extend_schema(summary="Get a conversation", responses=answers(ConversationSerializer))
    def retrieve(self, request: Request, conversation_id: int) -> Response:
        conversation = access.get_conversation_for(request.user, conversation_id)
        return Response(self.get_serializer(conversation).data)

    @extend_schema(
        summary="Change status, assignee, team or labels",
        request=ConversationChangeSerializer,
        responses=answers(ConversationSerializer, bad_input=True),
    )
    def partial_update(self, request: Request, conversation_id: int) -> Response:
        """Make all the given changes, or none. What is left out stays as it is."""
        access.conversations_for(request.user).get(pk=conversation_id)
        asked = ConversationChangeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        with refusals_answered():
            working.change(user=request.user, conversation_id=conversation_id, at=self.at, **asked.validated_data)
        return self.retrieve(request, conversation_id)

    @extend_schema(summary="Mark as seen", request=None, responses=answers(ConversationSerializer))
    def mark_seen(self, request: Request, conversation_id: int) -> Response:
        """You have seen everything in it so far. Each person has their own mark."""
        conversation = access.get_conversation_for(request.user, conversation_id)
        access.mark_seen(user=_person(request), conversation=conversation)
        return self.retrieve(request, conversation_id)

    @extend_schema(summary="Mark as unread", request=None, responses=answers(ConversationSerializer))
    def mark_unread(self, request: Request, conversation_id: int) -> Response:
        """The customer's last message counts as unread again, for you alone."""
        conversation = access.get_conversation_for(request.user, conversation_id)
        reading.mark_unread_for(user=_person(request), conversation=conversation)
        return self.retrieve(request, conversation_id)


def _person(request: Request) -> User:
    assert isinstance(request.user, User)  # the permissions let nobody else in
    return request.user


class MessageViewSet(RestViewSet):
    """The messages of a conversation. Nothing here can be edited or deleted: neither can it on TikTok."""

    needs: ClassVar = {"GET": (access.VIEW,), "POST": (access.REPLY,)}
    orderings: ClassVar = {"-occurred_at": "-occurred_at", "occurred_at": "occurred_at"}
    serializer_class = MessageSerializer
    filter_backends = ()

    @extend_schema(summary="List messages", responses=answers(MessageSerializer(many=True), bad_input=True))
    def list(self, request: Request, conversation_id: int) -> Response:
        conversation = access.get_conversation_for(request.user, conversation_id)
        page = self.paginate_queryset(_messages_of(conversation)) or []
        return self.get_paginated_response(self._shown(page, conversation))

    @extend_schema(summary="Get a message", responses=answers(MessageSerializer))
    def retrieve(self, request: Request, conversation_id: int, message_id: int) -> Response:
        conversation = access.get_conversation_for(request.user, conversation_id)
        message = _messages_of(conversation).get(pk=message_id)
        return Response(self._shown([message], conversation)[0])

    @extend_schema(
        summary="Reply",
        request=NewReplySerializer,
        responses=answers(MessageSerializer, bad_input=True, success=status.HTTP_201_CREATED, conflict=True),
        parameters=[
            OpenApiParameter(
                idempotency.HEADER,
                {"type": "string", "maxLength": idempotency.LONGEST_KEY},
                OpenApiParameter.HEADER,
                description="Repeat the request with the same key as often as you like: it makes one message.",
            ),
            OpenApiParameter(
                "Idempotent-Replayed",
                {"type": "string", "enum": ["true"]},
                OpenApiParameter.HEADER,
                response=[status.HTTP_201_CREATED],
                description="The message was made by an earlier request with this key.",
            ),
        ],
    )
    def create(self, request: Request, conversation_id: int) -> Response:
        """Queue a text, an image, a question or a post. It is handed to TikTok at once, or at `send_at`."""
        conversation = access.get_conversation_for(request.user, conversation_id, permission=access.REPLY)
        key = idempotency.checked_key(request.headers.get(idempotency.HEADER))
        asked = NewReplySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        text, send_at, quoted = wanted.get("text", ""), wanted.get("send_at"), wanted.get("quoted")
        asks, post_id = wanted.get("question"), wanted.get("post", "")
        image = wanted["image"].read(images.LARGEST_FILE + 1) if "image" in wanted else None

        def reply() -> Message:
            return sending.queue_reply(
                user=request.user,
                conversation_id=conversation_id,
                text=text,
                image=image,
                question=questions.checked(**asks) if asks else None,
                post_id=post_id,
                quoted_id=quoted,
                at=self.at,
                deliver_at=send_at,
            )

        with refusals_answered():
            message, replayed = idempotency.once(
                user=request.user,
                key=key,
                fingerprint=idempotency.fingerprint(
                    conversation=conversation_id,
                    text=text,
                    image=hashlib.sha256(image).hexdigest() if image is not None else None,
                    quoted=quoted,
                    send_at=send_at,
                    **({"question": asks} if asks else {}),
                    **({"post": post_id} if post_id else {}),
                ),
                at=self.at,
                make=reply,
            )
        headers = {"Idempotent-Replayed": "true"} if replayed else None
        return Response(self._shown([message], conversation)[0], status.HTTP_201_CREATED, headers=headers)

    def _shown(self, messages: Sequence[Message], conversation: Conversation) -> Any:
        context = {**self.get_serializer_context(), "companions": Companions.of(messages, conversation)}
        serializer: Any = MessageSerializer(messages, many=True, context=context)  # type: ignore[arg-type]
        return serializer.data


def _messages_of(conversation: Conversation) -> Any:
    return conversation.messages.select_related("author").prefetch_related("attachments")


class PostViewSet(RestViewSet):
    """The posts of a channel's own account, as TikTok listed them last."""

    needs: ClassVar = {"GET": (access.VIEW,)}
    orderings: ClassVar = {"-posted_at": "-posted_at", "posted_at": "posted_at"}
    serializer_class = PostSerializer
    filter_backends = ()

    @extend_schema(
        summary="List a channel's posts",
        responses=answers(PostSerializer(many=True), bad_input=True, conflict=True),
        parameters=[OpenApiParameter("q", str, description="Words of the caption")],
    )
    def list(self, request: Request, channel_id: int) -> Response:
        """What is known now; when that is a minute old, TikTok is asked anew for the next request."""
        channel = access.channels_for(request.user).get(pk=channel_id)
        if missing := posts.missing_permission(channel):
            raise Conflict("permission_missing", missing)
        if channel.status == Channel.Status.CONNECTED:
            posts.have_read(channel, at=self.at)
        page = self.paginate_queryset(posts.posts_of(channel, words=request.query_params.get("q", "")))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class AttachmentViewSet(RestViewSet):
    """Our copies of pictures and videos."""

    needs: ClassVar = {"GET": (access.VIEW,)}
    pagination_class = None  # type: ignore[assignment]  # there is no list
    filter_backends = ()

    @extend_schema(summary="Get a picture or video as it was sent", responses=answers(OpenApiTypes.BINARY))
    def retrieve(self, request: Request, attachment_id: int) -> Any:
        return self._file(request, attachment_id, as_thumbnail=False)

    @extend_schema(summary="Get a picture's small copy", responses=answers(OpenApiTypes.BINARY))
    def thumbnail(self, request: Request, attachment_id: int) -> Any:
        return self._file(request, attachment_id, as_thumbnail=True)

    def _file(self, request: Request, attachment_id: int, *, as_thumbnail: bool) -> Any:
        attachment = access.get_attachment_for(request.user, attachment_id)
        return files.answer_attachment(request, attachment, as_thumbnail=as_thumbnail)
