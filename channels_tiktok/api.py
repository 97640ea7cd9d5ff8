"""The REST views of channels: parse, one call, render."""

from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from channels_tiktok import connecting, visibility
from channels_tiktok.models import Channel
from config.rest import RestViewSet, answers
from config.sentences import translated


class StoredSentenceField(serializers.CharField):
    """A sentence that was stored, in the language that the caller asks for."""

    def to_representation(self, value: str) -> str:
        return translated(super().to_representation(value))


class ChannelSerializer(serializers.Serializer[Channel]):
    id = serializers.IntegerField()
    business_id = serializers.CharField(help_text="TikTok's id of the account")
    username = serializers.CharField(help_text="Without @; it can change")
    display_name = serializers.CharField(help_text="The account's name on TikTok")
    name = serializers.CharField(help_text="Our name for it; TikTok never sees it")
    status = serializers.ChoiceField(Channel.Status.choices)
    reason = StoredSentenceField(help_text="Why it is disconnected, in words; empty while it is connected")
    connected_at = serializers.DateTimeField(allow_null=True)
    last_event_at = serializers.DateTimeField(allow_null=True, help_text="Last webhook from TikTok")


class ChannelChangeSerializer(serializers.Serializer[Channel]):
    """What may be changed here."""

    # The rules about the name are `channels_tiktok.connecting`'s: pages and the admin keep to them too.
    name = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


@extend_schema_view(
    list=extend_schema(summary="List channels", responses=answers(ChannelSerializer(many=True), bad_input=True))
)
class ChannelViewSet(mixins.ListModelMixin, RestViewSet):
    """TikTok Business Accounts that are, or were, connected. Removed ones stay listed: their history does."""

    needs: ClassVar = {
        "GET": ("inbox.view_conversation", "channels_tiktok.view_channel"),
        "PATCH": ("channels_tiktok.rename_channel",),
        "DELETE": ("channels_tiktok.remove_channel",),
    }
    serializer_class = ChannelSerializer
    filter_backends = ()

    def get_queryset(self) -> Any:
        return visibility.channels_for(self.request.user)

    @extend_schema(summary="Get a channel", responses=answers(ChannelSerializer))
    def retrieve(self, request: Request, channel_id: int) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=channel_id)).data)

    @extend_schema(
        summary="Rename a channel",
        request=ChannelChangeSerializer,
        responses=answers(ChannelSerializer, bad_input=True),
    )
    def partial_update(self, request: Request, channel_id: int) -> Response:
        """Change our name for it. The name on TikTok stays."""
        channel = self.get_queryset().get(pk=channel_id)
        asked = ChannelChangeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        if "name" in asked.validated_data:
            try:
                connecting.rename(
                    channel=channel, name=asked.validated_data["name"], actor=cast(User, request.user), at=self.at
                )
            except connecting.NameRefused as error:
                raise ValidationError({"name": [error.sentence]}) from error
        return self.retrieve(request, channel_id)

    @extend_schema(summary="Remove a channel", responses=answers(None, success=status.HTTP_204_NO_CONTENT))
    def destroy(self, request: Request, channel_id: int) -> Response:
        """Revoke our access and stop listening. Its conversations stay readable."""
        connecting.remove(
            channel=self.get_queryset().get(pk=channel_id), actor=cast(User, request.user), at=self.at
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
