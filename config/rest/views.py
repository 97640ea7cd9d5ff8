"""What every REST view is made of."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework import viewsets
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from config.rest.errors import TooLarge, answer_error
from config.rest.pagination import KeysetPagination
from config.rest.permissions import HoldsPermission


class RestViewSet(viewsets.GenericViewSet[Any]):
    """A view set whose subclass names what each method needs and how its list may be ordered."""

    needs: ClassVar[Mapping[str, tuple[str, ...]]]
    orderings: ClassVar[Mapping[str, str]] = {"id": "id"}

    permission_classes = (HoldsPermission,)
    pagination_class = KeysetPagination
    metadata_class = None  # OpenAPI describes the API; OPTIONS would say less and guess more

    @cached_property
    def at(self) -> datetime:
        """When this request is dealt with: the one time that everything in it goes by."""
        return timezone.now()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Once it is clear that the caller may, refuse to read what is too long: DRF would read any length."""
        super().initial(request, *args, **kwargs)
        timezone.activate(UTC)  # JSON tells every reader the same
        length = request.META.get("CONTENT_LENGTH") or "0"
        is_form_with_files = (request.content_type or "").startswith("multipart/")  # Django limits those itself
        if not is_form_with_files and int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge

    def get_exception_handler(self) -> Callable[..., Any]:
        return answer_error

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "at": self.at}


class NothingHere(APIView):
    """Any address under the API that leads nowhere: a program that mistyped one gets JSON, not a page."""

    permission_classes = ()
    metadata_class = None
    schema = None

    def get_exception_handler(self) -> Callable[..., Any]:
        return answer_error

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotFound(_("There is nothing at this address. Addresses end with a slash."))
