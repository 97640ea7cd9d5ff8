"""What the templates of every page share: icons, initials, colours, times in words."""

import re
from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.sentences import translated

register = template.Library()

register.filter(translated)


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite in `_icons.html`. It is only decoration: words stand beside it, or in its button."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#icon-{}"></use></svg>', name)


@register.filter
def initials(name: str) -> str:
    """One or two letters for a name."""
    words = re.findall(r"\w+", name)
    return "".join(word[0] for word in words[:2]).upper() or "?"


@register.filter
def hue(number: int) -> int:
    """A colour (0–11, a class in the stylesheet) for whoever has this number."""
    return number * 5 % 12


@register.simple_tag
def since(moment: datetime, at: datetime) -> str:
    """How long ago `moment` was at `at`: "just now", "5 min ago", "3 h ago", "2 days ago", "18 Nov 2026"."""
    minutes = int((at - moment).total_seconds() // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return _("%(n)s min ago") % {"n": minutes}
    if minutes < 24 * 60:
        return _("%(n)s h ago") % {"n": minutes // 60}
    days = minutes // (24 * 60)
    if days < 7:
        return ngettext("%(n)s day ago", "%(n)s days ago", days) % {"n": days}
    return date_format(timezone.localtime(moment), "j M Y")


@register.filter
def exact(moment: datetime) -> str:
    """A time to the minute, with its zone: for whoever hovers over the short words."""
    return date_format(timezone.localtime(moment), "j F Y, H:i T")
