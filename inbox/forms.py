"""What agents fill in besides a reply."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from inbox.models import Conversation, Label, Preferences, SavedReply
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
        fields = ("undo_seconds", "sends_typing")


class LoginForm(AuthenticationForm):
    """User name and password, in words that help."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("This user name and password don't fit together. Check both; capitals matter."),
    }
