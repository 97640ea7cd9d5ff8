"""What staff see of channels. Tokens are in no page: the model that holds them is not registered."""

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import HttpResponseClientRedirect

from channels_tiktok import (
    ads_admin,  # noqa: F401  (importing registers its pages)
    app_credentials,
    connecting,
    dependents,
    health,
    journal,
    visibility,
)
from channels_tiktok.models import AppCredentials, Channel, ChannelEvent, Polling, RefusedDeliveries, WebhookEvent
from config.admin_site import OneRowAdmin
from config.sentences import translated

SETTINGS_TITLE = gettext_lazy("TikTok Business Messaging settings")
CONSENT_ENDS_SOON = timedelta(days=30)
HISTORY = 50  # lines on a channel's page


class ReadOnly:
    """For what only the product writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Channel)
class ChannelAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """The channels page and what can be done on it. Each act has a permission, an address and a log entry.

    An address answers a script's request with what belongs into a dialog, every other one with a page.
    """

    change_list_template = "channels_tiktok/channel_change_list.html"
    change_form_template = "channels_tiktok/channel_change_form.html"
    list_display = ("name", "username", "status")
    search_fields = ("name", "username", "display_name")
    ordering = ("status", "name")
    actions = ("delete_selected",)
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
        "conversations_read",
        "business_id",
    )
    readonly_fields = tuple(name for name in fields if name != "sends_read_marks")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may rename a channel may also say whether customers see that we have seen."""
        return _may(request, "rename")

    def has_delete_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:
        """To delete a channel means to remove it: its row and its history stay."""
        return _may(request, "remove") and (obj is None or obj.status != Channel.Status.REMOVED)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The admin's own address for it."""
        if not object_id.isdecimal():
            raise Http404
        return self.remove_view(request, int(object_id))

    @admin.action(description=gettext_lazy("Remove selected channels"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Channel]) -> HttpResponse | None:
        """Remove several, after saying of each what stops."""
        channels = list(queryset.exclude(status=Channel.Status.REMOVED))
        if "post" in request.POST or not channels:
            for channel in channels:
                self._remove(request, channel)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Remove these channels?"),
            "asked": [(channel, dependents.what_stops(channel)) for channel in channels],
            "piece": "channels_tiktok/_remove_several.html",
        }
        return TemplateResponse(request, "channels_tiktok/step.html", context)

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:
        """No way of the admin's deletes the row."""
        self._remove(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            self._remove(request, channel)

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Write the one field of the form: the rest of the row may have changed since it was read."""
        obj.save(update_fields=["sends_read_marks"])

    @admin.display(description=gettext_lazy("TikTok account"))
    def handle(self, channel: Channel) -> str:
        return f"@{channel.username}"

    @admin.display(description=gettext_lazy("status"))
    def status_in_words(self, channel: Channel) -> str:
        return (
            f"{channel.get_status_display()}: {translated(channel.reason)}"
            if channel.reason
            else channel.get_status_display()
        )

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """An error of the webhook is a line only where there is one."""
        return [name for name in self.fields if name != "webhook_error" or (obj and obj.webhook_error)]

    @admin.display(description=gettext_lazy("Conversations on TikTok"))
    def conversations_read(self, channel: Channel) -> str:
        polling = Polling.objects.filter(channel=channel).first()
        if polling is None:
            return _("Not looked for yet")
        return f"{polling.progress}. {translated(polling.error)}" if polling.error else polling.progress

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        """Every channel with what its row tells. The dates only: no page has a reason to read a token."""
        channels: QuerySet[Channel] = super().get_queryset(request) & visibility.channels_for(request.user)
        return channels.annotate(
            access_ends=F("credential__access_expires_at"),
            consent_ends=F("credential__refresh_expires_at"),
            open_conversations=Count("conversations", filter=Q(conversations__status="open")),
        )

    def get_urls(self) -> list[URLPattern]:
        steps = {
            "rename": self.rename_view,
            "remove": self.remove_view,
            "check": self.check_view,
            "connected": self.connected_view,
        }
        ours = [
            path(
                f"<int:channel_id>/{step}/",
                self.admin_site.admin_view(view),
                name=f"channels_tiktok_channel_{step}",
            )
            for step, view in steps.items()
        ]
        return ours + super().get_urls()

    def has_view_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:
        """Whoever may do something with channels may see which there are."""
        return any(_may(request, verb) for verb in ("view", "rename", "connect", "remove"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "title": SETTINGS_TITLE,
            "at": timezone.now(),
            "soon": timezone.now() + CONSENT_ENDS_SOON,
            "may": {verb: _may(request, verb) for verb in ("rename", "connect", "remove")},
            "app_is_missing": not app_credentials.current().is_complete,
        }
        response = super().changelist_view(request, {**context, **(extra_context or {})})
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            listed = response.context_data["cl"].result_list
            response.context_data["removable"] = [
                channel for channel in listed if self.has_delete_permission(request, channel)
            ]
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        happened = (
            ChannelEvent.objects.filter(channel_id=object_id)
            if object_id.isdecimal()
            else ChannelEvent.objects.none()
        )
        context = {
            "may": {verb: _may(request, verb) for verb in ("rename", "connect", "remove")},
            "happened": happened.select_related("actor").order_by("-at", "-pk")[:HISTORY],
        }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def rename_view(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        channel = self._channel(request, channel_id, "rename")
        former, name, error = channel.name, request.POST.get("name", channel.name), ""
        if request.method == "POST":
            try:
                changed = connecting.rename(channel=channel, name=name, actor=_actor(request), at=timezone.now())
            except connecting.NameRefused as refusal:
                error = refusal.sentence
            else:
                words = {"former": former, "name": channel.name}
                if changed:
                    self.log_change(request, channel, _("Renamed from “%(former)s” to “%(name)s”.") % words)
                    messages.success(request, _("“%(former)s” is now called “%(name)s” here.") % words)
                return self._back(request, channel)
        title = _("Rename %(name)s") % {"name": former}
        return self._dialog(request, "rename", channel, title=title, name=name, error=error)

    def remove_view(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        channel = self._channel(request, channel_id, "remove")
        if request.method == "POST":
            self._remove(request, channel)
            return self._back(request, channel)
        title = _("Remove %(name)s?") % {"name": channel.name}
        return self._dialog(request, "remove", channel, title=title, stops=dependents.what_stops(channel))

    def _remove(self, request: HttpRequest, channel: Channel) -> None:
        """Remove it, in both histories; nothing when it was removed before."""
        if not connecting.remove(channel=channel, actor=_actor(request), at=timezone.now()):
            return
        self.log_change(request, channel, _("Removed."))
        told = _("%(name)s was removed. Its conversations stay readable. Connect @%(username)s again to go on.")
        messages.success(request, told % {"name": channel.name, "username": channel.username})
        happened = channel.events.filter(kind=ChannelEvent.Kind.REMOVED).latest("pk")
        if happened.detail:
            messages.warning(request, f"{channel.name}: {translated(happened.detail)}")

    def check_view(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        """Ask TikTok now. Who may connect may check: the answer can be that it has to be connected again."""
        channel = self._channel(request, channel_id, "connect")
        if request.method != "POST":
            title = _("Check %(name)s") % {"name": channel.name}
            return self._dialog(request, "check", channel, title=title)
        report = health.check_channel(channel=channel, at=timezone.now())
        for problem in report.problems:
            messages.warning(request, f"{channel.name}: {translated(problem)}")
        if not report.problems and channel.status == Channel.Status.CONNECTED:
            messages.success(request, _("%(name)s: checked just now, all is well.") % {"name": channel.name})
        for note in report.notes:
            messages.info(request, f"{channel.name}: {translated(note)}")
        return self._back(request, channel)

    def connected_view(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        """Where the way over TikTok's page ends: what was granted, and what to do next."""
        channel = self._channel(request, channel_id, "connect")
        title = _("Connected") if channel.status == Channel.Status.CONNECTED else _("Not connected")
        first = channel.last_event_at and channel.connected_at and channel.last_event_at >= channel.connected_at
        context = {"permissions": connecting.permissions(channel=channel), "arrived": first, "at": timezone.now()}
        return self._dialog(request, "connected", channel, title=title, **context)

    def _channel(self, request: HttpRequest, channel_id: int, verb: str) -> Channel:
        if not _may(request, verb):
            raise PermissionDenied
        return get_object_or_404(visibility.channels_for(request.user), pk=channel_id)

    def _dialog(self, request: HttpRequest, step: str, channel: Channel, **context: Any) -> HttpResponse:
        piece = f"channels_tiktok/_{step}.html"
        template = piece if _by_script(request) else "channels_tiktok/step.html"
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": channel,
            "channel": channel,
            "piece": piece,
            **context,
        }
        return TemplateResponse(request, template, context, status=422 if context.get("error") else 200)

    def _back(self, request: HttpRequest, channel: Channel) -> HttpResponse:
        """Lead to the channels, with the focus on the menu that the way began with."""
        address = reverse("admin:channels_tiktok_channel_changelist") + f"#menu-{channel.pk}"
        return HttpResponseClientRedirect(address) if _by_script(request) else HttpResponseRedirect(address)


