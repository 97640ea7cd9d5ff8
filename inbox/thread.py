"""What a thread shows: its messages, the days between them, what colleagues did, how the customer came.

Guarantee: a page of a thread costs two queries, however long the thread is, and each thing in it has an order
that sorts as text, so that a browser can put a new one where it belongs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, JSONObject
from django.utils import timezone

from inbox.joined import Joined
from inbox.models import (
    Attachment,
    Conversation,
    ConversationEvent,
    Message,
    NoteMention,
    Reaction,
    ReplyWindow,
)

PAGE = 50
LINES = 200
SHOWN_LINES = [
    ConversationEvent.Kind.STATUS_CHANGED,
    ConversationEvent.Kind.ASSIGNED,
    ConversationEvent.Kind.LABELS_CHANGED,
    ConversationEvent.Kind.NOTE_ADDED,
    ConversationEvent.Kind.TEAM_ASSIGNED,
    ConversationEvent.Kind.HISTORY_MISSING,
    ConversationEvent.Kind.TOLD_BY_APP,
]
NAMES = ("first_name", "last_name", "username")
ATTACHED = ("id", "state", "content_type", "width", "height", "thumbnail", "error")
GROUPED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Item:
    """One `<li>` of the thread: which template shows what, where."""

    template: str
    order: str
    of: Any
    ends_group: bool = True
    starts_group: bool = True


@dataclass(frozen=True)
class Page:
    """Some of a thread's items, oldest first, and where the page before them ends (empty if there is none)."""

    items: list[Item]
    before: str


def page_of(conversation: Conversation, *, before: str = "", at: datetime | None = None) -> Page:
    """The newest items of a thread, or those before the order `before`; whether its window has closed at `at`."""
    messages = _messages(conversation)
    moment, number = _read_order(before)
    if moment:
        messages = messages.filter(occurred_at__lte=moment).exclude(occurred_at=moment, id__gte=number)
    newest = list(messages.order_by("-occurred_at", "-id")[: PAGE + 1])
    shown = newest[:PAGE][::-1]
    earlier = order_of(shown[0]) if len(newest) > PAGE else ""
    since = shown[0].occurred_at if earlier else None
    lines = _lines(conversation, since=since, before=moment)
    if len(lines) > LINES:  # so much happened between few messages that it takes pages of its own
        since = next(line.at for line in reversed(lines[:LINES]) if line.at > lines[LINES].at)
        lines = [line for line in lines if line.at >= since]
        shown = [message for message in shown if message.occurred_at >= since]
        earlier = f"{_stamp(since)}-0"
    items = [
        *_grouped(shown),
        *(Item(_template_of(line), order_of(line), line) for line in lines),
        *_window_lines(conversation, shown, until=at if moment is None else None),
        *_referral(conversation, since=since, before=moment),
    ]
    return Page(_with_days(items), earlier)


