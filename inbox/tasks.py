"""What the worker runs for the inbox. Each task looks at its table and returns; see config/tasks.py."""

from datetime import timedelta

from django.utils import timezone

from config.tasks import task


@task
def drain_journal() -> None:
    """Turn what TikTok delivered into conversations and messages."""
    from inbox import receiving

    receiving.drain(clock=timezone.now)


@task
def cancel_for_removed() -> None:
    """Cancel the queued replies of channels that were removed, after telling that they were."""
    from inbox import following

    following.follow_channels(at=timezone.now())
    following.cancel_for_removed(at=timezone.now())


@task
def deliver_replies() -> None:
    """Hand queued replies to TikTok, and go on receiving while TikTok keeps us waiting."""
    from inbox import delivering, receiving

    def receive() -> None:
        receiving.drain(clock=timezone.now, at_most=timedelta(seconds=5))

    delivering.deliver_due(clock=timezone.now, meanwhile=receive)


@task
def reconcile_replies() -> None:
    """Look for unconfirmed replies in TikTok's own list."""
    from inbox import reconciling

    reconciling.reconcile_due(clock=timezone.now)


@task
def wake_snoozed() -> None:
    """Open conversations whose sleep is over."""
    from inbox import working

    working.wake_snoozed(at=timezone.now())


@task
def warn_of_closing() -> None:
    """Tell of reply windows that close within the hour."""
    from inbox import warning

    warning.warn_of_closing(at=timezone.now())


@task
def forget_presence() -> None:
    """Forget who looked at a conversation some time ago."""
    from inbox import presence

    presence.forget_old(at=timezone.now())


@task
def ask_about_images(conversation_id: int) -> None:
    """Ask TikTok whether images may be sent in a conversation."""
    from inbox import capabilities

    capabilities.ask(conversation_id=conversation_id, at=timezone.now())


@task
def read_posts(channel_id: int) -> None:
    """Read the posts of a channel's own account, to be shared."""
    from inbox import posts

    posts.read(channel_id=channel_id, clock=timezone.now)


@task
def tell_typing(conversation_id: int) -> None:
    """Show a customer that somebody types."""
    from inbox import telling

    telling.tell_typing(conversation_id=conversation_id, at=timezone.now())


@task
def tell_seen(conversation_id: int) -> None:
    """Show a customer that everything has been seen."""
    from inbox import telling

    telling.tell_seen(conversation_id=conversation_id, at=timezone.now())


@task
def clear_pictures_not_sent() -> None:
    """Clear away the pictures of replies that were cancelled or failed long ago."""
    from inbox import clearing

    clearing.clear_pictures(at=timezone.now())


@task
def purge_idempotency_keys() -> None:
    """Forget the API's idempotency keys that were kept long enough."""
    from inbox.api import idempotency

    idempotency.purge_keys(at=timezone.now())


@task
def fetch_files() -> None:
    """Fetch pictures, videos and stickers of messages, and the pictures of contacts."""
    from inbox import fetching

    fetching.fetch_due(clock=timezone.now)


@task
def poll_channels() -> None:
    """Read TikTok's own lists: what webhooks did not bring, and what was there before we were."""
    from inbox import backfilling

    backfilling.poll_due(clock=timezone.now)


@task
def delete_orphaned_files(place: int = 0, after: str = "") -> None:
    """Clear away files that no row names: a process was killed between writing one and saying so."""
    from channels_tiktok import files
    from inbox.fetching import NAMED_BY

    rest = files.delete_orphans(named_by=NAMED_BY, place=place, after=after, clock=timezone.now)
    if rest:
        delete_orphaned_files.ring(*rest)


@task
def advance_read_horizons() -> None:
    """Note how far back each agent has nothing left to read."""
    from inbox import reading

    reading.advance_horizons(at=timezone.now())


@task
def send_invitation(person_id: int) -> None:
    """Write to somebody who was added how to choose a password."""
    from inbox import mailing

    mailing.send_invitation(person_id=person_id)


@task
def send_password_link(person_id: int) -> None:
    """Write to somebody who forgot their password."""
    from inbox import mailing

    mailing.send_password_link(person_id=person_id)
