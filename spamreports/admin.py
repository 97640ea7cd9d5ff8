"""What staff see of events for TikTok Ads: which are sent under which name, and what became of each."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels_tiktok import visibility
from config.sentences import translated
from spamreports import delivering, telling
from spamreports.models import EventMapping, LowerFunnelEvent


@admin.register(EventMapping)
class EventMappingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("event_name", "ad_account", "happening", "worth")
    list_filter = ("ad_account", "trigger")
    list_select_related = ("ad_account", "label")
    ordering = ("ad_account", "trigger", "id")
    fields = ("ad_account", "trigger", "stage", "label", "event_name", "value", "currency")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventMapping]:
        return super().get_queryset(request).filter(ad_account__in=visibility.ad_accounts_for(request.user))

    @admin.display(description=_("when"))
    def happening(self, mapping: EventMapping) -> str:
        what = mapping.get_stage_display() if mapping.stage else (mapping.label.name if mapping.label else "")
        return f"{mapping.get_trigger_display()}: {what}" if what else mapping.get_trigger_display()

    @admin.display(description=_("value"))
    def worth(self, mapping: EventMapping) -> str:
        return f"{mapping.value} {mapping.currency}" if mapping.value is not None else "–"


@admin.register(LowerFunnelEvent)
class LowerFunnelEventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The log. Read-only, but what TikTok refused can be tried again."""

    list_display = ("event_name", "ad_account", "what_became", "why", "lead", "request_id", "happened_at")
    list_filter = ("state", "ad_account")
    list_select_related = ("ad_account", "lead")
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-happened_at", "-id")
    actions = ("try_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LowerFunnelEvent]:
        return super().get_queryset(request).filter(ad_account__in=visibility.ad_accounts_for(request.user))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("spamreports.change_lowerfunnelevent")

    @admin.display(description=_("what became of it"), ordering="state")
    def what_became(self, event: LowerFunnelEvent) -> str:
        return str(event.get_state_display())

    @admin.display(description=_("reason"))
    def why(self, event: LowerFunnelEvent) -> str:
        return translated(event.reason)

    @admin.action(description=_("Try again"), permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[LowerFunnelEvent]) -> None:
        """Queue what TikTok refused once more."""
        count = delivering.try_again(events=list(queryset), at=timezone.now())
        if count:
            telling.ring()
        self.message_user(
            request,
            _("%(count)s queued again; only refused ones that have a lead can be tried again.") % {"count": count},
            messages.SUCCESS if count else messages.WARNING,
        )
