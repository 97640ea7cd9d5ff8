"""What every page and answer of the inbox has in common."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers, patch_vary_headers

from inbox.models import Conversation

P = ParamSpec("P")


class AgentRequest(HttpRequest):
    """A request of someone who is logged in."""

    user: User


def asked_by_script(request: HttpRequest) -> bool:
    """Whether the page's own script asks, and wants pieces instead of a whole page."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def agent_page(
    view: Callable[Concatenate[AgentRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Let only people who are logged in pass; a conversation that they can't find is a 404.

    A script gets 401 instead of the log-in page, so that it can say so beside what the agent was doing.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            if asked_by_script(request):
                return HttpResponse(status=401)
            return redirect_to_login(request.get_full_path())
        try:
            response = view(cast(AgentRequest, request), *args, **kwargs)
        except Conversation.DoesNotExist as error:
            raise Http404 from error
        if "Cache-Control" not in response:  # a file has its own
            add_never_cache_headers(response)
        patch_vary_headers(response, ["HX-Request"])
        return response

    return guarded
