"""What the database refuses about questions and posts, shown with plain SQL."""

import json

import pytest
from django.db import IntegrityError, connection, transaction

from inbox import questions
from inbox.models import Message, Post
from tests.factories import NOW, make_agent, make_channel, make_conversation, make_inbound, make_reply

pytestmark = pytest.mark.django_db
CARD = questions.Question("Which one?", ("Blue", "Green", "Red")).as_template()


def change(message, **columns):
    """UPDATE a row, as anyone with a database shell could."""
    names = ", ".join(f"{name} = %s" for name in columns)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE inbox_message SET {names} WHERE id = %s", [*columns.values(), message.pk])


@pytest.fixture
def reply():
    conversation = make_conversation()
    make_inbound(conversation)
    return make_reply(conversation, make_agent())


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"title": ""},
        {"title": "Q" * 41},
        {"buttons": []},
        {"buttons": None},
        {"buttons": [{"title": ""}]},
        {"buttons": [{"title": "B" * 21}]},
        {"buttons": [{"title": "a"}, {"title": "B" * 21}]},
        {"buttons": [{"title": "a"}, {"title": "b"}, {"title": ""}]},
        {"buttons": [{"title": one} for one in "abcd"]},
    ],
)
def test_a_question_has_a_title_and_one_to_three_buttons(reply, wrong):
    content = json.dumps({**CARD, **wrong} if wrong else {})
    with pytest.raises(IntegrityError, match="reply_question_has_one_to_three_buttons"):
        change(reply, kind="template", text="", content=content)


def test_a_whole_question_is_taken_and_what_others_sent_may_look_as_it_likes(reply):
    change(reply, kind="template", text="", content=json.dumps(CARD))
    outside = Message.objects.create(
        conversation=reply.conversation,
        direction="outbound",
        source="other",
        kind="template",
        state="sent",
        tiktok_message_id="mOut",
        occurred_at=NOW,
        sent_at=NOW,
    )
    change(outside, content=json.dumps({"type": "unheard_of"}))


@pytest.mark.parametrize("content", [{}, {"item_id": ""}])
def test_a_shared_post_is_named(reply, content):
    with pytest.raises(IntegrityError, match="reply_post_is_named"):
        change(reply, kind="share_post", text="", content=json.dumps(content))


@pytest.mark.parametrize("kind", ["video", "sticker", "emoji", "unsupported", "song"])
def test_a_reply_is_of_a_kind_that_tiktok_takes(reply, kind):
    with pytest.raises(IntegrityError, match="reply_is_of_a_kind_that_tiktok_takes"):
        change(reply, kind=kind)


def test_a_post_stands_once_in_its_channels_list():
    channel = make_channel()
    row = {"item_id": "7", "posted_at": NOW, "seen_at": NOW}
    Post.objects.bulk_create([Post(channel=channel, **row)])
    with pytest.raises(IntegrityError), transaction.atomic():
        Post.objects.bulk_create([Post(channel=channel, **row)])
    with pytest.raises(IntegrityError), transaction.atomic():
        Post.objects.bulk_create([Post(channel=channel, **{**row, "item_id": ""})])
