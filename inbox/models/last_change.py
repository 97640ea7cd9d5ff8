"""What an agent's last change of several conversations can be taken back to."""

from django.conf import settings
from django.db import models


class LastChange(models.Model):
    """The conversations that somebody changed together: how each was before, and how it was afterwards."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    states = models.JSONField(help_text="For each conversation's id its state before and after")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{len(self.states)} conversations"
