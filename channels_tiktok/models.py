"""What we know of TikTok's side: the accounts, their tokens, and the journal of everything it delivered."""

from datetime import UTC, datetime
from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.encryption import EncryptedTextField

# TikTok's ids are opaque and of no documented length. Longer ones are refused in words, never cut.
TIKTOK_ID_LENGTH = 500
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Credential(models.Model):
    """The tokens that one TikTok account gave us, encrypted, apart from everything that is listed.

    `business_id` is the `open_id` of the token answer (tiktok-api.md 1.3): the account that owns the tokens.
    """

    business_id = models.CharField(max_length=TIKTOK_ID_LENGTH, primary_key=True)
    access_token = EncryptedTextField()
    refresh_token = EncryptedTextField()
    access_expires_at = models.DateTimeField()
    refresh_expires_at = models.DateTimeField()
    scopes = models.TextField(blank=True, help_text="Comma-separated, as TikTok granted them")
    refreshing_until = models.DateTimeField(
        null=True, editable=False, help_text="Lease of the one process that may refresh now"
    )
    refreshed_at = models.DateTimeField()
    warned_at = models.DateTimeField(
        null=True, editable=False, help_text="When staff were last told by e-mail that the permission ends"
    )

    def __str__(self) -> str:
        return f"Credential of {self.business_id}"

    def granted(self) -> set[str]:
        """The scopes that the account's owner ticked."""
        return {scope for scope in self.scopes.split(",") if scope}


class AppCredentials(models.Model):
    """What makes this installation TikTok's app, where the environment does not say it: one row, or none."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    app_id = models.CharField(
        _("app id"), max_length=200, blank=True, help_text=_("TikTok also calls it client key")
    )
    app_secret = EncryptedTextField(_("app secret"), blank=True)
    optional_scopes = models.CharField(
        _("optional scopes"),
        max_length=1000,
        blank=True,
        validators=[RegexValidator(r"^[a-z._]+( [a-z._]+)*$", _("Write scopes with a space between them."))],
        help_text=_(
            "More scopes to ask for, with spaces between them, such as user.info.profile. "
            "One that the app is not approved for makes TikTok refuse the whole consent"
        ),
    )

    class Meta:
        verbose_name = _("TikTok app")
        verbose_name_plural = _("TikTok app")
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_tiktok_app")]

    def __str__(self) -> str:
        return str(_("TikTok app"))


class Channel(models.Model):
    """One TikTok Business Account that is, or was, connected to this inbox."""

    class Status(models.TextChoices):
        CONNECTED = "connected", _("Connected")
        DISCONNECTED = "disconnected", _("Disconnected")
        REMOVED = "removed", _("Removed")

    business_id = models.CharField(
        _("business id"), max_length=TIKTOK_ID_LENGTH, help_text=_("TikTok's id of the account (open_id)")
    )
    username = models.CharField(
        _("username"), max_length=100, help_text="The account's @username on TikTok; it can change"
    )
    display_name = models.CharField(
        _("display name"), max_length=200, blank=True, help_text=_("The account's name on TikTok")
    )
    name = models.CharField(_("name"), max_length=80, help_text=_("Our name for it; TikTok never sees it"))
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.DISCONNECTED)
    reason = models.TextField(blank=True, help_text="Why it is disconnected, in words")
    credential = models.OneToOneField(Credential, null=True, blank=True, on_delete=models.SET_NULL, editable=False)
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("connected by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    connected_at = models.DateTimeField(_("connected at"), null=True, blank=True)
    last_event_at = models.DateTimeField(
        _("last event at"), null=True, blank=True, help_text=_("Last webhook from TikTok")
    )
    webhook_error = models.TextField(
        _("webhook error"),
        blank=True,
        help_text=_("Why TikTok does not deliver here: the webhook is missing, or points elsewhere"),
    )
    trouble = models.TextField(
        blank=True, help_text="What else the last check found wrong while it is connected, a sentence per line"
    )
    checked_at = models.DateTimeField(null=True, blank=True, help_text="Last check of its health")
    last_call_at = models.DateTimeField(
        null=True, blank=True, help_text="Last call that TikTok carried out with its access, to the minute"
    )
    picture = models.FileField(upload_to="channels/%Y/%m/", blank=True, help_text="Our copy, 192 pixels square")
    picture_url = models.CharField(max_length=2083, blank=True, help_text="Where TikTok shows it, for a time")
    picture_fetch_at = models.DateTimeField(
        null=True, blank=True, help_text="To be fetched, not before this time; empty: nothing to fetch"
    )
    news_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the account was first connected here: what customers wrote before is history, not news",
    )
    sends_read_marks = models.BooleanField(
        _("show customers when we have seen their messages"),
        default=True,
        help_text=_("TikTok then shows “Seen” as soon as an agent has opened the conversation"),
    )

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        permissions: ClassVar = [
            ("connect_channel", "Can connect and reconnect channels"),
            ("rename_channel", "Can rename channels"),
            ("remove_channel", "Can remove channels"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["business_id"], name="one_channel_per_tiktok_account"),
            models.UniqueConstraint(
                Lower("name"), condition=Q(status="connected"), name="connected_channels_have_different_names"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="channel_has_a_name"),
            models.CheckConstraint(
                condition=Q(status__in=["connected", "disconnected", "removed"]),
                name="channel_status_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="connected") | Q(credential__isnull=False, credential=F("business_id")),
                name="connected_channel_holds_its_accounts_credential",
                violation_error_message="A channel can only be connected with its own account's tokens.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def picture_version(self) -> str:
        """A word that changes with the picture, for its address."""
        return str(self.picture.name).rsplit("/", 1)[-1][:8]


class ChannelEvent(models.Model):
    """A line in a channel's history: what happened to it, when and why. Append-only.

    Whoever stands above takes each line on once, and marks it with `followed_at` (`inbox.following`).
    """

    class Kind(models.TextChoices):
        CONNECTED = "connected", _("Connected")
        DISCONNECTED = "disconnected", _("Disconnected")
        REMOVED = "removed", _("Removed")
        RENAMED = "renamed", _("Renamed")
        TROUBLED = "troubled", _("Something is wrong")
        RECOVERED = "recovered", _("All is well again")
        CONTENT_WITHHELD = "content_withheld", _("TikTok withheld a message")

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=30, choices=Kind)
    detail = models.TextField(blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    followed_at = models.DateTimeField(null=True, editable=False, help_text="When the inbox had acted on it")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["channel", "-at"], name="channel_history"),
            models.Index(fields=["id"], name="events_to_follow", condition=Q(followed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.get_kind_display()}"


class Pace(models.Model):
    """When the app may make its next call that counts against TikTok's limit; see `channels_tiktok.pacing`."""

    app_id = models.CharField(max_length=200, primary_key=True)
    free_at = models.DateTimeField(help_text="Every turn before this time is taken")
    spare_at = models.DateTimeField(default=LONG_AGO, help_text="No spare turn before this time")

    def __str__(self) -> str:
        return f"Pace of app {self.app_id}"


