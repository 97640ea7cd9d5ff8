"""The operators of the search, `name:value`, each registered by whoever knows what it means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q


@dataclass(frozen=True)
class Operator:
    """What a `name:value` asks for, as a condition over conversations and in words."""

    condition: Callable[[str, Any], Q]
    explain: Callable[[str], str]


operators: dict[str, Operator] = {}


def register_operator(name: str, *, condition: Callable[[str, Any], Q], explain: Callable[[str], str]) -> None:
    """Let the search take `name:value`."""
    operators[name] = Operator(condition, explain)
