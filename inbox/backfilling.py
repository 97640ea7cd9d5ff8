"""Bring conversations up to date from TikTok's own lists: after connecting, and every few minutes.

Guarantee: what the lists show takes effect through the same code as webhooks (`listed.receive_list`), so
that nothing counts twice whichever way it came first. With webhooks off, polling alone brings every message
that TikTok still shows. Messages from before the account was first connected are history: nobody's unread,
unless their writer still waits for an answer.

`channels_tiktok/polling.py` says whose turn it is and reads; here is what becomes of it. Each call takes a spare
turn (`channels_tiktok/pacing.py`), so replies never wait behind the reading.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from channels_tiktok import errors, pacing, polling
from channels_tiktok.models import Channel, Polling, WebhookEvent
from config.tasks import ring
from inbox import listed, receiving
from inbox.models import Contact, Conversation

# Then the task rings anew, so that replies and webhooks never wait longer for a worker.
POLL_FOR = timedelta(seconds=15)

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Step:
    """One conversation read: how many of how many, and what it brought that we did not have."""

    were_read: int
    to_read: int
    found: int


def poll_due(*, clock: Clock, at_most: timedelta = POLL_FOR) -> int:
    """Poll the channels that are due; give how many conversations were read.

    After `at_most` it rings for a fresh task, which goes on where this one stopped.
    """
    were_read, end = 0, clock() + at_most
    for channel in polling.due(at=clock()):
        try:
            with closing(poll(channel=channel, clock=clock)) as steps:
                for _ in steps:
                    were_read += 1
                    if clock() >= end:
                        break
        except errors.TikTokError:
            continue  # said on the channel's page, and tried again; the other channels go on
        if clock() >= end:
            ring("inbox.tasks.poll_channels")
            break
    return were_read


def poll(*, channel: Channel, clock: Clock) -> Generator[Step, None, None]:
    """Read what is to be read of one channel, step by step. Whoever stops listening leaves the rest for later.

    Raises TikTokError when TikTok doesn't let us go on; the run is then continued later by itself.
    """

    def wait() -> None:
        pacing.wait_for_spare_turn(at=clock())

    run = polling.claim(channel=channel, at=clock())
    if run is None:
        return
    is_over = False
    try:
        polling.list_conversations(run, is_known=_knower(channel), at=clock(), wait=wait)
        while waiting := polling.next_to_read(run):
            found = 0
            wait()
            try:
                thread = polling.read(run, waiting, at=clock())
            except errors.Refused as refusal:
                polling.note_unreadable(run, waiting, str(refusal))
            else:
                _let_the_journal_go_first(channel, clock)
                found = listed.receive_list(
                    channel=channel,
                    messages=thread.messages,
                    participants=thread.participants,
                    conversation_id=waiting.tiktok_conversation_id,
                    referral=waiting.referral,
                    at=clock(),
                )
                polling.note_read(run, waiting, found=found)
            polling.stay(run, at=clock())
            yield Step(run.were_read, run.to_read, found)
        polling.finish(run, at=clock())
        is_over = True
    except errors.TikTokError as error:
        polling.fail(run, error, at=clock())
        is_over = True
        raise
    finally:
        if not is_over:
            polling.interrupt(run, at=clock())
        if Contact.objects.filter(picture_fetch_at__lte=clock()).exists():
            ring("inbox.tasks.fetch_files")


def _knower(channel: Channel) -> polling.IsKnown:
    """Whether webhooks have brought everything of a conversation, as far as its newest time can tell."""

    def is_known(conversation_id: str, updated_at: datetime) -> bool:
        return Conversation.objects.filter(
            channel=channel, tiktok_conversation_id=conversation_id, last_message_at__gte=updated_at
        ).exists()

    return is_known


def _let_the_journal_go_first(channel: Channel, clock: Clock) -> None:
    """What webhooks delivered is applied before the list: else a full list would look as if it missed some."""
    due = WebhookEvent.objects.filter(state=WebhookEvent.State.PENDING, try_again_at__lte=clock())
    if due.filter(business_id=channel.business_id).exists():
        receiving.drain(clock=clock, at_most=timedelta(seconds=5))


def progress_of(channels: list[Channel]) -> list[Polling]:
    """The channels whose earlier conversations are still being read, for pages that say so."""
    runs = Polling.objects.filter(
        channel__in=channels, channel__status=Channel.Status.CONNECTED, filled_at__isnull=True
    )
    return list(runs.select_related("channel"))
