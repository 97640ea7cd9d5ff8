"""Addresses of the pages of leads, under `/inbox/leads/`, and of their REST views, under `/api/v1/`."""

from django.urls import path

from leads import views

app_name = "leads"
urlpatterns = [
    path("", views.show_list, name="list"),
    path("<int:lead_id>/", views.show_lead, name="lead"),
    path("<int:lead_id>/choose/", views.choose_conversation, name="choose"),
    path("<int:lead_id>/join/", views.join, name="join"),
    path("<int:lead_id>/part/", views.part, name="part"),
    path("<int:lead_id>/stage/", views.set_stage, name="stage"),
]
