"""People, teams and tokens in the admin: invite somebody, give them a role and teams, end their access.

Whoever is no superuser can neither make one nor change one, and gives roles but no single permissions.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from rest_framework.authtoken import admin as _token_admin  # noqa: F401  (registers what is unregistered below)
from rest_framework.authtoken.models import Token, TokenProxy

from config.tasks import ring
from inbox import working
from inbox.models import Role, Team
from inbox.people import name_of


class _WithTeams(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker only
    """A person with their teams, which the person's row doesn't hold."""

    teams = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Teams"),
        queryset=Team.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Teams with channels limit a person to those. Without teams, they see all channels."
        ),
    )


class InvitationForm(_WithTeams):
    """Somebody new. They choose their password themselves."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail"), help_text=gettext_lazy("Where the link to choose a password is sent.")
    )
    role = forms.ModelChoiceField(
        label=gettext_lazy("Role"),
        queryset=Group.objects.order_by("name"),
        help_text=gettext_lazy("What they may do. It can be changed later."),
    )

    class Meta:
        model = User
        fields = ("first_name", "last_name", "email", "username")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].required = False
        self.fields["username"].help_text = _("What they log in with. Left empty, it is the e-mail address.")

    def clean_email(self) -> str:
        """One account per address: the link to a new password goes by it."""
        email: str = self.cleaned_data["email"]
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(_("Somebody has this address already."))
        return email

    def clean(self) -> dict[str, Any]:
        """Fill in the user name."""
        given = super().clean() or self.cleaned_data
        given["username"] = given.get("username") or given.get("email", "")
        if given["username"] and User.objects.filter(username=given["username"]).exists():
            self.add_error("username", _("Somebody has this user name already."))
        return given


