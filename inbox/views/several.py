"""What agents do with the rows that they have ticked. Without the page's script it is a form like any other."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from inbox import access, people, working_together
from inbox.listing import Listing
from inbox.models import Label
from inbox.views.agent_page import AgentRequest, agent_page, asked_by_script
from inbox.views.live import render_changes
from inbox.views.pages import render_list
from inbox.working import BadChange

NOBODY = "nobody"
SLEEPS = {
    "1h": (1, gettext_lazy("For 1 hour")),
    "4h": (4, gettext_lazy("For 4 hours")),
    "1d": (24, gettext_lazy("For 1 day")),
    "2d": (48, gettext_lazy("For 2 days")),
    "7d": (7 * 24, gettext_lazy("For 1 week")),
}
# What is asked before: the question, the button, and the name of what is chosen.
ASKED = {
    "assign": (gettext_lazy("Assign the ticked conversations"), gettext_lazy("Assign"), "person"),
    "label": (gettext_lazy("Put a label on the ticked conversations"), gettext_lazy("Put it on"), "label"),
    "snooze": (gettext_lazy("Let the ticked conversations sleep"), gettext_lazy("Snooze"), "until"),
}
NEEDED = {"assign": access.ASSIGN, "label": access.LABEL}  # besides the permission to change


@require_POST
@agent_page
def change_several(request: AgentRequest) -> HttpResponse:
    """Do with the ticked conversations what the pressed button says, as the menu beside it says."""
    at = timezone.now()
    ids = _ticked(request)
    try:
        if not ids:
            raise BadChange("conversation", _("Tick the conversations first."))
        changed = working_together.change_together(
            user=request.user, conversation_ids=ids, at=at, **_wanted(request, at=at)
        )
    except BadChange as error:
        return _answer(request, error.sentence, status=422)
    words = ngettext("%(n)s conversation changed.", "%(n)s conversations changed.", changed) % {"n": changed}
    return _answer(request, words, may_undo=changed > 0)


@require_POST
@agent_page
def ask_several(request: AgentRequest) -> HttpResponse:
    """Ask to whom, with which label or until when, before it is done with the ticked conversations."""
    access.require(request.user, access.CHANGE)
    do, ids = request.POST.get("do", ""), _ticked(request)
    if do not in ASKED or not ids:
        return _answer(request, _("Tick the conversations first."), status=422)
    if do in NEEDED:
        access.require(request.user, NEEDED[do])
    title, verb, field = ASKED[do]
    context = {
        "do": do,
        "ids": sorted(ids),
        "title": title,
        "verb": verb,
        "field": field,
        "choices": _choices(request, do),
        "hint": _("A reply window goes on closing while a conversation sleeps.") if do == "snooze" else "",
        "listing": Listing.asked_for(request.user, request.GET),
    }
    template = "inbox/_several_ask.html" if asked_by_script(request) else "inbox/several_ask.html"
    return render(request, template, context)


@require_POST
@agent_page
def undo_several(request: AgentRequest) -> HttpResponse:
    """Take the last such change back."""
    back = working_together.undo(user=request.user, at=timezone.now())
    if not back:
        return _answer(request, _("There is nothing to take back: somebody has gone on working there."))
    words = ngettext(
        "%(n)s conversation is as it was before.", "%(n)s conversations are as they were before.", back
    )
    return _answer(request, words % {"n": back})


def _ticked(request: AgentRequest) -> set[int]:
    given = request.POST.getlist("row")
    return {int(word) for word in given if word.isascii() and word.isdigit() and len(word) < 19}


def _choices(request: AgentRequest, do: str) -> list[tuple[Any, Any]]:
    match do:
        case "assign":
            others = [(one.pk, people.name_of(one)) for one in people.assignable() if one != request.user]
            return [(request.user.pk, _("Me")), *others, (NOBODY, _("Nobody"))]
        case "label":
            return [(label.pk, label.name) for label in Label.objects.all()]
        case _:
            return [(word, words) for word, (_hours, words) in SLEEPS.items()]


def _wanted(request: AgentRequest, *, at: datetime) -> dict[str, Any]:
    """What the pressed button and its menu ask for."""
    match request.POST.get("do"):
        case "close":
            return {"status": "closed"}
        case "open":
            return {"status": "open"}
        case "snooze":
            return {"status": "snoozed", "snoozed_until": _until(request.POST.get("until", ""), at=at)}
        case "assign":
            return {"assignee": _person(request.POST.get("person", ""))}
        case "label":
            return {"add_labels": _labels(request.POST.get("label", ""))}
    raise BadChange("do", _("Choose what to do with them."))


def _until(given: str, *, at: datetime) -> datetime:
    if given in SLEEPS:
        return at + timedelta(hours=SLEEPS[given][0])
    try:
        until = parse_datetime(given)
    except ValueError:
        until = None
    if until is None:
        raise BadChange("until", _("Choose until when they sleep."))
    return timezone.make_aware(until) if timezone.is_naive(until) else until


def _person(given: str) -> Any:
    if given == NOBODY:
        return None
    person = people.assignable().filter(pk=given).first() if given.isascii() and given.isdigit() else None
    if person is None:
        raise BadChange("person", _("Choose whom to assign them to."))
    return person


def _labels(given: str) -> list[Label]:
    labels = list(Label.objects.filter(pk=given)) if given.isascii() and given.isdigit() else []
    if not labels:
        raise BadChange("label", _("Choose a label."))
    return labels


def _answer(request: AgentRequest, words: str, *, status: int = 200, may_undo: bool = False) -> HttpResponse:
    context = {"done": words, "may_undo": may_undo}
    if asked_by_script(request):
        return render_changes(request, request.POST, status=status, **context)
    if status != 200 or may_undo:  # said on a page of its own: a redirect would lose the words
        return render_list(request, status=status, **context)
    return redirect(reverse("inbox:list") + Listing.asked_for(request.user, request.GET).query)
