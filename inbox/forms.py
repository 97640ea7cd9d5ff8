"""What agents fill in besides a reply."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from inbox import shortcuts
from inbox.models import Conversation, Label, Preferences, SavedReply
from inbox.notifications import Choice, Event, choices_of, differing
from inbox.people import assignable, name_of


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic for the checker only
    """A colleague, by name."""

    def label_from_instance(self, obj: Any) -> str:
        """Show the full name where there is one."""
        return name_of(obj)


class AssignForm(forms.Form):
    """Who takes care of a conversation; nobody if empty."""

    assignee = PersonField(
        queryset=User.objects.none(),
        required=False,
        blank=True,
        empty_label=_("Nobody"),
        label=_("Assign to"),
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["assignee"]
        assert isinstance(field, PersonField)
        field.queryset = assignable()


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


class LoginForm(AuthenticationForm):
    """User name and password, in words that help."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("This user name and password don't fit together. Check both; capitals matter."),
    }
