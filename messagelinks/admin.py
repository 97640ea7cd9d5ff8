"""The "Message link" page of each channel, what can be done with a link, and where customers come from."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from channels_tiktok.models import Channel
from inbox import access
from messagelinks import linking, listing, qr, tables, tracing
from messagelinks.figures import Period, Touch
from messagelinks.linking import LinkRefused
from messagelinks.models import MESSAGE_LIMIT, REF_LIMIT, TITLE_LIMIT, LinkVersion, MessageLink
from messagelinks.tables import Asked, By

COPIES = 60  # of one code on a sheet
FORM_LIMITS = {"title_limit": TITLE_LIMIT, "ref_limit": REF_LIMIT, "message_limit": MESSAGE_LIMIT}


@admin.register(MessageLink)
class MessageLinkAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Each act has a permission, an address and a log entry.

    An address answers a script's request with what belongs into a dialog, every other one with a page.
    """

    def get_urls(self) -> list[URLPattern]:
        steps: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
            "channel/<int:channel_id>/": ("channel", self.channel_view),
            "channel/<int:channel_id>/create/": ("create", self.create_view),
            "channel/<int:channel_id>/figures/": ("figures", self.figures_view),
            "channel/<int:channel_id>/figures.csv": ("figures_csv", self.figures_csv_view),
            "channel/<int:channel_id>/sheet/": ("sheet", self.sheet_view),
            "<int:link_id>/": ("link", self.link_view),
            "<int:link_id>/edit/": ("edit", self.edit_view),
            "<int:link_id>/replaced/<int:number>/": ("replaced", self.replaced_view),
            "<int:link_id>/places/": ("places", self.places_view),
            "<int:link_id>/username/": ("username", self.username_view),
            "<int:link_id>/remove/": ("remove", self.remove_view),
            "<int:link_id>/qr/": ("qr", self.qr_view),
            "<int:link_id>/qr.<str:kind>": ("qr_file", self.qr_file_view),
        }
        ours = [
            path(route, self.admin_site.admin_view(view), name=f"messagelinks_messagelink_{name}")
            for route, (name, view) in steps.items()
        ]
        return ours + super().get_urls()

    def has_view_permission(self, request: HttpRequest, obj: MessageLink | None = None) -> bool:
        """Whoever may do something with links may see which there are."""
        return any(_may(request, verb) for verb in ("view", "add", "change", "delete"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[MessageLink]:
        """Those of channels that the person sees."""
        return super().get_queryset(request).filter(access.of_seen_channels(request.user))

    # ── A channel's links ─────────────────────────────────────────────────────────────────────────────

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Links belong to a channel: lead to those of the first one."""
        self._require(request, "view")
        channel = _channels(request).first()
        if channel is None:
            return HttpResponseRedirect(reverse("admin:channels_tiktok_channel_changelist"))
        return HttpResponseRedirect(_address("channel", channel.pk))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Links are made on the page of their channel."""
        return self.changelist_view(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Where Django's own pages lead, such as the history."""
        link = get_object_or_404(self.get_queryset(request), pk=int(object_id) if object_id.isdecimal() else 0)
        return HttpResponseRedirect(_address("link", link.pk))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Removing says more than Django's own page would."""
        link = get_object_or_404(self.get_queryset(request), pk=int(object_id) if object_id.isdecimal() else 0)
        return HttpResponseRedirect(_address("remove", link.pk))

    def channel_view(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        channel = self._channel(request, channel_id, "view")
        links, following = listing.links_of(channel, before=_number(request.GET.get("before")))
        return self._page(
            request,
            "channel.html",
            channel=channel,
            every_channel=_channels(request),
            title=_("Message link"),
            links=[(one, tables.cells(one.figures, tracing.way_by_link(one.link.pk))[1]) for one in links],
            following=following,
            here_is="list",
            is_first_page="before" not in request.GET,
            at=timezone.now(),
        )

    def create_view(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        channel = self._channel(request, channel_id, "add")
        given = {name: request.POST.get(name, "") for name in ("title", "ref", "message")}
        errors: dict[str, str] = {}
        if request.method == "POST":
            try:
                link = linking.create(channel=channel, actor=_actor(request), at=timezone.now(), **given)
            except LinkRefused as refusal:
                errors = refusal.errors
            else:
                self.log_addition(request, link, _("Created."))
                messages.success(
                    request, _("“%(title)s” was created. Copy its link and share it.") % {"title": link.title}
                )
                self._warn_of_same_ref(request, link)
                return _lead(request, _address("channel", channel.pk) + f"#menu-{link.pk}")
        action = _address("create", channel.pk)
        title = _("Create message link")
        return self._form(request, channel, title=title, action=action, given=given, errors=errors)

    def edit_view(self, request: HttpRequest, link_id: int) -> HttpResponse:
        link = self._link(request, link_id, "change")
        version = linking.current_version(link)
        former_title = link.title
        given = {"title": link.title, "ref": version.ref, "message": version.message}
        errors: dict[str, str] = {}
        if request.method == "POST":
            given = {name: request.POST.get(name, value) for name, value in given.items()}
            try:
                edited = linking.edit(link=link, actor=_actor(request), at=timezone.now(), **given)
            except LinkRefused as refusal:
                errors = refusal.errors
            else:
                return self._after_edit(request, link, edited, former_title)
        action = _address("edit", link.pk)
        title = _("Edit message link")
        return self._form(request, link.channel, title=title, action=action, given=given, errors=errors, link=link)

    def _after_edit(
        self, request: HttpRequest, link: MessageLink, edited: linking.Edited, former_title: str
    ) -> HttpResponse:
        back = _address("channel", link.channel_id) + f"#menu-{link.pk}"
        if not edited.has_changed:
            return _lead(request, back)
        if link.title != former_title:
            words = {"former": former_title, "title": link.title}
            self.log_change(request, link, _("Renamed from “%(former)s” to “%(title)s”.") % words)
        if edited.former is None:
            messages.success(request, _("“%(title)s” was saved. Its link is the same.") % {"title": link.title})
            return _lead(request, back)
        numbers = {"former": edited.former.number, "now": linking.current_version(link).number}
        self.log_change(request, link, _("Version %(former)s was replaced by version %(now)s.") % numbers)
        self._warn_of_same_ref(request, link)
        return _lead(request, _address("replaced", link.pk, edited.former.number))

    def replaced_view(self, request: HttpRequest, link_id: int, number: int) -> HttpResponse:
        """After an edit: the old and the new link side by side, and where the old one was shared."""
        link = self._link(request, link_id, "view")
        [listed] = listing.listed([link])
        former = next((one for one in listed.versions if one.version.number == number), None)
        if former is None:
            raise Http404
        context: dict[str, Any] = {
            "link": link,
            "listed": listed,
            "former": former,
            "title": _("The link has changed"),
        }
        return self._page(request, "replaced.html", channel=link.channel, **context)

    def remove_view(self, request: HttpRequest, link_id: int) -> HttpResponse:
        link = self._link(request, link_id, "delete")
        if request.method == "POST":
            self.log_deletions(request, MessageLink.objects.filter(pk=link.pk))
            if linking.remove(link=link):
                messages.success(request, _("“%(title)s” was removed.") % {"title": link.title})
            return _lead(request, _address("channel", link.channel_id))
        title = _("Remove “%(title)s”?") % {"title": link.title}
        return self._step(request, "_remove.html", link.channel, link=link, title=title)

    # ── One link ──────────────────────────────────────────────────────────────────────────────────────

    def link_view(self, request: HttpRequest, link_id: int) -> HttpResponse:
        link = self._link(request, link_id, "view")
        return self._link_page(request, link)

    def _link_page(self, request: HttpRequest, link: MessageLink, **more: Any) -> HttpResponse:
        asked = _asked(request, link.channel)
        theirs = asked.arrivals.filter(version__link=link)
        [listed] = listing.listed([link], asked.arrivals)
        versions = [
            (one, tables.cells(one.figures, tracing.way_by_link(link.pk, one.version.number), **_of(asked)))
            for one in listed.versions
        ]
        return self._page(
            request,
            "link.html",
            channel=link.channel,
            link=link,
            listed=listed,
            versions=versions,
            cells=tables.cells(listed.figures, tracing.way_by_link(link.pk), **_of(asked)),
            chart=tables.chart(asked, theirs, today=timezone.localdate()),
            title=link.title,
            at=timezone.now(),
            status=422 if more.get("error") else 200,
            **{"places": link.places, **_choices(asked), **more},
        )

    def places_view(self, request: HttpRequest, link_id: int) -> HttpResponse:
        link = self._link(request, link_id, "change")
        if request.method == "POST":
            places = request.POST.get("places", "")
            try:
                if linking.note_places(link=link, places=places):
                    self.log_change(request, link, _("Changed where it was shared."))
                    messages.success(request, _("Noted where it was shared."))
            except LinkRefused as refusal:
                return self._link_page(request, link, error=refusal.errors["places"], places=places)
        return HttpResponseRedirect(_address("link", link.pk) + "#places")

    def username_view(self, request: HttpRequest, link_id: int) -> HttpResponse:
        """The account was renamed on TikTok, and staff have replaced the copies of the link."""
        link = self._link(request, link_id, "change")
        if request.method == "POST" and linking.follow_username(link=link):
            words = {"username": link.channel.username}
            self.log_change(request, link, _("Its copies lead to @%(username)s now.") % words)
            messages.success(request, _("Noted: its copies lead to @%(username)s now.") % words)
        return HttpResponseRedirect(_address("channel", link.channel_id) + f"#menu-{link.pk}")

    # ── QR codes ──────────────────────────────────────────────────────────────────────────────────────

    def qr_view(self, request: HttpRequest, link_id: int) -> HttpResponse:
        link = self._link(request, link_id, "view")
        size, caption = _size(request), request.GET.get("caption", "").strip()[: qr.CAPTION_LIMIT]
        context: dict[str, Any] = {"size": size, "caption": caption, "sizes": qr.SIZES}
        try:
            code = qr.Code.of(_url(link), caption=caption)
        except qr.QrRefused as refusal:
            context["error"] = refusal.sentence
        else:
            context |= {"code": code, "is_too_small": size < code.smallest_size}
        title = _("QR code of “%(title)s”") % {"title": link.title}
        return self._page(
            request, "qr.html", channel=link.channel, link=link, url=_url(link), title=title, **context
        )

    def qr_file_view(self, request: HttpRequest, link_id: int, kind: str) -> HttpResponse:
        link = self._link(request, link_id, "view")
        types = {"svg": "image/svg+xml", "png": "image/png"}
        if kind not in types:
            raise Http404
        try:
            code = qr.Code.of(_url(link), caption=request.GET.get("caption", ""))
            draw = code.as_svg if kind == "svg" else code.as_png
            answer = HttpResponse(draw(millimetres=_size(request)), content_type=types[kind])
        except qr.QrRefused as refusal:
            return HttpResponse(refusal.sentence, status=422, content_type="text/plain; charset=utf-8")
        if "download" in request.GET:
            answer["Content-Disposition"] = f'attachment; filename="message-link-{link.pk}.{kind}"'
        return answer

    def sheet_view(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        """Many codes on one sheet, to be printed and cut."""
        channel = self._channel(request, channel_id, "view")
        links = list(channel.message_links.order_by("title", "id").select_related("channel"))
        wanted = {int(number) for number in request.GET.getlist("link") if number.isdecimal()}
        chosen = [link for link in links if link.pk in wanted]
        copies = min(max(_number(request.GET.get("copies")) or 1, 1), COPIES)
        return self._page(
            request,
            "sheet.html",
            channel=channel,
            title=_("QR codes for print"),
            links=[(link, link.pk in wanted) for link in links],
            codes=[link for link in chosen for _copy in range(copies)],
            copies=copies,
            most_copies=COPIES,
            size=_size(request),
            sizes=qr.SIZES,
            with_titles="titles" in request.GET,
        )

    # ── Figures ───────────────────────────────────────────────────────────────────────────────────────

    def figures_view(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        channel = self._channel(request, channel_id, "view")
        asked = _asked(request, channel)
        rows = tables.rows(asked)
        return self._page(
            request,
            "figures.html",
            channel=channel,
            every_channel=_channels(request),
            title=_("Where customers come from"),
            rows=rows[: tables.ROWS],
            left_out=max(0, len(rows) - tables.ROWS),
            chart=tables.chart(asked, asked.arrivals, today=timezone.localdate()),
            at=timezone.now(),
            **_choices(asked),
        )

    def figures_csv_view(self, request: HttpRequest, channel_id: int) -> HttpResponse:
        channel = self._channel(request, channel_id, "view")
        asked = _asked(request, channel)
        answer = HttpResponse(content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{asked.by.value}s-of-channel-{channel.pk}.csv"'
        answer.write("\ufeff")  # or spreadsheets take UTF-8 for something else
        tables.write_csv(cast(Any, answer), asked)
        return answer

    # ── What the steps share ──────────────────────────────────────────────────────────────────────────

    def _require(self, request: HttpRequest, verb: str) -> None:
        allowed = self.has_view_permission(request) if verb == "view" else _may(request, verb)
        if not allowed:
            raise PermissionDenied

    def _channel(self, request: HttpRequest, channel_id: int, verb: str) -> Channel:
        self._require(request, verb)
        return get_object_or_404(access.seen_channels(request.user), pk=channel_id)

    def _link(self, request: HttpRequest, link_id: int, verb: str) -> MessageLink:
        self._require(request, verb)
        links = listing.with_versions(self.get_queryset(request))
        return get_object_or_404(links, pk=link_id)

    def _warn_of_same_ref(self, request: HttpRequest, link: MessageLink) -> None:
        version = linking.current_version(link)
        others = linking.others_with_ref(channel_id=link.channel_id, ref=version.ref, besides=link)
        titles = ", ".join(f"“{title}”" for title in others.values_list("title", flat=True)[:3])
        if titles:
            words = _("The tag “%(ref)s” is also that of %(titles)s. Figures by tag count them together.")
            messages.warning(request, words % {"ref": version.ref, "titles": titles})

    def _form(
        self,
        request: HttpRequest,
        channel: Channel,
        *,
        title: str,
        action: str,
        given: dict[str, str],
        errors: dict[str, str],
        link: MessageLink | None = None,
    ) -> HttpResponse:
        others = LinkVersion.objects.filter(channel=channel, is_current=True).exclude(ref="")
        others = others.exclude(link=link) if link else others
        return self._step(
            request,
            "_form.html",
            channel,
            link=link,
            title=title,
            action=action,
            given=given,
            error=errors,
            refs_in_use=others.order_by("ref").values_list("ref", "link__title"),
            **FORM_LIMITS,
        )

    def _step(self, request: HttpRequest, piece: str, channel: Channel, **context: Any) -> HttpResponse:
        """What a dialog shows; where there is no script, as a page of its own."""
        piece = f"messagelinks/{piece}"
        template = piece if _by_script(request) else "messagelinks/step.html"
        status = 422 if context.get("error") else 200
        return self._answer(request, template, channel=channel, piece=piece, status=status, **context)

    def _page(self, request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        return self._answer(request, f"messagelinks/{template}", status=status, **context)

    def _answer(self, request: HttpRequest, template: str, *, status: int, **context: Any) -> HttpResponse:
        may = {verb: _may(request, verb) for verb in ("add", "change", "delete")}
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "may": may}
        return TemplateResponse(request, template, {**shared, **context}, status=status)


def _channels(request: HttpRequest) -> Any:
    """The channels that can have links and that the person sees, in the order of their names."""
    return access.seen_channels(request.user).exclude(status=Channel.Status.REMOVED).order_by("name", "id")


def _asked(request: HttpRequest, channel: Channel) -> Asked:
    """What the figures shall show; what the address says wrongly is the default."""
    wanted = request.GET
    usual = Period.usual(today=timezone.localdate())
    days = f"{wanted.get('from', '')}..{wanted.get('until', '')}"
    try:
        period = Period.read(days) if {"from", "until"} & wanted.keys() else usual
    except ValueError as error:
        messages.warning(request, str(error))
        period = usual
    by, touch = wanted.get("by"), wanted.get("touch")
    return Asked(
        channel,
        By(by) if by in By.values else By.LINK,
        Touch(touch) if touch in Touch.values else Touch.EVERY,
        period,
    )


def _of(asked: Asked) -> dict[str, Any]:
    return {"touch": asked.touch, "period": asked.period}


def _choices(asked: Asked) -> dict[str, Any]:
    """What the form above the figures shows."""
    return {
        "asked": asked,
        "touches": Touch.choices,
        "kinds": By.choices,
        "query": "&".join(
            f"{name}={value}"
            for name, value in {
                "from": asked.period.since or "",
                "until": asked.period.until or "",
                "touch": asked.touch.value,
            }.items()
        ),
    }


def _address(step: str, *numbers: int) -> str:
    return reverse(f"admin:messagelinks_messagelink_{step}", args=numbers)


def _url(link: MessageLink) -> str:
    return linking.address(linking.current_version(link), username=link.channel.username)


def _size(request: HttpRequest) -> int:
    size = _number(request.GET.get("size"))
    return size if size in qr.SIZES else qr.USUAL_SIZE


def _number(given: str | None) -> int | None:
    return int(given) if given and given.isascii() and given.isdecimal() and len(given) < 16 else None


def _may(request: HttpRequest, verb: str) -> bool:
    return request.user.has_perm(f"messagelinks.{verb}_messagelink")


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)


def _by_script(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _lead(request: HttpRequest, address: str) -> HttpResponse:
    return HttpResponseClientRedirect(address) if _by_script(request) else HttpResponseRedirect(address)
