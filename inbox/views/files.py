"""Pictures and videos, for people who may see the conversation that they belong to."""

from typing import cast

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from inbox import access, files
from inbox.models import Attachment, Contact, Post, Preferences
from inbox.views.agent_page import AgentRequest, agent_page


@require_safe
@agent_page
def show_attachment(request: AgentRequest, attachment_id: int) -> HttpResponse:
    """The file as it was sent."""
    return _attachment(request, attachment_id, as_thumbnail=False)


@require_safe
@agent_page
def show_thumbnail(request: AgentRequest, attachment_id: int) -> HttpResponse:
    """The small picture that a thread shows."""
    return _attachment(request, attachment_id, as_thumbnail=True)


@require_safe
@agent_page
def show_portrait(request: AgentRequest, contact_id: int) -> HttpResponse:
    """A contact's picture."""
    try:
        contact = access.get_contact_for(request.user, contact_id)
    except Contact.DoesNotExist as error:
        raise Http404 from error
    return cast(HttpResponse, files.answer_portrait(request, contact))


@require_safe
@agent_page
def show_post_picture(request: AgentRequest, post_id: int) -> HttpResponse:
    """The small picture of a post of a channel's own."""
    try:
        post = access.get_post_for(request.user, post_id)
    except Post.DoesNotExist as error:
        raise Http404 from error
    return cast(HttpResponse, files.answer_post_picture(request, post))


@require_safe
@agent_page
def show_face(request: AgentRequest, person_id: int) -> HttpResponse:
    """A colleague's picture, for everyone who works here."""
    try:
        preferences = Preferences.objects.get(pk=person_id)
    except Preferences.DoesNotExist as error:
        raise Http404 from error
    return cast(HttpResponse, files.answer_face(request, preferences))


def _attachment(request: AgentRequest, attachment_id: int, *, as_thumbnail: bool) -> HttpResponse:
    try:
        attachment = access.get_attachment_for(request.user, attachment_id)
    except Attachment.DoesNotExist as error:
        raise Http404 from error
    return cast(HttpResponse, files.answer_attachment(request, attachment, as_thumbnail=as_thumbnail))
