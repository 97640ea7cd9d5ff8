"""One message of a thread: from the customer, from us, or from someone else on the business's side.

A reply of ours *is* its queue entry: it exists only with a reply window and one of the window's ten slots,
and the database refuses it otherwise.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Length
from django.db.models.lookups import Range
from django.utils.translation import gettext_lazy as _

from channels_tiktok.models import TIKTOK_ID_LENGTH
from inbox.models.reply_window import REPLIES_PER_WINDOW, ReplyWindow

# Of a question card, docs/tiktok-api.md 3.1. Characters, and how many buttons.
QUESTION_LIMIT = 40
BUTTON_LIMIT = 20
MOST_BUTTONS = 3


def _has_length(path: str, least: int, most: int, *, missing: int = 0) -> Q:
    """True in SQL when the text at `path` of a JSON column is `least` to `most` characters long."""
    return Q(Range(Coalesce(Length(KT(path)), missing), (least, most)))


ASKS_A_QUESTION = (
    _has_length("content__title", 1, QUESTION_LIMIT)
    & _has_length("content__buttons__0__title", 1, BUTTON_LIMIT)
    & _has_length("content__buttons__1__title", 1, BUTTON_LIMIT, missing=1)
    & _has_length("content__buttons__2__title", 1, BUTTON_LIMIT, missing=1)
    & Q(**{f"content__buttons__{MOST_BUTTONS}__isnull": True})
)


class Message(models.Model):
    """A message in a conversation. `occurred_at` orders the thread (TikTok's time once it is known)."""

    class Direction(models.TextChoices):
        INBOUND = "inbound", _("From the customer")
        OUTBOUND = "outbound", _("To the customer")

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        IMAGE = "image", _("Image")
        SHARE_POST = "share_post", _("Shared post")
        VIDEO = "video", _("Video")
        EMOJI = "emoji", _("Emoji")
        STICKER = "sticker", _("Sticker")
        TEMPLATE = "template", _("Question card")
        UNSUPPORTED = "unsupported", _("Unsupported message")

    class Source(models.TextChoices):
        CUSTOMER = "customer", _("Customer")
        AGENT = "agent", _("Agent")
        OWNER = "owner", _("Owner, in the TikTok app")
        AUTOMATIC = "automatic", _("TikTok's automatic message")
        OTHER = "other", _("Another app")

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        QUEUED = "queued", _("Queued")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        READ = "read", _("Seen")
        FAILED = "failed", _("Not sent")
        UNCONFIRMED = "unconfirmed", _("Not confirmed by TikTok")
        CANCELLED = "cancelled", _("Cancelled")

    conversation = models.ForeignKey("inbox.Conversation", on_delete=models.CASCADE, related_name="messages")
    direction = models.CharField(max_length=10, choices=Direction)
    kind = models.CharField(max_length=20, choices=Kind)
    source = models.CharField(max_length=20, choices=Source)
    state = models.CharField(max_length=20, choices=State)
    text = models.TextField(blank=True)
    content = models.JSONField(
        default=dict, blank=True, help_text="The kind's own part of TikTok's payload (tiktok-api.md 4.4)"
    )
    tiktok_kind = models.CharField(max_length=50, blank=True, help_text="TikTok's own word for the kind")
    tiktok_message_id = models.CharField(max_length=TIKTOK_ID_LENGTH, null=True, blank=True)  # noqa: DJ001  (unique)
    quoted_message_id = models.CharField(
        max_length=TIKTOK_ID_LENGTH, blank=True, help_text="TikTok's id of the quoted one"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    occurred_at = models.DateTimeField(help_text="Orders the thread")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="TikTok's time of the message")
    read_at = models.DateTimeField(null=True, blank=True)

    # What a reply of ours needs besides.
    window = models.ForeignKey(
        ReplyWindow, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    window_closes_at = models.DateTimeField(null=True, blank=True, help_text="Copied from the window")
    slot = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Which of the window's ten")
    queued_at = models.DateTimeField(null=True, blank=True)
    deliver_at = models.DateTimeField(
        null=True, blank=True, help_text="Not handed to delivery before; orders a conversation's replies"
    )
    is_scheduled = models.BooleanField(default=False, help_text="Its author chose the time of `deliver_at`")
    again_of = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="sent_again",
        help_text="The reply that failed, or that TikTok never confirmed, and that this one says anew",
    )
    try_again_at = models.DateTimeField(
        null=True, blank=True, help_text="After a passing fault: not before; while unconfirmed: the next look"
    )
    handed_over_at = models.DateTimeField(null=True, blank=True, help_text="When TikTok was last called")
    looks = models.PositiveSmallIntegerField(
        default=0, help_text="How often we looked for an unconfirmed reply in TikTok's list"
    )
    claimed_until = models.DateTimeField(null=True, blank=True, help_text="Lease of the worker that sends it")
    attempts = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=50, blank=True, help_text="Our word, or TikTok's number")
    error_detail = models.TextField(blank=True, help_text="A sentence for the agent")
    tiktok_request_id = models.CharField(max_length=100, blank=True, help_text="For TikTok's support")

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "tiktok_message_id"], name="one_row_per_tiktok_message"
            ),
            models.UniqueConstraint(fields=["window", "slot"], name="one_message_per_slot"),
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(state="sending"),
                name="one_reply_in_flight_per_conversation",
            ),
            models.CheckConstraint(
                condition=Q(slot__isnull=True) | Q(slot__gte=1, slot__lte=REPLIES_PER_WINDOW),
                name="slot_is_one_of_ten",
            ),
            models.CheckConstraint(
                condition=Q(slot__isnull=True) | Q(window__isnull=False), name="slot_belongs_to_a_window"
            ),
            models.CheckConstraint(
                condition=~Q(source="agent")
                | Q(
                    direction="outbound",
                    window__isnull=False,
                    window_closes_at__isnull=False,
                    queued_at__isnull=False,
                    deliver_at__isnull=False,
                ),
                name="reply_has_a_window",
            ),
            models.CheckConstraint(
                condition=~Q(source="agent")
                | Q(queued_at__lt=F("window_closes_at"), deliver_at__lt=F("window_closes_at")),
                name="reply_is_queued_before_its_window_closes",
            ),
            models.CheckConstraint(
                # Only what has surely not reached the customer may be without a slot.
                condition=~Q(source="agent") | Q(slot__isnull=False) | Q(state__in=["failed", "cancelled"]),
                name="reply_that_may_arrive_holds_a_slot",
            ),
            models.CheckConstraint(
                condition=~Q(source="agent") | Q(kind__in=["text", "image", "share_post", "template"]),
                name="reply_is_of_a_kind_that_tiktok_takes",
            ),
            models.CheckConstraint(
                condition=~Q(source="agent", kind="template") | ASKS_A_QUESTION,
                name="reply_question_has_one_to_three_buttons",
            ),
            models.CheckConstraint(
                condition=~Q(source="agent", kind="share_post") | _has_length("content__item_id", 1, 255),
                name="reply_post_is_named",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sent", "read", "received"])
                | Q(tiktok_message_id__isnull=False, sent_at__isnull=False),
                name="sent_means_tiktok_gave_an_id",
            ),
            models.CheckConstraint(
                condition=Q(source="customer", direction="inbound", state="received")
                | (~Q(source="customer") & Q(direction="outbound") & ~Q(state="received")),
                name="only_customers_write_to_us",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "received",
                        "queued",
                        "sending",
                        "sent",
                        "read",
                        "failed",
                        "unconfirmed",
                        "cancelled",
                    ]
                ),
                name="message_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="sending") | Q(claimed_until__isnull=False),
                name="sending_message_has_a_lease",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "-occurred_at", "-id"], name="thread_newest_first"),
            models.Index(fields=["deliver_at", "id"], name="replies_due", condition=Q(state="queued")),
            models.Index(
                fields=["conversation", "id"],
                name="replies_under_way",
                condition=Q(state__in=["queued", "sending", "unconfirmed"]),
            ),
            models.Index(
                fields=["queued_at", "id"],
                name="pictures_not_sent",
                condition=Q(kind="image", state__in=["failed", "cancelled"]),
            ),
            models.Index(
                fields=["occurred_at", "id"],
                name="replies_in_trouble",
                condition=Q(state__in=["failed", "unconfirmed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class Attachment(models.Model):
    """A picture or video that belongs to a message: where TikTok keeps it, and our copy once we have one."""

    class State(models.TextChoices):
        PENDING = "pending", _("Not fetched yet")
        STORED = "stored", _("Stored")
        FAILED = "failed", _("Could not be fetched")

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    kind = models.CharField(max_length=20, choices=Message.Kind)
    media_id = models.CharField(max_length=500, blank=True, help_text="TikTok's id of the media")
    uploaded_at = models.DateTimeField(
        null=True, blank=True, help_text="When we gave it to TikTok, which keeps it for 30 days"
    )
    source_url = models.URLField(max_length=2083, blank=True, help_text="Where TikTok shows it, for a time")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    file = models.FileField(upload_to="attachments/%Y/%m/", blank=True, help_text="Our copy")
    thumbnail = models.FileField(upload_to="thumbnails/%Y/%m/", blank=True)
    content_type = models.CharField(max_length=100, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    try_again_at = models.DateTimeField(null=True, blank=True, help_text="Not fetched before this time")
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "stored", "failed"]), name="attachment_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="stored") | ~Q(file=""), name="stored_attachment_has_a_file"
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_attachment_says_why"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["try_again_at", "id"], name="attachments_to_fetch", condition=Q(state="pending")),
            # Which row names a file is asked before one that nothing names is cleared away.
            models.Index(fields=["file"], name="attachments_by_file"),
            models.Index(fields=["thumbnail"], name="attachments_by_thumbnail"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of message {self.message_id}"


class Reaction(models.Model):
    """Someone's emoji on a message, named by TikTok's message id because the reaction may arrive first."""

    conversation = models.ForeignKey("inbox.Conversation", on_delete=models.CASCADE, related_name="reactions")
    tiktok_message_id = models.CharField(max_length=TIKTOK_ID_LENGTH)
    tiktok_user_id = models.CharField(max_length=TIKTOK_ID_LENGTH)
    emoji = models.CharField(max_length=100)
    is_on = models.BooleanField(help_text="False once it was taken back")
    changed_at = models.DateTimeField(help_text="TikTok's time of the newest change that we know")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "tiktok_message_id", "tiktok_user_id", "emoji"],
                name="one_row_per_reaction",
            ),
        ]

    def __str__(self) -> str:
        return self.emoji


class IdempotencyKey(models.Model):
    """A key that an API client gave with a reply, and the reply that it made: the same key makes no second."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was asked with it")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    used_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_is_used_once"),
        ]

    def __str__(self) -> str:
        return self.key
