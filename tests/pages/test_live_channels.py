"""What an open page shows when something happens to a channel: the composer, and who may repair it a banner."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_tiktok import connecting
from channels_tiktok.models import Channel
from inbox import following, timeline
from tests.factories import AGENT_PERMISSIONS, make_agent, make_channel, make_conversation, make_inbound

pytestmark = pytest.mark.django_db
MAY_CONNECT = (*AGENT_PERMISSIONS, "channels_tiktok.connect_channel")


@pytest.fixture
def channel() -> Channel:
    return make_channel(at=timezone.now())


@pytest.fixture
def conversation(channel):
    conversation = make_conversation(channel)
    make_inbound(conversation, at=timezone.now())
    return conversation


def browser(name: str, *permissions: str, script: bool = False) -> Client:
    client = Client(headers={"HX-Request": "true"} if script else {})
    client.force_login(make_agent(name, permissions=permissions or AGENT_PERMISSIONS))
    return client


class OpenPage:
    """A page with `conversation` open, which asks what changed since it last asked."""

    def __init__(self, client, conversation) -> None:
        self.client, self.conversation, self.cursor = client, conversation, timeline.cursor_now()

    def ask(self) -> str:
        answer = self.client.get("/inbox/live/", {"after": self.cursor, "conversation": self.conversation.pk})
        self.cursor = int(answer.headers.get("X-Timeline-Cursor", self.cursor))
        return answer.text


def banner(html: str) -> str:
    found = re.search(r'<div id="banner".*?</div>', html, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found.group())).strip() if found else "none"


def test_the_composer_of_an_open_page_locks_and_opens_again_by_itself(channel, conversation):
    page = OpenPage(browser("ana", script=True), conversation)
    connecting.disconnect(channel=channel, reason="The owner withdrew it.", at=timezone.now())
    following.follow_channels(at=timezone.now())
    news = page.ask()
    assert 'data-locked="yes"' in news
    assert "is disconnected: The owner withdrew it." in news
    assert page.ask() == ""
    Channel.objects.update(status="connected", reason="")
    connecting.note(channel, "connected", at=timezone.now())
    following.follow_channels(at=timezone.now())
    assert 'data-locked="no"' in page.ask()


def test_removing_locks_it_too(channel, conversation):
    page = OpenPage(browser("ana", script=True), conversation)
    Channel.objects.update(status="removed", credential=None)
    connecting.note(channel, "removed", at=timezone.now())
    following.follow_channels(at=timezone.now())
    assert "was removed" in page.ask()


def test_the_banner_comes_and_goes_for_those_who_may_connect_only(channel, conversation):
    keeper = OpenPage(browser("keeper", *MAY_CONNECT, script=True), conversation)
    agent = OpenPage(browser("ana", script=True), conversation)
    connecting.disconnect(channel=channel, reason="The owner withdrew it.", at=timezone.now())
    following.follow_channels(at=timezone.now())
    told = "Kopi Corner is disconnected: The owner withdrew it. Connect Kopi Corner again"
    assert banner(keeper.ask()) == told
    assert banner(agent.ask()) == ""
    Channel.objects.update(status="connected", reason="")
    connecting.note(channel, "connected", at=timezone.now())
    following.follow_channels(at=timezone.now())
    assert banner(keeper.ask()) == ""


def test_the_page_itself_says_what_is_wrong_and_leads_to_the_repair(channel, conversation):
    channel.credential.refresh_expires_at = timezone.now() + timedelta(days=12)
    channel.credential.save()
    make_channel("Tea", trouble="TikTok could not be reached.", at=timezone.now())
    page = browser("keeper", *MAY_CONNECT).get("/inbox/").text
    assert "Connect Kopi Corner (@kopi.corner) again by" in banner(page)
    assert "Tea: TikTok could not be reached." in banner(page)
    assert f'href="/channels/tiktok/connect/?channel={channel.pk}"' in page
    assert banner(browser("ana").get("/inbox/").text) == ""


@pytest.mark.parametrize("path", ["/inbox/", "/inbox/{}/"])
def test_a_banner_costs_one_query_and_none_costs_nothing(channel, conversation, path):
    keeper, agent = browser("keeper", *MAY_CONNECT), browser("ana")

    def queries(client: Client) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path.format(conversation.pk)).status_code == 200
        return len(captured)

    queries(agent)  # Django asks SQLite once what it can do
    assert queries(keeper) == queries(agent) <= 10
    well = queries(agent)
    for number in range(3):
        make_channel(f"Off {number}", status="disconnected", at=timezone.now())
    assert (queries(keeper), queries(agent)) == (well + 1, well)


def test_whoever_may_connect_is_told_to_repair_it_themselves(channel, conversation):
    connecting.disconnect(channel=channel, reason="x.", at=timezone.now())
    page = browser("keeper", *MAY_CONNECT).get(f"/inbox/{conversation.pk}/").text
    assert "You can repair it under Channels." in page
    assert "keeper can repair it under Channels." in browser("ana").get(f"/inbox/{conversation.pk}/").text
