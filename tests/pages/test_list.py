"""The list of conversations: who is in which view, in which order, at what cost."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_tiktok.models import Channel
from inbox import access, listing, working
from inbox.listing import Listing, Sort, View, page_of
from inbox.models import Conversation
from tests.factories import make_channel
from tests.pages.rows import echo, make_conversation, reply, write

pytestmark = pytest.mark.django_db


def names(html: str) -> list[str]:
    return re.findall(r'class="row-name">([^<]+)<', html)


def hours_ago(hours: float):
    return timezone.now() - timedelta(hours=hours)


def test_what_closes_soonest_is_on_top_and_what_is_closed_comes_last_newest_first(agent):
    for name, hours in [("Later", 2), ("Soonest", 47), ("Old", 90), ("Closed lately", 50), ("Middle", 20)]:
        write(make_conversation(name), at=hours_ago(hours))
    assert names(agent.get("/inbox/").text) == ["Soonest", "Middle", "Later", "Closed lately", "Old"]


def test_newest_first_can_be_chosen(agent):
    for name, hours in [("Later", 2), ("Soonest", 47), ("Old", 90)]:
        write(make_conversation(name), at=hours_ago(hours))
    assert names(agent.get("/inbox/?sort=newest").text) == ["Later", "Soonest", "Old"]


def test_each_view_holds_what_its_name_says(agent, ana, ben):
    mine, theirs, done = (make_conversation(name) for name in ("Mine", "Theirs", "Done"))
    for conversation in (mine, theirs, done):
        write(conversation)
    write(make_conversation("Closing"), at=hours_ago(43))
    working.assign(user=ben, conversation_id=mine.pk, assignee=ana, at=timezone.now())
    working.assign(user=ben, conversation_id=theirs.pk, assignee=ben, at=timezone.now())
    working.change_status(user=ben, conversation_id=done.pk, status="closed", at=timezone.now())
    asleep, lost = make_conversation("Asleep"), make_conversation("Lost")
    write(asleep)
    later = timezone.now() + timedelta(hours=1)
    working.change_status(
        user=ben, conversation_id=asleep.pk, status="snoozed", snoozed_until=later, at=timezone.now()
    )
    write(lost)
    reply(lost, ben, state="failed", error_detail="Not sent: TikTok took no part in it.")
    access.mark_seen(user=ana, conversation=Conversation.objects.get(pk=mine.pk))
    shown = {view: set(names(agent.get(f"/inbox/?view={view}").text)) for view in View.values}
    assert shown == {
        "open": {"Mine", "Theirs", "Closing", "Lost"},
        "mine": {"Mine"},
        "unassigned": {"Closing", "Lost"},
        "closing": {"Closing"},
        "unread": {"Theirs", "Closing", "Lost"},
        "trouble": {"Lost"},
        "snoozed": {"Asleep"},
        "closed": {"Done"},
    }


def test_closing_soon_leaves_out_what_nobody_can_answer(agent, ben):
    used_up = make_conversation("Used up")
    write(used_up, at=hours_ago(44))
    for _ in range(10):
        reply(used_up, ben, at=hours_ago(43))
    gone = make_conversation("Gone", channel=make_channel(status=Channel.Status.DISCONNECTED))
    write(gone, at=hours_ago(44))
    assert names(agent.get("/inbox/?view=closing").text) == []


def test_a_row_is_a_sentence_for_the_ear(agent, ana, ben):
    conversation = make_conversation("Ayu")
    write(conversation, at=hours_ago(42.5))
    for _ in range(7):
        reply(conversation, ben, at=hours_ago(42))
    working.assign(user=ben, conversation_id=conversation.pk, assignee=ana, at=timezone.now())
    sentence = "Ayu, unread, 5 hours left, 3 of 10 replies left, assigned to you"
    assert f'aria-label="{sentence}"' in agent.get("/inbox/").text


@pytest.mark.parametrize(
    ("hours", "words", "stage"),
    [
        (0.5, "47 h left", "calm"),
        (42.5, "5 h left", "soon"),
        (47.2, "47 min left", "urgent"),
        (49, "closed", "closed"),
    ],
)
def test_the_ring_says_in_words_what_is_left(agent, hours, words, stage):
    write(make_conversation(), at=hours_ago(hours))
    html = agent.get("/inbox/").text
    assert f"window-{stage}" in html
    assert f'<span class="window-words">{words}</span>' in html


def test_the_last_line_says_who_said_it(agent, ana, ben):
    for name, user in (("First", ana), ("Second", ben)):
        conversation = make_conversation(name)
        write(conversation)
        reply(conversation, user, f"Hello {name}")
    html = agent.get("/inbox/").text
    assert "You: Hello First" in html
    assert "Ben: Hello Second" in html


def test_the_counts_stand_beside_the_views_and_stop_at_99(agent, monkeypatch):
    for number in range(4):
        write(make_conversation(f"N{number}"))
    assert 'All open <span class="count">4</span>' in agent.get("/inbox/").text
    monkeypatch.setattr(listing, "COUNT_UP_TO", 3)
    monkeypatch.setattr("inbox.rows.COUNT_UP_TO", 3)
    assert 'All open <span class="count">2+</span>' in agent.get("/inbox/").text


@pytest.mark.parametrize("sort", Sort)
def test_pages_of_the_list_follow_each_other_without_gap_or_repeat(ana, monkeypatch, sort):
    monkeypatch.setattr(listing, "PAGE", 3)
    for number in range(11):
        write(make_conversation(f"N{number}"), at=hours_ago(number * 7))
    at = timezone.now()
    mine, found, after = Listing(ana, sort=sort), [], ""
    while True:
        rows, after = page_of(mine, at=at, after=after)
        found += rows
        if not after:
            break
    positions = [mine.position(row, at=at) for row in found]
    assert positions == sorted(positions)
    assert len(set(positions)) == 11


def test_more_rows_come_as_rows(script, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(3):
        write(make_conversation(f"N{number}"), at=hours_ago(10 - number))
    address = re.search(r'hx-get="([^"]+)"', script.get("/inbox/").text)[1].replace("&amp;", "&")
    answer = script.get(address).text
    assert names(answer) == ["N2"]
    assert "<html" not in answer


@pytest.mark.parametrize("position", ["nonsense", "0-1", "0-x-y", "9-9-9", "0-99999999999999999999-1", "--"])
def test_a_position_that_we_never_gave_does_no_harm(agent, position):
    write(make_conversation())
    assert agent.get(f"/inbox/rows/?after={position}").status_code == 200


def count_queries(agent, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert agent.get(address).status_code == 200
    return len(queries)


def test_a_page_costs_at_most_ten_queries_at_any_size(agent, ana, ben):
    conversation = make_conversation("First")
    write(conversation, at=hours_ago(1))
    address = f"/inbox/{conversation.pk}/"
    agent.get(address)  # SQLite is asked once per process what it can do
    costs = []
    for size in (3, 60):
        for number in range(Conversation.objects.count(), size):
            one = make_conversation(f"N{number}")
            write(one, at=hours_ago(number / 2))
            reply(one, ana)
            working.assign(user=ben, conversation_id=one.pk, assignee=ben, at=timezone.now())
            echo(conversation, f"message {number}")
        costs.append((count_queries(agent, "/inbox/"), count_queries(agent, address)))
    assert max(*costs[0], *costs[1]) <= 10
    assert costs[1] <= costs[0]
