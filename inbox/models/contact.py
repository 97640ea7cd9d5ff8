"""A person on TikTok, as one channel sees them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from channels_tiktok.models import TIKTOK_ID_LENGTH, Channel


class Contact(models.Model):
    """A TikTok user as seen by one channel, keyed by TikTok's stable id, never by the username, which changes."""

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="contacts")
    tiktok_user_id = models.CharField(max_length=TIKTOK_ID_LENGTH, help_text="TikTok's unique_identifier")
    username = models.CharField(max_length=100, blank=True)
    display_name = models.CharField(max_length=200, blank=True)
    is_follower = models.BooleanField(null=True)
    named_at = models.DateTimeField(
        help_text="TikTok's time of the event that the names come from: an older one never overwrites them"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "tiktok_user_id"], name="one_contact_per_tiktok_user_and_channel"
            ),
            models.CheckConstraint(condition=~Q(tiktok_user_id=""), name="contact_has_a_tiktok_id"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What to call this person on a page."""
        return self.display_name or self.username or "TikTok user"

    @property
    def initials(self) -> str:
        """One or two letters for a contact without a picture."""
        words = [word for word in self.name.replace(".", " ").replace("_", " ").split() if word]
        return "".join(word[0] for word in words[:2]).upper() or "?"

    @property
    def hue(self) -> int:
        """A colour (0–11, a class in the stylesheet) that stays the same for this person."""
        return self.pk % 12
