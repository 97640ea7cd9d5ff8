"""Message links, the addresses that each has had, and the arrivals of customers by links and ads.

What must always be true of them is said by the constraints here; tests/constraints proves it by plain SQL.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import BooleanField, Func, Q, Value
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from channels_tiktok.models import Channel
from inbox.models import Conversation, Referral

TITLE_LIMIT = 120
REF_LIMIT = 60
MESSAGE_LIMIT = 500
ARRIVAL_REF_LIMIT = 500  # of refs that are not ours; an index can hold no longer ones


class HoldsOnlyRefCharacters(Func):
    """SQL that is true when a text is made of letters, digits, `-`, `_` and `=` alone (docs/tiktok-api.md 3.10).

    In each engine's own words: Django's `__regex` needs a Python function on SQLite, which plain SQL and other
    tools that open the file don't have.
    """

    arity = 1
    output_field = BooleanField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s ~ '^[-A-Za-z0-9_=]*$')", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="(NOT %(expressions)s GLOB '*[^-A-Za-z0-9_=]*')", **context
        )


class MessageLink(models.Model):
    """A link that staff made for one channel. Its address is that of its current version."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="message_links")
    title = models.CharField(
        _("message link title"), max_length=TITLE_LIMIT, help_text=_("Customers never see it")
    )
    places = models.TextField(blank=True, help_text=_("Where it was shared, in words"))
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("message link")
        verbose_name_plural = _("message links")
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(title=""), name="message_link_has_a_title"),
        ]
        indexes: ClassVar = [models.Index(fields=["channel", "-id"], name="links_newest_first")]

    def __str__(self) -> str:
        return self.title


class LinkVersion(models.Model):
    """An address that a link has, or had: shared copies of it live on, and arrivals by it go on counting.

    `username` is the account's name in the copies that were shared. When the account is called otherwise on
    TikTok since then, its links have other addresses.
    """

    link = models.ForeignKey(MessageLink, on_delete=models.CASCADE, related_name="versions")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+", help_text="The link's own")
    number = models.PositiveSmallIntegerField(help_text="1 for the first version of its link")
    is_current = models.BooleanField(default=True)
    username = models.CharField(max_length=100, help_text="The account's, in the address that was shared")
    ref = models.CharField(_("referral source tag"), max_length=REF_LIMIT, blank=True)
    message = models.TextField(_("prefilled message"))
    fingerprint = models.CharField(max_length=64, help_text="Of ref and message, as arrivals tell them")
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = "version of a message link"
        verbose_name_plural = "versions of message links"
        ordering: ClassVar = ["link", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["link", "number"], name="one_version_per_number_of_a_link"),
            models.UniqueConstraint(
                fields=["link"], condition=Q(is_current=True), name="one_current_version_per_link"
            ),
            # Otherwise nobody could say by which of the two a customer came.
            models.UniqueConstraint(
                fields=["channel", "ref", "message"], name="one_version_per_address_of_a_channel"
            ),
            models.CheckConstraint(
                condition=Q(HoldsOnlyRefCharacters("ref"), LessThanOrEqual(Length("ref"), Value(REF_LIMIT))),
                name="ref_is_one_that_tiktok_takes",
            ),
            models.CheckConstraint(
                condition=Q(
                    GreaterThanOrEqual(Length("message"), Value(1)),
                    LessThanOrEqual(Length("message"), Value(MESSAGE_LIMIT)),
                ),
                name="prefilled_message_has_1_to_500_characters",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["channel", "fingerprint"], name="versions_by_fingerprint")]

    def __str__(self) -> str:
        return f"{self.link}, version {self.number}"


class Arrival(models.Model):
    """A customer came by a link or an ad, and what became of it: what the figures count.

    A copy of what `Referral` and `Message` say, kept by `messagelinks.attributing`: it can be made anew from
    them at any time. The raw ref stays with the referral, whether or not a link of ours is known for it.
    """

    referral = models.OneToOneField(Referral, primary_key=True, on_delete=models.CASCADE, related_name="+")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="arrivals")
    version = models.ForeignKey(
        LinkVersion,
        null=True,
        on_delete=models.SET_NULL,
        related_name="arrivals",
        db_index=False,
        help_text="Empty for ads, and for links that we don't know or that were removed",
    )
    source = models.CharField(max_length=20, choices=Referral.Source)
    ref = models.CharField(max_length=ARRIVAL_REF_LIMIT, blank=True)
    ad_id = models.CharField(max_length=100, blank=True)
    ad_name = models.CharField(max_length=500, blank=True)
    review = models.CharField(max_length=20, blank=True, help_text="TikTok's verdict on the prefilled text")
    arrived_at = models.DateTimeField()
    is_first = models.BooleanField(help_text="First touch: nothing brought this customer before")
    is_last = models.BooleanField(help_text="Last touch: nothing brought this customer since")
    started_at = models.DateTimeField(null=True, help_text="The customer's first message afterwards")
    answered_at = models.DateTimeField(null=True, help_text="Our first answer to that")
    in_time = models.BooleanField(default=False, help_text="Answered before that message's window closed")
    answer_seconds = models.PositiveIntegerField(
        null=True, help_text="From the message to the answer; only on the first arrival that led to the message"
    )

    class Meta:
        verbose_name = "arrival"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(started_at__isnull=False),
                name="only_who_wrote_is_answered",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["channel", "arrived_at"], name="arrivals_by_time"),
            models.Index(fields=["version", "arrived_at"], name="arrivals_by_version"),
            models.Index(fields=["channel", "ref", "arrived_at"], name="arrivals_by_ref"),
        ]

    def __str__(self) -> str:
        return f"Arrival #{self.pk}"


class Following(models.Model):
    """How far this app has read the inbox's timeline (`inbox.timeline`): one row."""

    read_up_to = models.PositiveBigIntegerField(default=0, help_text="The number of the last line that was read")

    def __str__(self) -> str:
        return f"Read up to line {self.read_up_to}"
