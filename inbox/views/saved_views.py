"""The pages of saved views: keep a search, rename or share it, remove it."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from inbox import access, saved_views
from inbox.listing import Listing
from inbox.models import SavedView
from inbox.saved_views import BadView
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script


@require_http_methods(["GET", "POST"])
@agent_page
def make(request: AgentRequest) -> HttpResponse:
    """Keep the search of the address under a name."""
    access.require(request.user, access.VIEW)
    listing = Listing.asked_for(request.user, request.GET)
    draft = SavedView(owner=request.user, query=listing.q, sort=_sort(listing))
    if request.method == "GET":
        return _form(request, draft, listing)
    draft.name, draft.is_shared = request.POST.get("name", ""), "is_shared" in request.POST
    draft.query = request.POST.get("query", listing.q)
    try:
        view = saved_views.save(
            user=request.user, name=draft.name, query=draft.query, sort=draft.sort, is_shared=draft.is_shared
        )
    except BadView as error:
        return _form(request, draft, listing, error=error)
    return redirect(_address(view, request))


@require_http_methods(["GET", "POST"])
@agent_page
def change(request: AgentRequest, view_id: int) -> HttpResponse:
    """Rename a view, change what it searches for, share it."""
    view = _found(request, view_id)
    listing = _listing(view, request)
    if request.method == "GET":
        return _form(request, view, listing)
    try:
        changed = saved_views.change(
            user=request.user,
            view_id=view_id,
            name=request.POST.get("name", ""),
            query=request.POST.get("query", view.query),
            is_shared="is_shared" in request.POST if _may_share(request) else None,
        )
    except BadView as error:
        view.name, view.query = request.POST.get("name", ""), request.POST.get("query", view.query)
        return _form(request, view, listing, error=error)
    return redirect(_address(changed, request))


@require_POST
@agent_page
def remove(request: AgentRequest, view_id: int) -> HttpResponse:
    """Remove a view; the search itself can be typed again."""
    _found(request, view_id)
    saved_views.remove(user=request.user, view_id=view_id)
    return redirect("inbox:list")


def _found(request: AgentRequest, view_id: int) -> SavedView:
    view = saved_views.visible_to(request.user).filter(pk=view_id).first()
    if view is None or not saved_views.may_change(request.user, view):
        raise Http404
    return view


def _form(
    request: AgentRequest, view: SavedView, listing: Listing, *, error: BadView | None = None
) -> HttpResponse:
    template = "inbox/_saved_view_form.html" if asked_by_script(request) else "inbox/saved_view.html"
    context: dict[str, Any] = {
        "view": view,
        "listing": listing,
        "title": _("Rename the view") if view.pk else _("Save as view"),
        "error": error,
        "may_share": _may_share(request),
    }
    return render(request, template, context, status=422 if error else 200)


def _may_share(request: AgentRequest) -> bool:
    return request.user.has_perm(access.SHARE_VIEWS)


def _sort(listing: Listing) -> str:
    return "" if listing.by_match else listing.sort.value


def _listing(view: SavedView, request: AgentRequest) -> Listing:
    return Listing.asked_for(request.user, {"q": view.query, "sort": view.sort})


def _address(view: SavedView, request: AgentRequest) -> str:
    return reverse("inbox:list") + _listing(view, request).query
