"""A thread with one contact, and what lists need to know of it without looking further."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Upper
from django.utils.translation import gettext_lazy as _

from channels_tiktok.models import TIKTOK_ID_LENGTH, Channel
from inbox.models.contact import Contact
from inbox.models.message import Message
from inbox.models.reply_window import ReplyWindow
from inbox.models.team import Team


class Label(models.Model):
    """A word in a colour that staff put on conversations."""

    class Colour(models.TextChoices):
        GREY = "grey", _("Grey")
        BLUE = "blue", _("Blue")
        GREEN = "green", _("Green")
        AMBER = "amber", _("Amber")
        RED = "red", _("Red")
        VIOLET = "violet", _("Violet")

    name = models.CharField(_("name"), max_length=40)
    colour = models.CharField(_("colour"), max_length=10, choices=Colour, default=Colour.GREY)

    class Meta:
        verbose_name = _("label")
        verbose_name_plural = _("labels")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("name"),
                name="label_name_is_unique_in_any_case",
                violation_error_message=_("There is a label with this name already."),
            ),
            models.CheckConstraint(condition=~Q(name=""), name="label_has_a_name"),
            models.CheckConstraint(
                condition=Q(colour__in=["grey", "blue", "green", "amber", "red", "violet"]),
                name="label_colour_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Conversation(models.Model):
    """A TikTok thread between one channel and one contact.

    The columns from `last_message` on are copies that lists and counts read; `inbox.receiving`,
    `inbox.sending` and `inbox.windows` keep them right in the transaction that changes what they copy, and the
    database itself (`inbox.triggers`) `waiting_since`.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        SNOOZED = "snoozed", _("Snoozed")
        CLOSED = "closed", _("Closed")

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="conversations")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="conversations")
    tiktok_conversation_id = models.CharField(max_length=TIKTOK_ID_LENGTH)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assigned_conversations",
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="conversations", db_index=False
    )
    labels = models.ManyToManyField(Label, blank=True, related_name="conversations")
    created_at = models.DateTimeField()
    customer_read_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The customer has read what we sent up to this time (TikTok's read mark)",
    )

    images_allowed = models.BooleanField(null=True, help_text="What TikTok said; empty until it has")
    images_asked_at = models.DateTimeField(null=True, blank=True, help_text="When TikTok was last asked that")
    typing_shown_at = models.DateTimeField(
        null=True, blank=True, help_text="When the customer was last shown that somebody types"
    )

    last_message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    last_message_at = models.DateTimeField()
    inbound_count = models.PositiveIntegerField(
        default=0, help_text="The customer's messages since the channel was connected: what can be unread"
    )
    window = models.ForeignKey(
        ReplyWindow,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The newest reply window",
    )
    window_closes_at = models.DateTimeField(null=True, blank=True)
    waiting_since = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="The customer's oldest message that nobody has answered; the database keeps it right",
    )
    referral = models.ForeignKey(
        "inbox.Referral", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        permissions: ClassVar = [
            ("reply_conversation", "Can reply to conversations"),
            ("assign_conversation", "Can give conversations to people and teams"),
            ("label_conversation", "Can label conversations"),
            ("view_all_channels", "Can see all channels, whatever their teams see"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "tiktok_conversation_id"],
                name="one_conversation_per_tiktok_conversation",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "snoozed", "closed"]), name="conversation_status_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="snoozed") | Q(snoozed_until__isnull=False),
                name="snoozed_conversation_knows_until_when",
            ),
            models.CheckConstraint(
                condition=Q(window__isnull=True, window_closes_at__isnull=True)
                | Q(window__isnull=False, window_closes_at__isnull=False),
                name="conversation_copies_its_windows_close",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "window_closes_at", "id"], name="list_closing_first"),
            models.Index(fields=["status", "-last_message_at", "-id"], name="list_newest_first"),
            models.Index(fields=["assignee", "status", "window_closes_at", "id"], name="list_of_assignee"),
            models.Index(fields=["assignee", "status", "-last_message_at", "-id"], name="list_of_assignee_newest"),
            models.Index(
                fields=["status", "waiting_since", "id"],
                name="list_waiting_longest",
                condition=Q(waiting_since__isnull=False),
            ),
            models.Index(
                fields=["assignee", "status", "waiting_since", "id"],
                name="list_of_assignee_waiting",
                condition=Q(waiting_since__isnull=False),
            ),
            models.Index(
                fields=["team", "status", "window_closes_at", "id"],
                name="list_of_team",
                condition=Q(team__isnull=False),
            ),
            # For people whose teams see some channels only.
            models.Index(fields=["channel", "status", "window_closes_at", "id"], name="channel_closing_first"),
            models.Index(fields=["channel", "status", "-last_message_at", "-id"], name="channel_newest_first"),
        ]

    def __str__(self) -> str:
        return f"Conversation {self.pk}"


class Referral(models.Model):
    """What brought the customer: an ad or a tiktok.me message link (tiktok-api.md 3.2, 4.7)."""

    class Source(models.TextChoices):
        AD = "ad", _("Ad")
        SHORT_LINK = "short_link", _("Message link")

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="referrals")
    source = models.CharField(max_length=20, choices=Source)
    arrived_at = models.DateTimeField()
    is_arrival_known = models.BooleanField(
        default=True, help_text="False while only TikTok's list, which gives links no time, told of it"
    )
    ref = models.CharField(max_length=2083, blank=True)
    prefilled_message = models.TextField(blank=True)
    audit_status = models.CharField(max_length=20, blank=True, help_text="TikTok's review of that text")
    ad_id = models.CharField(max_length=100, blank=True)
    ad_name = models.CharField(max_length=500, blank=True)
    advertiser_id = models.CharField(max_length=100, blank=True)
    embed_url = models.URLField(max_length=2083, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "source", "arrived_at"], name="one_referral_per_arrival"
            ),
        ]
        indexes: ClassVar = [
            models.Index(Upper("ref"), name="referrals_by_ref", condition=~Q(ref="")),
            models.Index(fields=["ad_id", "arrived_at"], name="arrivals_by_ad", condition=~Q(ad_id="")),
            models.Index(
                fields=["advertiser_id", "arrived_at"],
                name="arrivals_of_advertiser",
                condition=~Q(advertiser_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.ad_name or self.ref or self.get_source_display()


class AgentReadMark(models.Model):
    """How much of a conversation one agent has seen: unread is what the customer wrote beyond that."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="read_marks")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="read_marks")
    inbound_seen = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agent", "conversation"], name="one_read_mark_per_agent_and_conversation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent} has seen {self.inbound_seen}"
