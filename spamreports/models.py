"""What TikTok Ads is told: reports of contacts as spam, and events of what became of leads."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from channels_tiktok.models import AdAccount
from inbox.models import Contact, Conversation, Label
from leads.models import Lead

DEFAULT_REPORT_EVENT = "Spam"


class EventMapping(models.Model):
    """Under which name an ad account's event set learns that something happened."""

    class Trigger(models.TextChoices):
        STAGE = "stage", _("A lead reaches a stage")
        LABEL = "label", _("A label is put on a conversation")
        REPORT = "report", _("A contact is reported as spam")

    ad_account = models.ForeignKey(
        AdAccount, verbose_name=_("ad account"), on_delete=models.CASCADE, related_name="event_mappings"
    )
    trigger = models.CharField(_("when"), max_length=10, choices=Trigger)
    stage = models.CharField(_("stage"), max_length=20, blank=True, choices=Lead.Stage)
    label = models.ForeignKey(
        Label, verbose_name=_("label"), null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    event_name = models.CharField(
        _("event name"), max_length=100, help_text=_("As it is mapped to a funnel stage in Events Manager")
    )
    value = models.DecimalField(_("value"), max_digits=12, decimal_places=2, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True, help_text=_("ISO 4217, such as USD"))

    class Meta:
        verbose_name = _("event mapping")
        verbose_name_plural = _("event mappings")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(Q(trigger="stage", label__isnull=True) & ~Q(stage=""))
                | Q(trigger="label", label__isnull=False, stage="")
                | Q(trigger="report", label__isnull=True, stage=""),
                name="event_mapping_names_what_its_trigger_needs",
                violation_error_message=_("Choose a stage, a label, or neither, as the trigger needs it."),
            ),
            models.CheckConstraint(condition=~Q(event_name=""), name="event_mapping_names_an_event"),
            models.CheckConstraint(
                condition=Q(value__isnull=True, currency="") | (Q(value__isnull=False) & ~Q(currency="")),
                name="event_value_has_a_currency",
                violation_error_message=_("Give a value with its currency, or neither."),
            ),
            models.UniqueConstraint(
                fields=["ad_account", "stage"], condition=Q(trigger="stage"), name="one_event_per_stage"
            ),
            models.UniqueConstraint(
                fields=["ad_account", "label"], condition=Q(trigger="label"), name="one_event_per_label"
            ),
            models.UniqueConstraint(
                fields=["ad_account"], condition=Q(trigger="report"), name="one_event_for_reports"
            ),
        ]

    def __str__(self) -> str:
        return self.event_name


class LowerFunnelEvent(models.Model):
    """One event for TikTok, and what became of it. The rows are the queue of `spamreports.delivering`."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        ACCEPTED = "accepted", _("Accepted by TikTok")
        SKIPPED = "skipped", _("Not sent")
        REFUSED = "refused", _("Refused by TikTok")

    ad_account = models.ForeignKey(
        AdAccount, verbose_name=_("ad account"), on_delete=models.PROTECT, related_name="events"
    )
    event_id = models.CharField(max_length=100, help_text="By which TikTok knows a repetition")
    event_name = models.CharField(_("event name"), max_length=100)
    happened_at = models.DateTimeField(_("happened at"))
    lead = models.ForeignKey(
        Lead, verbose_name=_("lead"), null=True, blank=True, on_delete=models.SET_NULL, related_name="events"
    )
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    value = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.TextField(blank=True, help_text="Why it is not accepted, in words")
    request_id = models.CharField(
        _("request id"), max_length=100, blank=True, help_text="TikTok's, for its support"
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    try_again_at = models.DateTimeField(help_text="Not before this time")
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("lower funnel event")
        verbose_name_plural = _("lower funnel events")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ad_account", "event_id"], name="one_event_per_event_id"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "accepted", "skipped", "refused"]), name="event_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | ~Q(request_id=""), name="accepted_event_has_tiktoks_request_id"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "accepted"]) | ~Q(reason=""), name="unsent_event_says_why"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["try_again_at", "id"], name="events_to_send", condition=Q(state="waiting")),
            models.Index(fields=["-happened_at", "-id"], name="events_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.event_name} #{self.pk}"


class SpamReport(models.Model):
    """Somebody has reported a contact as spam to TikTok Ads. What TikTok answered is in its `event`."""

    class Reason(models.TextChoices):
        FAKE = "fake", _("Clearly fake or spammy")
        AUDIENCE = "audience", _("Outside our target audience")
        IRRELEVANT = "irrelevant", _("Irrelevant or suspicious in intent or content")

    ad_account = models.ForeignKey(AdAccount, on_delete=models.PROTECT, related_name="spam_reports")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="spam_reports")
    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="spam_reports")
    event = models.OneToOneField(LowerFunnelEvent, on_delete=models.PROTECT, related_name="spam_report")
    reason = models.CharField(max_length=20, choices=Reason)
    comment = models.TextField(blank=True, help_text="For colleagues; TikTok does not get it")
    reported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reported_at = models.DateTimeField()

    class Meta:
        permissions: ClassVar = [
            ("report_contact", "Can report contacts as spam to TikTok"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["contact", "ad_account"], name="one_report_per_contact_and_ad_account"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=["fake", "audience", "irrelevant"]), name="report_reason_is_known"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["-reported_at", "-id"], name="reports_newest_first")]

    def __str__(self) -> str:
        return f"Report of {self.contact_id}"
