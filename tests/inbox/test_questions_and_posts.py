"""Questions with buttons, and posts of the account's own: from the agent to the phone, and the tap back."""

from datetime import timedelta

import pytest
import time_machine

from channels_tiktok.models import Channel
from inbox import delivering, posts, questions, receiving, reconciling, sending
from inbox.models import Conversation, Message, Post, PostList
from inbox.refusals import BadReply
from tests.factories import NOW, make_agent, make_reply
from tests.pictures import picture

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
QUESTION = questions.Question("What do you need help with?", ("Delivery", "Refund"))


@pytest.fixture
def agent():
    return make_agent()


@pytest.fixture
def conversation(tiktok, clock):
    tiktok.connect()
    tiktok.write(tiktok.customer("Ayu"), "Hi")
    hear(tiktok, clock)
    return Conversation.objects.get()


def hear(tiktok, clock):
    with time_machine.travel(clock(), tick=False):
        while tiktok.deliver():
            pass
    receiving.drain(clock=clock)


def ask(conversation, agent, question=QUESTION, **fields):
    return make_reply(conversation, agent, "", question=question, **fields)


def thread_of(tiktok, conversation):
    seen = tiktok.look("/phone?account=kopi.corner&customer=4")["thread"]
    assert seen["conversation_id"] == conversation.tiktok_conversation_id
    return seen["messages"]


# ── Questions ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_question_reaches_the_phone_and_the_tap_comes_back(tiktok, conversation, agent, clock):
    reply = ask(conversation, agent)
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    assert (reply.state, reply.slot) == ("sent", 1)
    card = thread_of(tiktok, conversation)[-1]
    assert card["template"]["title"] == "What do you need help with?"
    assert [button["title"] for button in card["template"]["buttons"]] == ["Delivery", "Refund"]
    clock.at += SECOND
    tiktok.control("/customers/4/taps", account="kopi.corner", message_id=card["message_id"], button=1)
    hear(tiktok, clock)
    tap = Message.objects.get(text="Refund")
    assert tap.content["reply_source_payload"]["reply_source_unique_id"] == "choice_2"
    assert Message.objects.filter(direction="outbound").count() == 1, "its echo is not a second card"


def test_of_two_questions_that_tiktok_left_open_each_is_settled_by_its_own_echo(
    tiktok, conversation, agent, clock
):
    other = questions.Question("Which colour?", ("Blue", "Green"))
    first, second = ask(conversation, agent), ask(conversation, agent, other)
    tiktok.fault("reset_before")
    tiktok.fault("reset_after")
    delivering.deliver_due(clock=clock)
    hear(tiktok, clock)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("unconfirmed", "sent")


def test_a_question_is_found_in_tiktoks_list(tiktok, conversation, agent, clock):
    reply = ask(conversation, agent)
    tiktok.fault("reset_after")
    delivering.deliver_due(clock=clock)
    clock.at += 10 * SECOND
    reconciling.reconcile_due(clock=clock)
    reply.refresh_from_db()
    assert reply.state == "sent"


def test_a_question_that_failed_is_asked_again_with_the_same_words(tiktok, conversation, agent, clock):
    reply = ask(conversation, agent)
    tiktok.fault("code", code=40002)
    delivering.deliver_due(clock=clock)
    again = sending.send_again(user=agent, message_id=reply.pk, at=clock())
    assert (again.kind, again.content) == ("template", QUESTION.as_template())


@pytest.mark.parametrize(
    ("title", "buttons", "field", "sentence"),
    [
        (" ", ["Yes"], "question", "Write the question first."),
        ("Q" * 41, ["Yes"], "question", "at most 40 characters; this has 41."),
        ("Well?", [], "buttons", "at least one button"),
        ("Well?", ["", " "], "buttons", "at least one button"),
        ("Well?", ["Y" * 21], "buttons", "has 21."),
        ("Well?", ["a", "b", "c", "d"], "buttons", "at most three buttons"),
        ("Well?", ["Yes", " Yes "], "buttons", "say the same"),
    ],
)
def test_what_tiktok_would_not_take_is_refused_before(title, buttons, field, sentence):
    with pytest.raises(BadReply) as refusal:
        questions.checked(title, buttons)
    assert refusal.value.field == field
    assert sentence in refusal.value.sentence


def test_forty_and_twenty_characters_fit_also_as_emoji(tiktok, conversation, agent, clock):
    reply = ask(conversation, agent, questions.checked("😀" * 40, ["é" * 20, "b", "c"]))
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    assert reply.state == "sent"


def test_a_question_goes_alone(conversation, agent):
    for more in ({"text": "And?"}, {"image": picture()}, {"post_id": "7"}):
        with pytest.raises(BadReply):
            sending.queue_replies(user=agent, conversation_id=conversation.pk, question=QUESTION, at=NOW, **more)
    assert not Message.objects.filter(source="agent").exists()


