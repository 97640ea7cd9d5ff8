"""The REST views of saved views: parse, one call, render."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from config.rest import RestViewSet, answers
from inbox import access, saved_views
from inbox.api.errors import refusals_answered
from inbox.api.serializers import PersonSerializer
from inbox.listing import Sort
from inbox.models import SavedView


class SavedViewSerializer(serializers.Serializer[SavedView]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    query = serializers.CharField(help_text="A search, as `q` of `conversations/` takes it")
    sort = serializers.CharField(help_text="How the inbox orders it: `closing`, `newest`, `waiting`, or empty")
    shared = serializers.BooleanField(source="is_shared", help_text="Whether everybody sees it")
    owner = PersonSerializer()


class NewSavedViewSerializer(serializers.Serializer[SavedView]):
    # The rules about them are `inbox.saved_views`'s: the pages keep to them too.
    name = serializers.CharField(allow_blank=True)
    query = serializers.CharField(allow_blank=True)
    sort = serializers.ChoiceField(Sort.choices, required=False, allow_blank=True)
    shared = serializers.BooleanField(
        source="is_shared", required=False, help_text="Needs the permission `inbox.share_savedview`"
    )


@extend_schema_view(
    list=extend_schema(
        summary="List saved views", responses=answers(SavedViewSerializer(many=True), bad_input=True)
    )
)
class SavedViewViewSet(mixins.ListModelMixin, RestViewSet):
    """Searches with a name: your own, and those that others share."""

    needs: ClassVar = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), (access.VIEW,))
    serializer_class = SavedViewSerializer
    filter_backends = ()

    def get_queryset(self) -> Any:
        return saved_views.visible_to(self.request.user)

    @extend_schema(summary="Get a saved view", responses=answers(SavedViewSerializer))
    def retrieve(self, request: Request, view_id: int) -> Response:
        return Response(SavedViewSerializer(self.get_queryset().get(pk=view_id)).data)

    @extend_schema(
        summary="Save a view",
        request=NewSavedViewSerializer,
        responses=answers(SavedViewSerializer, bad_input=True, success=status.HTTP_201_CREATED),
    )
    def create(self, request: Request) -> Response:
        asked = NewSavedViewSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals_answered():
            view = saved_views.save(user=request.user, **asked.validated_data)  # type: ignore[arg-type]
        return Response(SavedViewSerializer(view).data, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Rename, change or share a saved view",
        request=NewSavedViewSerializer,
        responses=answers(SavedViewSerializer, bad_input=True),
    )
    def partial_update(self, request: Request, view_id: int) -> Response:
        """What is left out stays as it is."""
        asked = NewSavedViewSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        with refusals_answered():
            view = saved_views.change(user=request.user, view_id=view_id, **asked.validated_data)  # type: ignore[arg-type]
        return Response(SavedViewSerializer(view).data)

    @extend_schema(summary="Remove a saved view", responses=answers(None, success=status.HTTP_204_NO_CONTENT))
    def destroy(self, request: Request, view_id: int) -> Response:
        saved_views.remove(user=request.user, view_id=view_id)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)
