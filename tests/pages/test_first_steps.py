"""A new installation says how to begin, to those who can begin it, until the first customer has written."""

import pytest
from django.test import Client

from tests.factories import make_agent, make_channel
from tests.pages.rows import make_conversation, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper() -> Client:
    client = Client()
    client.force_login(make_agent("keeper", is_superuser=True, is_staff=True))
    return client


def test_the_first_page_is_a_list_of_what_to_do(keeper):
    page = keeper.get("/inbox/").text
    for words in ("Connect a TikTok account", "Send yourself a message", "Invite the team", "Make a message link"):
        assert words in page
    assert page.count('class="is-done"') == 0
    make_channel()
    make_agent("ana")
    assert keeper.get("/inbox/").text.count('class="is-done"') == 2


def test_each_step_leads_where_it_is_done(keeper):
    page = keeper.get("/inbox/").text
    for address in (
        "/admin/channels_tiktok/channel/",
        "/admin/auth/user/add/",
        "/admin/messagelinks/messagelink/",
    ):
        assert f'href="{address}"' in page
        assert keeper.get(address).status_code in (200, 302)


def test_it_ends_with_the_first_message_and_is_not_for_agents(keeper):
    agent = Client()
    agent.force_login(make_agent("ana"))
    assert "first-steps" not in agent.get("/inbox/").text
    conversation = make_conversation("Ayu")
    write(conversation)
    assert "first-steps" not in keeper.get("/inbox/").text
    type(conversation).objects.update(status="closed")
    assert "first-steps" not in keeper.get("/inbox/").text
