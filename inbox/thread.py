"""What a thread shows: its messages, the days between them, what colleagues did, how the customer came.

Guarantee: a page of a thread costs two queries, however long the thread is, and each thing in it has an order
that sorts as text, so that a browser can put a new one where it belongs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Aggregate, Exists, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, JSONObject
from django.utils import timezone

from inbox.models import Attachment, Conversation, ConversationEvent, Message, Reaction

PAGE = 50
SHOWN_LINES = [
    ConversationEvent.Kind.STATUS_CHANGED,
    ConversationEvent.Kind.ASSIGNED,
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


def page_of(conversation: Conversation, *, before: str = "") -> Page:
    """The newest items of a thread, or those before the order `before`."""
    messages = _messages(conversation)
    moment, number = _read_order(before)
    if moment:
        messages = messages.filter(occurred_at__lte=moment).exclude(occurred_at=moment, id__gte=number)
    newest = list(messages.order_by("-occurred_at", "-id")[: PAGE + 1])
    shown = newest[:PAGE][::-1]
    has_earlier = len(newest) > PAGE
    since = shown[0].occurred_at if has_earlier else None
    lines = _lines(conversation, since=since, before=moment)
    items = _with_days([*_grouped(shown), *lines, *_referral(conversation, since=since, before=moment)])
    return Page(items, order_of(shown[0]) if has_earlier else "")


def changed_items(conversation: Conversation, message_ids: set[int], *, all_of_them: bool) -> list[Item]:
    """The items that show a change of `message_ids`, with their neighbours, whose grouping may change too."""
    items = page_of(conversation).items
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


def order_of(thing: Message | ConversationEvent) -> str:
    """Where a message or a timeline line belongs in its thread."""
    moment = thing.occurred_at if isinstance(thing, Message) else thing.at
    return f"{_stamp(moment)}-{thing.pk:012d}"


class _Joined(Aggregate):
    """Texts of several rows in one, with line feeds between them."""

    function = "GROUP_CONCAT"
    template = "%(function)s(%(expressions)s, '\n')"
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="STRING_AGG", **context)


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
            reacted=Subquery(reacted.values("tiktok_message_id").annotate(all=_Joined("emoji")).values("all")),
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


def _lines(conversation: Conversation, *, since: datetime | None, before: datetime | None) -> list[Item]:
    """What colleagues did meanwhile. Only the newest lines are looked at: a long thread has thousands."""
    lines = ConversationEvent.objects.filter(conversation=conversation)
    if before is None:
        lines = lines.filter(pk__in=lines.order_by("-id").values("id")[:500])
    between = Q(at__gte=since) if since else Q()
    if before:
        between &= Q(at__lt=before)
    shown = lines.filter(between, kind__in=SHOWN_LINES).select_related("actor").order_by("id")
    given_to = get_user_model().objects.annotate(word=Cast("pk", TextField())).filter(word=OuterRef("after"))
    shown = shown.annotate(after=KeyTextTransform("after", "data")).annotate(
        given_to=Subquery(given_to.values(found=JSONObject(**{name: name for name in NAMES}))[:1])
    )
    return [Item("inbox/_event.html", order_of(line), line) for line in shown[:PAGE]]


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
