"""Every error of the REST API, in one shape that programs can rely on.

400 is `{field: [sentence, …]}` with `non_field_errors` for what belongs to no field. Everything else is
`{code, detail}`: a word for programs, a sentence for people. docs/api.md lists the codes.
"""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig
from django.core.signals import got_request_exception
from django.utils.log import log_response
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler


class Conflict(exceptions.APIException):
    """409: well asked, but the rules or the state of things don't allow it."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, code)


class TooLarge(exceptions.APIException):
    """413: more than we are willing to read."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = gettext_lazy("The request is too large.")
    default_code = "too_large"


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: give the response for `error`."""
    if isinstance(error, ObjectDoesNotExist):
        error = exceptions.NotFound()
    elif isinstance(error, RequestDataTooBig):
        error = TooLarge()
    elif isinstance(error, RecursionError):
        error = exceptions.ParseError(_("The request is nested too deeply."))
    response = exception_handler(error, context)  # knows Django's own errors, headers and the rollback
    if response is None:
        return _answer_fault(error, context)
    if isinstance(error, exceptions.ValidationError):
        response.data = _by_field(error.detail)
    elif isinstance(error, exceptions.ParseError):
        response.data = {"non_field_errors": [str(error.detail)]}
    else:
        response.data = {"code": _code(response), "detail": str(response.data["detail"])}
    return response


def _answer_fault(error: Exception, context: dict[str, Any]) -> Response | None:
    """A bug of ours: tell whoever listens (log, error tracker, test client), and the caller in JSON."""
    if settings.DEBUG:
        return None  # Django's page with the traceback
    request = context["request"]
    got_request_exception.send(sender=None, request=request)
    response = Response(
        {"code": "server_error", "detail": _("Something went wrong on our side.")},
        status=status.HTTP_500_INTERNAL_SERVER_ERROR,
    )
    words = "Internal Server Error: %s"
    log_response(words, request.path, response=response, request=request, exception=error)
    return response


def _code(response: Response) -> str:
    # DRF's handler turns Django's own errors into its own on the way, so only the detail knows the code.
    return str(getattr(response.data["detail"], "code", "error"))


def _by_field(detail: Any) -> dict[str, list[str]]:
    if isinstance(detail, dict):
        return {str(field): list(_sentences(errors)) for field, errors in detail.items()}
    return {"non_field_errors": list(_sentences(detail))}


def _sentences(errors: Any) -> Iterator[str]:
    """The sentences in DRF's nest of errors: lists inside dicts for the items of a list, and so on."""
    if isinstance(errors, dict):
        errors = errors.values()
    elif not isinstance(errors, list | tuple):
        yield str(errors)
        return
    for error in errors:
        yield from _sentences(error)
