"""The posts of a channel's own account: what agents may share (docs/tiktok-api.md 2, 3.1)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from channels_tiktok.models import TIKTOK_ID_LENGTH, Channel


class Post(models.Model):
    """One video of the account, as TikTok listed it last."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="posts")
    item_id = models.CharField(max_length=TIKTOK_ID_LENGTH, help_text="TikTok's id of it")
    caption = models.TextField(blank=True)
    posted_at = models.DateTimeField()
    embed_url = models.URLField(max_length=2083, blank=True)
    share_url = models.URLField(max_length=2083, blank=True)
    thumbnail_url = models.URLField(max_length=2083, blank=True, help_text="Where TikTok shows it, for a time")
    thumbnail = models.FileField(upload_to="posts/%Y/%m/", blank=True, help_text="Our small copy")
    thumbnail_attempts = models.PositiveSmallIntegerField(default=0)
    seen_at = models.DateTimeField(help_text="When TikTok's list last held it")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "item_id"], name="one_row_per_post"),
            models.CheckConstraint(condition=~Q(item_id=""), name="post_has_tiktoks_id"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["channel", "-posted_at", "-id"], name="posts_newest_first"),
            models.Index(fields=["thumbnail"], name="posts_by_thumbnail"),
        ]

    def __str__(self) -> str:
        return self.caption[:80] or self.item_id


class PostList(models.Model):
    """What we know of TikTok's list of a channel's posts as a whole."""

    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, related_name="post_list")
    asked_at = models.DateTimeField(help_text="When a worker was last rung to read it")
    read_at = models.DateTimeField(null=True, blank=True, help_text="When its newest posts were last read")
    whole_at = models.DateTimeField(null=True, blank=True, help_text="When all of it was last read")
    problem = models.TextField(blank=True, help_text="Why the last attempt to read it failed; a sentence")

    def __str__(self) -> str:
        return f"Posts of {self.channel}"
