"""Open reply windows, spend their ten replies, give them back.

Guarantee: whatever the order in which messages become known, each reply belongs to the window of the newest
customer message before it, and no window ever holds more than ten. Callers hold the conversation's row lock
(`Conversation.objects.select_for_update()`), so windows of one conversation change one at a time; the
constraints of `ReplyWindow` and `Message` refuse whatever slips past.

Rules: docs/tiktok-api.md 5.1 (rule A), O35–O42.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from channels_tiktok.connecting import who_may_connect
from channels_tiktok.models import Channel
from config.sentences import translated
from inbox.models import REPLIES_PER_WINDOW, REPLY_WINDOW, Conversation, Message, ReplyWindow
from inbox.people import name_of

NO_ACCESS = gettext_noop("TikTok no longer accepts our access.")
NAMED = 3  # how many of those who can repair a channel are named
# What TikTok counts among the ten. Automatic messages don't (docs/tiktok-api.md 5.1).
COUNTED = (Message.Source.AGENT, Message.Source.OTHER, Message.Source.OWNER)


CLOCKS_DIFFER_BY = timedelta(minutes=5)


class ReplyRefused(Exception):
    """A reply that the rules don't allow. `code` is for programs, `sentence` for the agent."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Allowance:
    """Whether a reply may be queued now. `code` and `sentence` say why not; both are empty when it may."""

    can_reply: bool
    replies_left: int
    code: str = ""
    sentence: str = ""


def who_can_repair() -> list[str]:
    """The names of some who may connect channels: enough to know whom to ask."""
    return [name_of(person) for person in who_may_connect()[:NAMED]]


def allowance(
    conversation: Conversation, *, at: datetime, who_can_repair: Callable[[], list[str]] = who_can_repair
) -> Allowance:
    """Say whether an agent may reply in `conversation` at `at`, and if not, why, in words.

    Reads `conversation.channel`, `.contact` and `.window`; makes no query when they are loaded, but for a
    disconnected channel: `who_can_repair` is asked then. For many conversations give one that remembers.
    """
    name = conversation.contact.name
    window = conversation.window
    if conversation.channel.status != Channel.Status.CONNECTED:
        sentence = _channel_sentence(conversation.channel, who_can_repair)
        return Allowance(False, 0, "channel_disconnected", sentence)
    if window is None:
        return Allowance(
            False,
            0,
            "not_opened_by_customer",
            _("TikTok lets you write only after %(name)s has written to you.") % {"name": name},
        )
    if at >= window.closes_at:
        return Allowance(
            False,
            0,
            "window_closed",
            _("The 48-hour reply window closed. It opens again when %(name)s writes.") % {"name": name},
        )
    if window.refused_at:
        return Allowance(
            False,
            0,
            "window_closed",
            _("TikTok refused the last reply: “%(refusal)s” You can reply again when %(name)s writes.")
            % {"refusal": translated(window.refusal), "name": name},
        )
    if window.replies_left <= 0:
        return Allowance(
            False,
            0,
            "quota_used",
            _("All 10 replies are used. You get 10 new ones when %(name)s writes.") % {"name": name},
        )
    return Allowance(True, window.replies_left)


def _channel_sentence(channel: Channel, who_can_repair: Callable[[], list[str]]) -> str:
    if channel.status == Channel.Status.REMOVED:
        return _("%(channel)s was removed. Its conversations can be read, not answered.") % {
            "channel": channel.name
        }
    *others, last = who_can_repair() or [_("Someone who may connect channels")]
    people = _("%(names)s or %(last)s") % {"names": ", ".join(others), "last": last} if others else last
    return _("%(channel)s is disconnected: %(why)s %(people)s can repair it under Channels.") % {
        "channel": channel.name,
        "why": translated(channel.reason or NO_ACCESS),
        "people": people,
    }


def spend(*, conversation: Conversation, at: datetime) -> tuple[ReplyWindow, int]:
    """Take one reply from the newest window: give the window and the slot (1–10) that is now held.

    Raises ReplyRefused. The conditional UPDATE is what decides; `allowance` only finds the words.
    """
    won = conversation.window_id is not None and ReplyWindow.objects.filter(
        id=conversation.window_id,
        replies_used__lt=REPLIES_PER_WINDOW,
        closes_at__gt=at,
        refused_at__isnull=True,
    ).update(replies_used=F("replies_used") + 1)
    if conversation.window:
        conversation.window.refresh_from_db()
    if not won:
        refusal = allowance(conversation, at=at)
        raise ReplyRefused(refusal.code, refusal.sentence)
    assert conversation.window is not None  # the UPDATE found it
    return conversation.window, _lowest_free_slot(conversation.window)


def give_back(message: Message) -> None:
    """Free the slot of a reply that has surely not reached the customer."""
    if message.slot is None or message.window is None:
        return
    message.slot = None
    message.save(update_fields=["slot"])
    deal_slots(message.window)


def refuse_until_customer_writes(message: Message, *, words: str, at: datetime) -> None:
    """TikTok refused `message` for its own rules (40064): that is final, so lock its window."""
    if message.window_id is not None:
        ReplyWindow.objects.filter(id=message.window_id).update(refused_at=at, refusal=words)


def open_window(*, conversation: Conversation, message: Message) -> ReplyWindow:
    """Open the window of a customer's message, from TikTok's time of it, and let it take over what is its own.

    A message that arrives late opens a window in the past: it never shortens a newer one.
    """
    window = window_of(message)
    window.save(force_insert=True)
    _move_later_replies(conversation, window)
    if conversation.window is None or _comes_after(window, conversation.window):
        conversation.window, conversation.window_closes_at = window, window.closes_at
        conversation.save(update_fields=["window", "window_closes_at"])
    return window