def _may(request: HttpRequest, verb: str) -> bool:
    return request.user.has_perm(f"channels_tiktok.{verb}_channel")


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)


def _by_script(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("what", "account", "state_chip", "error_in_words", "received")
    list_filter = ("state",)
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-id",)
    fields = (
        "event",
        "business_id",
        "state",
        "attempts",
        "error_in_words",
        "received_at",
        "try_again_at",
        "settled_at",
        "log_id",
        "body_as_text",
    )
    readonly_fields = fields
    actions = ("try_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEvent]:
        channels = Channel.objects.filter(business_id=OuterRef("business_id"))
        events: QuerySet[WebhookEvent] = super().get_queryset(request)
        hidden = Channel.objects.exclude(pk__in=visibility.channels_for(request.user).values("pk"))
        events = events.exclude(business_id__in=hidden.values("business_id"))
        return events.annotate(channel_name=Subquery(channels.values("name")[:1]))

    @admin.display(description=gettext_lazy("Event"))
    def what(self, event: WebhookEvent) -> str:
        return f"{event.event or _('unreadable')} #{event.pk}"

    @admin.display(description=gettext_lazy("Account"))
    def account(self, event: Any) -> str:
        return event.channel_name or event.business_id or _("unknown")

    @admin.display(description=gettext_lazy("State"))
    def state_chip(self, event: WebhookEvent) -> SafeString:
        return render_to_string("channels_tiktok/_event_state.html", {"event": event})

    @admin.display(description=gettext_lazy("Received"))
    def received(self, event: WebhookEvent) -> SafeString:
        return render_to_string("channels_tiktok/_received.html", {"event": event, "at": timezone.now()})

    @admin.display(description=gettext_lazy("error"))
    def error_in_words(self, event: WebhookEvent) -> str:
        return translated(event.error)

    @admin.display(description=gettext_lazy("body"))
    def body_as_text(self, event: WebhookEvent) -> str:
        return bytes(event.body).decode(errors="replace")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("channels_tiktok.change_webhookevent")

    @admin.action(description=gettext_lazy("Try again"), permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        """Put failed events back among the pending ones."""
        count = journal.try_again(events=queryset, at=timezone.now())
        self.message_user(
            request,
            _("%(n)s put back to be processed; only failed ones can be tried again.") % {"n": count},
            messages.SUCCESS if count else messages.WARNING,
        )


@admin.register(RefusedDeliveries)
class RefusedDeliveriesAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("day", "count", "last_at")
    list_display_links = None
    ordering = ("-day",)


class AppCredentialsForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker only
    """The app's credentials. The secret goes in and never comes out: the page doesn't even read it."""

    new_secret = forms.CharField(
        label=gettext_lazy("App secret"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "vTextField"}),
        help_text=gettext_lazy("It is stored encrypted and never shown. Left empty, the one that is stored stays"),
    )

    class Meta:
        model = AppCredentials
        fields = ("app_id", "optional_scopes")


@admin.register(AppCredentials)
class AppCredentialsAdmin(OneRowAdmin):
    """The TikTok app. What the environment sets is shown, and can't be changed here."""

    form = AppCredentialsForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[AppCredentials]:
        found: QuerySet[AppCredentials] = super().get_queryset(request)
        return found.defer("app_secret")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            "id_of_environment" if settings.TIKTOK_APP_ID else "app_id",
            "secret_of_environment" if settings.TIKTOK_APP_SECRET else "new_secret",
            *(() if settings.TIKTOK_APP_SECRET else ("secret_state",)),
            "scopes_of_environment" if settings.TIKTOK_OPTIONAL_SCOPES else "optional_scopes",
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["id_of_environment", "secret_of_environment", "secret_state", "scopes_of_environment"]

    def save_model(self, request: HttpRequest, obj: AppCredentials, form: Any, change: bool) -> None:
        """Write the secret only where a new one was given."""
        given = form.cleaned_data.get("new_secret")
        if given and not settings.TIKTOK_APP_SECRET:
            obj.app_secret = given
        super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("App id"))
    def id_of_environment(self, app: AppCredentials) -> str:
        return _("%(value)s, set by TIKTOK_APP_ID in the environment") % {"value": settings.TIKTOK_APP_ID}

    @admin.display(description=gettext_lazy("App secret"))
    def secret_of_environment(self, app: AppCredentials) -> str:
        return _("Set by TIKTOK_APP_SECRET in the environment")

    @admin.display(description=gettext_lazy("Stored secret"))
    def secret_state(self, app: AppCredentials) -> str:
        is_stored = AppCredentials.objects.exclude(app_secret="").exists()
        return _("A secret is stored") if is_stored else _("None yet")

    @admin.display(description=gettext_lazy("Optional scopes"))
    def scopes_of_environment(self, app: AppCredentials) -> str:
        scopes = " ".join(app_credentials.optional_scopes())
        return _("%(value)s, set by TIKTOK_OPTIONAL_SCOPES in the environment") % {"value": scopes}
