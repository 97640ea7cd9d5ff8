"""The API's description of itself: OpenAPI 3, and the page that shows it."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBase
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import IsAuthenticated

from config.rest.errors import answer_error


class SchemaView(SpectacularAPIView):
    """`/api/v1/schema/`, for whoever is known here."""

    permission_classes = (IsAuthenticated,)

    def get_exception_handler(self) -> Any:
        return answer_error


class DocsView(SpectacularSwaggerSplitView):
    """`/api/v1/docs/`: Swagger UI from our own address, without inline script or style."""

    permission_classes = (IsAuthenticated,)
    url_name = "api:schema"

    def handle_exception(self, error: Exception) -> Any:
        """This is a page for people: who isn't logged in is asked to, and comes back."""
        if isinstance(error, NotAuthenticated):
            answer: HttpResponseBase = redirect_to_login(self.request.get_full_path())
            return answer
        return super().handle_exception(error)