def window_of(message: Message) -> ReplyWindow:
    """The row of the window that a customer's message opens, not yet stored."""
    return ReplyWindow(
        conversation=message.conversation,
        opened_by=message,
        opened_at=message.occurred_at,
        closes_at=message.occurred_at + REPLY_WINDOW,
    )


def place_in_window(message: Message) -> None:
    """Put a message whose time TikTok told us into the window of that time, with a slot where one is due.

    A reply of ours moves if it turns out to have left before or after a customer's message; what the owner
    or another app sent takes a slot if one is free.
    """
    window, old = _window_at(message.conversation_id, message.occurred_at), message.window
    if window is None or window.pk == message.window_id:
        return
    slot = None
    if message.source == Message.Source.AGENT and message.slot:
        slot = _lowest_free_slot(window)
        if not slot or not _may_hold(message, window):
            return  # it keeps the slot that it has: never fewer are counted than may have arrived
    _move(message, window, slot)
    for changed in filter(None, (old, window)):
        deal_slots(changed)


def _may_hold(message: Message, window: ReplyWindow) -> bool:
    """Whether the constraint on queueing times lets this reply of ours belong to `window`."""
    return bool(
        message.queued_at
        and message.deliver_at
        and message.queued_at < window.closes_at
        and message.deliver_at < window.closes_at
    )


def _window_at(conversation_id: int, at: datetime) -> ReplyWindow | None:
    return (
        ReplyWindow.objects.filter(conversation_id=conversation_id, opened_at__lte=at, closes_at__gt=at)
        .order_by("-opened_at", "-id")
        .first()
    )


def _comes_after(one: ReplyWindow, other: ReplyWindow) -> bool:
    return (one.opened_at, one.pk) > (other.opened_at, other.pk)


def _lowest_free_slot(window: ReplyWindow) -> int:
    """The lowest slot (1–10) that no message holds, or 0."""
    taken = set(Message.objects.filter(window=window, slot__isnull=False).values_list("slot", flat=True))
    return next((slot for slot in range(1, REPLIES_PER_WINDOW + 1) if slot not in taken), 0)


def _move(message: Message, window: ReplyWindow, slot: int | None) -> None:
    message.window, message.window_closes_at, message.slot = window, window.closes_at, slot
    message.save(update_fields=["window", "window_closes_at", "slot"])


def deal_slots(window: ReplyWindow) -> None:
    """Give free slots to what the owner or another app sent in `window`, oldest first, and count what is held."""
    held = set(Message.objects.filter(window=window, slot__isnull=False).values_list("slot", flat=True))
    free = [slot for slot in range(1, REPLIES_PER_WINDOW + 1) if slot not in held]
    without = Message.objects.filter(window=window, slot__isnull=True, source__in=COUNTED).exclude(
        source=Message.Source.AGENT
    )
    for slot, message in zip(free, without.order_by("occurred_at", "id"), strict=False):
        Message.objects.filter(pk=message.pk).update(slot=slot)
        held.add(slot)
    window.replies_used = len(held)
    window.save(update_fields=["replies_used"])


def _move_later_replies(conversation: Conversation, window: ReplyWindow) -> None:
    """Hand over to `window` what left, or has yet to leave, after the customer's message that opened it.

    TikTok counts a reply in the window that is newest when the reply reaches it. So replies that still wait
    or are under way belong to the newest window; sent ones to the window of their time.
    """
    next_opens = _opening_after(window, conversation)
    its_own = Q(sent_at__gte=window.opened_at, sent_at__lt=min(window.closes_at, next_opens or window.closes_at))
    if next_opens is None:
        its_own |= Q(state__in=[Message.State.QUEUED, Message.State.SENDING])
        # What was handed over well before the customer wrote can only have counted in the older window.
        its_own |= Q(state=Message.State.UNCONFIRMED, handed_over_at__gte=window.opened_at - CLOCKS_DIFFER_BY)
    moving = (
        Message.objects.filter(its_own, conversation=conversation, source__in=COUNTED)
        .exclude(window=window)
        .exclude(source=Message.Source.AGENT, slot__isnull=True)
        .select_related("window")
        .order_by("occurred_at", "id")
    )
    if not moving:
        return
    left: dict[int, ReplyWindow] = {}
    slots = iter(range(1, REPLIES_PER_WINDOW + 1))
    for message in moving:
        slot = None
        if message.source == Message.Source.AGENT:
            # A clock that went wrong may say that it was sent before it was queued: then it stays where it is.
            slot = next(slots, None) if _may_hold(message, window) else None
            if slot is None:
                continue
        if message.window:
            left[message.window.pk] = message.window
        _move(message, window, slot)
    for changed in (*left.values(), window):
        deal_slots(changed)


def _opening_after(window: ReplyWindow, conversation: Conversation) -> datetime | None:
    """When the next window after `window` opens; no query in the usual case that it is the newest itself."""
    if conversation.window is None or _comes_after(window, conversation.window):
        return None
    newer = ReplyWindow.objects.filter(conversation=conversation).filter(
        Q(opened_at__gt=window.opened_at) | Q(opened_at=window.opened_at, pk__gt=window.pk)
    )
    return newer.order_by("opened_at", "id").values_list("opened_at", flat=True).first()
