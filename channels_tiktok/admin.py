"""What staff see of channels. Tokens are in no page: the model that holds them is not registered."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from channels_tiktok import connecting, journal
from channels_tiktok.models import Channel, ChannelEvent, WebhookEvent

SETTINGS_TITLE = "TikTok Business Messaging settings"


class ReadOnly:
    """For what only the product writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ChannelEventInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = ChannelEvent
    verbose_name_plural = "history"
    fields = ("at", "kind", "detail", "actor")
    readonly_fields = fields
    ordering = ("-at",)
    extra = 0


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Channel
        fields = ("name", "sends_read_marks")

    def clean_name(self) -> str:
        try:
            return connecting.valid_name(self.cleaned_data["name"])
        except connecting.NameRefused as refusal:
            raise forms.ValidationError(refusal.sentence) from refusal


@admin.register(Channel)
class ChannelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = ChannelForm
    change_list_template = "channels_tiktok/channel_change_list.html"
    list_display = ("name", "handle", "status_in_words", "last_event_at", "connected_at", "reconnect")
    list_filter = ("status",)
    search_fields = ("name", "username", "display_name")
    ordering = ("name",)
    fields = (
        "name",
        "sends_read_marks",
        "handle",
        "display_name",
        "status_in_words",
        "webhook_error",
        "connected_by",
        "connected_at",
        "last_event_at",
        "business_id",
    )
    readonly_fields = fields[2:]
    inlines = (ChannelEventInline,)

    @admin.display(description="TikTok account", ordering="username")
    def handle(self, channel: Channel) -> str:
        return f"@{channel.username}"

    @admin.display(description="Status", ordering="status")
    def status_in_words(self, channel: Channel) -> str:
        why = channel.reason or channel.webhook_error
        return f"{channel.get_status_display()}: {why}" if why else channel.get_status_display()

    @admin.display(description="")
    def reconnect(self, channel: Channel) -> SafeString:
        if channel.status == Channel.Status.CONNECTED:
            return SafeString("")
        address = reverse("channels_tiktok:connect", query={"channel": channel.pk})
        return format_html('<a href="{}">Reconnect</a>', address)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:
        return request.user.has_perm("channels_tiktok.rename_channel")

    def has_delete_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        channel = Channel.objects.get(pk=obj.pk)
        connecting.rename(channel=channel, name=obj.name, actor=cast(User, request.user), at=timezone.now())
        Channel.objects.filter(pk=obj.pk).update(sends_read_marks=obj.sends_read_marks)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "title": SETTINGS_TITLE,
            "may_connect": request.user.has_perm("channels_tiktok.connect_channel"),
            "nothing_connected": not Channel.objects.exists(),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("id", "event", "business_id", "state", "attempts", "error", "received_at", "settled_at")
    list_filter = ("state",)
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-id",)
    fields = (
        "event",
        "business_id",
        "state",
        "attempts",
        "error",
        "received_at",
        "try_again_at",
        "settled_at",
        "log_id",
        "body_as_text",
    )
    readonly_fields = fields
    actions = ("try_again",)

    @admin.display(description="body")
    def body_as_text(self, event: WebhookEvent) -> str:
        return bytes(event.body).decode(errors="replace")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("channels_tiktok.change_webhookevent")

    @admin.action(description="Try again", permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        """Put failed events back among the pending ones."""
        count = journal.try_again(events=queryset, at=timezone.now())
        self.message_user(
            request,
            f"{count} put back to be processed; only failed ones can be tried again.",
            messages.SUCCESS if count else messages.WARNING,
        )
