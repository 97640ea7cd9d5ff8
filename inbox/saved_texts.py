"""The text of a saved reply: which words are filled in, and how long it may be.

Guarantee: a text that was filled in holds no `{{…}}`: a value that is missing leaves a mark that an agent sees,
and what a customer calls themselves can't bring braces in.
"""

import re
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

LONGEST = 6_000  # characters: one message, docs/tiktok-api.md 3.1
FILLED_IN = {
    "contact.name": gettext_lazy("customer’s name"),
    "agent.first_name": gettext_lazy("your first name"),
    "channel.name": gettext_lazy("channel’s name"),
}
_BRACES = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_STRAY = re.compile(r"\{\{|\}\}")


def check_text(text: str) -> None:
    """Raise ValidationError, in words, for a text that could not be filled in or sent."""
    if len(text) > LONGEST:
        raise ValidationError(
            _("TikTok takes at most 6,000 characters in a message; this has %(n)s.") % {"n": f"{len(text):,}"}
        )
    for name in _BRACES.findall(text):
        if name.strip() not in FILLED_IN:
            known = ", ".join(f"{{{{{word}}}}}" for word in FILLED_IN)
            raise ValidationError(
                _("{{%(name)s}} is nothing that can be filled in. There are: %(known)s.")
                % {"name": name.strip(), "known": known}
            )
    if _STRAY.search(_BRACES.sub("", text)):
        raise ValidationError(_("There are {{ or }} without the other. Write for example {{contact.name}}."))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put `values` into `text`; one that is empty or unknown leaves a mark such as “[customer’s name?]”."""

    def value_of(found: re.Match[str]) -> str:
        name = found[1].strip()
        value = _STRAY.sub("", values.get(name, "")).strip()
        return value or f"[{FILLED_IN.get(name, name)}?]"

    return _STRAY.sub("", _BRACES.sub(value_of, text))
