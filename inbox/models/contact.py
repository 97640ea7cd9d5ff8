"""A person on TikTok, as one channel sees them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext

from channels_tiktok.models import TIKTOK_ID_LENGTH, Channel


class Contact(models.Model):
    """A TikTok user as seen by one channel, keyed by TikTok's stable id, never by the username, which changes."""

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="contacts")
    tiktok_user_id = models.CharField(max_length=TIKTOK_ID_LENGTH, help_text="TikTok's unique_identifier")
    username = models.CharField(max_length=100, blank=True)
    display_name = models.CharField(max_length=200, blank=True)
    has_been_renamed = models.BooleanField(default=False, help_text="Whether `usernames` holds any")
    is_follower = models.BooleanField(null=True)
    picture = models.FileField(upload_to="contacts/%Y/%m/", blank=True, help_text="Our copy, 192 pixels square")
    picture_url = models.CharField(max_length=2083, blank=True, help_text="Where TikTok shows it, for a time")
    picture_fetch_at = models.DateTimeField(
        null=True, blank=True, help_text="To be fetched, not before this time; empty: nothing to fetch"
    )
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
        indexes: ClassVar = [
            models.Index(fields=["username"], name="contacts_by_username"),
            models.Index(
                fields=["picture_fetch_at"],
                name="pictures_to_fetch",
                condition=Q(picture_fetch_at__isnull=False),
            ),
            models.Index(fields=["picture"], name="contacts_by_picture"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What to call this person on a page."""
        return self.display_name or self.username or gettext("TikTok user")

    @property
    def initials(self) -> str:
        """One or two letters for a contact without a picture."""
        words = [word for word in self.name.replace(".", " ").replace("_", " ").split() if word]
        return "".join(word[0] for word in words[:2]).upper() or "?"

    @property
    def hue(self) -> int:
        """A colour (0–11, a class in the stylesheet) that stays the same for this person."""
        return self.pk % 12

    @property
    def earlier_usernames(self) -> models.QuerySet["ContactUsername"]:
        """Usernames that are no longer this person's, the last one first; no query for the many who have none."""
        if not self.has_been_renamed:
            return ContactUsername.objects.none()
        return self.usernames.exclude(username=self.username)

    @property
    def picture_version(self) -> str:
        """A word that changes with the picture, for its address."""
        return str(self.picture.name).rsplit("/", 1)[-1][:8]


class ContactUsername(models.Model):
    """A username that a contact has been seen with. Usernames change; people search for the one they knew."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="usernames")
    username = models.CharField(max_length=100)
    seen_at = models.DateTimeField(help_text="TikTok's time of the newest event that used it")

    class Meta:
        ordering: ClassVar = ["-seen_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contact", "username"], name="one_row_per_username_of_a_contact"),
        ]

    def __str__(self) -> str:
        return f"@{self.username}"
