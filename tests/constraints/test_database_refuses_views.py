"""What the database itself refuses about saved views and what the search looks through, shown with plain SQL."""

import pytest
from django.db import IntegrityError, connection, transaction

from inbox import saved_views
from inbox.models import SearchEntry
from tests.factories import make_agent, make_conversation, make_inbound

pytestmark = pytest.mark.django_db


def refused(statement: str, *values) -> str:
    """Run one SQL statement that must fail; give what the database says."""
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    return str(error.value)


def test_a_saved_view_has_a_name_a_search_and_is_its_owners_only_one_of_that_name():
    ana = make_agent()
    view = saved_views.save(user=ana, name="Mine", query="a")
    other = saved_views.save(user=ana, name="Other", query="b")
    update = "UPDATE inbox_savedview SET {} WHERE id = %s"
    assert "saved_view_has_a_name" in refused(update.format("name = ''"), view.pk)
    assert "saved_view_has_a_search" in refused(update.format("query = ''"), view.pk)
    said = refused(update.format("name = 'Mine'"), other.pk)
    assert "one_saved_view_per_owner_and_name" in said or "inbox_savedview.owner_id" in said


def test_a_source_is_indexed_once_per_conversation_and_of_a_known_kind():
    conversation = make_conversation()
    make_inbound(conversation)
    entry = SearchEntry.objects.get(kind="message")
    assert "search_entry_kind_is_known" in refused(
        "UPDATE inbox_searchentry SET kind = 'rumour' WHERE id = %s", entry.pk
    )
    said = refused(
        "INSERT INTO inbox_searchentry (conversation_id, kind, source_id, said, text) "
        "VALUES (%s, 'message', %s, '', '')",
        conversation.pk,
        entry.source_id,
    )
    assert "one_search_entry_per_source_and_conversation" in said or "inbox_searchentry.kind" in said
