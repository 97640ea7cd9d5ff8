"""What the worker runs for message links. Each task looks at its table and returns; see config/tasks.py."""

from datetime import timedelta

from django.utils import timezone

from config.tasks import task


@task
def follow_inbox() -> None:
    """Take on what happened in the inbox: who came by which link or ad, and what became of it."""
    from messagelinks import attributing

    attributing.follow_timeline(clock=timezone.now, at_most=timedelta(seconds=30))


@task
def attribute_to_version(version_id: int) -> None:
    """Find the customers who came by an address before we knew of it."""
    from messagelinks import attributing

    attributing.attribute_to_version(version_id=version_id)