class OAuthState(models.Model):
    """A consent that was begun: the `state` we sent to TikTok, good for one return to the same browser."""

    value = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    channel = models.ForeignKey(
        Channel, null=True, on_delete=models.CASCADE, help_text="The channel to reconnect, if it is one"
    )
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Consent begun by {self.user}"


class Polling(models.Model):
    """How far we are with reading a channel's conversations from TikTok's own lists (docs/tiktok-api.md 3.2).

    A *run* lists the conversations and then reads those that need it. `ListedConversation` is its queue, so a
    run that was cut short goes on where it stopped.
    """

    channel = models.OneToOneField(Channel, primary_key=True, on_delete=models.CASCADE, related_name="polling")
    connection_at = models.DateTimeField(
        null=True, help_text="The `connected_at` that was filled up: another one begins anew"
    )
    next_run_at = models.DateTimeField(help_text="Not polled before")
    pause = models.DurationField(help_text="Between two runs; it grows while webhooks bring everything")
    claimed_until = models.DateTimeField(null=True, blank=True, help_text="Lease of the worker that reads")
    is_thorough = models.BooleanField(
        default=True, help_text="Reads every conversation that changed, not only what webhooks did not bring"
    )
    listed_at = models.DateTimeField(null=True, blank=True, help_text="When this run's list was complete")
    to_read = models.PositiveIntegerField(default=0, help_text="Conversations that this run reads")
    were_read = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0, help_text="What this run brought that we did not have")
    filled_at = models.DateTimeField(
        null=True, blank=True, help_text="When the conversations of this connection had all been read once"
    )
    finished_at = models.DateTimeField(null=True, blank=True, help_text="When the last run was complete")
    thorough_at = models.DateTimeField(null=True, blank=True, help_text="When the last thorough run was complete")
    error = models.TextField(blank=True, help_text="Why the last attempt stopped; tried again")

    class Meta:
        verbose_name = "reading of TikTok's lists"
        verbose_name_plural = "reading of TikTok's lists"
        indexes: ClassVar = [models.Index(fields=["next_run_at"], name="pollings_due")]

    def __str__(self) -> str:
        return self.progress

    @property
    def is_filling(self) -> bool:
        """Whether the earlier conversations of a new connection are still being read."""
        return self.filled_at is None

    @property
    def progress(self) -> str:
        """How far it is, in words."""
        if self.listed_at is None and self.is_filling:
            return gettext("Looking for conversations on TikTok")
        if self.is_filling:
            words = gettext("Read %(read)s of %(all)s conversations from TikTok")
            return words % {"read": self.were_read, "all": self.to_read}
        words = gettext("All conversations read; next look %(when)s UTC")
        return words % {"when": f"{self.next_run_at:%Y-%m-%d %H:%M}"}


