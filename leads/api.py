"""The REST views of leads: parse, one call, render."""

from typing import Any, ClassVar, cast

import django_filters
from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.rest import RestViewSet, answers
from inbox import access
from leads import joining, staging
from leads.access import CHANGE, PERSONAL, VIEW, leads_for
from leads.identifiers import masked_answers
from leads.models import Lead


class AnswerSerializer(serializers.Serializer[Any]):
    question = serializers.CharField()
    answer = serializers.CharField(
        help_text="Phone numbers and e-mail addresses are masked without the permission"
    )


class TikTokThingSerializer(serializers.Serializer[Any]):
    """Something of TikTok's."""

    id = serializers.CharField()
    name = serializers.CharField()


class SuggestionSerializer(serializers.Serializer[Any]):
    conversation = serializers.IntegerField()
    ground = serializers.ChoiceField(Lead.Ground.choices)


class LeadSerializer(serializers.Serializer[Lead]):
    id = serializers.IntegerField()
    lead_id = serializers.CharField(source="tiktok_lead_id", help_text="TikTok's id")
    lead_source = serializers.ChoiceField(Lead.Source.choices, source="source")
    name = serializers.CharField()
    answers = serializers.SerializerMethodField()
    stage = serializers.ChoiceField(Lead.Stage.choices)
    advertiser = serializers.SerializerMethodField()
    campaign = serializers.SerializerMethodField()
    ad = serializers.SerializerMethodField()
    submitted_at = serializers.DateTimeField(help_text="TikTok's time")
    conversation = serializers.IntegerField(
        source="conversation_id", allow_null=True, help_text="What a colleague confirmed that it became"
    )
    suggestion = serializers.SerializerMethodField(help_text="What it may have become, as long as nobody said so")

    @extend_schema_field(AnswerSerializer(many=True))
    def get_answers(self, lead: Lead) -> list[dict[str, Any]]:
        return masked_answers(lead.answers, shows_all=self.context["request"].user.has_perm(PERSONAL))

    @extend_schema_field(TikTokThingSerializer)
    def get_advertiser(self, lead: Lead) -> dict[str, str]:
        return {"id": lead.ad_account.advertiser_id, "name": lead.ad_account.name}

    @extend_schema_field(TikTokThingSerializer)
    def get_campaign(self, lead: Lead) -> dict[str, str]:
        return {"id": lead.campaign_id, "name": lead.campaign_name}

    @extend_schema_field(TikTokThingSerializer)
    def get_ad(self, lead: Lead) -> dict[str, str]:
        return {"id": lead.ad_id, "name": lead.ad_name}

    @extend_schema_field(SuggestionSerializer(allow_null=True))
    def get_suggestion(self, lead: Lead) -> dict[str, Any] | None:
        return {"conversation": lead.suggested_id, "ground": lead.ground} if lead.suggested_id else None


class LeadChangeSerializer(serializers.Serializer[Any]):
    """What may be changed."""

    stage = serializers.ChoiceField(Lead.Stage.choices, required=False)
    conversation = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="What it became; null: not that one"
    )


class LeadFilters(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    stage = django_filters.ChoiceFilter(choices=Lead.Stage.choices)
    conversation = django_filters.NumberFilter(field_name="conversation_id", min_value=1)

    class Meta:
        model = Lead
        fields: ClassVar = ["stage", "conversation"]


@extend_schema_view(
    list=extend_schema(summary="List leads", responses=answers(LeadSerializer(many=True), bad_input=True))
)
class LeadViewSet(mixins.ListModelMixin, RestViewSet):
    """Lead-form submissions."""

    needs: ClassVar = {"GET": (VIEW,), "PATCH": (CHANGE,)}
    orderings: ClassVar = {"-submitted_at": "-submitted_at", "submitted_at": "submitted_at"}
    serializer_class = LeadSerializer
    filterset_class = LeadFilters
    queryset = Lead.objects.none()  # for the description; `get_queryset` says which

    def get_queryset(self) -> Any:
        return leads_for(self.request.user).select_related("ad_account")

    @extend_schema(summary="Get a lead", responses=answers(LeadSerializer))
    def retrieve(self, request: Request, lead_id: int) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=lead_id)).data)

    @extend_schema(
        summary="Change a lead's stage or conversation",
        request=LeadChangeSerializer,
        responses=answers(LeadSerializer, bad_input=True),
    )
    def partial_update(self, request: Request, lead_id: int) -> Response:
        """Change what is given; what is left out stays as it is."""
        access.require(request.user, CHANGE)
        asked = LeadChangeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        user, wanted = cast(User, request.user), asked.validated_data
        self.get_queryset().get(pk=lead_id)
        if "conversation" in wanted:
            if wanted["conversation"] is None:
                joining.part(user=user, lead_id=lead_id, at=self.at)
            else:
                joining.join(user=user, lead_id=lead_id, conversation_id=wanted["conversation"], at=self.at)
        if "stage" in wanted:
            staging.change_stage(user=user, lead_id=lead_id, stage=Lead.Stage(wanted["stage"]), at=self.at)
        return self.retrieve(request, lead_id)
