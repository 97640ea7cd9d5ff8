"""What agents fill in besides a reply."""

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.utils.translation import gettext_lazy as _

from inbox import media, time_zones, workspace
from inbox.models import Conversation, Preferences, Team
from inbox.people import assignable, assignable_teams, name_of

LARGEST_FACE = 5 * 1024 * 1024  # bytes


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic for the checker only
    """A colleague, by name."""

    def label_from_instance(self, obj: Any) -> str:
        """Show the full name where there is one."""
        return name_of(obj)


class AssignForm(forms.Form):
    """Who takes care of a conversation; nobody if empty. The same for teams, where there are any."""

    assignee = PersonField(
        queryset=User.objects.none(),
        required=False,
        blank=True,
        empty_label=_("Nobody"),
        label=_("Assign to"),
        widget=forms.RadioSelect,
    )

    team = forms.ModelChoiceField(
        queryset=Team.objects.none(),
        required=False,
        blank=True,
        empty_label=_("No team"),
        label=_("Team"),
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, conversation: Conversation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {"assignee": conversation.assignee_id, "team": conversation.team_id}
        person, team = self.fields["assignee"], self.fields["team"]
        assert isinstance(person, PersonField)
        assert isinstance(team, forms.ModelChoiceField)
        person.queryset = assignable(conversation.channel)
        team.queryset = assignable_teams(conversation.channel)

    def changes(self) -> dict[str, Any]:
        """What was chosen; a field that the page did not have stays out of it."""
        return {name: self.cleaned_data[name] for name in self.fields if name in self.data}


class StatusForm(forms.Form):
    """Close or reopen."""

    status = forms.ChoiceField(
        choices=[(one.value, one.label) for one in (Conversation.Status.OPEN, Conversation.Status.CLOSED)]
    )


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker only
    """What a person chooses for themselves."""

    class Meta:
        model = Preferences
        fields = ("undo_seconds", "sends_typing")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["undo_seconds"].widget.attrs["placeholder"] = workspace.current().undo_seconds


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker only
    """Who a person is to colleagues, and in which time and language they read."""

    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        help_text=_("JPEG, PNG or WebP, up to 5 MB. Colleagues see it, customers don’t."),
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )
    removes_picture = forms.BooleanField(label=_("Remove the picture"), required=False)
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)
    language = forms.ChoiceField(label=_("Language"), required=False)

    class Meta:
        model = Preferences
        fields = ("time_zone", "language")

    field_order = ("picture", "removes_picture", "first_name", "last_name", "time_zone", "language")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = self.instance.user
        self.initial = {**self.initial, "first_name": user.first_name, "last_name": user.last_name}
        zones, language = self.fields["time_zone"], self.fields["language"]
        assert isinstance(zones, forms.ChoiceField)
        assert isinstance(language, forms.ChoiceField)
        of_workspace = _("The workspace’s: %(name)s") % {"name": workspace.current().time_zone}
        zones.choices = [("", of_workspace), *((name, name) for name in time_zones.names())]
        language.choices = [("", _("As my browser asks")), *settings.LANGUAGES]

    def clean_picture(self) -> media.File | None:
        """The picture, cut to a small square and without whatever else the file held."""
        given = self.cleaned_data["picture"]
        if not given:
            return None
        if given.size > LARGEST_FACE:
            raise forms.ValidationError(_("The picture has more than 5 MB. Choose a smaller one."))
        try:
            return media.portrait(given.read())
        except media.NotShowable as error:
            raise forms.ValidationError(_("This can’t be used. Choose a JPEG, PNG or WebP picture.")) from error

    def save(self, commit: bool = True) -> Preferences:
        """Store both rows, and the file in place of the former one."""
        chosen = self.cleaned_data
        preferences: Preferences = self.instance
        user, picture = preferences.user, chosen["picture"]
        user.first_name, user.last_name = chosen["first_name"], chosen["last_name"]
        user.save(update_fields=["first_name", "last_name"])
        if preferences.picture and (picture or chosen["removes_picture"]):
            preferences.picture.delete(save=False)
        if picture:
            preferences.picture.save(f"{uuid.uuid4().hex}.jpg", ContentFile(picture.content), save=False)
        preferences.save()
        return preferences


class ForgottenForm(PasswordResetForm):
    """Whose password is forgotten, by e-mail. The letter is a worker's: nobody can tell from the time that it
    takes whether an address is known."""

    def get_users(self, email: str) -> Iterable[User]:
        """Also who was invited and has not chosen a password yet."""
        return User.objects.filter(email__iexact=email, is_active=True)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Have the letters written."""
        from inbox.tasks import send_password_link

        for person in self.get_users(self.cleaned_data["email"]):
            send_password_link.ring(person.pk)


class LoginForm(AuthenticationForm):
    """User name and password, in words that help."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("This user name and password don't fit together. Check both; capitals matter."),
    }
