"""What the pages of message links show of numbers."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from messagelinks.figures import Share

register = template.Library()


@register.filter
def duration(seconds: float | None) -> str:
    """A wait in words: "under a minute", "12 min", "3 h 5 min", "2 days 4 h"."""
    if seconds is None:
        return "–"
    minutes = int(seconds // 60)
    if minutes < 1:
        return _("under a minute")
    if minutes < 60:
        return _("%(n)s min") % {"n": minutes}
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("%(h)s h %(m)s min") % {"h": hours, "m": minutes} if minutes else _("%(h)s h") % {"h": hours}
    days, hours = divmod(hours, 24)
    words = ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    return f"{words} {_('%(h)s h') % {'h': hours}}" if hours else words


@register.filter
def in_percent(share: Share | None) -> str:
    """A share: "60 %", and between what it lies where the numbers are small: "60 % (27–86)"."""
    if share is None:
        return ""
    if share.is_small:
        return _("%(p)s %% (%(low)s–%(high)s)") % {"p": share.percent, "low": share.low, "high": share.high}
    return _("%(p)s %%") % {"p": share.percent}


@register.filter
def unlocalized(number: float) -> str:
    """A number as drawings need it, whatever language the page has."""
    return f"{number:g}"
