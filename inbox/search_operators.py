"""The operators of the search, each registered by the module that knows what it means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

OPERATORS: dict[str, "Operator"] = {}


@dataclass(frozen=True)
class Operator:
    """A word of the search: which conversations it finds, and how it is explained."""

    name: str
    condition: Callable[[str, Any], Q]
    explain: Any


def register_operator(name: str, *, condition: Callable[[str, Any], Q], explain: Any) -> None:
    """Let the search know `name`; `condition(value, user)` is about conversations."""
    OPERATORS[name] = Operator(name, condition, explain)
