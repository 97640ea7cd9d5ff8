"""Search operators that apps above the inbox add, so that nothing is imported upwards.

An app registers in its AppConfig.ready what `name:value` means; the search asks for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.contrib.auth.models import User
from django.db.models import Q


@dataclass(frozen=True)
class Operator:
    """What `name:value` means.

    `condition(value, user)` gives the condition over Conversation, or raises ValueError with a sentence for a
    value that means nothing; `explain(value, user)` says in words which conversations it finds.
    """

    name: str
    condition: Callable[[str, User], Q]
    explain: Callable[[str, User], str]


_registered: dict[str, Operator] = {}


def register_operator(
    name: str, *, condition: Callable[[str, User], Q], explain: Callable[[str, User], str]
) -> None:
    """Have `name:value` understood by the search. The last one who registers a name is asked."""
    _registered[name] = Operator(name, condition, explain)


def registered() -> Mapping[str, Operator]:
    """The operators that apps above have added, by name."""
    return MappingProxyType(_registered)
