"""Who looks at a conversation just now."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from inbox.models.conversation import Conversation


class Presence(models.Model):
    """The last sign of one agent in one conversation. It counts for some seconds (`inbox/presence.py`)."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    agent = models.ForeignKey(  # the constraint is its index
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    seen_at = models.DateTimeField()
    typing_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agent", "conversation"], name="one_presence_per_agent_and_conversation"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["seen_at"], name="presence_by_time")]

    def __str__(self) -> str:
        return f"{self.agent} in {self.conversation}"
