"""What agents fill in besides a reply."""

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.utils.translation import gettext_lazy as _

from channels_tiktok import media
from config.tasks import ring
from inbox import shortcuts, time_zones, workspace
from inbox.models import Conversation, Label, Preferences, SavedReply, Team
from inbox.notifications import Choice, Event, choices_of, differing
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


class LabelsForm(forms.Form):
    """Which labels a conversation wears."""

    labels = forms.ModelMultipleChoiceField(
        queryset=Label.objects.all(), required=False, label=_("Labels"), widget=forms.CheckboxSelectMultiple
    )


class SnoozeForm(forms.Form):
    """Until when a conversation sleeps: one of the offered times, or one's own in one's own time zone."""

    until = forms.DateTimeField(required=False)
    until_local = forms.DateTimeField(
        required=False,
        label=_("Own date and time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def clean(self) -> dict[str, Any]:
        """Give one time, as `until`."""
        chosen = super().clean() or {}
        chosen["until"] = chosen.get("until") or chosen.get("until_local")
        if not chosen["until"] and not self.errors:
            raise forms.ValidationError(_("Choose until when the conversation sleeps."))
        return chosen


class SavedReplyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker only
    """A person's own saved reply."""

    class Meta:
        model = SavedReply
        fields = ("title", "shortcut", "text")
        widgets: ClassVar = {"text": forms.Textarea(attrs={"rows": 7})}

    def _get_validation_exclusions(self) -> set[str]:
        """Whose it is stands in no field, and yet two of one person's may not have the same title."""
        return super()._get_validation_exclusions() - {"owner"}  # type: ignore[misc,no-any-return]


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker only
    """What a person chooses for themselves."""

    class Meta:
        model = Preferences
        fields = ("undo_seconds", "sends_typing", "enter_sends")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["undo_seconds"].widget.attrs["placeholder"] = workspace.current().undo_seconds


class ShortcutsForm(forms.ModelForm):  # type: ignore[type-arg]
    """One's own keys: a field for each action, named after it."""

    class Meta:
        model = Preferences
        fields = ("shortcuts_on",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, keys in shortcuts.keys_of(self.instance.shortcuts).items():
            described = {"data-keys": "", "aria-describedby": f"keys-hint id_{name}_error", "autocomplete": "off"}
            self.fields[name] = forms.CharField(
                required=False, max_length=20, initial=keys, widget=forms.TextInput(attrs=described)
            )

    def groups(self) -> list[dict[str, Any]]:
        """The fields under their headings."""
        return [
            {
                "heading": group.heading,
                "rows": [{"action": action, "field": self[action.name]} for action in group.actions],
            }
            for group in shortcuts.GROUPS
        ]

    def clean(self) -> dict[str, Any]:
        """Refuse keys that can't work, each at its field."""
        cleaned = super().clean() or {}
        keys = {name: cleaned.get(name, "") for name in shortcuts.ACTIONS}
        for name, complaint in shortcuts.complaints(keys).items():
            self.add_error(name, complaint)
        self.instance.shortcuts = shortcuts.differing(keys)
        return cleaned


class NotificationsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What somebody wants to be told of, how, and when not at all."""

    class Meta:
        model = Preferences
        fields = ("on_duty", "quiet_from", "quiet_until")
        widgets: ClassVar = {
            "quiet_from": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "quiet_until": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for event, choice in choices_of(self.instance.notifications).items():
            for way in ("shows", "rings"):
                widget = forms.CheckboxInput(attrs={"aria-labelledby": f"{way} event-{event}"})
                self.fields[f"{event}-{way}"] = forms.BooleanField(
                    required=False, initial=getattr(choice, way), widget=widget
                )

    def rows(self) -> list[dict[str, Any]]:
        """A line for each event, with its two fields."""
        return [
            {
                "event": event.value,
                "label": event.label,
                "shows": self[f"{event}-shows"],
                "rings": self[f"{event}-rings"],
            }
            for event in Event
        ]

    def clean(self) -> dict[str, Any]:
        """Quiet hours have both ends or none."""
        cleaned = super().clean() or {}
        if (cleaned.get("quiet_from") is None) != (cleaned.get("quiet_until") is None):
            self.add_error("quiet_until", _("Give both times, or leave both empty."))
        chosen = {
            event: Choice(shows=cleaned[f"{event}-shows"], rings=cleaned[f"{event}-rings"]) for event in Event
        }
        self.instance.notifications = differing(chosen)
        return cleaned


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
        for person in self.get_users(self.cleaned_data["email"]):
            ring("inbox.tasks.send_password_link", person.pk)


class LoginForm(AuthenticationForm):
    """User name and password, in words that help."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("This user name and password don't fit together. Check both; capitals matter."),
    }
