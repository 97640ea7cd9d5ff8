"""From a figure back to the conversations behind it: the search operators `link:` and `came:`.

    link:12            came by link 12, in any of its versions
    link:12.2          came by its second version
    came:ref-summer/answered/last/2026-11-01..2026-11-22

`came:` names the way (`link-12`, `link-12.2`, `ref-summer`, `ref-` for links without a tag, `ad-1800021`), then,
in any order, what became of it (see `figures.OUTCOMES`), the touch (`first` or `last`) and the days. All of it is
said of one and the same arrival. What isn't a letter, digit, `-`, `_`, `.` or `~` is percent-encoded.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from inbox import access
from inbox.models import Referral
from messagelinks.figures import OUTCOMES, Period, Touch
from messagelinks.models import Arrival, LinkVersion, MessageLink


@dataclass(frozen=True)
class Way:
    """By what customers came. `words` is for people."""

    condition: Q
    words: str


@dataclass(frozen=True)
class Came:
    """What a `came:` asks for."""

    way: Way
    outcome: str = ""
    touch: Touch = Touch.EVERY
    period: Period = Period()

    def condition(self) -> Q:
        arrivals = Arrival.objects.filter(self.way.condition, conversation=OuterRef("pk"))
        arrivals = self.period.of(self.touch.of(arrivals))
        if self.outcome:
            arrivals = arrivals.filter(OUTCOMES[self.outcome].condition)
        return Q(Exists(arrivals))

    def in_words(self) -> str:
        parts = [_("came by %(way)s") % {"way": self.way.words}]
        if self.outcome:
            parts.append(str(OUTCOMES[self.outcome].words))
        if self.touch != Touch.EVERY:
            parts.append(str(self.touch.label))
        if not self.period.is_all:
            parts.append(self.period.in_words())
        return ", ".join(parts)


def address_of_conversations(
    way: str, *, outcome: str = "", touch: Touch = Touch.EVERY, period: Period | None = None
) -> str:
    """The inbox's list of the conversations behind a figure."""
    days = period.in_address() if period else ""
    parts = [way, outcome, "" if touch == Touch.EVERY else touch.value, days]
    return f"{reverse('inbox:list')}?{urlencode({'q': 'came:' + '/'.join(filter(None, parts))})}"


def way_by_link(link_id: int, number: int | None = None) -> str:
    """How `came:` names a link, or one version of it."""
    return f"link-{link_id}.{number}" if number else f"link-{link_id}"


def way_by_ref(ref: str) -> str:
    """How `came:` names a ref, ours or not."""
    return f"ref-{quote(ref, safe='')}"


def way_by_ad(ad_id: str) -> str:
    """How `came:` names an ad."""
    return f"ad-{quote(ad_id, safe='')}"


# ── What the search asks ──────────────────────────────────────────────────────────────────────────────


def came_by_link(value: str, user: User) -> Q:
    """`link:12` and `link:12.2`. Raises ValueError with a sentence."""
    return Came(_read_link(value, user)).condition()


def explain_link(value: str, user: User) -> str:
    """Say `link:…` in words. Raises ValueError with a sentence."""
    return Came(_read_link(value, user)).in_words()


def came(value: str, user: User) -> Q:
    """`came:…`, see above. Raises ValueError with a sentence."""
    return _read_came(value, user).condition()


def explain_came(value: str, user: User) -> str:
    """Say `came:…` in words. Raises ValueError with a sentence."""
    return _read_came(value, user).in_words()


def _read_came(value: str, user: User) -> Came:
    way, *parts = value.split("/")
    found: dict[str, Any] = {}
    for part in parts:
        if part in OUTCOMES:
            found["outcome"] = part
        elif part in Touch.values:
            found["touch"] = Touch(part)
        elif ".." in part:
            found["period"] = Period.read(part)
        else:
            raise ValueError(_("“%(part)s” says nothing that “came:” knows.") % {"part": part})
    return Came(_read_way(way, user), **found)


def _read_way(way: str, user: User) -> Way:
    kind, _dash, name = way.partition("-")
    name = unquote(name)
    if kind == "link":
        return _read_link(name, user)
    if kind == "ref":
        words = _("the tag “%(ref)s”") % {"ref": name} if name else _("a link without a tag")
        return Way(Q(source=Referral.Source.SHORT_LINK, ref=name), words)
    if kind == "ad" and name:
        newest = Arrival.objects.filter(source=Referral.Source.AD, ad_id=name).exclude(ad_name="")
        ad_name = newest.order_by("-arrived_at").values_list("ad_name", flat=True).first()
        return Way(Q(source=Referral.Source.AD, ad_id=name), _("the ad “%(name)s”") % {"name": ad_name or name})
    raise ValueError(_("Say by what they came: “came:link-12”, “came:ref-summer” or “came:ad-1800021”."))


def _read_link(name: str, user: User | None) -> Way:
    """The link of that number, among those that `user` sees; where nobody asks, among all."""
    found = re.fullmatch(r"(\d{1,15})(?:\.(\d{1,5}))?", name, re.ASCII)
    seen = MessageLink.objects.filter(access.of_seen_channels(user) if user else Q())
    link = seen.filter(pk=found[1]).first() if found else None
    if not found or link is None:
        raise ValueError(_("There is no message link “%(name)s”. Its page shows its number.") % {"name": name})
    if not found[2]:
        return Way(Q(version__link=link), _("the link “%(title)s”") % {"title": link.title})
    version = LinkVersion.objects.filter(link=link, number=found[2]).first()
    if version is None:
        words = _("“%(title)s” has no version %(number)s.")
        raise ValueError(words % {"title": link.title, "number": found[2]})
    words = _("the link “%(title)s”, version %(number)s") % {"title": link.title, "number": version.number}
    return Way(Q(version=version), words)
