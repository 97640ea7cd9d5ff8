"""Every schedule of the product, as data. `write_schedules` makes the database agree after each migration."""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from config.tasks import ring


@dataclass(frozen=True)
class Every:
    """Run the task at `path` each `minutes`; `sweep` tasks look for work that was left behind."""

    minutes: int
    path: str
    sweep: bool = False


SCHEDULES = [
    Every(1, "inbox.tasks.drain_journal", sweep=True),
    Every(1, "inbox.tasks.deliver_replies", sweep=True),
    Every(1, "inbox.tasks.reconcile_replies", sweep=True),
    Every(1, "inbox.tasks.cancel_for_removed", sweep=True),
    Every(1, "inbox.tasks.fetch_files", sweep=True),
    Every(1, "inbox.tasks.poll_channels", sweep=True),
    Every(1, "messagelinks.tasks.follow_inbox", sweep=True),
    Every(10, "channels_tiktok.tasks.refresh_due_tokens", sweep=True),
    Every(15, "channels_tiktok.tasks.check_channels"),
    Every(1, "channels_tiktok.tasks.fetch_pictures", sweep=True),
    Every(24 * 60, "channels_tiktok.tasks.delete_orphaned_files"),
    Every(24 * 60, "inbox.tasks.delete_orphaned_files"),
    Every(24 * 60, "channels_tiktok.tasks.remind_of_ending_consents"),
    Every(1, "inbox.tasks.wake_snoozed", sweep=True),
    Every(1, "inbox.tasks.warn_of_closing", sweep=True),
    Every(10, "inbox.tasks.forget_presence"),
    Every(60, "inbox.tasks.advance_read_horizons"),
    Every(1, "leads.tasks.drain_leads", sweep=True),
    Every(1, "leads.tasks.follow_inbox", sweep=True),
    Every(60, "leads.tasks.pull_leads", sweep=True),
    Every(1, "spamreports.tasks.follow", sweep=True),
    Every(1, "spamreports.tasks.deliver_events", sweep=True),
    Every(30, "channels_tiktok.tasks.check_ad_accounts"),
    Every(24 * 60, "leads.tasks.purge_deliveries"),
    Every(60, "inbox.tasks.purge_idempotency_keys"),
    Every(24 * 60, "inbox.tasks.clear_pictures_not_sent"),
    Every(24 * 60, "channels_tiktok.tasks.purge_old_events"),
]


@transaction.atomic
def write_schedules() -> None:
    """Make django-q2's schedule rows equal to SCHEDULES; safe to run any number of times."""
    wanted = {every.path: every for every in SCHEDULES}
    Schedule.objects.exclude(name__in=wanted).delete()
    for path, every in wanted.items():
        Schedule.objects.update_or_create(
            name=path,
            defaults={"func": path, "schedule_type": Schedule.MINUTES, "minutes": every.minutes},
            create_defaults={
                "func": path,
                "schedule_type": Schedule.MINUTES,
                "minutes": every.minutes,
                "next_run": timezone.now(),
            },
        )


def ring_every_sweep() -> None:
    """Enqueue each sweep once, now."""
    for every in SCHEDULES:
        if every.sweep:
            ring(every.path)
