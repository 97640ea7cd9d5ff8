"""People in the admin: invited, given a role and teams, deactivated; and what nobody can take for themselves."""

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

from inbox import mailing
from inbox.models import AgentReadMark, Conversation, ConversationEvent, Team
from tests.factories import make_agent
from tests.pages.rows import make_conversation, write
from tests.pages.test_passwords import letters_written

pytestmark = pytest.mark.django_db
USERS = "/admin/auth/user/"


@pytest.fixture
def chief() -> User:
    """An administrator by role, no superuser."""
    chief = User.objects.create_user("chief", is_staff=True, first_name="Chiara")
    chief.groups.add(Group.objects.get(name="Administrator"))
    return chief


@pytest.fixture
def office(chief) -> Client:
    client = Client()
    client.force_login(chief)
    return client


def invite(office: Client, **fields):
    form = {"first_name": "Dian", "last_name": "Sari", "email": "dian@shop.test", "username": ""}
    form["role"] = Group.objects.get(name="Supervisor").pk
    return office.post(f"{USERS}add/", form | fields)


def test_somebody_is_invited_with_a_role_and_a_team_and_gets_a_letter(office):
    team = Team.objects.create(name="Day shift")
    assert office.get(f"{USERS}add/").status_code == 200
    assert invite(office, teams=[team.pk]).status_code == 302
    dian = User.objects.get(username="dian@shop.test")
    assert [group.name for group in dian.groups.all()] == ["Supervisor"]
    assert list(dian.teams.all()) == [team]
    assert dian.is_staff, "supervisors open the admin"
    assert not dian.has_usable_password()
    link = letters_written()[0]
    assert mail.outbox[0].to == ["dian@shop.test"]
    browser = Client()
    address = browser.get(link, follow=True).redirect_chain[-1][0]
    browser.post(address, {"new_password1": "seven-blue-parcels", "new_password2": "seven-blue-parcels"})
    assert browser.get("/inbox/").status_code == 200


def test_an_agent_does_not_open_the_admin(office):
    invite(office, role=Group.objects.get(name="Agent").pk)
    assert not User.objects.get(username="dian@shop.test").is_staff


@pytest.mark.parametrize(
    "fields", [{"email": "CHIEF@shop.test"}, {"username": "chief"}, {"email": ""}, {"role": ""}]
)
def test_what_cant_be_invited_is_said(office, chief, fields):
    User.objects.filter(pk=chief.pk).update(email="chief@shop.test")
    assert invite(office, **fields).status_code == 200
    assert User.objects.count() == 1


def test_an_invitation_is_sent_again_to_who_never_came(office):
    invite(office)
    letters_written()
    mail.outbox.clear()
    waiting, came = User.objects.get(username="dian@shop.test"), make_agent("ana", email="ana@shop.test")
    office.post(USERS, {"action": "invite_again", "_selected_action": [waiting.pk, came.pk]})
    letters_written()
    assert [letter.to for letter in mail.outbox] == [["dian@shop.test"]]


def person_form(person: User, **changes):
    form = {"username": person.username, "first_name": person.first_name, "last_name": person.last_name}
    form |= {"email": person.email, "is_active": "on", "groups": [group.pk for group in person.groups.all()]}
    form |= {"teams": [team.pk for team in person.teams.all()]}
    form |= changes
    return {name: value for name, value in form.items() if value is not None}


def test_a_role_and_teams_are_changed_on_the_persons_page(office):
    ana, team = make_agent("ana"), Team.objects.create(name="Day shift")
    group = Group.objects.get(name="Auditor")
    assert office.get(f"{USERS}{ana.pk}/change/").status_code == 200
    office.post(f"{USERS}{ana.pk}/change/", person_form(ana, groups=[group.pk], teams=[team.pk]))
    assert (list(ana.groups.all()), list(ana.teams.all())) == ([group], [team])
    assert "checked" in office.get(f"{USERS}{ana.pk}/change/").text.split('name="teams"')[1][:200]


