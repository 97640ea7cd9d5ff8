"""What colleagues write to each other in a conversation. No customer ever sees it.

A note is no message: it has no window, no slot and no state, so nothing that delivers could take it up.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from inbox.models.conversation import Conversation


class Note(models.Model):
    """A colleague's words beside the messages. It can't be changed afterwards."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="notes"
    )
    text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(text=""), name="note_has_a_text"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "-created_at", "-id"], name="notes_newest_first"),
        ]

    def __str__(self) -> str:
        return f"Note {self.pk}"


class NoteMention(models.Model):
    """A colleague whom a note names with `@`."""

    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="mentions")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mentions")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["note", "person"], name="one_mention_per_note_and_person"),
        ]

    def __str__(self) -> str:
        return f"@{self.person} in note {self.note_id}"