def order_around(conversation: Conversation, message_id: int | None) -> str:
    """The order before which a page must end so that a message stands in it with some that follow; empty if the
    newest page holds it, or there is no such message.
    """
    if message_id is None:
        return ""
    moment = conversation.messages.filter(pk=message_id).values_list("occurred_at", flat=True).first()
    if moment is None:
        return ""
    later = conversation.messages.filter(occurred_at__gte=moment).order_by("occurred_at", "id")
    following = list(later.only("occurred_at")[:PAGE])
    return order_of(following[PAGE // 2]) if len(following) == PAGE else ""


def changed_items(
    conversation: Conversation, message_ids: set[int], *, all_of_them: bool, at: datetime
) -> list[Item]:
    """The items that show a change of `message_ids`, with their neighbours, whose grouping may change too."""
    items = page_of(conversation, at=at).items
    if all_of_them:
        return items
    ids = [item.of.pk if isinstance(item.of, Message) else None for item in items]
    near = {place + step for place, pk in enumerate(ids) if pk in message_ids for step in (-1, 0, 1)}
    kept = [item for place, item in enumerate(items) if place in near or ids[place] is None]
    older = message_ids - set(ids)
    if older:
        kept += [
            Item("inbox/_message.html", order_of(one), one) for one in _messages(conversation).filter(pk__in=older)
        ]
    return kept


def slots_of(conversation: Conversation) -> list[Message]:
    """What used the replies of the newest window, in the order of their slots."""
    if conversation.window_id is None:
        return []
    held = Message.objects.filter(window_id=conversation.window_id, slot__isnull=False)
    return list(held.select_related("author").order_by("slot"))


def newest_id(conversation: Conversation) -> int:
    """The newest message that whoever looks now can have seen; 0 if there is none."""
    return conversation.messages.order_by("-id").values_list("id", flat=True).first() or 0


def order_of(thing: Message | ConversationEvent) -> str:
    """Where a message or a timeline line belongs in its thread."""
    moment = thing.occurred_at if isinstance(thing, Message) else thing.at
    return f"{_stamp(moment)}-{thing.pk:012d}"


def _messages(conversation: Conversation) -> QuerySet[Message]:
    """A thread's messages with all that a page shows of each (author, file, quote, reactions), in one query."""
    here = {"conversation_id": OuterRef("conversation_id")}
    quoted = Message.objects.filter(**here, tiktok_message_id=OuterRef("quoted_message_id"))
    reacted = Reaction.objects.filter(**here, tiktok_message_id=OuterRef("tiktok_message_id"), is_on=True)
    return (
        Message.objects.filter(conversation=conversation)
        .select_related("author")
        .annotate(
            quoted=Subquery(
                quoted.values(found=JSONObject(id="id", text="text", kind="kind", source="source"))[:1]
            ),
            attached=Subquery(
                Attachment.objects.filter(message=OuterRef("pk"))
                .order_by("id")
                .values(found=JSONObject(**{name: name for name in ATTACHED}))[:1]
            ),
            was_sent_again=Exists(Message.objects.filter(again_of=OuterRef("pk"))),
            opens_window=Exists(ReplyWindow.objects.filter(opened_by=OuterRef("pk"))),
            closed_before=Subquery(
                ReplyWindow.objects.filter(**here, opened_at__lt=OuterRef("occurred_at"))
                .order_by("-opened_at")
                .values("closes_at")[:1]
            ),
            reacted=Subquery(reacted.values("tiktok_message_id").annotate(all=Joined("emoji")).values("all")),
        )
    )


def _grouped(messages: list[Message]) -> list[Item]:
    """Messages as items; those of one sender close together are one group."""
    items = []
    for place, message in enumerate(messages):
        earlier = messages[place - 1] if place else None
        later = messages[place + 1] if place + 1 < len(messages) else None
        items.append(
            Item(
                "inbox/_message.html",
                order_of(message),
                message,
                ends_group=later is None
                or not _together(message, later)
                or message.state != later.state
                or _speaks(message),
                starts_group=earlier is None or not _together(earlier, message),
            )
        )
    return items


def _speaks(message: Message) -> bool:
    """What can be taken back, or went wrong, says so under itself, not under the last of its group."""
    if message.state == Message.State.QUEUED:
        return message.deliver_at != message.queued_at or bool(message.error_detail)
    return message.state in (Message.State.FAILED, Message.State.UNCONFIRMED)


def _together(one: Message, other: Message) -> bool:
    return (one.source, one.author_id, _day(one.occurred_at)) == (
        other.source,
        other.author_id,
        _day(other.occurred_at),
    ) and other.occurred_at - one.occurred_at < GROUPED_WITHIN


def _lines(conversation: Conversation, *, since: datetime | None, before: datetime | None) -> list[Any]:
    """What colleagues did and noted meanwhile, newest first, at most one more than a page shows.

    Of what they did only the newest lines are looked at: a long thread has thousands. No note is left out.
    """
    everything = ConversationEvent.objects.filter(conversation=conversation)
    lines = everything
    if before is None:
        newest = everything.filter(pk__in=everything.order_by("-id").values("id")[:500]).values("id")
        noted = ConversationEvent.objects.filter(note__in=conversation.notes.values("pk")).values("id")
        lines = everything.filter(pk__in=newest.union(noted))
    between = Q(at__gte=since) if since else Q()
    if before:
        between &= Q(at__lt=before)
    shown = lines.filter(between, kind__in=SHOWN_LINES).select_related("actor", "note").order_by("-at", "-id")
    given_to = get_user_model().objects.annotate(word=Cast("pk", TextField())).filter(word=OuterRef("after"))
    named = NoteMention.objects.filter(note=OuterRef("note")).values("note")
    return list(
        shown.annotate(after=KeyTextTransform("after", "data")).annotate(
            given_to=Subquery(given_to.values(found=JSONObject(**{name: name for name in NAMES}))[:1]),
            named=Subquery(named.annotate(all=Joined("person__username")).values("all")),
        )[: LINES + 1]
    )


def _template_of(line: ConversationEvent) -> str:
    return "inbox/_note.html" if line.kind == ConversationEvent.Kind.NOTE_ADDED else "inbox/_event.html"


def _window_lines(conversation: Conversation, shown: list[Any], *, until: datetime | None) -> Iterable[Item]:
    """When the reply window opened and closed: a message that finds it open only extends it."""
    for message in shown:
        if not message.opens_window or (message.closed_before and message.closed_before > message.occurred_at):
            continue
        if message.closed_before:
            yield _window_line("closed", message.closed_before)
        yield _window_line("opened", message.occurred_at)
    if until and conversation.window and conversation.window.closes_at <= until:
        yield _window_line("closed", conversation.window.closes_at)


def _window_line(what: str, at: datetime) -> Item:
    return Item("inbox/_window_line.html", f"{_stamp(at)}-!{what}", {"what": what, "at": at})


def _referral(conversation: Conversation, *, since: datetime | None, before: datetime | None) -> Iterable[Item]:
    referral = conversation.referral
    if referral is None or (since and referral.arrived_at < since) or (before and referral.arrived_at >= before):
        return
    yield Item("inbox/_referral.html", f"{_stamp(referral.arrived_at)}-!", referral)


def _with_days(items: list[Item]) -> list[Item]:
    """All items in order, with a separator where another day begins."""
    result: list[Item] = []
    day = None
    for item in sorted(items, key=lambda item: item.order):
        moment = _read_order(item.order)[0]
        if moment and _day(moment) != day:
            day = _day(moment)
            start = datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())
            result.append(Item("inbox/_day.html", f"{_stamp(start)}-", day))
        result.append(item)
    return result


def _day(moment: datetime) -> Any:
    return timezone.localtime(moment).date()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read_order(order: str) -> tuple[datetime | None, int]:
    """Take an order apart again: moment, id. One that we never gave means no limit."""
    stamp, _, number = order.rpartition("-")
    try:
        moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        return moment, int(number) if number.isdigit() else 0
    except ValueError:
        return None, 0
