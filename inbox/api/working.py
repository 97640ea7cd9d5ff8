"""Notes, labels and saved replies for programs."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as BadRow
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from config.rest import RestViewSet, answers
from inbox import access, notes, saved_replies
from inbox.api.errors import refusals_answered
from inbox.api.serializers import PersonSerializer
from inbox.models import Label, Note, SavedReply

ADD_LABEL, CHANGE_LABEL, DELETE_LABEL = (f"inbox.{verb}_label" for verb in ("add", "change", "delete"))


class NoteSerializer(serializers.Serializer[Note]):
    """A colleague's words beside the messages. No customer sees it."""

    id = serializers.IntegerField(read_only=True)
    text = serializers.CharField(
        trim_whitespace=False, allow_blank=True, help_text="1–10,000 characters; `@username` names a colleague"
    )
    author = PersonSerializer(read_only=True, allow_null=True)
    mentions = serializers.SerializerMethodField(help_text="The usernames of the colleagues whom it names")
    created_at = serializers.DateTimeField(read_only=True)

    def get_mentions(self, note: Note) -> list[str]:
        return sorted(mention.person.get_username() for mention in note.mentions.all())


class NoteViewSet(RestViewSet):
    """The notes of a conversation. They are only added: nothing here changes or deletes one."""

    needs: ClassVar = {"GET": (access.VIEW,), "POST": (access.CHANGE,)}
    orderings: ClassVar = {"-created_at": "-created_at", "created_at": "created_at"}
    serializer_class = NoteSerializer
    filter_backends = ()

    @extend_schema(summary="List notes", responses=answers(NoteSerializer(many=True), bad_input=True))
    def list(self, request: Request, conversation_id: int) -> Response:
        conversation = access.get_conversation_for(request.user, conversation_id)
        page = self.paginate_queryset(_with_people(conversation.notes)) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        summary="Add a note",
        request=NoteSerializer,
        responses=answers(NoteSerializer, bad_input=True, success=status.HTTP_201_CREATED),
    )
    def create(self, request: Request, conversation_id: int) -> Response:
        """Add a note for the team. It is never sent to TikTok."""
        access.get_conversation_for(request.user, conversation_id, permission=access.CHANGE)
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        text = asked.validated_data["text"]
        with refusals_answered():
            note = notes.add(user=request.user, conversation_id=conversation_id, text=text, at=self.at)
        shown = _with_people(Note.objects).get(pk=note.pk)
        return Response(self.get_serializer(shown).data, status.HTTP_201_CREATED)


def _with_people(found: Any) -> Any:
    return found.select_related("author").prefetch_related("mentions__person")


class _CheckedSerializer(serializers.ModelSerializer[Any]):
    """A row whose own rules, in the model and its constraints, are told field by field."""

    def create(self, validated_data: dict[str, Any]) -> Any:
        model: Any = self.Meta.model
        return _stored(model(**validated_data))

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return _stored(instance)


def _stored(row: Any) -> Any:
    try:
        row.full_clean()
        with transaction.atomic():
            row.save()
    except BadRow as error:
        told = {name.replace("__all__", "non_field_errors"): said for name, said in error.message_dict.items()}
        raise serializers.ValidationError(told) from error
    except IntegrityError as error:  # somebody was faster with the same name
        raise serializers.ValidationError(
            {"non_field_errors": [_("There is one with this name already.")]}
        ) from error
    return row


class LabelSerializer(_CheckedSerializer):
    """A word in a colour that staff put on conversations."""

    class Meta:
        model = Label
        fields = ("id", "name", "colour")


@extend_schema_view(
    list=extend_schema(summary="List labels", responses=answers(LabelSerializer(many=True), bad_input=True)),
    create=extend_schema(
        summary="Make a label",
        responses=answers(LabelSerializer, bad_input=True, success=status.HTTP_201_CREATED),
    ),
    retrieve=extend_schema(summary="Get a label", responses=answers(LabelSerializer)),
    partial_update=extend_schema(
        summary="Rename or recolour a label", responses=answers(LabelSerializer, bad_input=True)
    ),
    destroy=extend_schema(summary="Delete a label", responses=answers(None, success=status.HTTP_204_NO_CONTENT)),
)
class LabelViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    RestViewSet,
):
    """The labels that conversations can wear. Deleting one takes it off all of them."""

    needs: ClassVar = {
        "GET": (access.VIEW,),
        "POST": (ADD_LABEL,),
        "PATCH": (CHANGE_LABEL,),
        "DELETE": (DELETE_LABEL,),
    }
    orderings: ClassVar = {"name": "name"}
    serializer_class = LabelSerializer
    queryset = Label.objects.all()
    filter_backends = ()
    lookup_url_kwarg = "label_id"


class SavedReplySerializer(_CheckedSerializer):
    """A text to send often: your own, or everybody's."""

    shared = serializers.BooleanField(
        source="is_shared",
        required=False,
        default=False,
        help_text="Everybody's instead of yours alone; it can't be changed later",
    )

    class Meta:
        model = SavedReply
        fields = ("id", "title", "text", "shortcut", "shared")

    def create(self, validated_data: dict[str, Any]) -> Any:
        is_shared = validated_data.pop("is_shared", False)
        user = self.context["request"].user
        if is_shared:
            access.require(user, "inbox.add_savedreply")
        return _stored(SavedReply(owner=None if is_shared else user, **validated_data))

    def update(self, instance: SavedReply, validated_data: dict[str, Any]) -> Any:
        validated_data.pop("is_shared", None)
        return super().update(instance, validated_data)


@extend_schema_view(
    list=extend_schema(
        summary="List saved replies", responses=answers(SavedReplySerializer(many=True), bad_input=True)
    ),
    create=extend_schema(
        summary="Make a saved reply",
        responses=answers(SavedReplySerializer, bad_input=True, success=status.HTTP_201_CREATED),
    ),
    retrieve=extend_schema(summary="Get a saved reply", responses=answers(SavedReplySerializer)),
    partial_update=extend_schema(
        summary="Change a saved reply", responses=answers(SavedReplySerializer, bad_input=True)
    ),
    destroy=extend_schema(
        summary="Delete a saved reply", responses=answers(None, success=status.HTTP_204_NO_CONTENT)
    ),
)
class SavedReplyViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    RestViewSet,
):
    """Your saved replies and everybody's. Whoever may reply has their own; shared ones need a permission."""

    needs: ClassVar = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), (access.REPLY,))
    orderings: ClassVar = {"title": "title"}
    serializer_class = SavedReplySerializer
    filter_backends = ()
    lookup_url_kwarg = "reply_id"

    def get_queryset(self) -> Any:
        return saved_replies.for_person(self.request.user)

    def perform_update(self, serializer: Any) -> None:
        _require_for(self.request.user, serializer.instance, "change")
        super().perform_update(serializer)

    def perform_destroy(self, instance: SavedReply) -> None:
        _require_for(self.request.user, instance, "delete")
        super().perform_destroy(instance)


def _require_for(user: Any, reply: SavedReply, verb: str) -> None:
    """One's own needs no permission; everybody's does."""
    if reply.is_shared:
        access.require(user, f"inbox.{verb}_savedreply")
