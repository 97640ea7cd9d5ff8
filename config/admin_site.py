"""The admin's front: what is in it, in the words of the people who run a shop, and one log-in for everything."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


@dataclass(frozen=True)
class Item:
    """A line of the menu, and what one finds behind it."""

    model: str
    name: Words
    explanation: Words


@dataclass(frozen=True)
class Section:
    """Items that belong together for whoever looks for one of them."""

    name: Words
    explanation: Words
    items: tuple[Item, ...] = ()


SECTIONS = (
    Section(
        _("Channels"),
        _("The TikTok accounts whose messages arrive here."),
        (
            Item(
                "channels_tiktok.channel",
                _("TikTok Business Messaging"),
                _("Connect, rename, repair and remove accounts."),
            ),
            Item(
                "messagelinks.messagelink",
                _("Message links"),
                _("Links and QR codes that open a chat, and what each of them brought."),
            ),
            Item(
                "channels_tiktok.adaccount",
                _("Ad accounts"),
                _("Whose leads arrive here, and which events TikTok Ads gets."),
            ),
        ),
    ),
    Section(
        _("Replies"),
        _("What agents sent. Look here when something did not reach a customer."),
        (Item("inbox.message", _("Replies in trouble"), _("Not sent, or not confirmed by TikTok, and why.")),),
    ),
    Section(
        _("Conversations"),
        _("What agents work with beside the messages."),
        (
            Item("inbox.label", _("Labels"), _("Words in a colour that sort conversations.")),
            Item(
                "inbox.savedreply",
                _("Saved replies"),
                _("Texts that everybody may use. Personal ones stand on each person’s own page."),
            ),
        ),
    ),
    Section(
        _("TikTok Ads"),
        _("What TikTok Ads learns of its leads, so that it finds better ones."),
        (
            Item(
                "spamreports.eventmapping",
                _("Event names"),
                _("Which stage, label or report is told under which name."),
            ),
            Item(
                "spamreports.lowerfunnelevent",
                _("Events"),
                _("What was accepted, what was not sent and why, what was refused."),
            ),
        ),
    ),
    Section(
        _("People"),
        _("Who may log in, and what each of them may do."),
        (
            Item(
                "auth.user",
                _("Users"),
                _("Invite people, give them roles and teams, revoke their tokens, end their access."),
            ),
            Item("inbox.team", _("Teams"), _("Who works together, and which channels they see.")),
            Item("auth.group", _("Roles"), _("What the people of a role may do, such as “Agent”.")),
        ),
    ),
    Section(
        _("Webhook events"),
        _("Everything that TikTok delivered, as it came. Nothing is lost when something fails."),
        (
            Item(
                "channels_tiktok.webhookevent",
                _("Journal"),
                _("See what TikTok delivered, and have what failed tried again."),
            ),
            Item(
                "channels_tiktok.leaddelivery", _("Leads"), _("What TikTok delivered of lead forms, as it came.")
            ),
            Item(
                "channels_tiktok.refuseddeliveries",
                _("Refused deliveries"),
                _("How many came with a bad signature, and were not taken, day by day."),
            ),
        ),
    ),
    Section(
        _("Background tasks"),
        _("The work that runs behind the pages. Look here when something seems stuck."),
        (
            Item("django_q.schedule", _("Schedules"), _("What runs by itself, how often, and when next.")),
            Item("django_q.ormq", _("Waiting"), _("Tasks that no worker has taken up yet.")),
            Item("django_q.failure", _("Failed"), _("Tasks that ended with an error, and the error.")),
            Item("django_q.success", _("Done"), _("Tasks that ended well.")),
        ),
    ),
    Section(
        _("Settings"),
        _("How this installation works for everyone. What you change holds at once."),
        (
            Item(
                "inbox.workspacesettings",
                _("Workspace"),
                _("Time zone, working hours, assignment, time to undo, and what counts as closing soon."),
            ),
            Item(
                "channels_tiktok.appcredentials",
                _("TikTok app"),
                _("Who this installation is for TikTok, and what it asks accounts for."),
            ),
        ),
    ),
)
REST = Section(_("More"), _("Everything else that is kept."))


class OneRowAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """For a model with one row, which is there as soon as somebody saves it: its list is its form."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; while there is none, one with the defaults."""
        return self.get_queryset(request).first() or self.model()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(resolve_url(admin_urlname(self.opts, "change"), self.model().pk))  # type: ignore[arg-type]

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Stay on the page: there is no list to go back to."""
        return HttpResponseRedirect(request.path)


class AdminSite(admin.AdminSite):
    """Django's admin with our menu, our names and the log-in page of the inbox."""

    site_title = _("Reply48")
    site_header = _("Reply48")
    index_title = _("Admin")
    enable_nav_sidebar = False  # ours is templates/admin/base.html

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        found = sections(context["available_apps"])
        items = [item for section in found for item in section["items"]]
        here = next((item for item in items if request.path.startswith(item["url"])), None)
        return {**context, "sections": found, "here": here}

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one log-in page; who is logged in and still ends here may not see the admin."""
        wanted = request.GET.get("next", "")
        if self.has_permission(request):
            return HttpResponseRedirect(resolve_url("admin:index"))
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(wanted or resolve_url("admin:index"), resolve_url(settings.LOGIN_URL))


def sections(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort what Django lists by app into our sections; what no section names comes last, as "More"."""
    models = {
        f"{app['app_label']}.{model['object_name'].lower()}": model
        for app in apps
        for model in app["models"]
        if model["admin_url"]
    }
    found = []
    for section in SECTIONS:
        lines = [
            {"name": item.name, "explanation": item.explanation, "url": models.pop(item.model)["admin_url"]}
            for item in section.items
            if item.model in models
        ]
        found.append({"name": section.name, "explanation": section.explanation, "items": lines})
    others = [{"name": model["name"], "explanation": "", "url": model["admin_url"]} for model in models.values()]
    found.append({"name": REST.name, "explanation": REST.explanation, "items": others})
    return [section for section in found if section["items"]]
