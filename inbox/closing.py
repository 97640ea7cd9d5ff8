"""When a reply window counts as closing soon: the one place that says it."""

from datetime import timedelta


def soon() -> timedelta:
    """How long before its close a window counts as closing soon."""
    return timedelta(hours=6)
