"""Who may come in, what agents can do besides replying, and what every page must be like."""

import re

import pytest
from django.utils import timezone

from inbox.models import Conversation, ConversationEvent
from tests.factories import make_agent
from tests.pages.conftest import SCRIPT
from tests.pages.rows import make_conversation, reply, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def ayu() -> Conversation:
    conversation = make_conversation("Ayu")
    write(conversation)
    return conversation


ADDRESSES = [
    "/inbox/",
    "/inbox/1/",
    "/inbox/rows/",
    "/inbox/live/",
    "/inbox/1/earlier/",
    "/inbox/1/assign/",
]
ACTIONS = ["/inbox/1/reply/", "/inbox/1/seen/", "/inbox/1/status/", "/inbox/1/assign/"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_stranger_is_led_to_the_log_in_page(client, address):
    answer = client.get(address)
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={address}")


@pytest.mark.parametrize("address", ACTIONS)
def test_a_stranger_can_do_nothing(client, address):
    assert client.post(address).status_code == 302
    assert client.post(address, headers=SCRIPT).status_code == 401


@pytest.mark.parametrize(
    "address", ["/inbox/", "/inbox/1/", "/inbox/rows/", "/inbox/1/earlier/", "/inbox/live/?after=0"]
)
def test_without_the_permission_a_page_says_so(client, ayu, address):
    client.force_login(make_agent("nobody", permissions=("inbox.view_label",)))
    answer = client.get(address.replace("/1/", f"/{ayu.pk}/"))
    assert answer.status_code == 403
    assert "This page isn’t open to you" in answer.text
    assert "Ayu" not in answer.text


@pytest.mark.parametrize("action", ["status", "assign"])
def test_changing_needs_the_permission_to_change(client, ayu, action):
    client.force_login(make_agent("reader", permissions=("inbox.view_conversation",)))
    answer = client.post(f"/inbox/{ayu.pk}/{action}/", {"status": "closed", "assignee": ""})
    assert answer.status_code == 403


def test_what_is_not_there_is_a_page_of_our_own(agent):
    answer = agent.get("/inbox/99999/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_the_root_leads_to_the_inbox_and_logging_in_and_out_work(client, ana):
    assert client.get("/")["Location"] == "/inbox/"
    assert "fit together" in client.post("/login/", {"username": "ana", "password": "wrong"}).text
    answer = client.post("/login/", {"username": "ana", "password": "ana", "next": "/inbox/?view=mine"})
    assert answer["Location"] == "/inbox/?view=mine"
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"


def test_staff_find_the_admin_and_agents_do_not(client, agent, ana):
    assert "/admin/" not in agent.get("/inbox/").text
    ana.is_staff = True
    ana.save()
    html = agent.get("/inbox/").text
    assert 'href="/admin/"' in html
    assert 'href="/admin/channels_tiktok/channel/"' in html


def test_closing_and_reopening_leave_a_line_each(agent, ayu):
    for status in ("closed", "closed", "open"):
        assert agent.post(f"/inbox/{ayu.pk}/status/", {"status": status}).status_code == 302
    lines = ConversationEvent.objects.filter(kind="status_changed").order_by("id")
    assert [(one.data["after"], one.actor.username) for one in lines] == [("closed", "ana"), ("open", "ana")]


@pytest.mark.parametrize("status", ["", "snoozed", "nonsense"])
def test_only_open_and_closed_can_be_asked_for(agent, ayu, status):
    assert agent.post(f"/inbox/{ayu.pk}/status/", {"status": status}).status_code == 400
    ayu.refresh_from_db()
    assert ayu.status == "open"


def test_a_conversation_can_be_given_to_me_to_someone_and_to_nobody(script, ayu, ana, ben):
    for person in (ana, ben, None):
        answer = script.post(f"/inbox/{ayu.pk}/assign/", {"assignee": person.pk if person else ""})
        assert answer.status_code == 200
        ayu.refresh_from_db()
        assert ayu.assignee == person


def test_who_cannot_see_conversations_cannot_be_given_one(agent, ayu):
    stranger = make_agent("stranger", permissions=("inbox.view_label",))
    asked = agent.get(f"/inbox/{ayu.pk}/assign/").text
    assert "stranger" not in asked
    assert "Nobody" in asked
    assert agent.post(f"/inbox/{ayu.pk}/assign/", {"assignee": stranger.pk}).status_code == 422


def test_the_script_gets_only_the_conversation_it_opens(script, ayu):
    html = script.get(f"/inbox/{ayu.pk}/").text
    assert 'id="conversation"' in html
    assert "<html" not in html
    assert 'id="conversations"' not in html
    assert "<html" in script.get(f"/inbox/{ayu.pk}/", headers={"HX-History-Restore-Request": "true"}).text


def test_no_page_has_a_script_or_a_style_of_its_own(agent, script, client, ayu, ana):
    reply(ayu, ana)
    write(ayu, "", kind="share_post", content={"embed_url": "https://www.tiktok.com/x"}, at=timezone.now())
    pages = [
        client.get("/login/").text,
        agent.get("/inbox/").text,
        agent.get(f"/inbox/{ayu.pk}/").text,
        agent.get(f"/inbox/{ayu.pk}/assign/").text,
        agent.get("/inbox/99999/").text,
        script.get("/inbox/live/?after=0", {"conversation": ayu.pk}).text,
    ]
    for html in pages:
        assert not re.search(r"<script(?![^>]* src=)", html)
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)


def test_every_page_says_what_a_browser_may_load(agent):
    policy = agent.get("/inbox/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_pages_are_never_kept_by_a_cache_and_differ_for_the_script(agent):
    answer = agent.get("/inbox/")
    assert "no-store" in answer["Cache-Control"]
    assert "HX-Request" in answer["Vary"]


def test_every_address_that_a_form_posts_to_takes_only_posts(agent, ayu):
    for action in ("reply", "seen", "status"):
        assert agent.get(f"/inbox/{ayu.pk}/{action}/").status_code == 405
