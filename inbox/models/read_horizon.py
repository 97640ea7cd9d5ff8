"""How far back an agent has nothing left to read."""

from django.conf import settings
from django.db import models


class ReadHorizon(models.Model):
    """A time before which nothing is unread for an agent, so that nobody looks through what was read long ago.

    `inbox.reading` moves it. Who has no row has no horizon.
    """

    agent = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="read_horizon"
    )
    closes_at = models.DateTimeField(
        help_text="Conversations whose newest window closes by then hold nothing unread"
    )

    class Meta:
        verbose_name_plural = "read horizons"

    def __str__(self) -> str:
        return f"{self.agent}: {self.closes_at}"
