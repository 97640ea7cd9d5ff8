"""What a person can be told of while they look elsewhere, and how: shown by the browser, or rung.

`inbox/notifying.py` decides whom a line of the timeline concerns; this is what they have chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class Event(TextChoices):
    """What can happen to one person."""

    MESSAGE_MINE = "message_mine", gettext_lazy("A customer writes in a conversation of mine")
    MESSAGE_UNASSIGNED = "message_unassigned", gettext_lazy("A customer writes in an unassigned conversation")
    MESSAGE_ANY = "message_any", gettext_lazy("A customer writes in a colleague’s conversation")
    ASSIGNED = "assigned", gettext_lazy("A conversation is assigned to me")
    MENTIONED = "mentioned", gettext_lazy("Somebody mentions me in a note")
    CLOSING = "closing", gettext_lazy("A reply window closes within an hour")
    TROUBLE = "trouble", gettext_lazy("A reply of mine was not sent or not confirmed")


@dataclass(frozen=True)
class Choice:
    """How somebody is told of an event."""

    shows: bool
    rings: bool

    def __bool__(self) -> bool:
        return self.shows or self.rings


DEFAULTS = {
    Event.MESSAGE_MINE: Choice(shows=True, rings=True),
    Event.MESSAGE_UNASSIGNED: Choice(shows=True, rings=False),
    Event.MESSAGE_ANY: Choice(shows=False, rings=False),
    Event.ASSIGNED: Choice(shows=True, rings=True),
    Event.MENTIONED: Choice(shows=True, rings=True),
    Event.CLOSING: Choice(shows=True, rings=True),
    Event.TROUBLE: Choice(shows=True, rings=True),
}


def choices_of(chosen: Mapping[str, Mapping[str, bool]]) -> dict[Event, Choice]:
    """How each event is told, where `chosen` says what differs from the defaults."""
    return {event: Choice(**chosen[event]) if event in chosen else default for event, default in DEFAULTS.items()}


def differing(choices: Mapping[Event, Choice]) -> dict[str, dict[str, bool]]:
    """What of `choices` is worth remembering."""
    return {
        event.value: {"shows": choice.shows, "rings": choice.rings}
        for event, choice in choices.items()
        if choice != DEFAULTS[event]
    }


def check_notifications(chosen: Any) -> None:
    """Raise ValidationError unless `chosen` maps events to how they are told."""
    if not isinstance(chosen, dict) or any(
        event not in Event.values
        or not isinstance(choice, dict)
        or set(choice) != {"shows", "rings"}
        or not all(isinstance(one, bool) for one in choice.values())
        for event, choice in chosen.items()
    ):
        raise ValidationError(_("Notifications are events, each with whether it shows and whether it rings."))
