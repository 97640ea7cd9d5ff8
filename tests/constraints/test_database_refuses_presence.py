"""What the database refuses about presence and quiet hours, by plain SQL."""

import pytest
from django.db import IntegrityError, connection, transaction

from inbox.models import Preferences, Presence
from tests.factories import NOW, make_agent, make_conversation

pytestmark = pytest.mark.django_db


def execute(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_one_presence_per_agent_and_conversation():
    Presence.objects.create(agent=make_agent(), conversation=make_conversation(), seen_at=NOW)
    with pytest.raises(IntegrityError):
        execute(
            "INSERT INTO inbox_presence (agent_id, conversation_id, seen_at) "
            "SELECT agent_id, conversation_id, seen_at FROM inbox_presence"
        )


@pytest.mark.parametrize(("column", "value"), [("quiet_from", "22:00:00"), ("quiet_until", "07:00:00")])
def test_quiet_hours_begin_and_end(column, value):
    Preferences.objects.create(user=make_agent())
    with pytest.raises(IntegrityError, match="quiet_hours_begin_and_end"):
        execute(f"UPDATE inbox_preferences SET {column} = %s", value)
