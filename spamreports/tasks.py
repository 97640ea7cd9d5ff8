"""What the worker runs for reports and events. Each task looks at its table and returns; see config/tasks.py."""

from django.utils import timezone

from config.tasks import task


@task
def follow() -> None:
    """Make events of stages and labels."""
    from spamreports import telling

    telling.follow(clock=timezone.now)


@task
def deliver_events() -> None:
    """Hand queued events to TikTok."""
    from spamreports import delivering

    delivering.deliver_due(clock=timezone.now)
