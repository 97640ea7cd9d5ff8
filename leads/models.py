"""Leads, and what is known of people by what they typed."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from channels_tiktok.models import AdAccount, LeadSubscription
from inbox.models import Contact, Conversation, Message

DIGEST = 64  # characters of a SHA-256 in hex


class Lead(models.Model):
    """One submission on TikTok: who answered what, on which ad (docs/tiktok-api.md 6.2).

    TikTok never says which conversation it becomes. `suggested` is our guess with its `ground`; `conversation` is
    what a colleague has confirmed or chosen.
    """

    Source = LeadSubscription.Source

    class Stage(models.TextChoices):
        RAW = "raw", _("Raw")
        CONTACTED = "contacted", _("Contacted")
        QUALIFIED = "qualified", _("Qualified")
        UNQUALIFIED = "unqualified", _("Unqualified")
        CONVERTED = "converted", _("Converted")

    class Ground(models.TextChoices):
        PHONE = "phone", _("The customer wrote this phone number")
        EMAIL = "email", _("The customer wrote this e-mail address")
        AD = "ad", _("The customer came from the same ad at that time")

    ad_account = models.ForeignKey(AdAccount, on_delete=models.PROTECT, related_name="leads")
    tiktok_lead_id = models.CharField(max_length=100, help_text="TikTok's id, always as digits")
    source = models.CharField(max_length=20, choices=LeadSubscription.Source)
    answers = models.JSONField(default=list, help_text="The form's questions and answers, in order")
    name = models.CharField(max_length=200, blank=True, help_text="The answer to the question for the name")
    phone_digest = models.CharField(max_length=DIGEST, blank=True, help_text="SHA-256 of the number in E.164")
    phone_tail = models.CharField(max_length=DIGEST, blank=True, help_text="SHA-256 of its last nine digits")
    email_digest = models.CharField(max_length=DIGEST, blank=True, help_text="SHA-256 of the address")
    campaign_id = models.CharField(max_length=100, blank=True)
    campaign_name = models.CharField(max_length=500, blank=True)
    adgroup_id = models.CharField(max_length=100, blank=True)
    adgroup_name = models.CharField(max_length=500, blank=True)
    ad_id = models.CharField(max_length=100, blank=True)
    ad_name = models.CharField(max_length=500, blank=True)
    page_id = models.CharField(max_length=100, blank=True)
    page_name = models.CharField(max_length=500, blank=True)
    submitted_at = models.DateTimeField(help_text="TikTok's time")
    received_at = models.DateTimeField()
    stage = models.CharField(max_length=20, choices=Stage, default=Stage.RAW)
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.SET_NULL, related_name="leads"
    )
    suggested = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.SET_NULL, related_name="suggested_leads"
    )
    ground = models.CharField(max_length=10, choices=Ground, blank=True, help_text="Why it is suggested")
    joined_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        permissions: ClassVar = [
            ("view_personal_data", "Can see phone numbers and e-mail addresses of leads"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tiktok_lead_id"], name="one_row_per_tiktok_lead"),
            models.CheckConstraint(condition=~Q(tiktok_lead_id=""), name="lead_has_a_tiktok_id"),
            models.CheckConstraint(
                condition=Q(stage__in=["raw", "contacted", "qualified", "unqualified", "converted"]),
                name="lead_stage_is_known",
            ),
            models.CheckConstraint(
                condition=Q(source__in=["INSTANT_FORM", "DIRECT_MESSAGE"]), name="lead_source_is_known"
            ),
            models.CheckConstraint(
                condition=Q(suggested__isnull=True) | ~Q(ground=""), name="suggestion_has_a_ground"
            ),
            models.CheckConstraint(
                condition=Q(suggested__isnull=True) | Q(conversation__isnull=True),
                name="joined_lead_has_no_suggestion",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-submitted_at", "-id"], name="leads_newest_first"),
            models.Index(fields=["stage", "-submitted_at", "-id"], name="leads_of_a_stage"),
            models.Index(
                fields=["-submitted_at", "-id"], name="leads_waiting", condition=Q(conversation__isnull=True)
            ),
            models.Index(fields=["phone_tail"], name="leads_by_phone", condition=~Q(phone_tail="")),
            models.Index(fields=["email_digest"], name="leads_by_email", condition=~Q(email_digest="")),
            models.Index(fields=["ad_id", "submitted_at"], name="leads_of_an_ad"),
        ]

    def __str__(self) -> str:
        return self.name or f"Lead {self.tiktok_lead_id}"


class LeadChange(models.Model):
    """What happened to a lead, when and by whom. Append-only; whoever stands above marks it with `followed_at`."""

    class Kind(models.TextChoices):
        ARRIVED = "arrived", _("Arrived")
        JOINED = "joined", _("Joined to a conversation")
        PARTED = "parted", _("Parted from a conversation")
        STAGE = "stage", _("Stage changed")

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=10, choices=Kind)
    before = models.CharField(max_length=20, blank=True)
    after = models.CharField(max_length=20, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    followed_at = models.DateTimeField(null=True, editable=False, help_text="When events of it had been made")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["arrived", "joined", "parted", "stage"]), name="lead_change_kind_is_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], name="lead_changes_to_follow", condition=Q(followed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class KnownIdentifier(models.Model):
    """A phone number or e-mail address that a customer typed in a chat, as hashes: enough to know it again."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("Phone number")
        EMAIL = "email", _("E-mail address")

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="known_identifiers")
    message = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    digest = models.CharField(
        max_length=DIGEST, blank=True, help_text="SHA-256 as TikTok takes it; empty for a number without country"
    )
    match = models.CharField(max_length=DIGEST, help_text="SHA-256 that finds the same one in a lead")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contact", "kind", "match"], name="one_row_per_known_identifier"),
            models.CheckConstraint(condition=Q(kind__in=["phone", "email"]), name="identifier_kind_is_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["match"], name="identifiers_by_match")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of contact {self.contact_id}"


class LeadPull(models.Model):
    """A file of leads that TikTok writes for us: a row of the queue of `leads.pulling` (docs 6.3)."""

    ad_account = models.ForeignKey(AdAccount, on_delete=models.CASCADE, related_name="lead_pulls")
    ad_id = models.CharField(max_length=100, blank=True)
    page_id = models.CharField(max_length=100, blank=True)
    task_id = models.CharField(max_length=200, blank=True, help_text="TikTok's; empty until it was asked for")
    asked_at = models.DateTimeField(null=True, blank=True)
    look_again_at = models.DateTimeField(help_text="Not before this time")
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ad_account", "ad_id", "page_id"], name="one_pull_per_ad_or_form"),
            models.CheckConstraint(
                condition=(Q(ad_id="") & ~Q(page_id="")) | (~Q(ad_id="") & Q(page_id="")),
                name="pull_is_of_an_ad_or_of_a_form",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["look_again_at"], name="lead_pulls_due")]

    def __str__(self) -> str:
        return f"Leads of {self.ad_id or self.page_id}"
