"""What the worker runs for channels. Each task looks at its table and returns; see config/tasks.py."""

from django.utils import timezone

from channels_tiktok import files, health, portraits, reminding
from channels_tiktok.models import Channel
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
def fetch_pictures() -> None:
    """Copy the accounts' profile pictures that are new."""
    for pk in portraits.due(Channel, at=timezone.now()).values_list("pk", flat=True)[:20]:
        portraits.fetch(Channel, pk, at=timezone.now())


@task
def delete_orphaned_files(place: int = 0, after: str = "") -> None:
    """Clear away pictures that no channel names: a worker was killed between writing one and saying so."""
    rest = files.delete_orphans(named_by=[(Channel, "picture")], place=place, after=after, clock=timezone.now)
    if rest:
        delete_orphaned_files.ring(*rest)


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