@pytest.mark.parametrize("by", ["form", "action"])
def test_who_is_deactivated_is_out_at_once_and_hands_everything_back(office, by):
    ana = make_agent("ana")
    token = Token.objects.create(user=ana)
    open_one, closed = (
        make_conversation("Ayu", assignee=ana),
        make_conversation("Dewi", assignee=ana, status="closed"),
    )
    write(open_one)
    AgentReadMark.objects.create(agent=ana, conversation=open_one, inbound_seen=1)
    browser = Client()
    browser.force_login(ana)
    assert browser.get("/inbox/").status_code == 200
    if by == "form":
        office.post(f"{USERS}{ana.pk}/change/", person_form(ana, is_active=None))
    else:
        office.post(USERS, {"action": "deactivate", "_selected_action": [ana.pk]})
    assert browser.get("/inbox/").status_code == 302
    asked = Client().get("/api/v1/conversations/", headers={"Authorization": f"Token {token.key}"})
    assert asked.status_code == 401
    for conversation in (open_one, closed):
        conversation.refresh_from_db()
    assert (open_one.assignee, closed.assignee) == (None, ana), "what is closed keeps who had it"
    line = ConversationEvent.objects.get(conversation=open_one, kind="assigned")
    assert (line.actor.username, line.data["before"], line.data["after"]) == ("chief", ana.pk, None)
    assert AgentReadMark.objects.filter(agent=ana).exists()


def test_a_team_that_is_deleted_leaves_a_line_where_it_had_something(office):
    team = Team.objects.create(name="Day shift")
    conversation = make_conversation("Ayu", team=team)
    assert office.post(f"/admin/inbox/team/{team.pk}/delete/", {"post": "yes"}).status_code == 302
    conversation.refresh_from_db()
    assert conversation.team is None
    assert ConversationEvent.objects.filter(conversation=conversation, kind="team_assigned").count() == 1


def test_people_are_never_deleted(office):
    ana = make_agent("ana")
    assert office.post(f"{USERS}{ana.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=ana.pk).exists()


def test_nobody_makes_themselves_or_changes_a_superuser(office, chief):
    root = User.objects.create_superuser("root")
    office.post(f"{USERS}{chief.pk}/change/", person_form(chief, is_superuser="on", is_staff="on"))
    chief.refresh_from_db()
    assert not chief.is_superuser
    assert office.post(f"{USERS}{root.pk}/change/", person_form(root, is_active=None)).status_code == 403
    assert office.post(f"{USERS}{root.pk}/password/", {"password1": "x", "password2": "x"}).status_code == 403
    office.post(USERS, {"action": "deactivate", "_selected_action": [root.pk, chief.pk]})
    assert User.objects.filter(is_active=True).count() == 2, "neither a superuser nor oneself"


def test_a_token_is_revoked_and_never_shown(office):
    ana = make_agent("ana")
    key = Token.objects.create(user=ana).key
    for page in (USERS, f"{USERS}{ana.pk}/change/", f"{USERS}{ana.pk}/history/", "/admin/"):
        assert key not in office.get(page).text
    assert office.get("/admin/authtoken/tokenproxy/").status_code == 404
    office.post(USERS, {"action": "revoke_token", "_selected_action": [ana.pk]})
    assert not Token.objects.exists()


def test_who_has_no_address_gets_no_letter():
    assert not mailing.send_invitation(person_id=make_agent("ana").pk)
    assert not mailing.send_password_link(person_id=0)
    assert mail.outbox == []


def test_conversations_of_a_busy_person_are_released_one_by_one(office):
    ana = make_agent("ana")
    for name in ("Ayu", "Dewi", "Budi"):
        make_conversation(name, assignee=ana, at=timezone.now())
    office.post(USERS, {"action": "deactivate", "_selected_action": [ana.pk]})
    assert not Conversation.objects.filter(assignee=ana).exists()
    assert ConversationEvent.objects.filter(kind="assigned").count() == 3
