"""The search operators: what `name:value` means, each registered by the module that knows.

An app above the inbox registers its own in its AppConfig.ready, so that nothing is imported upwards. A name may
take the value in (`is:reported`): then it is asked before the operator of the bare name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q


@dataclass(frozen=True)
class Operator:
    """What `name:value` means.

    `condition(value, user)` gives the condition over Conversation, or raises ValueError with a sentence for a
    value that means nothing; `explain(value, user)` says in words which conversations it finds. Where the words
    are always the same, `explain` may be those words.
    """

    name: str
    condition: Callable[[str, User], Q]
    explain: Any

    def words(self, value: str, user: User) -> str:
        """Which conversations are found, in words that follow "Conversations": "assigned to Ana"."""
        return str(self.explain(value, user) if callable(self.explain) else self.explain)


_registered: dict[str, Operator] = {}


def register_operator(name: str, *, condition: Callable[[str, User], Q], explain: Any) -> None:
    """Have `name:value` understood by the search. The last one who registers a name is asked."""
    _registered[name] = Operator(name, condition, explain)


def registered() -> Mapping[str, Operator]:
    """The operators that there are, by name."""
    return MappingProxyType(_registered)


def operator_for(name: str, value: str) -> Operator | None:
    """The operator that understands `name:value`, if there is one."""
    return _registered.get(f"{name}:{value.lower()}") or _registered.get(name)