# ── Posts ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def channel(tiktok, conversation):
    """A channel whose account's posts may be seen, and were read."""
    channel = conversation.channel
    posts.read(channel_id=channel.pk, clock=tiktok.now)
    return channel


def test_a_post_of_the_account_is_read_with_its_picture_and_shared(tiktok, conversation, channel, agent, clock):
    assert Post.objects.count() == 4
    post = posts.posts_of(channel).get(caption="New: pandan latte")
    assert post.thumbnail.size > 100
    reply = make_reply(conversation, agent, "", post_id=post.item_id)
    delivering.deliver_due(clock=clock)
    hear(tiktok, clock)
    reply.refresh_from_db()
    assert (reply.state, reply.kind, reply.slot) == ("sent", "share_post", 1)
    assert thread_of(tiktok, conversation)[-1]["type"] == "SHARE_POST"
    assert Message.objects.filter(direction="outbound").count() == 1


def test_a_shared_post_is_found_in_tiktoks_list_by_its_id(tiktok, conversation, channel, agent, clock):
    first, second = posts.posts_of(channel)[:2]
    lost = make_reply(conversation, agent, "", post_id=first.item_id)
    found = make_reply(conversation, agent, "", post_id=second.item_id)
    tiktok.fault("reset_before")
    tiktok.fault("reset_after")
    delivering.deliver_due(clock=clock)
    clock.at += 10 * SECOND
    reconciling.reconcile_due(clock=clock)
    lost.refresh_from_db()
    found.refresh_from_db()
    assert (lost.state, found.state) == ("unconfirmed", "sent")


def test_only_the_channels_own_posts_can_be_shared(conversation, channel, agent):
    with pytest.raises(BadReply, match="isn't among the posts"):
        make_reply(conversation, agent, "", post_id="123456789")


def test_the_list_is_read_at_most_once_a_minute_whoever_opens_the_dialog(conversation, clock, monkeypatch):
    rung = []
    monkeypatch.setattr(posts, "ring", lambda path, channel_id: rung.append(channel_id))
    for _ in range(3):
        posts.have_read(conversation.channel, at=clock())
    clock.at += timedelta(minutes=1)
    posts.have_read(conversation.channel, at=clock())
    assert rung == [conversation.channel_id] * 2


def test_without_the_permission_nothing_is_asked_and_the_sentence_says_who_can_change_that(
    tiktok, conversation, agent
):
    make_agent("rita", permissions=("channels_tiktok.connect_channel",), first_name="Rita")
    credential = conversation.channel.credential
    credential.scopes = "message.list.read,message.list.send"
    credential.save()
    sentence = posts.missing_permission(conversation.channel)
    assert "“video.list” is missing" in sentence
    assert "Rita" in sentence
    assert posts.read(channel_id=conversation.channel_id, clock=tiktok.now) == 0
    assert not tiktok.look("/calls?path=business/video/list")["calls"]


def test_a_permission_that_was_taken_back_is_said_and_disconnects_nothing(tiktok, conversation, clock):
    tiktok.fault("code", path="business/video/list", code=40001, count=2)
    posts.read(channel_id=conversation.channel_id, clock=clock)
    assert "has not permitted" in PostList.objects.get().problem
    assert Channel.objects.get().status == "connected"


def test_a_tiktok_that_is_away_leaves_what_is_known_and_says_so(tiktok, channel, clock):
    clock.at += timedelta(minutes=2)
    tiktok.fault("http_status", path="business/video/list")
    posts.read(channel_id=channel.pk, clock=clock)
    assert posts.posts_of(channel).count() == 4
    assert "can't be reached" in PostList.objects.get().problem


def test_a_post_that_the_account_deleted_is_no_longer_offered_after_a_day(
    tiktok, conversation, channel, agent, clock
):
    gone = posts.posts_of(channel).first()
    Post.objects.create(
        channel=channel, item_id="7000000000000000001", posted_at=NOW, seen_at=clock(), caption="Deleted since"
    )
    clock.at += timedelta(days=1)
    posts.read(channel_id=channel.pk, clock=clock)
    assert not posts.posts_of(channel).filter(caption="Deleted since").exists()
    assert posts.posts_of(channel).filter(pk=gone.pk).exists()
    with pytest.raises(BadReply):
        make_reply(conversation, agent, "", post_id="7000000000000000001")


def test_pages_of_posts_go_on_where_they_stopped(channel):
    first, after = posts.page_of(channel, words="", after="", size=3)
    rest, end = posts.page_of(channel, words="", after=after, size=3)
    assert [post.caption for post in (*first, *rest)] == [
        "How we roast on Mondays",
        "New: pandan latte",
        "Behind the bar with Sari",
        "Beans, from farm to cup",
    ]
    assert end == ""
    assert [post.caption for post in posts.page_of(channel, words="SARI bar", after="", size=3)[0]] == [
        "Behind the bar with Sari"
    ]
