"""What a client may change about a conversation, turned into what `inbox.working` takes."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from inbox.api.serializers import AwareDateTimeField
from inbox.models import Conversation, Label, Team

LONGEST_USERNAME = 150


def find_person(given: str) -> User | None:
    """The active user of an id or a username, the id first."""
    if len(given) > LONGEST_USERNAME:
        return None
    people = get_user_model().objects.filter(is_active=True)
    by_id = people.filter(pk=int(given)).first() if given.isascii() and given.isdigit() else None
    return by_id or people.filter(username=given).first()


def find_team(given: str) -> Team | None:
    """The team of an id or a name, the id first."""
    by_id = Team.objects.filter(pk=int(given)).first() if _is_number(given) else None
    return by_id or Team.objects.filter(name__iexact=given).first()


def _is_number(given: str) -> bool:
    return given.isascii() and given.isdigit() and len(given) < 19


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}], "nullable": True})
class PersonField(serializers.CharField):
    """A person by id or username."""

    def to_internal_value(self, data: Any) -> Any:
        given = super().to_internal_value(data)
        self.run_validators(given)  # before the database sees it: PostgreSQL takes no NUL
        person = find_person(given)
        if person is None:
            raise serializers.ValidationError(
                _("Nobody here has the id or username “%(given)s”.") % {"given": given}
            )
        return person


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}], "nullable": True})
class TeamField(serializers.CharField):
    """A team by id or name."""

    def to_internal_value(self, data: Any) -> Any:
        given = super().to_internal_value(data)
        self.run_validators(given)
        team = find_team(given)
        if team is None:
            raise serializers.ValidationError(_("There is no team “%(given)s”.") % {"given": given})
        return team


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class LabelsField(serializers.ListField):
    """Labels by name; all of them must exist."""

    child = serializers.CharField(max_length=40)

    def to_internal_value(self, data: Any) -> Any:
        names = set(super().to_internal_value(data))
        labels = list(Label.objects.filter(name__in=names))
        missing = sorted(names - {label.name for label in labels})
        if missing:
            raise serializers.ValidationError(
                [_("There is no label “%(name)s”.") % {"name": name} for name in missing]
            )
        return labels


class ConversationChangeSerializer(serializers.Serializer[Conversation]):
    """Whatever is left out stays as it is."""

    status = serializers.ChoiceField(Conversation.Status.choices, required=False)
    snoozed_until = AwareDateTimeField(
        required=False, allow_null=True, help_text="A time to come; needed with, and only with, `snoozed`"
    )
    assignee = PersonField(required=False, allow_null=True, help_text="An id, a username, or null for nobody")
    team = TeamField(required=False, allow_null=True, help_text="An id, a name, or null for none")
    labels = LabelsField(required=False, help_text="All the labels that it shall have, by name")
