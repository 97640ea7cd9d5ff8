"""The live page: what it costs when nothing happens, and which pieces come when something does."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from channels_tiktok.models import Channel
from inbox import access, live, timeline, working
from inbox.models import Conversation, ConversationEvent, Message
from inbox.sending import line
from tests.factories import make_channel
from tests.pages.rows import echo, make_conversation, reply, write

pytestmark = pytest.mark.django_db
Kind = ConversationEvent.Kind


@pytest.fixture
def ayu() -> Conversation:
    conversation = make_conversation("Ayu")
    write(conversation)
    return conversation


@pytest.fixture
def ask(script, ayu):
    """Ask what changed since now (or since the last answer)."""
    cursor = timeline.cursor_now()

    def ask(**asked):
        nonlocal cursor
        answer = script.get("/inbox/live/", {"after": cursor, "conversation": ayu.pk} | asked)
        cursor = int(answer.headers.get("X-Timeline-Cursor", cursor))
        return answer

    return ask


def ids(answer) -> set[str]:
    return set(
        re.findall(r'<(?:li|header|nav|div|a)[^>]* id="([\w-]+)"', re.sub(r"<(\w+) id=", r"<\1  id=", answer.text))
    )


def tell(message: Message, kind: str) -> None:
    timeline.record([line(message, kind, at=timezone.now())])


def test_nothing_new_is_204_and_costs_three_queries(script, ayu, django_assert_max_num_queries):
    cursor = timeline.cursor_now()
    with django_assert_max_num_queries(3):
        answer = script.get("/inbox/live/", {"after": cursor, "conversation": ayu.pk, "view": "mine"})
    assert (answer.status_code, answer.content) == (204, b"")


def test_the_page_gives_the_cursor_from_which_nothing_is_missed(agent, ayu):
    assert f'data-cursor="{timeline.cursor_now()}"' in agent.get("/inbox/").text


def test_a_customers_message_brings_its_row_its_bubble_and_the_opened_window(ask, ayu):
    message = write(ayu, "Hello again")
    answer = ask()
    assert ids(answer) >= {
        f"conversation-{ayu.pk}",
        f"message-{message.pk}",
        "views",
        "thread-header",
        "composer-lock",
        "composer-window",
        "details-body",
    }
    assert "Hello again" in answer.text
    assert ask().status_code == 204


def test_of_another_conversation_only_the_row_and_the_counts_come(ask):
    other = make_conversation("Budi")
    write(other, "Hello")
    assert ids(ask()) == {f"conversation-{other.pk}", f"last-{other.pk}", "views"} - {f"last-{other.pk}"}


def test_only_changed_messages_and_their_neighbours_come(ask, ayu, ana):
    for number in range(6):
        echo(ayu, f"filler {number}", at=timezone.now() - timedelta(days=1, minutes=number))
    first = reply(ayu, ana, "first")
    ask()
    Message.objects.filter(pk=first.pk).update(state="failed", error_detail="TikTok refused the text.")
    tell(first, Kind.REPLY_FAILED)
    answer = ask()
    assert "Not sent: TikTok refused the text." in answer.text.replace("<span>", "").replace("</span>", "")
    assert len([one for one in ids(answer) if one.startswith("message-")]) <= 3


def test_a_change_far_up_in_the_thread_comes_too(ask, ayu, monkeypatch):
    old = echo(ayu, "an old one", at=timezone.now() - timedelta(days=3))
    monkeypatch.setattr("inbox.thread.PAGE", 1)
    tell(old, Kind.REPLY_SENT)
    assert f"message-{old.pk}" in ids(ask())


def test_a_read_mark_refreshes_every_shown_message(ask, ayu, ana):
    messages = [reply(ayu, ana, f"number {number}", state="read", read_at=timezone.now()) for number in range(3)]
    ask()
    timeline.record(
        [ConversationEvent(channel=ayu.channel, conversation=ayu, kind=Kind.MESSAGES_READ, at=timezone.now())]
    )
    answer = ask()
    assert {f"message-{one.pk}" for one in messages} <= ids(answer)
    assert "Seen" in answer.text


def test_a_row_that_leaves_the_view_comes_as_gone(ask, ayu, ben):
    working.change_status(user=ben, conversation_id=ayu.pk, status="closed", at=timezone.now())
    assert f'<li id="conversation-{ayu.pk}" data-gone>' in ask().text
    working.change_status(user=ben, conversation_id=ayu.pk, status="open", at=timezone.now())
    assert 'class="row-name">Ayu<' in ask().text


def test_a_row_that_is_not_in_the_view_does_not_come(ask, ayu):
    write(ayu, "Hello again")
    answer = ask(view="mine")
    assert f'<li id="conversation-{ayu.pk}" data-gone>' in answer.text


def test_a_channel_that_loses_its_access_locks_the_composer(ask, ayu):
    Channel.objects.update(status=Channel.Status.DISCONNECTED, reason="The password was changed.")
    timeline.record([ConversationEvent(channel=ayu.channel, kind=Kind.CHANNEL_CHANGED, at=timezone.now())])
    answer = ask()
    assert 'data-locked="yes"' in answer.text
    assert "The password was changed." in answer.text


def test_another_channels_change_leaves_the_composer_alone(ask):
    timeline.record(
        [ConversationEvent(channel=make_channel("Other"), kind=Kind.CHANNEL_CHANGED, at=timezone.now())]
    )
    assert "composer-lock" not in ids(ask())


def test_too_many_changes_ask_the_page_to_load_its_list_anew(ask, monkeypatch):
    monkeypatch.setattr(live, "TOO_MANY", 2)
    for name in ("A", "B", "C"):
        write(make_conversation(name))
    answer = ask()
    assert "data-reload" in answer.text
    assert ids(answer) == {"reload-list"}
    assert ask().status_code == 204


def test_every_agent_gets_the_same_news(ask, client, ayu, ben):
    cursor = timeline.cursor_now()
    message = write(ayu, "Hello both")
    client.force_login(ben)
    theirs = client.get("/inbox/live/", {"after": cursor, "conversation": ayu.pk}, headers={"HX-Request": "true"})
    assert f"message-{message.pk}" in ids(theirs) & ids(ask())


def test_seen_is_each_agents_own_and_only_what_the_page_showed(script, ayu, ana, ben):
    write(ayu, "came in meanwhile")
    answer = script.post(f"/inbox/{ayu.pk}/seen/", {"inbound": "1", "view": "unread"})
    unread = {user: access.conversations_for(user).get(pk=ayu.pk).unread_count for user in (ana, ben)}
    assert unread == {ana: 1, ben: 2}
    assert "data-only-known" in answer.text
    script.post(f"/inbox/{ayu.pk}/seen/", {"inbound": "2"})
    assert access.conversations_for(ana).get(pk=ayu.pk).unread_count == 0


@pytest.mark.parametrize("after", ["", "x", "-1", "９", "99999999999999999999999"])
def test_a_cursor_that_we_never_gave_does_no_harm(ask, after):
    assert ask(after=after, conversation=after).status_code in (200, 204)
