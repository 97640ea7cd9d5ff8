"""The reply window: what TikTok allows us to answer, and how long.

A customer's message opens a window of 48 hours with 10 replies; each newer one opens the next
(tiktok-api.md 5.1 rule A; O35–O42). These constraints are the last word: whatever the code above does, an
eleventh reply or a window of another length can't be stored.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import BooleanField, F, Func, Q

REPLY_WINDOW = timedelta(hours=48)
REPLIES_PER_WINDOW = 10


class ClosesAfter48Hours(Func):
    """SQL that is true when `closes_at` is exactly 48 hours after `opened_at`, in each engine's own words.

    Django's own `F("opened_at") + timedelta` needs a Python function on SQLite, which plain SQL and other
    tools that open the file don't have.
    """

    arity = 2
    output_field = BooleanField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler,
            connection,
            template="(%(expressions)s)",
            arg_joiner=" + interval '48 hours' = ",
            **context,
        )

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        left, right = (compiler.compile(source)[0] for source in self.get_source_expressions())
        stamp = "'%%Y-%%m-%%d %%H:%%M:%%f'"
        return (
            f"(strftime({stamp}, {left}, '+48 hours') = strftime({stamp}, {right})"
            f" AND strftime('%%f', {left}) IS NOT NULL)",
            [],
        )


class ReplyWindow(models.Model):
    """48 hours in which up to ten replies may leave, opened by one message of the customer."""

    conversation = models.ForeignKey("inbox.Conversation", on_delete=models.CASCADE, related_name="reply_windows")
    opened_by = models.OneToOneField(
        "inbox.Message",
        on_delete=models.CASCADE,
        related_name="opened_window",
        help_text="The customer's message",
    )
    opened_at = models.DateTimeField(help_text="TikTok's time of that message")
    closes_at = models.DateTimeField()
    replies_used = models.PositiveSmallIntegerField(default=0)
    refused_at = models.DateTimeField(
        null=True, blank=True, help_text="When TikTok refused a reply for its own rules (code 40064)"
    )
    refusal = models.TextField(blank=True, help_text="TikTok's own words for that refusal")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(ClosesAfter48Hours(F("opened_at"), F("closes_at"))),
                name="reply_window_closes_48_hours_after_it_opens",
            ),
            models.CheckConstraint(
                condition=Q(replies_used__gte=0, replies_used__lte=REPLIES_PER_WINDOW),
                name="reply_window_allows_ten_replies",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["conversation", "-opened_at"], name="windows_newest_first")]

    def __str__(self) -> str:
        return f"Reply window until {self.closes_at:%Y-%m-%d %H:%M} UTC"

    @property
    def replies_left(self) -> int:
        """Replies that may still leave in this window, if it is open (0–10)."""
        return REPLIES_PER_WINDOW - self.replies_used

    def is_open(self, at: datetime) -> bool:
        """Whether the 48 hours include `at`."""
        return self.opened_at <= at < self.closes_at
