"""What agents fill in besides a reply."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from inbox import workspace
from inbox.models import Conversation, Preferences, Team
from inbox.people import assignable, assignable_teams, name_of


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


class LoginForm(AuthenticationForm):
    """User name and password, in words that help."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("This user name and password don't fit together. Check both; capitals matter."),
    }
