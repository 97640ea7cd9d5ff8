"""Who may see and do what: the only way to fetch a conversation for a person."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import (
    Case,
    DateTimeField,
    Exists,
    F,
    OuterRef,
    PositiveIntegerField,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Concat, Greatest
from django.utils.translation import gettext as _

from channels_tiktok.models import Channel
from inbox.joined import Joined
from inbox.models import AgentReadMark, Attachment, Contact, Conversation, Draft, Label, Post, ReadHorizon, Team

Person = User | AnonymousUser

VIEW = "inbox.view_conversation"
CHANGE = "inbox.change_conversation"
REPLY = "inbox.reply_conversation"
ASSIGN = "inbox.assign_conversation"
LABEL = "inbox.label_conversation"
ALL_CHANNELS = "inbox.view_all_channels"
CONNECT = "channels_tiktok.connect_channel"
SHARE_VIEWS = "inbox.share_savedview"
# A row that needs another column names it here; else it is read row by row, which the tests notice.
SHOWN_IN_A_ROW = (
    *("status", "snoozed_until", "inbound_count", "last_message_at", "window_closes_at", "waiting_since"),
    *(
        "team__name",
        "channel__name",
        "channel__status",
        "contact__display_name",
        "contact__username",
        "contact__picture",
    ),
    *("window__opened_at", "window__closes_at", "window__replies_used", "window__refused_at"),
    *("last_message__text", "last_message__kind", "last_message__source", "last_message__state"),
    "last_message__content",  # what a question asks
    *(f"last_message__author__{name}" for name in ("username", "first_name", "last_name")),
    *(f"assignee__{name}" for name in ("username", "first_name", "last_name", "preferences__picture")),
)
FEW = 5_000
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def require(user: Person, permission: str) -> None:
    """Raise PermissionDenied unless `user` holds `permission`."""
    if not user.has_perm(permission):
        raise PermissionDenied(_("This needs the permission %(permission)s.") % {"permission": permission})


def channels_for(user: Person) -> QuerySet[Channel]:
    """The channels whose conversations `user` may see."""
    return seen_channels(user) if user.has_perm(VIEW) else Channel.objects.none()


def seen_channels(user: Person) -> QuerySet[Channel]:
    """The channels that the teams of `user` leave, whatever `user` may do with them."""
    ids = channel_ids_for(user)
    return Channel.objects.all() if ids is None else Channel.objects.filter(pk__in=ids)


def channel_ids_for(user: Person) -> frozenset[int] | None:
    """The only channels that `user` sees, or None for all of them.

    Who belongs to teams that name channels sees those channels and no other. Who belongs to none, or holds the
    permission for all channels, sees all. As Django does with permissions, the answer is kept with `user`.
    """
    if not hasattr(user, "_channel_ids"):
        ids: frozenset[int] | None = None
        if user.is_authenticated and not user.has_perm(ALL_CHANNELS):
            named = Team.objects.filter(members=user, channels__isnull=False)
            ids = frozenset(named.values_list("channels", flat=True)) or None
        user._channel_ids = ids  # type: ignore[union-attr]
    kept: frozenset[int] | None = user._channel_ids  # type: ignore[union-attr]
    return kept


def sees(user: Person, channel_id: int) -> bool:
    """Whether `user` sees this channel."""
    ids = channel_ids_for(user)
    return ids is None or channel_id in ids


def of_seen_channels(user: Person, *, name: str = "channel_id") -> Q:
    """For a query over what belongs to channels, named by the column `name`: only what `user` sees.

    A single channel is an equation, so that an index which begins with it gives the list's order.
    """
    ids = channel_ids_for(user)
    if ids is None:
        return Q()
    return Q(**{name: next(iter(ids))}) if len(ids) == 1 else Q(**{f"{name}__in": sorted(ids)})


def of_own_teams(user: Person) -> Q:
    """The conversations that `user` may well take: given to no team, or to one of theirs.

    Who is in no team looks after all of them.
    """
    own = Team.objects.filter(members=user.pk)
    return Q(team__isnull=True) | Q(team__in=own.values("pk")) | Q(~Exists(own))


def bare_conversations_for(user: Person) -> QuerySet[Conversation]:
    """The conversations that `user` may see, for counting: with nothing that a row shows."""
    if not user.has_perm(VIEW):
        return Conversation.objects.none()
    return Conversation.objects.filter(of_seen_channels(user))


def with_seen(conversations: QuerySet[Conversation], user: Person) -> QuerySet[Conversation]:
    """The conversations, with `seen`, what `user` has seen of each: `unread_by` compares it."""
    return conversations.alias(seen=_seen_by(user))


def conversations_for(user: Person) -> QuerySet[Conversation]:
    """The conversations that `user` may see, with what a list row shows.

    That is `unread_count` and `has_draft` of `user`, and `joined_labels`: a line "colour name" for each label.
    """
    return (
        with_seen(bare_conversations_for(user), user)
        .select_related(
            "channel",
            "contact",
            "window",
            "last_message",
            "last_message__author",
            "assignee__preferences",
            "team",
            "referral",
        )
        .prefetch_related("labels")
        .annotate(
            unread_count=Greatest(F("inbound_count") - F("seen"), Value(0)),
            has_draft=Exists(Draft.objects.filter(agent_id=user.pk, conversation=OuterRef("pk"))),
            joined_labels=_labels(),
        )
    )


def rows_for(user: Person) -> QuerySet[Conversation]:
    """The same with nothing that a row doesn't show: a list is thirty of them, and reading is half the work."""
    return (
        conversations_for(user)
        .prefetch_related(None)
        .select_related(None)
        .select_related("channel", "contact", "window", "last_message__author", "assignee__preferences", "team")
        .only(*SHOWN_IN_A_ROW)
    )