class ListedConversation(models.Model):
    """A conversation as TikTok lists it. It waits to be read while `updated_at` is newer than what was read."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="listed_conversations")
    tiktok_conversation_id = models.CharField(max_length=TIKTOK_ID_LENGTH)
    updated_at = models.DateTimeField(help_text="TikTok's time of the newest thing in it")
    referral = models.JSONField(default=dict, blank=True, help_text="How the customer came (tiktok-api.md 3.2)")
    read_up_to = models.DateTimeField(null=True, blank=True, help_text="The `updated_at` that was read")
    is_wanted = models.BooleanField(default=False, help_text="The present run still has to read it")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Failed attempts to read it in this run")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "tiktok_conversation_id"], name="one_row_per_listed_conversation"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["channel", "-updated_at"], name="conversations_to_read", condition=Q(is_wanted=True)
            ),
        ]

    def __str__(self) -> str:
        return f"Listed conversation #{self.pk}"


class RefusedDeliveries(models.Model):
    """How many deliveries had a bad signature on one day (UTC). Nothing else of them is kept."""

    day = models.DateField(_("day"), unique=True)
    count = models.PositiveIntegerField(_("count"), default=0)
    last_at = models.DateTimeField(_("last at"))

    class Meta:
        verbose_name = _("refused deliveries")
        verbose_name_plural = _("refused deliveries")

    def __str__(self) -> str:
        return f"{self.count} on {self.day}"


class WebhookEvent(models.Model):
    """The journal: one row for each event that TikTok delivered with a good signature, raw.

    A row waits as *pending* until `inbox.receiving` has turned it into conversations and messages in one
    transaction; until then it can be lost neither by a crash nor by an emptied task queue.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        PROCESSED = "processed", _("Processed")
        IGNORED = "ignored", _("Ignored")
        FAILED = "failed", _("Failed")

    fingerprint = models.CharField(
        max_length=64, editable=False, help_text="SHA-256 of the raw body: TikTok repeats the same bytes"
    )
    event = models.CharField(_("event"), max_length=100, blank=True)
    business_id = models.CharField(_("business id"), max_length=TIKTOK_ID_LENGTH, blank=True)
    body = models.BinaryField()
    log_id = models.CharField(_("log id"), max_length=200, blank=True, help_text=_("TikTok's X-TT-LOGID"))
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.TextField(_("error"), blank=True)
    received_at = models.DateTimeField(_("received at"))
    try_again_at = models.DateTimeField(_("try again at"), help_text=_("Not before this time"))
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["fingerprint"], name="one_row_per_delivery"),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "processed", "ignored", "failed"]),
                name="webhook_event_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", settled_at__isnull=True)
                | (~Q(state="pending") & Q(settled_at__isnull=False)),
                name="webhook_event_is_settled_once_it_is_not_pending",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["try_again_at", "id"], name="pending_events", condition=Q(state="pending")),
            # No index begins with the state of every row: SQLite would take it for the pending events too,
            # and sort all of them for each batch.
            models.Index(fields=["-id"], name="failed_events", condition=Q(state="failed")),
            models.Index(fields=["received_at"], name="events_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event or 'unreadable'} #{self.pk}"

    def due(self, at: datetime) -> bool:
        """Whether the event waits to be processed at `at`."""
        return self.state == self.State.PENDING and self.try_again_at <= at


class AdGrant(models.Model):
    """What an advertiser allowed us on TikTok's page: one token that never ends, for one or more advertisers.

    Apart from everything that is listed: no page and no list reads the token (docs/tiktok-api.md 1.7).
    """

    access_token = EncryptedTextField()
    advertisers = models.JSONField(help_text="Advertisers that it speaks for: TikTok's id and name of each")
    scopes = models.CharField(max_length=500, blank=True, help_text="TikTok's numbers of what was granted")
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    granted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Ad access #{self.pk}"


class AdAccount(models.Model):
    """One TikTok ad account whose leads arrive here and which learns what became of them."""

    class Status(models.TextChoices):
        CONNECTED = "connected", _("Connected")
        DISCONNECTED = "disconnected", _("Disconnected")

    advertiser_id = models.CharField(max_length=100, help_text="TikTok's id of the advertiser")
    name = models.CharField(max_length=200, help_text="The advertiser's name on TikTok")
    status = models.CharField(max_length=20, choices=Status, default=Status.DISCONNECTED)
    reason = models.TextField(blank=True, help_text="Why it is disconnected, in words")
    grant = models.ForeignKey(
        AdGrant, null=True, blank=True, on_delete=models.PROTECT, editable=False, related_name="ad_accounts"
    )
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    connected_at = models.DateTimeField(null=True, blank=True)
    event_set_id = models.CharField(max_length=100, blank=True, help_text="TikTok's id of the CRM event set")
    event_set_name = models.CharField(max_length=200, blank=True)
    lower_funnel_events = models.BooleanField(
        _("lower funnel events"), default=False, help_text=_("TikTok Ads is told what became of its leads")
    )
    test_event_code = models.CharField(
        max_length=100, blank=True, help_text="From Events Manager: events are shown there as a test, and only so"
    )
    channels = models.ManyToManyField(
        Channel, blank=True, related_name="ad_accounts", help_text="Where this account's leads write to"
    )
    trouble = models.TextField(blank=True, help_text="What the last check found wrong, a sentence per line")
    checked_at = models.DateTimeField(null=True, blank=True, help_text="Last check of its health")

    class Meta:
        verbose_name = _("ad account")
        verbose_name_plural = _("ad accounts")
        permissions: ClassVar = [
            ("connect_adaccount", "Can connect, set up and disconnect ad accounts"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["advertiser_id"], name="one_ad_account_per_advertiser"),
            models.CheckConstraint(condition=~Q(advertiser_id=""), name="ad_account_names_its_advertiser"),
            models.CheckConstraint(
                condition=Q(status__in=["connected", "disconnected"]), name="ad_account_status_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="connected") | Q(grant__isnull=False),
                name="connected_ad_account_holds_a_grant",
            ),
            models.CheckConstraint(
                condition=Q(lower_funnel_events=False) | ~Q(event_set_id=""),
                name="lower_funnel_events_need_an_event_set",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LeadSubscription(models.Model):
    """TikTok's word that it delivers an ad account's new leads here (docs/tiktok-api.md 6.2)."""

    class Source(models.TextChoices):
        INSTANT_FORM = "INSTANT_FORM", _("Lead form")
        DIRECT_MESSAGE = "DIRECT_MESSAGE", _("Direct message")

    ad_account = models.ForeignKey(AdAccount, on_delete=models.CASCADE, related_name="subscriptions")
    lead_source = models.CharField(max_length=20, choices=Source)
    subscription_id = models.CharField(max_length=200)
    subscribed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ad_account", "lead_source"], name="one_subscription_per_ad_account_and_source"
            ),
        ]

    def __str__(self) -> str:
        return f"Subscription {self.subscription_id}"


class LeadDelivery(models.Model):
    """The journal of leads: one row for each delivery of the lead webhook with a good signature, raw.

    Apart from `WebhookEvent`: another form, another reader, and so few that nothing has to be fast. A row waits
    as *pending* until `leads.receiving` has turned it into leads in one transaction.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        PROCESSED = "processed", _("Processed")
        IGNORED = "ignored", _("Ignored")
        FAILED = "failed", _("Failed")

    fingerprint = models.CharField(
        max_length=64, editable=False, help_text="SHA-256 of the raw body: TikTok repeats the same bytes"
    )
    body = models.BinaryField()
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    received_at = models.DateTimeField()
    try_again_at = models.DateTimeField(help_text="Not before this time")
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("lead delivery")
        verbose_name_plural = _("lead deliveries")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["fingerprint"], name="one_row_per_lead_delivery"),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "processed", "ignored", "failed"]),
                name="lead_delivery_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", settled_at__isnull=True)
                | (~Q(state="pending") & Q(settled_at__isnull=False)),
                name="lead_delivery_is_settled_once_it_is_not_pending",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["try_again_at", "id"], name="pending_leads", condition=Q(state="pending")),
            models.Index(fields=["received_at"], name="lead_deliveries_by_age"),
        ]

    def __str__(self) -> str:
        return f"Lead delivery #{self.pk}"
