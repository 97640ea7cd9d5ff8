"""The REST views of reports: parse, one call, render."""

from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from channels_tiktok.api import StoredSentenceField
from config.rest import Conflict, RestViewSet, answers
from inbox import access
from spamreports import reporting
from spamreports.models import LowerFunnelEvent, SpamReport
from spamreports.reporting import LONGEST_COMMENT
from spamreports.showing import VIEW


class NewSpamReportSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(SpamReport.Reason.choices)
    comment = serializers.CharField(
        required=False, allow_blank=True, max_length=LONGEST_COMMENT, help_text="For colleagues; TikTok gets none"
    )


class SpamReportSerializer(serializers.Serializer[SpamReport]):
    id = serializers.IntegerField()
    conversation = serializers.IntegerField(source="conversation_id")
    contact = serializers.IntegerField(source="contact_id")
    advertiser_id = serializers.CharField(source="ad_account.advertiser_id")
    reason = serializers.ChoiceField(SpamReport.Reason.choices)
    comment = serializers.CharField()
    state = serializers.ChoiceField(
        LowerFunnelEvent.State.choices, source="event.state", help_text="What became of it at TikTok"
    )
    detail = StoredSentenceField(source="event.reason", help_text="Why it was not sent or refused, in words")
    request_id = serializers.CharField(source="event.request_id", help_text="TikTok's, once it was accepted")
    reported_by = serializers.SerializerMethodField()
    reported_at = serializers.DateTimeField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_reported_by(self, report: SpamReport) -> str | None:
        return str(report.reported_by.get_username()) if report.reported_by else None


@extend_schema_view(
    list=extend_schema(
        summary="List spam reports", responses=answers(SpamReportSerializer(many=True), bad_input=True)
    )
)
class SpamReportViewSet(mixins.ListModelMixin, RestViewSet):
    """Contacts that were reported as spam to TikTok Ads."""

    needs: ClassVar = {"GET": (VIEW,), "POST": (reporting.REPORT,)}
    orderings: ClassVar = {"-reported_at": "-reported_at", "reported_at": "reported_at"}
    serializer_class = SpamReportSerializer
    filter_backends = ()
    queryset = SpamReport.objects.none()  # for the description; `get_queryset` says which

    def get_queryset(self) -> Any:
        reports = SpamReport.objects.filter(contact__channel__in=access.channels_for(self.request.user))
        return reports.select_related("ad_account", "event", "reported_by")

    @extend_schema(summary="Get the report of a conversation's contact", responses=answers(SpamReportSerializer))
    def retrieve(self, request: Request, conversation_id: int) -> Response:
        conversation = access.get_conversation_for(request.user, conversation_id)
        report = self.get_queryset().filter(contact=conversation.contact_id).order_by("-id").first()
        if report is None:
            raise SpamReport.DoesNotExist
        return Response(self.get_serializer(report).data)

    @extend_schema(
        summary="Report a conversation's contact as spam",
        request=NewSpamReportSerializer,
        responses=answers(SpamReportSerializer, bad_input=True, success=status.HTTP_201_CREATED, conflict=True),
    )
    def create(self, request: Request, conversation_id: int) -> Response:
        """Report once. It is delivered in the background; `state` says what became of it."""
        access.get_conversation_for(request.user, conversation_id)
        asked = NewSpamReportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            made = reporting.report(
                user=cast(User, request.user),
                conversation_id=conversation_id,
                reason=SpamReport.Reason(asked.validated_data["reason"]),
                comment=asked.validated_data.get("comment", ""),
                at=self.at,
            )
        except reporting.ReportRefused as refusal:
            raise Conflict(refusal.code, refusal.sentence) from refusal
        return Response(self.get_serializer(made).data, status.HTTP_201_CREATED)
