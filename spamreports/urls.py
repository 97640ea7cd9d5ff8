"""Addresses of the pages of reports, under `/inbox/`."""

from django.urls import path

from spamreports import views

app_name = "spamreports"
urlpatterns = [
    path("reported/", views.show_reported, name="list"),
    path("reported/exclusions.csv", views.export_reported, name="export"),
    path("<int:conversation_id>/spam-report/", views.report, name="report"),
]
