"""A search with a name, for oneself or for everybody."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

LONGEST_QUERY = 500


class SavedView(models.Model):
    """A search that its owner, or everybody if it is shared, finds among the views of the list."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(_("search"), max_length=LONGEST_QUERY)
    sort = models.CharField(_("order"), max_length=10, blank=True, help_text=_("Empty: closes soonest"))
    is_shared = models.BooleanField(_("everybody sees it"), default=False)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering: ClassVar = ["name", "id"]
        permissions: ClassVar = [("share_savedview", "Can share saved views with everybody")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_saved_view_per_owner_and_name"),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_has_a_name"),
            models.CheckConstraint(condition=~Q(query=""), name="saved_view_has_a_search"),
        ]

    def __str__(self) -> str:
        return self.name
