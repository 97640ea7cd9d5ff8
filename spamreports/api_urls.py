"""The addresses of reports under `/api/v1/`."""

from django.urls import path

from spamreports.api import SpamReportViewSet

app_name = "spamreports-api"
urlpatterns = [
    path(
        "conversations/<int:conversation_id>/spam-report/",
        SpamReportViewSet.as_view({"get": "retrieve", "post": "create"}),
        name="spam-report",
    ),
    path("spam-reports/", SpamReportViewSet.as_view({"get": "list"}), name="spam-reports"),
]
