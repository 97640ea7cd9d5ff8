"""What the search looks through: one row for each thing that was said or is known about a conversation.

The database itself writes these rows (`inbox.triggers`), in the statement that writes what they tell, so that no
code can forget to: not `bulk_create`, not plain SQL.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inbox.models.conversation import Conversation


class SearchEntry(models.Model):
    """A text that a conversation is found by. The newer an entry, the higher its `id`."""

    class Kind(models.TextChoices):
        MESSAGE = "message", _("Message")
        CONTACT = "contact", _("Contact")
        REFERRAL = "referral", _("Referral")
        NOTE = "note", _("Note")

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="search_entries")
    kind = models.CharField(max_length=10, choices=Kind)
    source_id = models.BigIntegerField(help_text="The row that says it: of the table that `kind` names")
    said = models.TextField(blank=True, help_text="The words as they were; empty for messages, which hold them")
    text = models.TextField(help_text="The words as they are compared: small letters, single spaces, no marks")

    class Meta:
        verbose_name_plural = "search entries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "source_id", "conversation"], name="one_search_entry_per_source_and_conversation"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["message", "contact", "referral", "note"]), name="search_entry_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.source_id}"