def among(conversation_ids: QuerySet[Any, Any]) -> Q:
    """The condition that a conversation is among these: by their ids if there are few, so that only they are read.

    Left to itself a database goes through the whole list in its order, until it has met enough of them.
    """
    few = list(conversation_ids[: FEW + 1])
    return Q(pk__in=few if len(few) <= FEW else conversation_ids)


def unread_by(user: Person) -> Q:
    """The condition on `conversations_for(user)` that the customer wrote something that `user` hasn't seen."""
    horizon = Coalesce(_horizon_of(user), Value(LONG_AGO, output_field=DateTimeField()))
    return Q(inbound_count__gt=F("seen"), window_closes_at__gt=horizon)


def _seen_by(user: Person) -> Case:
    marks = AgentReadMark.objects.filter(agent_id=user.pk, conversation=OuterRef("pk")).values("inbound_seen")
    marked = Coalesce(Subquery(marks, output_field=PositiveIntegerField()), Value(0))
    return Case(When(window_closes_at__lte=_horizon_of(user), then=F("inbound_count")), default=marked)


def _horizon_of(user: Person) -> Subquery:
    return Subquery(ReadHorizon.objects.filter(agent_id=user.pk).values("closes_at"))


def _labels() -> Subquery:
    worn = Label.objects.filter(conversations=OuterRef("pk")).order_by().values("conversations")
    return Subquery(worn.annotate(lines=Joined(Concat("colour", Value(" "), "name"))).values("lines"))


def get_conversation_for(user: Person, conversation_id: int, *, permission: str = VIEW) -> Conversation:
    """Give the conversation if `user` may see it; raise Conversation.DoesNotExist or PermissionDenied."""
    require(user, permission)
    return conversations_for(user).get(pk=conversation_id)


def get_attachment_for(user: Person, attachment_id: int) -> Attachment:
    """Give an attachment if `user` may see its conversation; raise DoesNotExist or PermissionDenied."""
    require(user, VIEW)
    seen = Conversation.objects.filter(channel__in=channels_for(user))
    return Attachment.objects.get(pk=attachment_id, message__conversation__in=seen)


def get_contact_for(user: Person, contact_id: int) -> Contact:
    """Give a contact of a channel that `user` may see; raise Contact.DoesNotExist or PermissionDenied."""
    require(user, VIEW)
    return Contact.objects.get(pk=contact_id, channel__in=channels_for(user))


def get_post_for(user: Person, post_id: int) -> Post:
    """Give a post of a channel that `user` may see; raise Post.DoesNotExist or PermissionDenied."""
    require(user, VIEW)
    return Post.objects.get(pk=post_id, channel__in=channels_for(user))


def lock_conversation_for(user: Person, conversation_id: int, *, permission: str) -> Conversation:
    """Like `get_conversation_for`, holding the conversation's row lock until the transaction ends."""
    require(user, permission)
    if not user.has_perm(VIEW):
        raise Conversation.DoesNotExist
    return locked_conversations().filter(of_seen_channels(user)).get(pk=conversation_id)


def lock_conversation(conversation_id: int) -> Conversation:
    """The conversation with its row locked: windows, slots and copies change only under this lock.

    (On SQLite the transaction itself is the lock.)
    """
    return locked_conversations().get(pk=conversation_id)


def only_lock_conversation(conversation: Conversation) -> None:
    """Lock the row of `conversation`, and read anew what is copied there of its newest message."""
    rows = Conversation.objects.select_for_update(no_key=True).filter(pk=conversation.pk)
    conversation.last_message_id, conversation.last_message_at = rows.values_list(
        "last_message_id", "last_message_at"
    ).get()


def locked_conversations() -> QuerySet[Conversation]:
    """Conversations whose rows are locked as they are read, with what the rules look at."""
    return Conversation.objects.select_for_update(of=("self",), no_key=True).select_related(
        "channel", "contact", "window"
    )


def mark_seen(*, user: User, conversation: Conversation) -> None:
    """Remember that `user` has seen everything in `conversation` so far."""
    AgentReadMark.objects.update_or_create(
        agent=user, conversation=conversation, defaults={"inbound_seen": conversation.inbound_count}
    )
