"""Which channels a person sees in the lists of channels: all, unless an app that stands above narrows it down.

An app registers its rule in its AppConfig.ready, so that nothing is called upwards.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from channels_tiktok.models import Channel

Rule = Callable[[Any], QuerySet[Channel]]

_rules: list[Rule] = []


def register(rule: Rule) -> None:
    """Have `rule`, which gives the channels that a person sees, narrow down every list of channels."""
    if rule not in _rules:
        _rules.append(rule)


def channels_for(user: Any) -> QuerySet[Channel]:
    """The channels that every rule lets `user` see."""
    channels = Channel.objects.all()
    for rule in _rules:
        channels &= rule(user)
    return channels
