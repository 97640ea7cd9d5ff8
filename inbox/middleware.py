"""What each request is wrapped in: the workspace's settings, read at most once."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from inbox import workspace

Answer = Callable[[HttpRequest], HttpResponseBase]


def personal(answer: Answer) -> Answer:
    """Middleware: the settings came with the person who is logged in, or are read by whoever needs them first."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        with workspace.read_once(request):
            return answer(request)

    return answered
