"""What the worker runs for leads. Each task looks at its table and returns; see config/tasks.py."""

import logging

from django.utils import timezone

from config.tasks import ring_at, task

logger = logging.getLogger(__name__)


@task
def drain_leads() -> None:
    """Turn what TikTok delivered into leads."""
    from leads import receiving

    receiving.drain(clock=timezone.now)


@task
def follow_inbox() -> None:
    """Look which conversations leads have become."""
    from leads import joining

    joining.follow_inbox()


@task
def pull_leads() -> None:
    """Ask TikTok for leads that no webhook brought."""
    from channels_tiktok.errors import TikTokError
    from leads import pulling

    for account in pulling.connected():
        try:
            pulling.plan(account=account, at=timezone.now())
        except TikTokError as error:
            logger.warning("leads of ad account %s could not be asked for: %s", account.pk, error)
    work_on_pulls.ring()


@task
def work_on_pulls() -> None:
    """Go on with the files of leads, and come back when the next one is due."""
    from leads import pulling

    pulling.work(clock=timezone.now)
    due = pulling.next_look()
    if due is not None and due > timezone.now():
        ring_at(due, work_on_pulls.path)


@task
def purge_deliveries() -> None:
    """Forget deliveries of leads that were taken in long ago; the leads stay."""
    from channels_tiktok import lead_journal

    lead_journal.purge(at=timezone.now())
