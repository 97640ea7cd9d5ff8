"""What staff see of the inbox in the admin: replies in trouble, labels, shared saved replies, the settings."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from config.admin_site import OneRowAdmin
from config.sentences import translated
from inbox import access, time_zones
from inbox import people_admin as people_admin  # its registrations
from inbox.models import Label, Message, SavedReply, WorkingHours, WorkspaceSettings
from inbox.people import name_of


class TroubleFilter(admin.SimpleListFilter):
    """Failed or unconfirmed, with what was sent again left out unless asked for."""

    title = _("what happened")
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("failed", _("Not sent")), ("unconfirmed", _("Never confirmed")), ("again", _("Sent again"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        if self.value() == "again":
            return queryset.filter(sent_again__isnull=False)
        return queryset.filter(state=self.value()) if self.value() else queryset


@admin.register(Message)
class TroubledReplyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Replies that failed or that TikTok never confirmed. Read-only: they are sent again in the conversation."""

    list_display = ("happened_at", "what_happened", "conversation_link", "text_begins", "written_by", "reason")
    list_display_links = None
    list_filter = (TroubleFilter, "conversation__channel")
    list_select_related = ("conversation__contact", "conversation__channel", "author", "sent_again")
    search_fields = ("text", "conversation__contact__username", "conversation__contact__display_name")
    ordering = ("-occurred_at", "-id")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        troubled = [Message.State.FAILED, Message.State.UNCONFIRMED]
        seen = access.of_seen_channels(request.user, name="conversation__channel_id")
        return super().get_queryset(request).filter(seen, state__in=troubled)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = {"title": _("Replies that were not sent or not confirmed")}
        return super().changelist_view(request, {**(extra_context or {}), **title})

    @admin.display(description=_("when"), ordering="occurred_at")
    def happened_at(self, message: Message) -> Any:
        return message.occurred_at

    @admin.display(description=_("what happened"), ordering="state")
    def what_happened(self, message: Message) -> str:
        said = str(message.get_state_display())
        return str(_("%(state)s, sent again") % {"state": said}) if hasattr(message, "sent_again") else said

    @admin.display(description=_("conversation"))
    def conversation_link(self, message: Message) -> SafeString:
        address = reverse("inbox:conversation", args=[message.conversation_id])
        return format_html('<a href="{}">{}</a>', address, message.conversation.contact.name)

    @admin.display(description=_("reply"))
    def text_begins(self, message: Message) -> str:
        return Truncator(message.text).chars(80) or str(message.get_kind_display())

    @admin.display(description=_("by"))
    def written_by(self, message: Message) -> str:
        return name_of(message.author) if message.author else "–"

    @admin.display(description=_("reason"))
    def reason(self, message: Message) -> str:
        facts = ", ".join(filter(None, [message.error_code, message.tiktok_request_id]))
        detail = translated(message.error_detail)
        return f"{detail} ({facts})" if facts else detail


@admin.register(Label)
class LabelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The labels that conversations can wear."""

    list_display = ("chip", "colour", "worn_by")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "colour")
    radio_fields: ClassVar = {"colour": admin.VERTICAL}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Label]:
        labels: QuerySet[Label] = super().get_queryset(request)
        return labels.annotate(worn=Count("conversations"))

    @admin.display(description=_("label"), ordering="name")
    def chip(self, label: Label) -> SafeString:
        return format_html('<span class="label label-{}">{}</span>', label.colour, label.name)

    @admin.display(description=_("conversations"), ordering="worn")
    def worn_by(self, label: Any) -> int:
        return int(label.worn)


class SharedReplyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker only
    """A saved reply that is everybody's."""

    class Meta:
        model = SavedReply
        fields = ("title", "shortcut", "text")

    def _get_validation_exclusions(self) -> set[str]:
        """Whose it is stands in no field, and yet two shared ones may not have the same title."""
        return super()._get_validation_exclusions() - {"owner"}  # type: ignore[misc,no-any-return]


@admin.register(SavedReply)
class SharedReplyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The saved replies that everybody may use. Personal ones are nobody else's business."""

    form = SharedReplyForm
    list_display = ("title", "shortcut", "text_begins")
    search_fields = ("title", "shortcut", "text")
    ordering = ("title",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedReply]:
        return super().get_queryset(request).filter(owner__isnull=True)

    @admin.display(description=_("text"))
    def text_begins(self, reply: SavedReply) -> str:
        return Truncator(reply.text).chars(100)


class WorkspaceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker only
    """The workspace's settings, with the zones to choose from."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(name, name) for name in time_zones.names()],
        help_text=WorkspaceSettings._meta.get_field("time_zone").help_text,
    )

    class Meta:
        model = WorkspaceSettings
        fields = (
            "time_zone",
            "assign_on_first_reply",
            "undo_seconds",
            "closing_soon_hours",
            "automation_reserve",
        )


class WorkingHoursInline(admin.TabularInline):  # type: ignore[type-arg]
    model = WorkingHours
    extra = 0
    max_num = 7


@admin.register(WorkspaceSettings)
class WorkspaceSettingsAdmin(OneRowAdmin):
    form = WorkspaceForm
    inlines = (WorkingHoursInline,)