class PersonForm(_WithTeams, UserChangeForm):  # type: ignore[type-arg]
    """Somebody who works here."""

    groups = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Roles"),
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """The people. They are deactivated, never deleted: what they wrote keeps its author."""

    form = PersonForm
    add_form = InvitationForm
    add_form_template = None  # Django's speaks of options that would come later
    filter_horizontal = ("user_permissions",)
    list_display = ("full_name", "username", "email", "roles", "in_teams", "state", "has_token", "last_login")
    list_filter = ("is_active", "groups", "teams")
    actions = ("invite_again", "revoke_token", "deactivate")
    add_fieldsets = ((None, {"fields": ("first_name", "last_name", "email", "username", "role", "teams")}),)
    readonly_fields = ("last_login", "date_joined")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        rights = ["is_active", "is_staff", "groups", "teams"]
        if request.user.is_superuser:
            rights += ["is_superuser", "user_permissions"]
        return (
            (None, {"fields": ("username", "password", "first_name", "last_name", "email")}),
            (_("What they may do"), {"fields": rights}),
            (_("Dates"), {"fields": ("last_login", "date_joined")}),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, with the teams that `obj` is in ticked."""
        made = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and "teams" in made.base_fields:
            made.base_fields["teams"].initial = list(obj.teams.values_list("pk", flat=True))
        return made

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found: QuerySet[User] = super().get_queryset(request)
        tokens = Token.objects.filter(user=OuterRef("pk"))
        return found.prefetch_related("groups", "teams").annotate(holds_token=Exists(tokens))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes somebody who may do more than anyone can give them."""
        may: bool = super().has_change_permission(request, obj)
        return may and (obj is None or not obj.is_superuser or bool(request.user.is_superuser))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Inviting is a permission of its own; Django would ask for the one to change, too."""
        return request.user.has_perm("auth.add_user")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """A new person gets a letter instead of a password; who is deactivated hands everything back."""
        ends = change and "is_active" in form.changed_data and not obj.is_active
        if not change:
            obj.username = form.cleaned_data["username"]
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not change:
            ring("inbox.tasks.send_invitation", obj.pk)
        if ends:
            self._hand_back(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        person: User = form.instance
        if not change:
            person.groups.set([form.cleaned_data["role"]])
        person.teams.set(form.cleaned_data["teams"])
        if not person.is_staff and Role.objects.filter(group__in=person.groups.all(), opens_admin=True).exists():
            person.is_staff = True
            person.save(update_fields=["is_staff"])

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(
            request, _("%(email)s gets a letter with a link to choose a password.") % {"email": obj.email}
        )
        return self.response_post_save_add(request, obj)

    @admin.action(description=gettext_lazy("Send the invitation again"), permissions=["change"])
    def invite_again(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Only who never chose a password needs one."""
        waiting = [person for person in queryset if person.is_active and not person.has_usable_password()]
        for person in waiting:
            ring("inbox.tasks.send_invitation", person.pk)
        told = ngettext("%(n)s invitation is sent again.", "%(n)s invitations are sent again.", len(waiting))
        self.message_user(request, told % {"n": len(waiting)}, messages.SUCCESS if waiting else messages.WARNING)

    @admin.action(description=gettext_lazy("Revoke the API token"), permissions=["change"])
    def revoke_token(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Programs that use it are refused from now on."""
        allowed = [person for person in queryset if self.has_change_permission(request, person)]
        number = sum(Token.objects.filter(user=person).delete()[0] for person in allowed)
        for person in allowed:
            self.log_change(request, person, _("API token revoked."))
        told = ngettext("%(n)s token is revoked.", "%(n)s tokens are revoked.", number) % {"n": number}
        self.message_user(request, told, messages.SUCCESS if number else messages.WARNING)

    @admin.action(description=gettext_lazy("Deactivate"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End their access; their conversations are nobody's again."""
        for person in queryset.filter(is_active=True):
            if person == request.user or not self.has_change_permission(request, person):
                self.message_user(
                    request, _("%(name)s stays as they are.") % {"name": name_of(person)}, messages.WARNING
                )
                continue
            person.is_active = False
            person.save(update_fields=["is_active"])
            self.log_change(request, person, _("Deactivated."))
            self._hand_back(request, person)

    def _hand_back(self, request: HttpRequest, person: User) -> None:
        number = working.release(of=Q(assignee=person), assignee=True, actor=request.user, at=timezone.now())
        told = ngettext(
            "%(name)s can no longer log in. %(n)s conversation is unassigned again.",
            "%(name)s can no longer log in. %(n)s conversations are unassigned again.",
            number,
        )
        self.message_user(request, told % {"name": name_of(person), "n": number}, messages.SUCCESS)

    @admin.display(description=gettext_lazy("name"), ordering="first_name")
    def full_name(self, person: User) -> str:
        return name_of(person)

    @admin.display(description=gettext_lazy("roles"))
    def roles(self, person: User) -> str:
        names = sorted(group.name for group in person.groups.all())
        return ", ".join([_("everything"), *names] if person.is_superuser else names) or "–"

    @admin.display(description=gettext_lazy("teams"))
    def in_teams(self, person: User) -> str:
        return ", ".join(sorted(team.name for team in person.teams.all())) or "–"

    @admin.display(description=gettext_lazy("API token"))
    def has_token(self, person: Any) -> str:
        return _("Has one") if person.holds_token else "–"

    @admin.display(description=gettext_lazy("state"), ordering="is_active")
    def state(self, person: User) -> str:
        if not person.is_active:
            return _("Deactivated")
        return _("Active") if person.has_usable_password() else _("Invited")


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Teams, their people and what they see."""

    list_display = ("name", "people", "sees")
    search_fields = ("name",)
    filter_horizontal = ("members", "channels")
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        found: QuerySet[Team] = super().get_queryset(request)
        return found.prefetch_related("members", "channels")

    def delete_model(self, request: HttpRequest, obj: Team) -> None:
        """What was given to the team is given to none, and says so."""
        working.release(of=Q(team=obj), team=True, actor=request.user, at=timezone.now())
        super().delete_model(request, obj)

    @admin.display(description=gettext_lazy("members"))
    def people(self, team: Team) -> str:
        return ", ".join(sorted(name_of(person) for person in team.members.all())) or "–"

    @admin.display(description=gettext_lazy("sees"))
    def sees(self, team: Team) -> str:
        return ", ".join(sorted(channel.name for channel in team.channels.all())) or _("limits nobody")


admin.site.unregister(TokenProxy)  # it shows the keys; `PersonAdmin` shows who has one, and revokes it
