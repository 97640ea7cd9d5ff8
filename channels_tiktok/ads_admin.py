"""What staff see of ad accounts, and what can be done with one. Tokens are in no page."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import HttpResponseClientRedirect

from channels_tiktok import connecting_ads, visibility
from channels_tiktok.ads_client import tiktok_ads
from channels_tiktok.answers import Named
from channels_tiktok.connecting_ads import SettingRefused
from channels_tiktok.errors import TikTokError
from channels_tiktok.models import AdAccount, AdGrant, Channel
from config.sentences import translated

CONNECT = "channels_tiktok.connect_adaccount"
VIEW = "channels_tiktok.view_adaccount"


class SetUpForm(forms.Form):
    """How an ad account is set up."""

    event_set_id = forms.ChoiceField(required=False, label=gettext_lazy("CRM event set"), widget=forms.RadioSelect)
    lower_funnel_events = forms.BooleanField(required=False, label=gettext_lazy("Lower funnel events"))
    test_event_code = forms.CharField(
        required=False, max_length=100, label=gettext_lazy("Test event code"), widget=forms.TextInput
    )
    channels = forms.ModelMultipleChoiceField(
        queryset=Channel.objects.none(),
        required=False,
        label=gettext_lazy("Channels"),
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data: Any, *, account: AdAccount, offered: list[Named], seen: QuerySet[Channel]) -> None:
        initial = {
            "event_set_id": account.event_set_id,
            "lower_funnel_events": account.lower_funnel_events,
            "test_event_code": account.test_event_code,
            "channels": account.channels.all(),
        }
        super().__init__(data, initial=initial)
        names = {one.id: one.name for one in offered}
        if account.event_set_id:
            names.setdefault(account.event_set_id, account.event_set_name)
        choices = [("", _("None")), *names.items()]
        cast(forms.ChoiceField, self.fields["event_set_id"]).choices = choices
        channels = seen.exclude(status=Channel.Status.REMOVED) | account.channels.all()
        cast(Any, self.fields["channels"]).queryset = channels.distinct().order_by("name")


@admin.register(AdAccount)
class AdAccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The ad accounts page. Each act has an address, and a log entry; who may connect may do all of them."""

    change_list_template = "channels_tiktok/ad_account_list.html"
    list_display = ("name",)
    search_fields = ("name", "advertiser_id")
    ordering = ("status", "name")
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW) or request.user.has_perm(CONNECT)

    def get_queryset(self, request: HttpRequest) -> Any:
        seen = visibility.channels_for(request.user)
        accounts = super().get_queryset(request) & visibility.ad_accounts_for(request.user)
        return accounts.prefetch_related(Prefetch("channels", seen), "subscriptions")

    def get_urls(self) -> list[URLPattern]:
        steps = {"set-up": self.set_up_view, "check": self.check_view, "disconnect": self.disconnect_view}
        ours = [
            path(
                f"<int:account_id>/{step}/",
                self.admin_site.admin_view(view),
                name=f"channels_tiktok_adaccount_{step.replace('-', '_')}",
            )
            for step, view in steps.items()
        ]
        choose = path(
            "choose/<int:grant_id>/",
            self.admin_site.admin_view(self.choose_view),
            name="channels_tiktok_adaccount_choose",
        )
        return [choose, *ours, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "title": _("Ad accounts"),
            "may_connect": request.user.has_perm(CONNECT),
            "app_is_missing": not tiktok_ads().is_set_up,
            "at": timezone.now(),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """There is one page for an ad account: where it is set up."""
        return HttpResponseRedirect(reverse("admin:channels_tiktok_adaccount_set_up", args=[object_id]))

    def choose_view(self, request: HttpRequest, grant_id: int) -> HttpResponse:
        """Of several advertisers that were granted, connect one."""
        _require(request)
        grant = get_object_or_404(AdGrant.objects.only("advertisers", "granted_by"), pk=grant_id)
        error = ""
        if request.method == "POST":
            try:
                account = connecting_ads.connect(
                    grant=grant,
                    advertiser_id=request.POST.get("advertiser_id", ""),
                    user=cast(User, request.user),
                    at=timezone.now(),
                )
            except SettingRefused as refusal:
                error = refusal.sentence
            else:
                self.log_change(request, account, _("Connected."))
                messages.success(request, _("%(name)s is connected.") % {"name": account.name})
                return HttpResponseRedirect(reverse("admin:channels_tiktok_adaccount_set_up", args=[account.pk]))
        connected = set(AdAccount.objects.filter(status="connected").values_list("advertiser_id", flat=True))
        context = {"grant": grant, "connected": connected, "error": error}
        return self._step(request, "ad_account_choose", title=_("Choose the ad account"), **context)

    def set_up_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Event set, channels, lower funnel events."""
        account = _account(request, account_id)
        offered, not_asked, error = [], "", ""
        try:
            offered = connecting_ads.event_sets(account=account, at=timezone.now())
        except TikTokError as problem:
            not_asked = translated(problem.sentence)
            account.refresh_from_db()
        seen = visibility.channels_for(request.user)
        form = SetUpForm(request.POST or None, account=account, offered=offered, seen=seen)
        if request.method == "POST" and form.is_valid():
            try:
                connecting_ads.set_up(account=account, offered=offered, **form.cleaned_data)
            except SettingRefused as refusal:
                error = refusal.sentence
            else:
                self.log_change(request, account, _("Set up."))
                messages.success(request, _("%(name)s: saved.") % {"name": account.name})
                return self._back(request)
        title = _("Set up %(name)s") % {"name": account.name}
        context = {"account": account, "form": form, "not_asked": not_asked, "error": error}
        return self._step(request, "ad_account_set_up", title=title, **context)

    def check_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Ask TikTok now."""
        account = _account(request, account_id)
        if request.method == "POST":
            problems = connecting_ads.check(account=account, at=timezone.now())
            for problem in problems:
                messages.warning(request, f"{account.name}: {problem}")
            if not problems:
                messages.success(request, _("%(name)s: checked just now, all is well.") % {"name": account.name})
            return self._back(request)
        title = _("Check %(name)s") % {"name": account.name}
        return self._step(request, "ad_account_check", title=title, account=account)

    def disconnect_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Give the access back; leads and reports stay."""
        account = _account(request, account_id)
        if request.method == "POST":
            if connecting_ads.disconnect(account=account):
                self.log_change(request, account, _("Disconnected."))
                told = _("%(name)s was disconnected. Its leads and reports stay.")
                messages.success(request, told % {"name": account.name})
            return self._back(request)
        title = _("Disconnect %(name)s?") % {"name": account.name}
        return self._step(request, "ad_account_disconnect", title=title, account=account)

    def _step(self, request: HttpRequest, step: str, **context: Any) -> HttpResponse:
        piece = f"channels_tiktok/_{step}.html"
        by_script = "HX-Request" in request.headers
        template = piece if by_script else "channels_tiktok/step.html"
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": context.get("account"),
            "piece": piece,
            **context,
        }
        wrong = context.get("error") or (context.get("form") is not None and context["form"].errors)
        return TemplateResponse(request, template, shown, status=422 if wrong else 200)

    def _back(self, request: HttpRequest) -> HttpResponse:
        address = reverse("admin:channels_tiktok_adaccount_changelist")
        by_script = "HX-Request" in request.headers
        return HttpResponseClientRedirect(address) if by_script else HttpResponseRedirect(address)


def _require(request: HttpRequest) -> None:
    if not request.user.has_perm(CONNECT):
        raise PermissionDenied


def _account(request: HttpRequest, account_id: int) -> AdAccount:
    _require(request)
    return get_object_or_404(visibility.ad_accounts_for(request.user), pk=account_id)
