"""Replies that are written once and sent often."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from inbox.saved_texts import check_text


class SavedReply(models.Model):
    """A text with a title to find it by: everybody's, or one person's own."""

    title = models.CharField(_("title"), max_length=80)
    text = models.TextField(
        _("text"),
        validators=[check_text],
        help_text=_("{{contact.name}}, {{agent.first_name}} and {{channel.name}} are filled in when it is used."),
    )
    shortcut = models.SlugField(
        _("shortcut"), max_length=30, blank=True, help_text=_("A short word: /word finds this first.")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="saved_replies",
        help_text=_("Whose own it is; empty: everybody's"),
    )

    class Meta:
        verbose_name = _("saved reply")
        verbose_name_plural = _("saved replies")
        ordering: ClassVar = ["title"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(title=""), name="saved_reply_has_a_title"),
            models.CheckConstraint(condition=~Q(text=""), name="saved_reply_has_a_text"),
            models.UniqueConstraint(
                Lower("title"),
                condition=Q(owner__isnull=True),
                name="shared_saved_replies_have_different_titles",
                violation_error_message=_("There is a shared reply with this title already."),
            ),
            models.UniqueConstraint(
                "owner",
                Lower("title"),
                name="saved_replies_of_a_person_have_different_titles",
                violation_error_message=_("You have a reply with this title already."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_shared(self) -> bool:
        """Whether it is everybody's."""
        return self.owner_id is None
