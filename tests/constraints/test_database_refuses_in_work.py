"""What the database refuses of notes, labels and saved replies, shown with plain SQL."""

import pytest
from django.db import IntegrityError, connection

from inbox import notes
from inbox.models import ConversationEvent, Label, NoteDraft, SavedReply
from tests.constraints.test_database_refuses import execute, insert_copy
from tests.factories import NOW, make_agent, make_conversation

pytestmark = pytest.mark.django_db
UNIQUE_ON_SQLITE = {
    "one_mention_per_note_and_person": "inbox_notemention.note_id, inbox_notemention.person_id",
    "one_note_draft_per_agent_and_conversation": "inbox_notedraft.agent_id, inbox_notedraft.conversation_id",
}


def refuses(constraint: str):
    words = constraint if connection.vendor == "postgresql" else UNIQUE_ON_SQLITE.get(constraint, constraint)
    return pytest.raises(IntegrityError, match=words)


@pytest.fixture
def ana():
    return make_agent("ana")


@pytest.fixture
def note(ana):
    return notes.add(user=ana, conversation_id=make_conversation().pk, text="@ana look", at=NOW)


def test_a_note_without_a_text_is_refused(note):
    with refuses("note_has_a_text"):
        execute("UPDATE inbox_note SET text = '' WHERE id = %s", note.pk)


def test_a_colleague_named_twice_by_one_note_is_refused(note):
    with refuses("one_mention_per_note_and_person"):
        insert_copy("inbox_notemention", note.mentions.get().pk)


@pytest.mark.parametrize("change", ["note_id = NULL", "kind = 'assigned'"])
def test_a_line_of_a_note_that_names_none_and_another_that_does_are_refused(note, change):
    with refuses("line_of_a_note_names_it"):
        execute(f"UPDATE inbox_conversationevent SET {change}")
    assert ConversationEvent.objects.get().note == note


def test_a_second_note_draft_of_an_agent_in_a_conversation_is_refused(ana):
    draft = NoteDraft.objects.create(agent=ana, conversation=make_conversation(), text="x", saved_at=NOW)
    with refuses("one_note_draft_per_agent_and_conversation"):
        insert_copy("inbox_notedraft", draft.pk)
    with refuses("note_draft_has_a_text"):
        execute("UPDATE inbox_notedraft SET text = ''")


def test_two_labels_that_differ_only_in_their_case_are_refused():
    label = Label.objects.create(name="VIP")
    with refuses("label_name_is_unique_in_any_case"):
        insert_copy("inbox_label", label.pk, name="vip")


def test_a_colour_that_no_theme_knows_is_refused():
    Label.objects.create(name="VIP")
    with refuses("label_colour_is_known"):
        execute("UPDATE inbox_label SET colour = 'pink'")


def test_two_shared_replies_of_one_title_are_refused_and_a_personal_one_beside_them_is_not(ana):
    shared = SavedReply.objects.create(title="Hello", text="x")
    with refuses("shared_saved_replies_have_different_titles"):
        insert_copy("inbox_savedreply", shared.pk, title="HELLO")
    insert_copy("inbox_savedreply", shared.pk, owner_id=ana.pk)
    with refuses("saved_replies_of_a_person_have_different_titles"):
        insert_copy("inbox_savedreply", shared.pk, owner_id=ana.pk, title="hello")


@pytest.mark.parametrize(
    ("column", "constraint"), [("title", "saved_reply_has_a_title"), ("text", "saved_reply_has_a_text")]
)
def test_a_saved_reply_without_title_or_text_is_refused(column, constraint):
    SavedReply.objects.create(title="Hello", text="x")
    with refuses(constraint):
        execute(f"UPDATE inbox_savedreply SET {column} = ''")
