"""The inbox's own search operators (`is:unread`, `window:<6h`, `label:vip` …): what each finds, and its words.

Each pair of functions is registered at the end. A condition raises ValueError with a sentence for a value that
means nothing.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Concat
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from channels_tiktok.models import Channel
from inbox import access
from inbox.models import REPLIES_PER_WINDOW, Conversation, Draft, Label, Message, Referral
from inbox.people import name_of
from inbox.search_operators import register_operator

DAYS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(days=7),
    "m": timedelta(days=30),
    "y": timedelta(days=365),
}
AGE = re.compile(r"(\d{1,4})([hdwmy])")
COMPARED = re.compile(r"(<=|>=|<|>|=|)(\d{1,4})(h|)")
COMPARISONS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "exact", "": "exact"}


def _choice(name: str, choices: dict[str, tuple[Callable[[Any], Q], Any]]) -> None:
    """Register `name` with the values that it takes: for each, its condition and its words."""

    def condition(value: str, user: Any) -> Q:
        if value.lower() not in choices:
            known = ", ".join(f"{name}:{one}" for one in choices)
            raise ValueError(
                _("“%(name)s:%(value)s” means nothing. There are: %(known)s.")
                % {"name": name, "value": value, "known": known}
            )
        return choices[value.lower()][0](user)

    def explain(value: str, user: Any) -> str:
        return str(choices[value.lower()][1])

    register_operator(name, condition=condition, explain=explain)


# ── People, labels, channels ──────────────────────────────────────────────────────────────────────────


def _people(value: str) -> list[Any]:
    people = get_user_model().objects.annotate(full_name=Concat("first_name", Value(" "), "last_name"))
    named = Q(username__iexact=value) | Q(first_name__iexact=value) | Q(last_name__iexact=value)
    found = list(people.filter(named | Q(full_name__iexact=value)).order_by("username")[:50])
    if not found:
        raise ValueError(
            _("Nobody here is called “%(name)s”. Try “me”, “none” or a colleague’s name.") % {"name": value}
        )
    return found


def _of_assignee(value: str, user: Any) -> Q:
    if value.lower() == "none":
        return Q(assignee__isnull=True)
    return Q(assignee_id=user.pk) if value.lower() == "me" else Q(assignee__in=_people(value))


def _explain_assignee(value: str, user: Any) -> str:
    if value.lower() == "none":
        return _("assigned to nobody")
    if value.lower() == "me":
        return _("assigned to you")
    return _("assigned to %(name)s") % {"name": _(" or ").join(name_of(one) for one in _people(value))}


def _with_label(value: str, user: Any) -> Q:
    label = Label.objects.filter(name__iexact=value).first()
    if label is None:
        raise ValueError(_("There is no label “%(name)s”.") % {"name": value})
    return access.among(
        Conversation.labels.through.objects.filter(label=label).values_list("conversation_id", flat=True)
    )


def _explain_label(value: str, user: Any) -> str:
    return _("with the label “%(name)s”") % {"name": value}


def _channels(value: str, user: Any) -> list[Channel]:
    named = Q(name__iexact=value) | Q(username__iexact=value.removeprefix("@")) | Q(display_name__iexact=value)
    found = list(access.channels_for(user).filter(named)) or list(
        access.channels_for(user).filter(name__icontains=value)[:50]
    )
    if not value or not found:
        raise ValueError(_("There is no channel “%(name)s”.") % {"name": value})
    return found


def _of_channel(value: str, user: Any) -> Q:
    return Q(channel__in=_channels(value, user))


def _explain_channel(value: str, user: Any) -> str:
    return _("of the channel %(name)s") % {"name": _(" or ").join(one.name for one in _channels(value, user))}


# ── Times ─────────────────────────────────────────────────────────────────────────────────────────────


def _day(value: str) -> datetime:
    try:
        day = parse_date(value)
    except ValueError:
        day = None
    if day is None or not 1 < day.year < 9999:
        raise ValueError(_("“%(day)s” is not a day. Write it as 2026-11-22.") % {"day": value})
    return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001  # made aware here


def _before(value: str, user: Any) -> Q:
    return Q(last_message_at__lt=_day(value))


def _after(value: str, user: Any) -> Q:
    return Q(last_message_at__gte=_day(value))


def _explain_before(value: str, user: Any) -> str:
    return _("with no message since %(day)s") % {"day": date_format(_day(value), "j F Y")}


def _explain_after(value: str, user: Any) -> str:
    return _("with a message since %(day)s") % {"day": date_format(_day(value), "j F Y")}


def _age(value: str) -> timedelta:
    read = AGE.fullmatch(value.lower())
    if read is None:
        raise ValueError(_("“%(age)s” is not an age. Write 6h, 2d, 3w, 1m or 1y.") % {"age": value})
    return int(read[1]) * DAYS[read[2]]


def _older_than(value: str, user: Any) -> Q:
    try:
        return Q(last_message_at__lt=timezone.now() - _age(value))
    except OverflowError as error:
        raise ValueError(_("That is longer ago than anything.")) from error


def _explain_older(value: str, user: Any) -> str:
    age = _age(value)
    if age < timedelta(days=1):
        hours = age // timedelta(hours=1)
        return ngettext("with no message for %(n)s hour", "with no message for %(n)s hours", hours) % {"n": hours}
    return ngettext("with no message for %(n)s day", "with no message for %(n)s days", age.days) % {"n": age.days}


# ── The reply window ──────────────────────────────────────────────────────────────────────────────────


def _is_open() -> Q:
    return Q(window_closes_at__gt=timezone.now(), window__refused_at__isnull=True)


def _compared(name: str, value: str, unit: str) -> tuple[str, int]:
    read = COMPARED.fullmatch(value.lower())
    if read is None or read[3] != unit:
        example = "open, closed, <6h" if unit else "0, <=3, >5"
        raise ValueError(
            _("“%(name)s:%(value)s” means nothing. Write %(name)s: and one of %(example)s.")
            % {"name": name, "value": value, "example": example}
        )
    return read[1], int(read[2])


def _of_window(value: str, user: Any) -> Q:
    if value.lower() == "open":
        return _is_open()
    if value.lower() == "closed":
        return (
            Q(window__isnull=True) | Q(window_closes_at__lte=timezone.now()) | Q(window__refused_at__isnull=False)
        )
    sign, hours = _compared("window", value, "h")
    comparison = COMPARISONS[sign or "<="]
    if comparison == "exact":
        comparison = "lte"
    return _is_open() & Q(**{f"window_closes_at__{comparison}": timezone.now() + timedelta(hours=hours)})


def _explain_window(value: str, user: Any) -> str:
    if value.lower() == "open":
        return _("with an open reply window")
    if value.lower() == "closed":
        return _("without an open reply window")
    sign, hours = _compared("window", value, "h")
    words = (
        ngettext(
            "with a reply window that closes in more than %(n)s hour",
            "with a reply window that closes in more than %(n)s hours",
            hours,
        )
        if ">" in sign
        else ngettext(
            "with a reply window that closes within %(n)s hour",
            "with a reply window that closes within %(n)s hours",
            hours,
        )
    )
    return words % {"n": hours}


OPPOSITE = {"lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte", "exact": "exact"}


def _of_quota(value: str, user: Any) -> Q:
    sign, left = _compared("quota", value, "")
    used = {f"window__replies_used__{OPPOSITE[COMPARISONS[sign]]}": REPLIES_PER_WINDOW - left}
    return Q(window_closes_at__gt=timezone.now()) & Q(**used)


def _explain_quota(value: str, user: Any) -> str:
    sign, left = _compared("quota", value, "")
    words = {
        "lt": ngettext("with less than %(n)s reply left", "with less than %(n)s replies left", left),
        "lte": ngettext("with at most %(n)s reply left", "with at most %(n)s replies left", left),
        "gt": ngettext("with more than %(n)s reply left", "with more than %(n)s replies left", left),
        "gte": ngettext("with at least %(n)s reply left", "with at least %(n)s replies left", left),
        "exact": ngettext("with %(n)s reply left", "with %(n)s replies left", left),
    }
    return words[COMPARISONS[sign]] % {"n": left}


# ── Where they came from ──────────────────────────────────────────────────────────────────────────────


def _given(value: str, name: str) -> str:
    if not value:
        raise ValueError(_("Say what to look for after “%(name)s:”.") % {"name": name})
    return value


def _by_ref(value: str, user: Any) -> Q:
    return access.among(
        Referral.objects.exclude(ref="")
        .filter(ref__iexact=_given(value, "ref"))
        .values_list("conversation_id", flat=True)
    )


def _explain_ref(value: str, user: Any) -> str:
    return _("that came with the ref “%(ref)s”") % {"ref": value}


def _by_ad(value: str, user: Any) -> Q:
    named = Q(ad_id=_given(value, "ad")) | Q(ad_name__icontains=value)
    return access.among(
        Referral.objects.filter(named, source=Referral.Source.AD).values_list("conversation_id", flat=True)
    )


def _explain_ad(value: str, user: Any) -> str:
    return _("that came by the ad “%(ad)s”") % {"ad": value}


# ── What is in them ───────────────────────────────────────────────────────────────────────────────────


def _has_message(**of: Any) -> Callable[[Any], Q]:
    return lambda user: Q(Exists(Message.objects.filter(conversation=OuterRef("pk"), **of)))


def _has_ad(user: Any) -> Q:
    return Q(Exists(Referral.objects.filter(conversation=OuterRef("pk"), source=Referral.Source.AD)))


def _has_draft(user: Any) -> Q:
    return access.among(Draft.objects.filter(agent_id=user.pk).values_list("conversation_id", flat=True))


def _has_failed(user: Any) -> Q:
    troubled = Message.objects.filter(
        state__in=[Message.State.FAILED, Message.State.UNCONFIRMED], sent_again__isnull=True
    )
    return access.among(troubled.values_list("conversation_id", flat=True))


def _has_status(status: str) -> Callable[[Any], Q]:
    return lambda user: Q(status=status)


def _is_blocked(user: Any) -> Q:
    return Q(window_closes_at__gt=timezone.now(), window__refused_at__isnull=False)


def register() -> None:
    """Have all of these understood."""
    register_operator("assignee", condition=_of_assignee, explain=_explain_assignee)
    register_operator("label", condition=_with_label, explain=_explain_label)
    register_operator("channel", condition=_of_channel, explain=_explain_channel)
    register_operator("before", condition=_before, explain=_explain_before)
    register_operator("after", condition=_after, explain=_explain_after)
    register_operator("older_than", condition=_older_than, explain=_explain_older)
    register_operator("window", condition=_of_window, explain=_explain_window)
    register_operator("quota", condition=_of_quota, explain=_explain_quota)
    register_operator("ref", condition=_by_ref, explain=_explain_ref)
    register_operator("ad", condition=_by_ad, explain=_explain_ad)
    _choice(
        "status",
        {
            "open": (_has_status("open"), gettext_lazy("that are open")),
            "snoozed": (_has_status("snoozed"), gettext_lazy("that are snoozed")),
            "closed": (_has_status("closed"), gettext_lazy("that are closed")),
        },
    )
    _choice(
        "is",
        {
            "unread": (access.unread_by, gettext_lazy("that you have not read")),
            "blocked": (_is_blocked, gettext_lazy("in which TikTok refuses replies")),
        },
    )
    _choice(
        "has",
        {
            "image": (_has_message(kind=Message.Kind.IMAGE), gettext_lazy("with an image")),
            "share": (_has_message(kind=Message.Kind.SHARE_POST), gettext_lazy("with a shared post")),
            "ad": (_has_ad, gettext_lazy("that came by an ad")),
            "draft": (_has_draft, gettext_lazy("with a draft of yours")),
        },
    )
    _choice(
        "failed",
        {
            "yes": (_has_failed, gettext_lazy("with a reply that did not arrive for sure")),
            "no": (lambda user: ~_has_failed(user), gettext_lazy("in which every reply arrived")),
        },
    )
