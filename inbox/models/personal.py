"""What belongs to one agent alone: a reply being written, and how the pages behave for them."""

from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inbox.models.conversation import Conversation
from inbox.notifications import check_notifications
from inbox.shortcuts import check_shortcuts
from inbox.time_zones import check_time_zone

LONGEST_UNDO = 30  # seconds


class Draft(models.Model):
    """The text that an agent has typed in a conversation and not sent yet."""

    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="drafts")
    text = models.TextField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "conversation"], name="one_draft_per_agent_and_conversation"),
            models.CheckConstraint(condition=~Q(text=""), name="draft_has_a_text"),
        ]

    def __str__(self) -> str:
        return f"Draft of {self.agent}"


class NoteDraft(models.Model):
    """The note that an agent has typed in a conversation and not added yet. No reply is ever made of it."""

    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="note_drafts")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="note_drafts")
    text = models.TextField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agent", "conversation"], name="one_note_draft_per_agent_and_conversation"
            ),
            models.CheckConstraint(condition=~Q(text=""), name="note_draft_has_a_text"),
        ]

    def __str__(self) -> str:
        return f"Note draft of {self.agent}"


class Preferences(models.Model):
    """How the pages behave for one person. Who has no row gets the defaults."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="preferences"
    )
    undo_seconds = models.PositiveSmallIntegerField(
        _("seconds to undo a reply"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(LONGEST_UNDO)],
        help_text=_(
            "A reply from the page waits this long before it is handed to TikTok; empty for the workspace's"
        ),
    )
    sends_typing = models.BooleanField(_("show customers that you are typing"), default=True)
    enter_sends = models.BooleanField(_("Enter sends the reply"), default=False)
    shortcuts_on = models.BooleanField(_("keyboard shortcuts"), default=True)
    shortcuts = models.JSONField(
        default=dict,
        blank=True,
        validators=[check_shortcuts],
        help_text="The keys of each action where they differ from the default (inbox/shortcuts.py)",
    )
    notifications = models.JSONField(
        default=dict,
        blank=True,
        validators=[check_notifications],
        help_text="What is shown and what rings where it differs from the default (inbox/notifications.py)",
    )
    on_duty = models.BooleanField(
        _("on duty"), default=True, help_text=_("Off duty, nothing rings and nothing pops up")
    )
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        validators=[check_time_zone],
        help_text=_("Of the times on pages"),
    )
    language = models.CharField(_("language"), max_length=10, blank=True)
    picture = models.FileField(_("picture"), upload_to="people/", blank=True)

    class Meta:
        verbose_name_plural = "preferences"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(undo_seconds__lte=LONGEST_UNDO), name="undo_takes_at_most_30_seconds"
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_hours_begin_and_end",
            ),
        ]

    def __str__(self) -> str:
        return f"Preferences of {self.user}"

    @classmethod
    def of(cls, user: Any) -> "Preferences":
        """What `user` has chosen, or the defaults."""
        if "preferences" in user._state.fields_cache:  # they came with the person
            return user._state.fields_cache["preferences"] or cls(user_id=user.pk)
        return cls.objects.filter(user=user).first() or cls(user_id=user.pk)
