"""What else uses a channel, asked of the apps that stand above, so that nothing is called upwards.

An app registers its function in its AppConfig.ready; the page that asks before a channel is removed shows what
they say.
"""

from collections.abc import Callable, Iterable

from channels_tiktok.models import Channel

Tells = Callable[[Channel], Iterable[str]]

_registered: list[Tells] = []


def register(tells: Tells) -> None:
    """Have `tells` asked what stops with a channel; it gives phrases such as "3 queued replies"."""
    if tells not in _registered:
        _registered.append(tells)


def what_stops(channel: Channel) -> list[str]:
    """What stops when `channel` is removed, in phrases; empty when nothing does."""
    return [phrase for tells in _registered for phrase in tells(channel)]
