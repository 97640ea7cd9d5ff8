"""What staff set for everyone: one row, edited in the admin. `inbox.workspace` reads it."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inbox.models.personal import LONGEST_UNDO
from inbox.models.reply_window import REPLIES_PER_WINDOW
from inbox.time_zones import check_time_zone

THE_ROW = 1
LONGEST_WARNING = 47  # hours: a window that has just opened isn't closing soon


class WorkspaceSettings(models.Model):
    """How this installation works for everyone. While the row is missing, the defaults here apply."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_ROW, editable=False)
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[check_time_zone],
        help_text=_(
            "Of the working hours, and of the times on the pages of whoever has not chosen a zone of their own"
        ),
    )
    assign_on_first_reply = models.BooleanField(
        _("assign on first reply"),
        default=False,
        help_text=_("Whoever answers a conversation that nobody has yet takes it with the reply"),
    )
    undo_seconds = models.PositiveSmallIntegerField(
        _("seconds to undo a reply"),
        default=5,
        validators=[MaxValueValidator(LONGEST_UNDO)],
        help_text=_(
            "A reply from the page waits this long before it is handed to TikTok: 0 to 30. "
            "People can choose their own in their preferences"
        ),
    )
    closing_soon_hours = models.PositiveSmallIntegerField(
        _("hours that count as closing soon"),
        default=6,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_WARNING)],
        help_text=_("1 to 47. A conversation is in the view “Closing soon” when its window closes within these"),
    )
    automation_reserve = models.PositiveSmallIntegerField(
        _("replies that automation leaves to people"),
        default=2,
        validators=[MaxValueValidator(REPLIES_PER_WINDOW)],
        help_text=_(
            "Of the ten replies in a window, rules and other automation never take the last ones: "
            "0 to 10. With 10 they never reply"
        ),
    )

    class Meta:
        verbose_name = _("workspace settings")
        verbose_name_plural = _("workspace settings")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=THE_ROW), name="there_is_one_workspace"),
            models.CheckConstraint(condition=~Q(time_zone=""), name="workspace_has_a_time_zone"),
            models.CheckConstraint(
                condition=Q(undo_seconds__lte=LONGEST_UNDO), name="workspace_undo_takes_at_most_30_seconds"
            ),
            models.CheckConstraint(
                condition=Q(closing_soon_hours__range=(1, LONGEST_WARNING)), name="closing_soon_is_1_to_47_hours"
            ),
            models.CheckConstraint(
                condition=Q(automation_reserve__lte=REPLIES_PER_WINDOW),
                name="automation_leaves_at_most_ten_replies",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Workspace"))


class WorkingHours(models.Model):
    """When somebody answers on one day of the week. A day without a line is free."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    workspace = models.ForeignKey(
        WorkspaceSettings, on_delete=models.CASCADE, default=THE_ROW, related_name="working_hours"
    )
    weekday = models.PositiveSmallIntegerField(_("day"), choices=Weekday)
    begins = models.TimeField(_("from"))
    ends = models.TimeField(_("to"), help_text=_("23:59 for the whole evening"))

    class Meta:
        verbose_name = _("working hours of a day")
        verbose_name_plural = _("working hours")
        ordering: ClassVar = ["weekday"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["weekday"], name="one_line_of_working_hours_per_weekday"),
            models.CheckConstraint(condition=Q(weekday__range=(0, 6)), name="weekday_is_one_of_seven"),
            models.CheckConstraint(condition=Q(ends__gt=F("begins")), name="working_day_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.begins:%H:%M}–{self.ends:%H:%M}"

    def clean_fields(self, exclude: Any = None) -> None:
        """Say at the field what the database would refuse."""
        super().clean_fields(exclude)
        if self.begins and self.ends and self.ends <= self.begins:
            raise ValidationError({"ends": _("This has to be later than the beginning.")})
