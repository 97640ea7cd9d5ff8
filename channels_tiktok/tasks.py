"""What the worker runs for channels. Each task looks at its table and returns; see config/tasks.py."""

from django.utils import timezone

from channels_tiktok import health, reminding
from channels_tiktok.tokens import refresh_due
from config.tasks import task


@task
def refresh_due_tokens() -> None:
    """Renew the access that ends soon, so that no reply has to wait for it."""
    refresh_due(at=timezone.now())


@task
def check_channels() -> None:
    """Look whether every channel works, and go on in a fresh task when there are many."""
    if health.sweep(clock=timezone.now):
        check_channels.ring()


@task
def remind_of_ending_consents() -> None:
    """Tell staff by e-mail which permissions end within 30 days."""
    reminding.remind_of_ending_consents(at=timezone.now())


@task
def purge_old_events() -> None:
    """Forget what was delivered long ago, a little at a time: live messages never wait behind it."""
    from channels_tiktok import journal

    if not journal.purge(before=timezone.now() - journal.KEPT_FOR, at_most=journal.PURGED_AT_ONCE):
        return
    purge_old_events.ring()


@task
def check_ad_accounts() -> None:
    """Look whether every ad account works, and give back access that nobody needs."""
    from datetime import timedelta

    from channels_tiktok import connecting_ads
    from channels_tiktok.models import AdAccount

    at = timezone.now()
    for account in AdAccount.objects.filter(status=AdAccount.Status.CONNECTED).order_by("id"):
        connecting_ads.check(account=account, at=at)
    connecting_ads.give_back_unused(before=at - timedelta(days=1))
