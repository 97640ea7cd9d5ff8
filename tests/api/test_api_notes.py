"""Notes, labels and saved replies through the API."""

import pytest

from inbox.models import Label, Message, Note, SavedReply
from tests.api.conftest import REPLY, VIEW
from tests.api.making import client_of, make_user

pytestmark = pytest.mark.django_db
LABELS = tuple(f"inbox.{verb}_label" for verb in ("add", "change", "delete"))
SHARED = tuple(f"inbox.{verb}_savedreply" for verb in ("add", "change", "delete"))


@pytest.fixture
def notes(conversation):
    return f"/api/v1/conversations/{conversation.pk}/notes/"


def test_a_note_is_added_and_listed_and_is_no_message(api, notes, conversation, teammate):
    messages = Message.objects.count()
    made = api.post(notes, {"text": "Ask @teammate first"})
    assert made.status_code == 201
    body = made.json()
    assert (body["text"], body["author"]["username"], body["mentions"]) == (
        "Ask @teammate first",
        "agent",
        ["teammate"],
    )
    api.post(notes, {"text": "Second"})
    assert [one["text"] for one in api.get(notes).json()["results"]] == ["Second", "Ask @teammate first"]
    oldest_first = api.get(notes, {"ordering": "created_at", "page_size": 1}).json()
    assert [one["text"] for one in oldest_first["results"]] == ["Ask @teammate first"]
    assert oldest_first["next"]
    assert Message.objects.count() == messages


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "This field is required."),
        ({"text": "  "}, "Write something first."),
        ({"text": "x" * 10_001}, "A note has at most 10,000 characters; this has 10,001."),
    ],
)
def test_what_is_no_note_is_refused(api, notes, body, sentence):
    answer = api.post(notes, body)
    assert (answer.status_code, answer.json()) == (400, {"text": [sentence]})


def test_notes_can_not_be_changed_or_deleted(api, notes):
    note_id = api.post(notes, {"text": "x"}).json()["id"]
    assert api.delete(notes).status_code == 405
    for method in (api.patch, api.delete, api.get):
        assert method(f"{notes}{note_id}/").status_code == 404
    assert Note.objects.get().text == "x"


def test_readers_read_notes_and_write_none(notes, api, stranger):
    api.post(notes, {"text": "x"})
    reader = client_of(make_user("reader", VIEW))
    assert len(reader.get(notes).json()["results"]) == 1
    assert reader.post(notes, {"text": "y"}).status_code == 403
    assert client_of(stranger).get(notes).status_code == 403
    assert api.get("/api/v1/conversations/99999/notes/").status_code == 404


def test_a_page_of_notes_costs_the_same_whatever_its_length(api, notes, teammate, django_assert_max_num_queries):
    for number in range(20):
        api.post(notes, {"text": f"@teammate {number}"})
    with django_assert_max_num_queries(8):
        api.get(notes)


def test_labels_are_made_renamed_and_deleted(api, conversation):
    staff = client_of(make_user("staff", VIEW, *LABELS))
    made = staff.post("/api/v1/labels/", {"name": "Order", "colour": "blue"})
    assert made.status_code == 201
    address = f"/api/v1/labels/{made.json()['id']}/"
    api.patch(f"/api/v1/conversations/{conversation.pk}/", {"labels": ["Order"]})
    assert staff.patch(address, {"name": "Orders"}).json() == {
        "id": made.json()["id"],
        "name": "Orders",
        "colour": "blue",
    }
    assert api.get(f"/api/v1/conversations/{conversation.pk}/").json()["labels"] == ["Orders"]
    assert [one["name"] for one in api.get("/api/v1/labels/").json()["results"]] == ["Orders"]
    assert staff.delete(address).status_code == 204
    assert api.get(f"/api/v1/conversations/{conversation.pk}/").json()["labels"] == []


def test_two_labels_may_not_differ_only_in_their_case(api):
    Label.objects.create(name="VIP")
    staff = client_of(make_user("staff", VIEW, *LABELS))
    answer = staff.post("/api/v1/labels/", {"name": "vip"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"non_field_errors": ["There is a label with this name already."]},
    )
    assert "colour" in staff.post("/api/v1/labels/", {"name": "x", "colour": "pink"}).json()


def test_labels_need_their_permissions(api):
    label = Label.objects.create(name="VIP")
    assert api.post("/api/v1/labels/", {"name": "x"}).status_code == 403
    assert api.patch(f"/api/v1/labels/{label.pk}/", {"name": "x"}).status_code == 403
    assert api.delete(f"/api/v1/labels/{label.pk}/").status_code == 403
    assert Label.objects.get().name == "VIP"


def test_everyone_has_their_own_saved_replies(api, teammate):
    made = api.post("/api/v1/saved-replies/", {"title": "Hello", "text": "Hi {{contact.name}}"})
    assert made.status_code == 201
    assert made.json() | {"id": 0} == {
        "id": 0,
        "title": "Hello",
        "text": "Hi {{contact.name}}",
        "shortcut": "",
        "shared": False,
    }
    address = f"/api/v1/saved-replies/{made.json()['id']}/"
    assert api.patch(address, {"shortcut": "hi"}).json()["shortcut"] == "hi"
    other = client_of(teammate)
    assert other.get("/api/v1/saved-replies/").json()["results"] == []
    assert other.get(address).status_code == 404
    assert other.delete(address).status_code == 404
    assert api.delete(address).status_code == 204


def test_what_everybody_shares_needs_a_permission(api):
    shared = {"title": "Hello", "text": "Hi", "shared": True}
    assert api.post("/api/v1/saved-replies/", shared).status_code == 403
    staff = client_of(make_user("staff", VIEW, REPLY, *SHARED))
    made = staff.post("/api/v1/saved-replies/", shared)
    assert (made.status_code, made.json()["shared"]) == (201, True)
    address = f"/api/v1/saved-replies/{made.json()['id']}/"
    assert api.get(address).json()["title"] == "Hello"
    assert api.patch(address, {"title": "Bye"}).status_code == 403
    assert api.delete(address).status_code == 403
    assert staff.patch(address, {"title": "Bye", "shared": False}).json()["shared"] is True
    assert staff.delete(address).status_code == 204


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        ({"text": "Hi {{contact.nam}}"}, "text", "{{contact.nam}} is nothing that can be filled in."),
        ({"title": "HELLO"}, "non_field_errors", "You have a reply with this title already."),
        ({"shortcut": "two words"}, "shortcut", "Enter a valid “slug”"),
    ],
)
def test_a_saved_reply_that_can_not_be_is_refused(api, agent, body, field, sentence):
    SavedReply.objects.create(title="Hello", text="x", owner=agent)
    answer = api.post("/api/v1/saved-replies/", {"title": "New", "text": "x", **body})
    assert answer.status_code == 400
    assert answer.json()[field][0].replace('"', "").startswith(sentence.replace("“", "").replace("”", ""))
