"""How conversations and messages look in JSON. Every field is named: nothing gets out by being a column."""

import functools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.sentences import translated
from inbox import posts, questions, windows
from inbox.models import Attachment, Conversation, Message, Post, Reaction, Referral
from inbox.sending import TWO_MESSAGES


class AwareDateTimeField(serializers.DateTimeField):
    """A point in time. Without a zone it would be a guess, so that is refused."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise serializers.ValidationError(_("Give the time zone too, such as 2026-11-22T09:00:00Z."))
        return super().enforce_timezone(value)


class PersonSerializer(serializers.Serializer[Any]):
    """Someone who works here."""

    id = serializers.IntegerField()
    username = serializers.CharField()
    name = serializers.SerializerMethodField(help_text="Full name, or else the username")

    def get_name(self, person: Any) -> str:
        return str(person.get_full_name() or person.get_username())


class TeamSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class ContactSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField(help_text="Without @; it can change. Empty while TikTok hasn't told it")
    display_name = serializers.CharField()


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Our word, or TikTok's number")
    detail = serializers.CharField(help_text="A sentence for people")


class QuestionSerializer(serializers.Serializer[Any]):
    """A question card. What the customer taps comes back as a text that says the same as the button."""

    title = serializers.CharField(trim_whitespace=False, allow_blank=True, help_text="1–40 characters")
    buttons = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False, allow_blank=True),
        help_text="One to three, each 1–20 characters",
    )


class SharedPostSerializer(serializers.Serializer[Any]):
    """A TikTok post that was shared."""

    item_id = serializers.CharField(help_text="TikTok's id; empty where TikTok didn't tell it")
    embed_url = serializers.CharField()


class MessageSummarySerializer(serializers.Serializer[Message]):
    """What a message says of itself, without what other rows say of it."""

    id = serializers.IntegerField()
    direction = serializers.ChoiceField(Message.Direction.choices)
    kind = serializers.ChoiceField(Message.Kind.choices)
    text = serializers.CharField()
    question = serializers.SerializerMethodField(help_text="What a card asks; null for other kinds")
    post = serializers.SerializerMethodField(help_text="The post that was shared; null for other kinds")
    source = serializers.ChoiceField(Message.Source.choices)  # type: ignore[assignment]  # Field.source
    state = serializers.ChoiceField(Message.State.choices)
    tiktok_message_id = serializers.CharField(allow_null=True)
    occurred_at = serializers.DateTimeField(help_text="Orders the thread: TikTok's time once it is known")
    queued_at = serializers.DateTimeField(allow_null=True)
    send_at = serializers.DateTimeField(
        source="deliver_at", allow_null=True, help_text="A reply of ours is not handed to TikTok before"
    )
    sent_at = serializers.DateTimeField(allow_null=True, help_text="TikTok's time")
    read_at = serializers.DateTimeField(allow_null=True)
    error = serializers.SerializerMethodField()
    author = PersonSerializer(allow_null=True)

    @extend_schema_field(QuestionSerializer(allow_null=True))
    def get_question(self, message: Message) -> dict[str, Any] | None:
        asked = questions.read(message.content) if message.kind == Message.Kind.TEMPLATE else []
        return {"title": asked[0].title, "buttons": list(asked[0].buttons)} if asked else None

    @extend_schema_field(SharedPostSerializer(allow_null=True))
    def get_post(self, message: Message) -> dict[str, str] | None:
        if message.kind != Message.Kind.SHARE_POST:
            return None
        return {
            "item_id": posts.item_id_of(message.content),
            "embed_url": str(message.content.get("embed_url") or ""),
        }

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, message: Message) -> dict[str, str] | None:
        if not message.error_code and not message.error_detail:
            return None
        return {"code": message.error_code, "detail": translated(message.error_detail)}


class AttachmentSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Message.Kind.choices)
    state = serializers.ChoiceField(Attachment.State.choices, help_text="What became of our copy of it")
    url = serializers.SerializerMethodField(help_text="Our copy, for whoever may see the conversation")
    thumbnail_url = serializers.SerializerMethodField(
        help_text="At most 480 pixels wide and high; null for videos and animations"
    )
    content_type = serializers.CharField(help_text="What the file is; empty until it is stored")
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_url(self, attachment: Attachment) -> str | None:
        return _address("api:attachment", attachment) if attachment.file else None

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_thumbnail_url(self, attachment: Attachment) -> str | None:
        return _address("api:thumbnail", attachment) if attachment.thumbnail else None


def _address(name: str, attachment: Attachment) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=[attachment.pk])}"


class ReactionSerializer(serializers.Serializer[Any]):
    emoji = serializers.CharField()
    by = serializers.CharField(help_text="TikTok's id of the person, or `business` for the channel's account")


class QuotedSerializer(serializers.Serializer[Any]):
    """The quoted message where we have it, or else only TikTok's id of it."""

    id = serializers.IntegerField(required=False)
    text = serializers.CharField(required=False)
    kind = serializers.ChoiceField(Message.Kind.choices, required=False)
    tiktok_message_id = serializers.CharField(required=False)


@dataclass
class Companions:
    """What other rows say of some messages of one conversation: two queries for any number of messages."""

    reactions: dict[str, list[dict[str, str]]] = field(default_factory=lambda: defaultdict(list))
    quoted: dict[str, Message] = field(default_factory=dict)

    @classmethod
    def of(cls, messages: Iterable[Message], conversation: Conversation) -> "Companions":
        """Read the reactions to `messages` and the messages that they quote."""
        found = cls()
        ids = {message.tiktok_message_id for message in messages if message.tiktok_message_id}
        business_id = conversation.channel.business_id
        reactions = Reaction.objects.filter(conversation=conversation, tiktok_message_id__in=ids, is_on=True)
        for reaction in reactions.order_by("changed_at", "id"):
            by = reaction.tiktok_user_id
            found.reactions[reaction.tiktok_message_id].append(
                {"emoji": reaction.emoji, "by": "business" if by == business_id else by}
            )
        wanted = {message.quoted_message_id for message in messages if message.quoted_message_id}
        for message in Message.objects.filter(conversation=conversation, tiktok_message_id__in=wanted):
            found.quoted[str(message.tiktok_message_id)] = message
        return found


