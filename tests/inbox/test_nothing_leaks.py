"""Whoever belongs to one team learns nothing of another team's channel: by no search, count, note or sign."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from inbox import access, notes, notifying, presence, saved_views, timeline, working_together
from inbox.listing import Listing, counts_cursor_and_views, counts_of, page_of
from inbox.models import Conversation, Label, Note, SavedView, Team
from inbox.presence import Sign
from tests.factories import AGENT_PERMISSIONS, make_agent, make_channel
from tests.pages.rows import make_conversation, write

pytestmark = pytest.mark.django_db
SECRET = "parcel in Bandung"


@pytest.fixture
def ours() -> Conversation:
    conversation = make_conversation("Ayu", channel=make_channel("Kopi", at=timezone.now()))
    write(conversation, "My parcel is here")
    return conversation


@pytest.fixture
def theirs() -> Conversation:
    conversation = make_conversation("Dewi", channel=make_channel("Teh", at=timezone.now()))
    write(conversation, f"The {SECRET}")
    conversation.labels.add(Label.objects.create(name="Loss"))
    return conversation


@pytest.fixture
def ben(theirs) -> User:
    """Who works on the other channel."""
    ben = make_agent("ben", first_name="Ben")
    team = Team.objects.create(name="Teh team")
    team.channels.add(theirs.channel)
    team.members.add(ben)
    return User.objects.get(pk=ben.pk)


@pytest.fixture
def ana(ours, ben) -> User:
    """Who must not learn of it."""
    ana = make_agent("ana", first_name="Ana")
    team = Team.objects.create(name="Kopi team")
    team.channels.add(ours.channel)
    team.members.add(ana)
    return User.objects.get(pk=ana.pk)


@pytest.fixture
def agent(ana) -> Client:
    client = Client(headers={"HX-Request": "true"})
    client.force_login(ana)
    return client


SEARCHES = [
    *(
        "parcel",
        "Dewi",
        "from:dewi",
        "channel:teh",
        "label:loss",
        "team:teh",
        "is:unread",
        "-nothing",
        "status:open",
    ),
    *("Dewi OR Ayu", "has:note", "courier", "assignee:none", "window:open"),
]


CHEAP = ("window:open status:open", "window:open status:open assignee:none")


@pytest.mark.parametrize("q", SEARCHES)
def test_no_search_finds_it(ana, ben, theirs, agent, q):
    notes.add(user=ben, conversation_id=theirs.pk, text="The courier lost the parcel", at=timezone.now())
    rows, _following = page_of(Listing(ana, q=q), at=timezone.now())
    assert theirs not in rows
    assert "Bandung" not in agent.get("/inbox/", {"q": q}).text
    assert theirs in page_of(Listing(ben, q=q), at=timezone.now())[0] or q == "team:teh"


def test_no_view_and_no_saved_view_counts_it(ana, ben, theirs):
    saved = [SavedView.objects.create(owner=ben, name=q, query=q, is_shared=True) for q in CHEAP]
    assert {view.pk for view in saved_views.visible_to(ana)} == {view.pk for view in saved}
    for person in (ana, ben):
        counts = counts_of(saved, person)
        assert set(counts.values()) == {1}
        assert {
            counts_cursor_and_views(person, at=timezone.now())[0][name] for name in ("open", "unassigned")
        } == {1}
    Conversation.objects.filter(channel=theirs.channel).update(status="closed")
    assert set(counts_of(saved, ana).values()) == {1}
    assert set(counts_of(saved, ben).values()) == {0}


def test_nothing_done_with_several_at_once_reaches_it(ana, theirs, ours, agent):
    both = {"conversation": [ours.pk, theirs.pk]}
    for change in ({"do": "close"}, {"do": "assign", "assignee": ana.pk}, {"do": "snooze", "until": "tomorrow"}):
        answer = agent.post("/inbox/several/", both | change)
        assert "Dewi" not in answer.text
    theirs.refresh_from_db()
    assert (theirs.status, theirs.assignee_id) == ("open", None)
    label, ids = Label.objects.create(name="Mine"), [theirs.pk]
    changed = working_together.change_together(
        user=ana, conversation_ids=ids, add_labels=[label], at=timezone.now()
    )
    assert (changed, theirs.labels.count()) == (0, 1)


def test_no_note_is_written_or_read_there(ana, ben, theirs, agent):
    notes.add(user=ben, conversation_id=theirs.pk, text=SECRET, at=timezone.now())
    with pytest.raises(Conversation.DoesNotExist):
        notes.add(user=ana, conversation_id=theirs.pk, text="Hi", at=timezone.now())
    for address in ("notes/", "note-draft/", "labels/", "snooze/", "question/", "post/", "unread/", "others/"):
        for ask in (agent.get, agent.post):
            answer = ask(f"/inbox/{theirs.pk}/{address}", {"text": "Hi"})
            assert answer.status_code in (404, 405), address
            assert SECRET not in answer.text
    assert Note.objects.count() == 1


def test_nobody_is_seen_there_and_nobody_shows_themselves_there(ana, ben, theirs):
    at = timezone.now()
    presence.tell(user=ben, sign=Sign(theirs.pk, is_typing=True), at=at)
    assert presence.others(user=ana, at=at) == []
    presence.tell(user=ana, sign=Sign(theirs.pk), at=at)
    assert presence.others(user=ben, at=at) == []


def test_nothing_of_it_is_told_even_to_those_whom_a_note_names(ana, ben, theirs, agent):
    before = timeline.cursor_now()
    write(theirs, SECRET)
    notes.add(user=ben, conversation_id=theirs.pk, text="@ana, look!", at=timezone.now())
    lines = timeline.lines_after(before)
    assert notifying.notices_for(ana, lines, at=timezone.now()) == []
    answer = agent.get("/inbox/live/", {"after": before, "conversation": theirs.pk, "looking": "1"})
    assert answer.status_code == 204
    assert "X-Timeline-Cursor" in answer


def test_a_conversation_of_another_team_is_not_among_those_that_wait_for_somebody(ours):
    cem, dita = make_agent("cem"), make_agent("dita")
    one, other = Team.objects.create(name="One"), Team.objects.create(name="Other")
    one.members.add(cem)
    ours.team = other
    ours.save()
    unassigned = Listing.asked_for(cem, {"view": "unassigned"})
    assert page_of(unassigned, at=timezone.now())[0] == []
    assert counts_cursor_and_views(cem, at=timezone.now())[0]["unassigned"] == 0
    assert page_of(Listing.asked_for(dita, {"view": "unassigned"}), at=timezone.now())[0] == [ours]  # in no team
    other.members.add(cem)
    assert page_of(unassigned, at=timezone.now())[0] == [ours]
    row = Client()
    row.force_login(cem)
    page = row.get("/inbox/?view=unassigned").text
    assert "Other · Kopi" in page
    assert "team Other" in page


def test_who_may_only_look_has_nothing_to_press_that_would_be_refused(ours):
    reader = make_agent("reader", permissions=(access.VIEW,))
    client = Client()
    client.force_login(reader)
    page = client.get(f"/inbox/{ours.pk}/").text
    for action in (
        "assign",
        "assign-me",
        "label",
        "snooze",
        "close",
        "close-next",
        "note",
        "report",
        "select-all",
    ):
        assert f'data-action="{action}"' not in page, action
    assert 'name="conversation"' not in page
    addresses = set(re.findall(r'(?:href|action|hx-post)="(/inbox/[^"?#]*)', page))
    refused = {address for address in addresses for status in [client.get(address).status_code] if status == 403}
    assert refused == set()
    everything = make_agent("all", permissions=AGENT_PERMISSIONS)
    client.force_login(everything)
    assert 'data-action="select-all"' in client.get(f"/inbox/{ours.pk}/").text
