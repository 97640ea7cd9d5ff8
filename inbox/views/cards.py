"""What agents send besides texts and pictures: a question with buttons, and a post of the account's own."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from inbox import access, posts, questions, thread
from inbox.listing import Listing
from inbox.models import Conversation, Message, Post
from inbox.models.message import BUTTON_LIMIT, MOST_BUTTONS, QUESTION_LIMIT
from inbox.refusals import BadReply
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script
from inbox.views.changes import answered, queued
from inbox.windows import allowance

POSTS_SHOWN = 12


@require_http_methods(["GET", "POST"])
@agent_page
def ask_question(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Send a question with up to three buttons; GET asks for its words, `from` gives those of an earlier one."""
    conversation = access.get_conversation_for(request.user, conversation_id, permission=access.REPLY)
    title, buttons = _earlier_question(conversation, request.GET.get("from", ""))
    sentence, status, more = "", 200, dict[str, Any]()
    if request.method == "POST":
        title, buttons = request.POST.get("title", ""), request.POST.getlist("button")
        try:
            question = questions.checked(title, buttons)
        except BadReply as error:
            sentence, status = error.sentence, 422
        else:
            sentence, status, more = queued(request, conversation_id, question=question)
        if asked_by_script(request) or not sentence:
            return answered(request, conversation_id, dialog_error=sentence, status=status, **more)
    fields = [*buttons[:MOST_BUTTONS], *[""] * (MOST_BUTTONS - len(buttons))]
    context = _context(request, conversation) | {
        "title": title,
        "buttons": list(enumerate(fields, start=1)),
        "question_limit": QUESTION_LIMIT,
        "button_limit": BUTTON_LIMIT,
        "dialog_error": sentence,
        **more,
    }
    template = "inbox/_question_form.html" if asked_by_script(request) else "inbox/question.html"
    return render(request, template, context, status=status)


@require_http_methods(["GET", "POST"])
@agent_page
def share_post(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Share a post of the channel's account; GET lets one be chosen."""
    conversation = access.get_conversation_for(request.user, conversation_id, permission=access.REPLY)
    sentence, status, more = "", 200, dict[str, Any]()
    if request.method == "POST":
        sentence, status, more = queued(request, conversation_id, post_id=request.POST.get("post", ""))
        if asked_by_script(request) or not sentence:
            return answered(request, conversation_id, dialog_error=sentence, status=status, **more)
    missing = posts.missing_permission(conversation.channel)
    context = _context(request, conversation) | ({} if missing else _choice(request, conversation))
    context |= {"dialog_error": sentence, "missing": missing, **more}
    template = "inbox/_post_form.html" if asked_by_script(request) else "inbox/share_post.html"
    return render(request, template, context, status=status)


@require_GET
@agent_page
def list_posts(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """The posts to choose from, or more of them, for the dialog's script."""
    conversation = access.get_conversation_for(request.user, conversation_id, permission=access.REPLY)
    template = "inbox/_posts_more.html" if request.GET.get("after") else "inbox/_posts.html"
    return render(request, template, _context(request, conversation) | _choice(request, conversation))


@require_GET
@agent_page
def show_posts_state(request: AgentRequest, conversation_id: int) -> HttpResponse:
    """Whether TikTok's list is still being read, and whether it held posts that the dialog doesn't show."""
    conversation = access.get_conversation_for(request.user, conversation_id, permission=access.REPLY)
    context = _context(request, conversation) | _state(request, conversation)
    context["words"] = request.GET.get("q", "").strip()[:200]
    return render(request, "inbox/_posts_state.html", context)


def _earlier_question(conversation: Conversation, message_id: str) -> tuple[str, list[str]]:
    if not message_id.isascii() or not message_id.isdigit():
        return "", []
    earlier = conversation.messages.filter(pk=int(message_id[:18]), kind=Message.Kind.TEMPLATE).first()
    asked = questions.read(earlier.content) if earlier else []
    return (asked[0].title, list(asked[0].buttons)) if asked else ("", [])


def _context(request: AgentRequest, conversation: Conversation) -> dict[str, Any]:
    at = timezone.now()
    return {
        "conversation": conversation,
        "allowance": allowance(conversation, at=at),
        "listing": Listing.asked_for(request.user, request.GET),
        "newest": thread.newest_id(conversation),
        "at": at,
    }


def _choice(request: AgentRequest, conversation: Conversation) -> dict[str, Any]:
    """One page of posts that fit the search, and what is known of the list as a whole."""
    words, after = request.GET.get("q", "").strip()[:200], request.GET.get("after", "")
    shown, following = posts.page_of(conversation.channel, words=words, after=after, size=POSTS_SHOWN)
    return {"words": words, "posts": shown, "following": following, **_state(request, conversation, shown=shown)}


def _state(
    request: AgentRequest, conversation: Conversation, *, shown: list[Post] | None = None
) -> dict[str, Any]:
    newest_shown = request.GET.get("shown", "")
    if shown is not None:
        newest_shown = str(shown[0].pk) if shown else ""
    at = timezone.now()
    known = posts.have_read(conversation.channel, at=at)
    return {
        "list": known,
        "is_reading": posts.is_being_read(known, at=at),
        "shown": newest_shown,
        "has_newer": posts.has_newer(conversation.channel, than=newest_shown),
    }
