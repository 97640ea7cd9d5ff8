"""Replying from a page: what happens, and every way in which it is refused with the text kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels_tiktok.models import Channel
from inbox.models import Conversation, ConversationEvent, Message, ReplyWindow
from tests.factories import make_agent
from tests.pages.rows import make_conversation, reply, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def ayu() -> Conversation:
    conversation = make_conversation("Ayu")
    write(conversation)
    return conversation


def close_window(conversation: Conversation) -> None:
    opened_at = timezone.now() - timedelta(hours=49)
    ReplyWindow.objects.update(opened_at=opened_at, closes_at=opened_at + timedelta(hours=48))


def use_all_up(conversation: Conversation) -> None:
    someone = make_agent("someone")
    for _ in range(10):
        reply(conversation, someone, state="sent")


def disconnect(conversation: Conversation) -> None:
    Channel.objects.update(status=Channel.Status.DISCONNECTED, reason="The password was changed.")


def refuse(conversation: Conversation) -> None:
    ReplyWindow.objects.update(refused_at=timezone.now(), refusal="limit reached")


def forget_window(conversation: Conversation) -> None:
    Conversation.objects.update(window=None, window_closes_at=None)


REFUSALS = [
    (close_window, "The 48-hour reply window closed."),
    (use_all_up, "All 10 replies are used."),
    (disconnect, "is disconnected: The password was changed."),
    (refuse, "TikTok refused the last reply: “limit reached”"),
    (forget_window, "TikTok lets you write only after Ayu has written to you."),
]


def test_without_a_script_a_reply_leads_back_to_the_thread(agent, ayu):
    answer = agent.post(f"/inbox/{ayu.pk}/reply/?view=mine", {"text": "Yes, it is."})
    assert (answer.status_code, answer["Location"]) == (302, f"/inbox/{ayu.pk}/?view=mine")
    message = Message.objects.get(source="agent")
    assert (message.text, message.state, message.author.username) == ("Yes, it is.", "queued", "ana")


def test_with_the_script_the_answer_holds_the_pieces_that_changed(script, ayu):
    cursor = ConversationEvent.objects.latest("id").pk
    asked = {"text": "Yes, it is.", "after": cursor, "conversation": ayu.pk, "view": "open", "sort": "closing"}
    answer = script.post(f"/inbox/{ayu.pk}/reply/", asked)
    message = Message.objects.get(source="agent")
    assert answer.status_code == 200
    assert int(answer["X-Timeline-Cursor"]) == ConversationEvent.objects.latest("id").pk
    for piece in (f"message-{message.pk}", f"conversation-{ayu.pk}", "views", "thread-header", "composer-lock"):
        assert f'id="{piece}"' in answer.text
    assert "Uses 1 of 9" in answer.text
    assert "<textarea" not in answer.text


@pytest.mark.parametrize(("hinder", "sentence"), REFUSALS)
def test_without_a_script_a_refusal_keeps_the_text_in_the_box(agent, ayu, hinder, sentence):
    hinder(ayu)
    answer = agent.post(f"/inbox/{ayu.pk}/reply/", {"text": "My long <answer>"})
    assert answer.status_code == 409
    assert sentence in answer.text.split('id="composer-error"')[1].split("</div>")[0]
    assert "My long &lt;answer&gt;</textarea>" in answer.text


@pytest.mark.parametrize(("hinder", "sentence"), REFUSALS)
def test_with_the_script_a_refusal_is_said_beside_the_box_and_locks_it(script, ayu, hinder, sentence):
    hinder(ayu)
    cursor = ConversationEvent.objects.latest("id").pk
    answer = script.post(f"/inbox/{ayu.pk}/reply/", {"text": "Hello", "after": cursor, "conversation": ayu.pk})
    assert answer.status_code == 409
    assert sentence in answer.text.split('id="composer-error"')[1]
    assert 'data-locked="yes"' in answer.text
    assert "<textarea" not in answer.text
    assert not Message.objects.filter(text="Hello").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Write something first."),
        (" \n ", "Write something first."),
        ("x" * 6001, "at most 6,000 characters; this has 6,001"),
    ],
    ids=["empty", "blank", "too long"],
)
def test_a_text_that_cannot_be_sent_is_kept_with_the_reason(agent, script, ayu, text, sentence):
    answer = agent.post(f"/inbox/{ayu.pk}/reply/", {"text": text})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f"{text}</textarea>" in answer.text
    assert sentence in script.post(f"/inbox/{ayu.pk}/reply/", {"text": text, "conversation": ayu.pk}).text


def test_a_reply_needs_the_permission_to_reply(client, ayu):
    client.force_login(make_agent("reader", permissions=("inbox.view_conversation",)))
    assert client.post(f"/inbox/{ayu.pk}/reply/", {"text": "Hello"}).status_code == 403
    assert not Message.objects.filter(source="agent").exists()


def test_the_customers_next_message_opens_the_composer(agent, ayu):
    use_all_up(ayu)
    assert 'data-locked="yes"' in agent.get(f"/inbox/{ayu.pk}/").text
    write(ayu, "One more thing")
    assert 'data-locked="no"' in agent.get(f"/inbox/{ayu.pk}/").text
