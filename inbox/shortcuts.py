"""The keyboard: what can be done by it, with which keys, and which keys somebody may choose instead.

Guarantee: whatever a person has chosen, no two actions share their keys, none waits behind another's, and none
needs Alt, which types letters in many languages. `static/js/keys.js` listens; an action without its element on
the page does nothing.

Keys are written as browsers name them: `j`, `Shift+u`, `?`, `Mod+k` (Ctrl, or Cmd on a Mac), and two presses one
after the other as `g i`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

_ONE = r"(?:[^\s+]|Shift\+[a-z])"
_WITH_MOD = r"Mod\+(?:Shift\+)?[^\s+]"
_KEYS = re.compile(rf"(?:{_ONE}(?: {_ONE})?|{_WITH_MOD})")
# What the browser or the page's text boxes need themselves.
_TAKEN = {f"Mod+{letter}" for letter in "acfnprtvwxy"}


@dataclass(frozen=True)
class Action:
    """One thing that keys can do. `also` are keys that always do it, because no letter types them."""

    name: str
    label: Any
    keys: str
    also: str = ""


@dataclass(frozen=True)
class Group:
    """Actions that belong together, under one heading."""

    heading: Any
    actions: tuple[Action, ...]


GROUPS = (
    Group(
        gettext_lazy("In the list"),
        (
            Action("next", gettext_lazy("Next conversation"), "j", "↓"),
            Action("previous", gettext_lazy("Previous conversation"), "k", "↑"),
            Action("open", pgettext_lazy("action", "Open"), "o", "Enter"),
            Action("select", gettext_lazy("Select"), "x"),
            Action("select-all", gettext_lazy("Select all"), "* a"),
        ),
    ),
    Group(
        gettext_lazy("In a conversation"),
        (
            Action("reply", gettext_lazy("Reply"), "r"),
            Action("note", gettext_lazy("Internal note"), "n"),
            Action("assign", gettext_lazy("Assign"), "a"),
            Action("assign-me", gettext_lazy("Assign to me"), "i"),
            Action("close", gettext_lazy("Close"), "e"),
            Action("close-next", gettext_lazy("Close and open the next"), "Shift+e"),
            Action("snooze", gettext_lazy("Snooze"), "z"),
            Action("label", gettext_lazy("Label"), "l"),
            Action("unread", gettext_lazy("Mark unread"), "Shift+u"),
            Action("report", gettext_lazy("Report as spam"), "!"),
            Action("undo", gettext_lazy("Undo"), "Mod+z"),
            Action("back", gettext_lazy("Back to the list"), "u", "Esc"),
        ),
    ),
    Group(
        gettext_lazy("Everywhere"),
        (
            Action("search", gettext_lazy("Search"), "/"),
            Action("palette", gettext_lazy("Command palette"), "Mod+k"),
            Action("help", gettext_lazy("Keyboard shortcuts"), "?"),
            Action("go-inbox", gettext_lazy("Go to the inbox"), "g i"),
            Action("go-mine", gettext_lazy("Go to “Mine”"), "g m"),
            Action("go-unassigned", gettext_lazy("Go to “Unassigned”"), "g u"),
            Action("go-channels", gettext_lazy("Go to the channels"), "g c"),
            Action("go-reports", gettext_lazy("Go to the reports"), "g r"),
        ),
    ),
)
ACTIONS = {action.name: action for group in GROUPS for action in group.actions}
# The composer's own keys are no letters, so they need no remapping (WCAG 2.1.4).
IN_THE_BOX = (
    (gettext_lazy("Send"), "Mod+Enter"),
    (gettext_lazy("Send and close"), "Mod+Shift+Enter"),
    (gettext_lazy("Saved reply, at the start of the box"), "/"),
    (gettext_lazy("Mention a colleague, in a note"), "@"),
)


def keys_of(chosen: Mapping[str, str]) -> dict[str, str]:
    """The keys of every action, where `chosen` says what differs from the defaults; empty keys mean none."""
    return {name: chosen.get(name, action.keys) for name, action in ACTIONS.items()}


def overview(chosen: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every group with its actions and their keys in words, those of the box last."""
    keys = keys_of(chosen)
    groups = [
        {
            "heading": group.heading,
            "actions": [
                {"label": one.label, "shown": [key for key in (spoken(keys[one.name]), one.also) if key]}
                for one in group.actions
            ],
        }
        for group in GROUPS
    ]
    in_the_box = [{"label": label, "shown": [spoken(fixed)]} for label, fixed in IN_THE_BOX]
    return [*groups, {"heading": _("In the box"), "actions": in_the_box}]


def differing(keys: Mapping[str, str]) -> dict[str, str]:
    """What of `keys` is worth remembering."""
    return {name: value for name, value in keys.items() if value != ACTIONS[name].keys}


def complaints(keys: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with `keys`, for each action in words; empty when they can be used."""
    found: dict[str, str] = {}
    for name, wanted in keys.items():
        if not wanted:
            continue
        if not _KEYS.fullmatch(wanted):
            found[name] = _("Press one key, two one after the other, or Ctrl with one; Alt types letters.")
        elif wanted in _TAKEN:
            found[name] = _("The browser needs these keys itself.")
        else:
            rivals = [other for other in keys if other != name and _clash(wanted, keys[other])]
            if rivals:
                found[name] = _("“%(other)s” has these keys.") % {"other": ACTIONS[rivals[0]].label}
    return found


def check_shortcuts(chosen: Any) -> None:
    """Raise ValidationError unless `chosen` maps actions to keys that work together."""
    if not isinstance(chosen, dict) or any(
        name not in ACTIONS or not isinstance(keys, str) for name, keys in chosen.items()
    ):
        raise ValidationError(_("Shortcuts are actions with their keys."))
    if wrong := complaints(keys_of(chosen)):
        raise ValidationError(list(wrong.values()))


def spoken(keys: str) -> str:
    """Keys as they stand on a keyboard: "Shift + U", "G then I", "Ctrl + K"."""
    steps = [
        " + ".join(_("Ctrl/⌘") if part == "Mod" else part.upper() if len(part) == 1 else part for part in parts)
        for parts in (step.split("+") for step in keys.split(" ") if step)
    ]
    return _(" then ").join(steps)


def for_aria(keys: str) -> str:
    """Keys as `aria-keyshortcuts` wants them; nothing for two presses one after the other, which it can't say."""
    if not keys or " " in keys:
        return ""
    parts = [part.upper() if len(part) == 1 else part for part in keys.split("+")]
    if parts[0] == "Mod":
        return " ".join("+".join([mod, *parts[1:]]) for mod in ("Control", "Meta"))
    return "+".join(parts)


def _clash(one: str, other: str) -> bool:
    """The same keys, or the one is where the other begins."""
    if not other:
        return False
    return f"{one} ".startswith(f"{other} ") or f"{other} ".startswith(f"{one} ")
