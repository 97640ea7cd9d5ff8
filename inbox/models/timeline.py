"""The timeline: what happened in conversations, numbered in the order in which it became true.

Everything that follows the inbox (live pages, rules, outbound webhooks, audit) reads it from a cursor of
its own. `inbox.timeline` writes it.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from channels_tiktok.models import Channel, ChannelEvent
from inbox.models.conversation import Conversation
from inbox.models.message import Message
from inbox.models.note import Note


class ConversationEvent(models.Model):
    """One line of the timeline. Append-only; `id` is the cursor that readers keep."""

    class Kind(models.TextChoices):
        MESSAGE_RECEIVED = "message_received", _("Message received")
        MESSAGE_SENT_OUTSIDE = "message_sent_outside", _("Message sent outside the inbox")
        MESSAGE_TIMED = "message_timed", _("TikTok told the time of a message")
        MESSAGE_MERGED = "message_merged", _("A message turned out to be one that was already there")
        REPLY_QUEUED = "reply_queued", _("Reply queued")
        REPLY_SENDING = "reply_sending", _("Reply handed to TikTok")
        REPLY_SENT = "reply_sent", _("Reply sent")
        REPLY_FAILED = "reply_failed", _("Reply not sent")
        REPLY_UNCONFIRMED = "reply_unconfirmed", _("Reply not confirmed")
        REPLY_CANCELLED = "reply_cancelled", _("Reply cancelled")
        MESSAGES_READ = "messages_read", _("Customer read our messages")
        REACTION_CHANGED = "reaction_changed", _("Reaction changed")
        REFERRAL_ARRIVED = "referral_arrived", _("Customer arrived by an ad or link")
        WINDOW_REFUSED = "window_refused", _("TikTok refused a reply for its rules")
        WINDOW_CLOSING = "window_closing", _("Reply window closes within an hour")
        STATUS_CHANGED = "status_changed", _("Status changed")
        ASSIGNED = "assigned", _("Assigned")
        TEAM_ASSIGNED = "team_assigned", _("Given to a team")
        LABELS_CHANGED = "labels_changed", _("Labels changed")
        NOTE_ADDED = "note_added", _("Note added")
        ATTACHMENT_STORED = "attachment_stored", _("Attachment fetched")
        ATTACHMENT_FAILED = "attachment_failed", _("Attachment could not be fetched")
        HISTORY_MISSING = "history_missing", _("Older messages are only in TikTok")
        CONTACT_CHANGED = "contact_changed", _("Contact changed")
        IMAGES_CHANGED = "images_changed", _("TikTok said whether images may be sent")
        CHANNEL_CHANGED = "channel_changed", _("Channel changed")
        TOLD_BY_APP = "told_by_app", _("Told by an app above the inbox")

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.CASCADE, related_name="timeline"
    )
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="timeline")
    note = models.ForeignKey(
        Note, null=True, blank=True, on_delete=models.CASCADE, related_name="timeline", db_index=False
    )
    kind = models.CharField(max_length=30, choices=Kind)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField()
    channel_event = models.ForeignKey(
        ChannelEvent,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        help_text="What happened to the channel, where the line tells of that",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel_event"],
                condition=Q(channel_event__isnull=False),
                name="one_line_per_channel_event",
            ),
            models.UniqueConstraint(
                fields=["message"],
                condition=Q(kind="window_closing"),
                name="one_closing_warning_per_window",
            ),
            models.CheckConstraint(
                condition=Q(kind="note_added", note__isnull=False)
                | (~Q(kind="note_added") & Q(note__isnull=True)),
                name="line_of_a_note_names_it",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "id"], name="timeline_of_conversation"),
            models.Index(fields=["note"], name="timeline_of_notes", condition=Q(note__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class TimelineReader(models.Model):
    """How far someone who follows the timeline has read; see `inbox.timeline_readers`."""

    name = models.CharField(max_length=50, primary_key=True)
    line = models.BigIntegerField(help_text="The number of the last line that was read")

    def __str__(self) -> str:
        return f"{self.name} has read {self.line}"
