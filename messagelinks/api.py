"""The REST views of message links: parse, one call, render."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from channels_tiktok.models import Channel
from config.rest import RestViewSet, answers
from inbox import access
from messagelinks import linking, listing
from messagelinks.figures import Period
from messagelinks.models import MESSAGE_LIMIT, REF_LIMIT, TITLE_LIMIT, Arrival, MessageLink


class FiguresSerializer(serializers.Serializer[Any]):
    """What customers who came did, over all time or from `from` until `until`."""

    arrived = serializers.IntegerField(
        source="figures.arrived", help_text="Conversations whose customer came by it"
    )
    conversations = serializers.IntegerField(source="figures.started", help_text="Those in which they then wrote")
    answered = serializers.SerializerMethodField(help_text="Those that a person answered")
    answered_before_closing = serializers.SerializerMethodField(help_text="Before that message's window closed")
    median_first_answer_seconds = serializers.FloatField(source="figures.median_seconds", allow_null=True)
    last_arrival_at = serializers.DateTimeField(source="figures.last_arrival_at", allow_null=True)

    def get_answered(self, one: Any) -> int:
        return cast(int, one.figures.count("answered"))

    def get_answered_before_closing(self, one: Any) -> int:
        return cast(int, one.figures.count("intime"))


class LinkVersionSerializer(FiguresSerializer):
    number = serializers.IntegerField(source="version.number", help_text="1 for the first one")
    is_current = serializers.BooleanField(source="version.is_current")
    ref = serializers.CharField(source="version.ref")
    message = serializers.CharField(source="version.message")
    url = serializers.CharField(help_text="With the account's present username")
    former_url = serializers.CharField(
        help_text="Of copies with the account's former username; empty if it's the same"
    )
    made_at = serializers.DateTimeField(source="version.made_at")
    is_rejected = serializers.BooleanField(help_text="TikTok rejected the text: customers find an empty input")


class MessageLinkSerializer(FiguresSerializer):
    id = serializers.IntegerField(source="link.pk")
    channel = serializers.IntegerField(source="link.channel_id")
    title = serializers.CharField(source="link.title", help_text="Customers never see it")
    ref = serializers.CharField(source="current.version.ref")
    message = serializers.CharField(source="current.version.message")
    url = serializers.CharField(source="current.url", help_text="What to share")
    former_url = serializers.CharField(
        source="current.former_url",
        help_text="Of copies with a former username; mostly empty",
    )
    is_rejected = serializers.BooleanField(
        source="current.is_rejected", help_text="TikTok rejected the text: customers find an empty input"
    )
    same_ref = serializers.ListField(
        child=serializers.CharField(), help_text="Titles of other links of the channel with the same tag"
    )
    places = serializers.CharField(source="link.places", help_text="Where it was shared, in the words of staff")
    created_at = serializers.DateTimeField(source="link.created_at")
    versions = LinkVersionSerializer(many=True, help_text="The newest first. Those that were shared go on working")


class MessageLinkChangeSerializer(serializers.Serializer[Any]):
    """What may be changed."""

    # The rules are `messagelinks.linking`'s: the admin keeps to them, too.
    title = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, help_text=f"At most {TITLE_LIMIT} characters"
    )
    ref = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text=f"Letters, digits, `-`, `_`, `=`, at most {REF_LIMIT}; may be empty",
    )
    message = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text=f"1 to {MESSAGE_LIMIT} characters, counted as Unicode code points",
    )
    places = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


class NewMessageLinkSerializer(MessageLinkChangeSerializer):
    """A link to be made."""

    channel = serializers.PrimaryKeyRelatedField(queryset=Channel.objects.all())
    title = serializers.CharField(allow_blank=True, trim_whitespace=False)
    message = serializers.CharField(allow_blank=True, trim_whitespace=False)


DAYS = [
    OpenApiParameter("from", date, description="First day whose arrivals count; every day if left out"),
    OpenApiParameter("until", date, description="Last day whose arrivals count; every day if left out"),
]


class MessageLinkViewSet(RestViewSet):
    """Links that open a chat with a channel, and what each of them brought."""

    needs: ClassVar = {
        "GET": ("messagelinks.view_messagelink",),
        "POST": ("messagelinks.add_messagelink",),
        "PATCH": ("messagelinks.change_messagelink",),
        "DELETE": ("messagelinks.delete_messagelink",),
    }
    orderings: ClassVar = {"-id": "-id"}
    serializer_class = MessageLinkSerializer
    filter_backends = ()
    queryset = MessageLink.objects.none()  # for the description; `get_queryset` says which

    def get_queryset(self) -> Any:
        return MessageLink.objects.filter(access.of_seen_channels(self.request.user))

    @extend_schema(
        summary="List message links",
        parameters=[OpenApiParameter("channel", int, description="A channel's id"), *DAYS],
        responses=answers(MessageLinkSerializer(many=True), bad_input=True),
    )
    def list(self, request: Request) -> Response:
        """The newest first."""
        links = listing.with_versions(self.get_queryset())
        channel = request.query_params.get("channel")
        if channel is not None:
            if not (channel.isascii() and channel.isdigit() and len(channel) < 19):
                raise ValidationError({"channel": [_("Give a channel's id.")]})
            links = links.filter(channel=int(channel))
        return self.get_paginated_response(self._shown(self.paginate_queryset(links) or []))

    @extend_schema(
        summary="Get a message link",
        parameters=DAYS,
        responses=answers(MessageLinkSerializer, bad_input=True),
    )
    def retrieve(self, request: Request, link_id: int) -> Response:
        return Response(self._one(link_id))

    @extend_schema(
        summary="Create a message link",
        request=NewMessageLinkSerializer,
        responses=answers(MessageLinkSerializer, success=status.HTTP_201_CREATED, bad_input=True),
    )
    def create(self, request: Request) -> Response:
        """A ref that another link has too is no error: `same_ref` names those."""
        asked = NewMessageLinkSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = dict(asked.validated_data)
        if not access.sees(request.user, wanted["channel"].pk):
            raise Channel.DoesNotExist
        places = wanted.pop("places", "")
        with _refusals_answered(), transaction.atomic():
            link = linking.create(actor=cast(User, request.user), at=self.at, **wanted)
            if places:
                linking.note_places(link=link, places=places)
        return Response(self._one(link.pk), status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a message link",
        request=MessageLinkChangeSerializer,
        responses=answers(MessageLinkSerializer, bad_input=True),
    )
    def partial_update(self, request: Request, link_id: int) -> Response:
        """Make all the given changes, or none.

        Another ref or message makes another version with another `url`; the earlier ones go on working.
        """
        link = self.get_queryset().select_related("channel").get(pk=link_id)
        asked = MessageLinkChangeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        wanted = dict(asked.validated_data)
        places = wanted.pop("places", None)
        with _refusals_answered(), transaction.atomic():
            if places is not None:
                linking.note_places(link=link, places=places)
            if wanted:
                linking.edit(link=link, actor=cast(User, request.user), at=self.at, **wanted)
        return Response(self._one(link_id))

    @extend_schema(summary="Remove a message link", responses=answers(None, success=status.HTTP_204_NO_CONTENT))
    def destroy(self, request: Request, link_id: int) -> Response:
        """It is no longer tracked, and can't be brought back. Links that were shared go on working on TikTok."""
        linking.remove(link=self.get_queryset().get(pk=link_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _one(self, link_id: int) -> Any:
        return self._shown([listing.with_versions(self.get_queryset()).get(pk=link_id)])[0]

    def _shown(self, links: Any) -> Any:
        params = self.request.query_params
        try:
            period = Period.read(f"{params.get('from', '')}..{params.get('until', '')}")
        except ValueError as error:
            raise ValidationError({"from": [str(error)]}) from error
        listed = listing.listed(links, period.of(Arrival.objects.all()))
        return MessageLinkSerializer(listed, many=True).data


@contextmanager
def _refusals_answered() -> Iterator[None]:
    try:
        yield
    except linking.LinkRefused as refusal:
        raise ValidationError({field: [sentence] for field, sentence in refusal.errors.items()}) from refusal
