"""What the worker runs for the inbox. Each task looks at its table and returns; see config/tasks.py."""

from django.utils import timezone

from config.tasks import task


@task
def drain_journal() -> None:
    """Turn what TikTok delivered into conversations and messages."""
    from inbox import receiving

    receiving.drain(clock=timezone.now)


@task
def deliver_replies() -> None:
    """Hand queued replies to TikTok, and go on receiving while TikTok keeps us waiting."""
    from inbox import delivering, receiving

    delivering.deliver_due(clock=timezone.now, meanwhile=lambda: receiving.process_batch(at=timezone.now()))


@task
def reconcile_replies() -> None:
    """Look for unconfirmed replies in TikTok's own list."""
    from inbox import reconciling

    reconciling.reconcile_due(at=timezone.now())
