"""The addresses of leads under `/api/v1/`."""

from django.urls import path

from leads.api import LeadViewSet

app_name = "leads-api"
urlpatterns = [
    path("leads/", LeadViewSet.as_view({"get": "list"}), name="leads"),
    path("leads/<int:lead_id>/", LeadViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="lead"),
]
