"""Teams: who sees which channels, and conversations that are given to a team."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from inbox import access, sending, timeline, working, workspace
from inbox.listing import Listing, Sort, counts_and_cursor
from inbox.models import Attachment, Conversation, ConversationEvent, Team, WorkspaceSettings
from inbox.people import assignable, assignable_teams
from inbox.search_operators import registered
from tests.api.making import client_of
from tests.factories import AGENT_PERMISSIONS, make_agent, make_channel
from tests.pages.rows import make_conversation, reply, write
from tests.pictures import picture

pytestmark = pytest.mark.django_db
SECRET = "The parcel of Dewi is in Bandung"


def in_team(name: str, *channels, members=()) -> Team:
    team = Team.objects.create(name=name)
    team.channels.set(channels)
    team.members.set(members)
    return team


def anew(person: User) -> User:
    """The person as the next request knows them."""
    return User.objects.get(pk=person.pk)


@pytest.fixture
def ours() -> Conversation:
    conversation = make_conversation("Ayu", channel=make_channel("Kopi", at=timezone.now()))
    write(conversation)
    return conversation


@pytest.fixture
def theirs() -> Conversation:
    conversation = make_conversation("Dewi", channel=make_channel("Teh", at=timezone.now()))
    write(conversation, SECRET)
    return conversation


@pytest.fixture
def ana(ours, theirs) -> User:
    """An agent of a team that sees the first channel only."""
    ana = make_agent("ana", first_name="Ana")
    in_team("Kopi team", ours.channel, members=[ana])
    in_team("Teh team", theirs.channel)
    return anew(ana)


@pytest.fixture
def agent(ana) -> Client:
    client = Client()
    client.force_login(ana)
    return client


# ── Who sees what ─────────────────────────────────────────────────────────────────────────────────────


def seen_by(person: User) -> set[str]:
    return {one.contact.display_name for one in access.conversations_for(anew(person))}


def test_a_member_sees_the_channels_of_all_their_teams_and_no_other(ana, ours, theirs):
    assert seen_by(ana) == {"Ayu"}
    Team.objects.get(name="Teh team").members.add(ana)
    assert seen_by(ana) == {"Ayu", "Dewi"}


def test_who_is_in_no_team_or_only_in_teams_without_channels_sees_all(ana, ours, theirs):
    ben = make_agent("ben")
    assert seen_by(ben) == {"Ayu", "Dewi"}
    in_team("Night shift", members=[ben, ana])
    assert seen_by(ben) == {"Ayu", "Dewi"}
    assert seen_by(ana) == {"Ayu"}, "a team that names no channel widens nothing"


def test_a_permission_and_superusers_go_past_teams(ana, ours, theirs):
    chief = make_agent("chief", permissions=(*AGENT_PERMISSIONS, "inbox.view_all_channels"))
    root = User.objects.create_superuser("root")
    Team.objects.get(name="Kopi team").members.add(chief, root)
    assert seen_by(chief) == seen_by(root) == {"Ayu", "Dewi"}


def test_nothing_of_another_teams_channel_is_on_any_page(agent, theirs, ours, ana):
    staff = anew(ana)
    staff.is_staff = True
    staff.save()
    message = theirs.messages.get()
    pages = {
        f"/inbox/{theirs.pk}/": 404,
        f"/inbox/{theirs.pk}/earlier/": 404,
        f"/inbox/{theirs.pk}/assign/": 404,
        f"/inbox/contacts/{theirs.contact_id}/picture/": 404,
        f"/channels/tiktok/connect/?channel={theirs.channel_id}": 403,
        "/inbox/": 200,
        "/inbox/?view=unassigned": 200,
        "/inbox/?view=unread": 200,
        "/inbox/?sort=newest": 200,
        "/inbox/rows/": 200,
        f"/inbox/{ours.pk}/": 200,
        f"/inbox/{ours.pk}/assign/": 200,
        "/inbox/live/?after=0": 200,
        f"/inbox/live/?after=0&conversation={theirs.pk}": 200,
        "/admin/channels_tiktok/channel/": 200,
    }
    for page, status in pages.items():
        answer = agent.get(page, headers={"HX-Request": "true"})
        assert answer.status_code == status, page
        assert [word for word in ("Dewi", "Teh", SECRET) if word in answer.text] == [], page
    posts = [
        f"{theirs.pk}/reply/",
        f"{theirs.pk}/draft/",
        f"{theirs.pk}/seen/",
        f"{theirs.pk}/status/",
        f"{theirs.pk}/assign/",
        f"messages/{message.pk}/again/",
        f"messages/{message.pk}/cancel/",
    ]
    for address in posts:
        form = {"text": "Hi", "status": "closed", "assignee": ana.pk, "inbound": "1"}
        assert agent.post(f"/inbox/{address}", form).status_code == 404, address
    theirs.refresh_from_db()
    assert (theirs.status, theirs.assignee, theirs.messages.count()) == ("open", None, 1)


def test_nothing_of_it_is_in_the_api(ana, theirs, ours):
    api = client_of(ana)
    message = theirs.messages.get()
    address = f"/api/v1/conversations/{theirs.pk}/"
    assert [one["id"] for one in api.get("/api/v1/conversations/").json()["results"]] == [ours.pk]
    assert [one["id"] for one in api.get("/api/v1/channels/").json()["results"]] == [ours.channel_id]
    assert api.get("/api/v1/conversations/", {"q": "Bandung"}).json()["results"] == []
    assert api.get("/api/v1/conversations/", {"team": "Teh team"}).json()["results"] == []
    assert api.get("/api/v1/conversations/", {"channel": theirs.channel_id}).status_code == 400
    for hidden in ("", "messages/", f"messages/{message.pk}/"):
        assert api.get(address + hidden).status_code == 404, hidden
    assert api.get(f"/api/v1/channels/{theirs.channel_id}/").status_code == 404
    assert api.patch(address, {"status": "closed"}).status_code == 404
    assert api.post(f"{address}messages/", {"text": "Hi"}).status_code == 404


def test_neither_are_its_files(ana, agent, theirs):
    message = write(theirs, "", kind="image")
    attachment = Attachment(
        message=message, kind="image", state="stored", content_type="image/png", width=1, height=1
    )
    attachment.file.save("a.png", ContentFile(picture()), save=False)
    attachment.thumbnail.save("a.jpg", ContentFile(picture()), save=False)
    attachment.save()
    for address in (f"/inbox/attachments/{attachment.pk}/", f"/api/v1/attachments/{attachment.pk}/"):
        for part in ("", "thumbnail/"):
            client = client_of(ana) if "api" in address else agent
            assert client.get(address + part).status_code == 404, address + part
    Team.objects.get(name="Teh team").members.add(ana)
    shown = agent.get(f"/inbox/attachments/{attachment.pk}/")
    assert (shown.status_code, b"".join(shown.streaming_content)) == (200, picture())


def test_counts_are_of_what_one_sees(ana, theirs, ours):
    at = timezone.now()
    reply(theirs, User.objects.create_superuser("root"), state="failed", slot=None, error_detail="No.")
    mine, _ = counts_and_cursor(anew(ana), at=at)
    assert (mine["open"], mine["unassigned"], mine["unread"], mine["troubled"]) == (1, 1, 1, 0)
    everyones, _ = counts_and_cursor(make_agent("ben"), at=at)
    assert (everyones["open"], everyones["unread"], everyones["troubled"]) == (2, 2, 1)


def test_what_happens_elsewhere_moves_only_the_cursor_of_a_live_page(agent, theirs, ours):
    cursor = timeline.cursor_now()
    write(theirs, SECRET)
    answer = agent.get("/inbox/live/", {"after": cursor}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert int(answer["X-Timeline-Cursor"]) == timeline.cursor_now() > cursor
    write(ours, "And now ours")
    answer = agent.get("/inbox/live/", {"after": timeline.cursor_now() - 1}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "And now ours" in answer.text


def test_a_live_page_with_nothing_new_asks_for_no_teams(agent, ours, django_assert_max_num_queries):
    cursor = timeline.cursor_now()
    agent.get("/inbox/live/", {"after": cursor})  # SQLite is asked once per process what it can do
    with django_assert_max_num_queries(3):
        assert agent.get("/inbox/live/", {"after": cursor}).status_code == 204


def test_replies_in_trouble_are_those_that_one_sees(ana, theirs, agent):
    reply(theirs, User.objects.create_superuser("root"), SECRET, state="failed", slot=None, error_detail="No.")
    staff = make_agent("staff", permissions=(*AGENT_PERMISSIONS, "inbox.view_message"), is_staff=True)
    client = Client()
    client.force_login(staff)
    assert SECRET in client.get("/admin/inbox/message/").text
    Team.objects.get(name="Kopi team").members.add(staff)
    assert SECRET not in client.get("/admin/inbox/message/").text


# ── Given to a team ───────────────────────────────────────────────────────────────────────────────────


def lines_of(conversation: Conversation) -> list[tuple[str, str]]:
    kinds = [ConversationEvent.Kind.ASSIGNED, ConversationEvent.Kind.TEAM_ASSIGNED]
    lines = ConversationEvent.objects.filter(conversation=conversation, kind__in=kinds).order_by("id")
    return [(line.kind, line.actor.username if line.actor else "") for line in lines]


def test_a_conversation_is_given_to_a_team_on_its_page_and_the_thread_says_so(agent, ours, ana):
    team = Team.objects.get(name="Kopi team")
    page = agent.get(f"/inbox/{ours.pk}/assign/").text
    assert "Kopi team" in page
    assert agent.post(f"/inbox/{ours.pk}/assign/", {"team": team.pk, "assignee": ""}).status_code == 302
    ours.refresh_from_db()
    assert (ours.team, ours.assignee) == (team, None)
    assert lines_of(ours) == [("team_assigned", "ana")]
    page = agent.get(f"/inbox/{ours.pk}/").text
    assert "Ana gave this to the team Kopi team" in page
    agent.post(f"/inbox/{ours.pk}/assign/", {"assignee": ana.pk})
    ours.refresh_from_db()
    assert (ours.team, ours.assignee) == (team, ana), "what the form did not ask stays"


def test_only_teams_that_see_the_channel_are_offered_and_taken(ana, ours, theirs):
    everywhere = in_team("Night shift")
    assert {team.name for team in assignable_teams(ours.channel)} == {"Kopi team", "Night shift"}
    with pytest.raises(working.BadChange, match="doesn't see Kopi"):
        working.assign_team(
            user=ana, conversation_id=ours.pk, team=Team.objects.get(name="Teh team"), at=timezone.now()
        )
    assert working.assign_team(user=ana, conversation_id=ours.pk, team=everywhere, at=timezone.now())
    assert not working.assign_team(user=ana, conversation_id=ours.pk, team=everywhere, at=timezone.now())


def test_nobody_is_given_what_they_cant_see(ana, ours, theirs):
    root = User.objects.create_superuser("root")
    assert ana in assignable(ours.channel)
    assert ana not in assignable(theirs.channel)
    assert root in assignable(theirs.channel)
    with pytest.raises(working.BadChange, match="is in no team that sees Teh"):
        working.assign(user=root, conversation_id=theirs.pk, assignee=ana, at=timezone.now())


def test_assigning_and_labelling_need_permissions_of_their_own(ours):
    closer = make_agent("closer", permissions=("inbox.view_conversation", "inbox.change_conversation"))
    api = client_of(closer)
    address = f"/api/v1/conversations/{ours.pk}/"
    assert api.patch(address, {"assignee": "closer"}).status_code == 403
    assert api.patch(address, {"team": None}).status_code == 403
    assert api.patch(address, {"labels": []}).status_code == 403
    assert api.patch(address, {"status": "closed"}).status_code == 200


def test_the_api_gives_takes_and_filters_teams(ana, ours):
    api = client_of(ana)
    address = f"/api/v1/conversations/{ours.pk}/"
    team = Team.objects.get(name="Kopi team")
    assert api.get(address).json()["team"] is None
    assert api.patch(address, {"team": "kopi TEAM"}).json()["team"] == {"id": team.pk, "name": "Kopi team"}

    def found(value) -> list[int]:
        return [one["id"] for one in api.get("/api/v1/conversations/", {"team": value}).json()["results"]]

    assert found(team.pk) == found("Kopi team") == found("mine") == [ours.pk]
    assert found("none") == []
    assert api.get("/api/v1/conversations/", {"team": "Nobody"}).status_code == 400
    assert api.patch(address, {"team": "Nobody"}).status_code == 400
    assert api.patch(address, {"team": None}).json()["team"] is None


def test_the_search_knows_teams(ana, ours):
    Conversation.objects.filter(pk=ours.pk).update(team=Team.objects.get(name="Kopi team"))
    of = registered()["team"]
    for value, number in (("kopi team", 1), ("mine", 1), ("none", 1), ("teh team", 0)):
        assert Conversation.objects.filter(of.condition(value, ana)).count() == number, value
        assert of.explain(value, ana)


# ── Assign on first reply ─────────────────────────────────────────────────────────────────────────────


def test_the_first_reply_takes_a_conversation_that_nobody_has(ana, ours):
    WorkspaceSettings.objects.create(assign_on_first_reply=True)
    make_agent("ben")
    reply(ours, ana)
    ours.refresh_from_db()
    assert ours.assignee == ana
    assert lines_of(ours) == [("assigned", "ana")]
    reply(ours, User.objects.get(username="ben"))
    ours.refresh_from_db()
    assert ours.assignee == ana, "the second one takes nothing"


def test_an_answer_through_the_api_takes_it_too(ana, ours):
    WorkspaceSettings.objects.create(assign_on_first_reply=True)
    client_of(ana).post(f"/api/v1/conversations/{ours.pk}/messages/", {"text": "Yes"})
    ours.refresh_from_db()
    assert ours.assignee == ana


def test_a_refused_reply_and_a_workspace_that_does_not_want_it_take_nothing(ana, ours):
    reply(ours, ana)
    ours.refresh_from_db()
    assert ours.assignee is None
    WorkspaceSettings.objects.create(assign_on_first_reply=True)
    with pytest.raises(sending.BadReply):
        sending.queue_reply(user=ana, conversation_id=ours.pk, text=" ", at=timezone.now())
    ours.refresh_from_db()
    assert ours.assignee is None
    assert workspace.current().assign_on_first_reply


# ── The database ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("name = ''", "team_has_a_name"),
        ("name = 'NIGHT shift'", "teams_have_different_names"),
    ],
)
def test_the_database_refuses_teams_that_cant_be(change, constraint):
    in_team("Night shift")
    day = in_team("Day shift")
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE inbox_team SET {change} WHERE id = %s", [day.pk])


def many_conversations(number: int) -> None:
    """Conversations of three channels, a third each, told to the planner."""
    at, channels = timezone.now(), [make_channel(f"C{n}", at=timezone.now()) for n in range(3)]
    first = make_conversation("First", channel=channels[0])
    write(first)
    Conversation.objects.bulk_create(
        Conversation(
            channel=channels[n % 3],
            contact=first.contact,
            tiktok_conversation_id=f"many-{n}",
            created_at=at,
            last_message_at=at - timedelta(minutes=n),
            window_closes_at=at + timedelta(minutes=n + 1),
            window=first.window,
        )
        for n in range(number)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def plan_of(person: User, sort: Sort) -> str:
    at = timezone.now()
    rows = Listing(anew(person), sort=sort).conversations(at=at)
    if sort == Sort.CLOSING:
        return rows.filter(window_closes_at__gt=at).order_by("window_closes_at", "id")[:31].explain()
    return rows.order_by("-last_message_at", "-id")[:31].explain()


@pytest.mark.parametrize("sort", [Sort.CLOSING, Sort.NEWEST])
def test_a_page_of_one_teams_channel_is_read_from_an_index_in_its_order(sort):
    many_conversations(1500)
    ana = make_agent("ana")
    in_team("One", Conversation.objects.first().channel, members=[ana])
    plan = plan_of(ana, sort)
    index = {
        Sort.CLOSING: "channel_closing_first|list_closing_first",
        Sort.NEWEST: "channel_newest_first|list_newest",
    }
    assert any(name in plan for name in index[sort].split("|")), plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan
    assert "Sort Key" not in plan
