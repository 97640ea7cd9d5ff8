"""What the inbox shows of leads: the answers beside a conversation, lines in its thread, a word for the search."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_tiktok.models import Channel
from inbox.additions import Addition, Place
from inbox.models import Conversation, ConversationEvent
from inbox.people import name_of
from leads.access import CHANGE, PERSONAL, VIEW, leads_for
from leads.identifiers import labelled, masked_answers
from leads.models import Lead

SHOWN_AT_MOST = 5


def has_leads() -> Exists:
    """Whether a conversation was a lead, or may have been: a hint for `inbox.additions`."""
    return Exists(Lead.objects.filter(Q(conversation=OuterRef("pk")) | Q(suggested=OuterRef("pk"))))


def additions_for(conversation: Conversation, user: User, at: datetime) -> Iterator[Addition]:
    """The leads that a conversation was, or may have been. One query where there are any."""
    if not user.has_perm(VIEW) or not getattr(conversation, "has_leads", True):
        return
    here = Q(conversation=conversation.pk) | Q(suggested=conversation.pk)
    found = leads_for(user).filter(here).order_by("-submitted_at", "-id")[:SHOWN_AT_MOST]
    shows_all = user.has_perm(PERSONAL)
    leads = [(lead, labelled(masked_answers(lead.answers, shows_all=shows_all))) for lead in found]
    if leads:
        shows = {"leads": leads, "may_change": user.has_perm(CHANGE)}
        yield Addition(Place.DETAILS, "leads/_details.html", shows)


def what_stops(channel: Channel) -> Iterator[str]:
    """What a removal of `channel` stops here: `channels_tiktok.dependents` asks."""
    accounts = channel.ad_accounts.count()
    if accounts:
        words = ngettext(
            "leads of %(n)s ad account writing here", "leads of %(n)s ad accounts writing here", accounts
        )
        yield words % {"n": accounts}


def told_joined(line: ConversationEvent) -> str:
    """What a line says when a lead was joined to the conversation, or parted from it."""
    words = {"actor": name_of(line.actor) if line.actor else _("Someone"), "name": line.data.get("name", "")}
    if line.data.get("joined"):
        return _("%(actor)s confirmed that this is the lead “%(name)s”") % words
    return _("%(actor)s said that this is not the lead “%(name)s”") % words


def told_stage(line: ConversationEvent) -> str:
    """What a line says when the lead of the conversation reached another stage."""
    after = line.data.get("after", "")
    stage = str(Lead.Stage(after).label) if after in Lead.Stage.values else str(after)
    actor = name_of(line.actor) if line.actor else _("Someone")
    return _("%(actor)s put the lead into the stage %(stage)s") % {"actor": actor, "stage": stage}


def with_lead(value: str, user: User) -> Q:
    """`lead:qualified`, `lead:any`, `lead:none`: conversations by the lead that they were."""
    word = value.strip().lower()
    if not user.has_perm(VIEW):
        raise ValueError(_("You may not see leads, so they can't be searched for."))
    leads = leads_for(user).filter(conversation=OuterRef("pk"))
    if word == "any":
        return Q(Exists(leads))
    if word == "none":
        return ~Q(Exists(leads))
    if word not in Lead.Stage.values:
        words = ", ".join([*Lead.Stage.values, "any", "none"])
        raise ValueError(
            _("“%(value)s” is not a stage of a lead: choose one of %(words)s.") % {"value": value, "words": words}
        )
    return Q(Exists(leads.filter(stage=word)))


def explain_lead(value: str, user: User) -> str:
    """Which conversations `lead:` finds, in words that follow "Conversations"."""
    word = value.strip().lower()
    if word == "any":
        return _("that were a lead")
    if word == "none":
        return _("that were no lead")
    return _("whose lead is %(stage)s") % {"stage": word}
