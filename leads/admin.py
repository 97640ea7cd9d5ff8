"""What staff see of leads in the admin: the deliveries that brought them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from channels_tiktok.admin import ReadOnly
from channels_tiktok.models import LeadDelivery


@admin.register(LeadDelivery)
class LeadDeliveryAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """The journal of the lead webhook. The bodies hold phone numbers: only who may see those sees them."""

    list_display = ("__str__", "state", "error", "received_at")
    list_filter = ("state",)
    ordering = ("-id",)
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = ("state", "attempts", "error", "received_at", "try_again_at", "settled_at")
        return (*fields, "body_as_text") if request.user.has_perm("leads.view_personal_data") else fields

    @admin.display(description="body")
    def body_as_text(self, delivery: LeadDelivery) -> str:
        return bytes(delivery.body).decode(errors="replace")
