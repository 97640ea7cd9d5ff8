"""Which channels and ad accounts a person sees in lists: all, unless an app that stands above narrows it down.

An app registers its rule in its AppConfig.ready, so that nothing is called upwards.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet

from channels_tiktok.models import AdAccount, Channel

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


def ad_accounts_for(user: Any) -> QuerySet[AdAccount]:
    """The ad accounts that serve a channel which `user` sees, or none yet."""
    serving = AdAccount.objects.filter(Q(channels__isnull=True) | Q(channels__in=channels_for(user)))
    return AdAccount.objects.filter(pk__in=serving.values("pk"))