class MessageSerializer(MessageSummarySerializer):
    """A message in full."""

    # The context holds the `companions` of all messages that are shown.

    attachments = AttachmentSerializer(many=True)
    reactions = serializers.SerializerMethodField()
    quoted = serializers.SerializerMethodField()

    @extend_schema_field(ReactionSerializer(many=True))
    def get_reactions(self, message: Message) -> list[dict[str, str]]:
        companions: Companions = self.context["companions"]
        return companions.reactions.get(message.tiktok_message_id or "", [])

    @extend_schema_field(QuotedSerializer(allow_null=True))
    def get_quoted(self, message: Message) -> dict[str, Any] | None:
        if not message.quoted_message_id:
            return None
        companions: Companions = self.context["companions"]
        quoted = companions.quoted.get(message.quoted_message_id)
        if quoted is None:
            return {"tiktok_message_id": message.quoted_message_id}
        return {"id": quoted.pk, "text": quoted.text, "kind": quoted.kind}


class ReferralSerializer(serializers.Serializer[Referral]):
    """The ad or message link that brought the customer."""

    source = serializers.ChoiceField(Referral.Source.choices)  # type: ignore[assignment]  # Field.source
    ref = serializers.CharField()
    prefilled_message = serializers.CharField()
    ad_id = serializers.CharField()
    ad_name = serializers.CharField()
    advertiser_id = serializers.CharField()
    embed_url = serializers.CharField()
    arrived_at = serializers.DateTimeField()


class WindowSerializer(serializers.Serializer[Conversation]):
    """What may be replied now. Nulls where the customer has never opened a window."""

    opened_at = serializers.DateTimeField(allow_null=True)
    closes_at = serializers.DateTimeField(allow_null=True)
    replies_used = serializers.IntegerField(allow_null=True)
    replies_left = serializers.IntegerField(
        allow_null=True, help_text="How many may be queued now: 0 whenever `can_reply` is false"
    )
    can_reply = serializers.BooleanField()
    reason = serializers.CharField(
        allow_null=True,
        help_text="Why not: `window_closed`, `quota_used`, `channel_disconnected` or `not_opened_by_customer`",
    )

    def to_representation(self, conversation: Conversation) -> dict[str, Any]:
        # The root's context: a page of conversations asks once who can repair their channels.
        context = cast(dict[str, Any], self.context)
        ask = context.setdefault("who_can_repair", functools.cache(windows.who_can_repair))
        allowance = windows.allowance(conversation, at=context["at"], who_can_repair=ask)
        window = conversation.window
        shown = {"can_reply": allowance.can_reply, "reason": allowance.code or None}
        return super().to_representation(
            {
                "opened_at": window and window.opened_at,
                "closes_at": window and window.closes_at,
                "replies_used": window and window.replies_used,
                "replies_left": allowance.replies_left if window else None,
                **shown,
            }  # type: ignore[arg-type]  # a mapping is as good as an object
        )


class ConversationSerializer(serializers.Serializer[Conversation]):
    id = serializers.IntegerField()
    channel = serializers.IntegerField(source="channel_id")
    contact = ContactSerializer()
    status = serializers.ChoiceField(Conversation.Status.choices)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    assignee = PersonSerializer(allow_null=True)
    team = TeamSerializer(allow_null=True)
    labels = serializers.SerializerMethodField()
    unread_count = serializers.IntegerField(help_text="The customer's messages that you haven't seen")
    last_message = MessageSummarySerializer(allow_null=True)
    referral = ReferralSerializer(allow_null=True)
    window = WindowSerializer(source="*")

    def get_labels(self, conversation: Conversation) -> list[str]:
        return [label.name for label in conversation.labels.all()]


class PostSerializer(serializers.Serializer[Post]):
    """A post of a channel's own account."""

    id = serializers.IntegerField()
    item_id = serializers.CharField(help_text="TikTok's id: what `post` of a reply names")
    caption = serializers.CharField()
    posted_at = serializers.DateTimeField()
    share_url = serializers.CharField()
    embed_url = serializers.CharField()


class NewReplySerializer(serializers.Serializer[Any]):
    """A text, a question, a post or, as `multipart/form-data`, an image. Other fields are ignored."""

    # The rules about texts and images are `inbox.sending`'s and `inbox.images`': pages keep to them too.

    text = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="1–6,000 characters; space around it is cut off",
    )
    image = serializers.FileField(
        required=False,
        allow_empty_file=True,
        help_text="JPEG, PNG or WebP up to 20 MB; it is made to fit what TikTok takes. Without `text`",
    )
    question = QuestionSerializer(required=False, help_text="A card with buttons to tap. Without `text`")
    post = serializers.CharField(
        required=False, help_text="The `item_id` of one of the channel's posts. Without `text`"
    )
    quoted = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="The message that the text answers"
    )
    send_at = AwareDateTimeField(
        required=False,
        allow_null=True,
        help_text="Not before; must be before the reply window closes. At once when left out or past",
    )

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not {"text", "image", "question", "post"} & set(asked):
            raise serializers.ValidationError({"text": [self.fields["text"].error_messages["required"]]})
        if asked.get("text") and "image" in asked:
            raise serializers.ValidationError({"image": [_(TWO_MESSAGES)]})
        return asked
