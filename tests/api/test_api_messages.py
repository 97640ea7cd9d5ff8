"""Messages in the API: how they look, how they are listed, and what happens when a program replies."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django_q.models import OrmQ

from inbox import sending
from inbox.models import Attachment, ConversationEvent, Message, Post, Reaction
from tests.api.making import make_channel, make_conversation, now, receive
from tests.pictures import picture


def stamp(at):
    return at.isoformat().replace("+00:00", "Z")


@pytest.fixture
def url(conversation):
    return f"/api/v1/conversations/{conversation.pk}/messages/"


@pytest.fixture
def reply(api, url):
    """POST a reply."""
    return lambda text="On its way", **body: api.post(url, {"text": text, **body})


def our_replies(conversation):
    return Message.objects.filter(conversation=conversation, direction="outbound").order_by("id")


def test_a_message_shows_exactly_these_fields(api, url, conversation):
    business = conversation.channel.business_id
    first = conversation.last_message
    message = receive(conversation, "See?", ago=timedelta(minutes=1), kind="image")
    message.quoted_message_id = first.tiktok_message_id
    message.save()
    picture = Attachment.objects.create(
        message=message,
        kind="image",
        state="stored",
        file="attachments/a.jpg",
        thumbnail="thumbnails/a.jpg",
        content_type="image/jpeg",
        width=720,
        height=540,
    )
    for user, emoji, on in ((business, "👍", True), ("+user", "🔥", True), ("+user", "😡", False)):
        Reaction.objects.create(
            conversation=conversation,
            tiktok_message_id=message.tiktok_message_id,
            tiktok_user_id=user,
            emoji=emoji,
            is_on=on,
            changed_at=now(),
        )
    expected = {
        "id": message.pk,
        "direction": "inbound",
        "kind": "image",
        "text": "See?",
        "question": None,
        "post": None,
        "source": "customer",
        "state": "received",
        "tiktok_message_id": message.tiktok_message_id,
        "occurred_at": stamp(message.occurred_at),
        "queued_at": None,
        "send_at": None,
        "sent_at": stamp(message.occurred_at),
        "read_at": None,
        "error": None,
        "author": None,
        "attachments": [
            {
                "id": picture.pk,
                "kind": "image",
                "state": "stored",
                "url": f"http://testserver/api/v1/attachments/{picture.pk}/",
                "thumbnail_url": f"http://testserver/api/v1/attachments/{picture.pk}/thumbnail/",
                "content_type": "image/jpeg",
                "width": 720,
                "height": 540,
            }
        ],
        "reactions": [{"emoji": "👍", "by": "business"}, {"emoji": "🔥", "by": "+user"}],
        "quoted": {"id": first.pk, "text": "Hello", "kind": "text"},
    }
    assert api.get(f"{url}{message.pk}/").json() == expected
    assert api.get(url).json()["results"][0] == expected


def test_a_quoted_message_that_we_do_not_have_goes_by_tiktoks_id(api, url, conversation):
    message = receive(conversation, quoted_message_id="unknown==")
    assert api.get(f"{url}{message.pk}/").json()["quoted"] == {"tiktok_message_id": "unknown=="}


def test_what_stopped_a_reply_is_shown_with_it(api, url, conversation, agent):
    message = sending.queue_reply(user=agent, conversation_id=conversation.pk, text="Hi", at=now())
    Message.objects.filter(pk=message.pk).update(
        state="failed", error_code="40064", error_detail="TikTok refused it."
    )
    shown = api.get(f"{url}{message.pk}/").json()
    assert shown["state"] == "failed"
    assert shown["error"] == {"code": "40064", "detail": "TikTok refused it."}


def test_a_reply_is_queued_and_shown(api, reply, url, conversation, agent):
    answer = reply("  On its way\r\nto you ")
    assert answer.status_code == 201
    shown = answer.json()
    message = our_replies(conversation).get()
    assert {
        "id": message.pk,
        "direction": "outbound",
        "kind": "text",
        "source": "agent",
        "state": "queued",
        "text": "On its way\nto you",
        "author": {"id": agent.pk, "username": "agent", "name": "Ada Agent"},
        "tiktok_message_id": None,
        "sent_at": None,
        "read_at": None,
        "error": None,
        "attachments": [],
        "reactions": [],
        "quoted": None,
    }.items() <= shown.items()
    assert shown["queued_at"] == shown["send_at"] == shown["occurred_at"]
    assert api.get(f"{url}{message.pk}/").json() == shown
    assert "Idempotent-Replayed" not in answer
    assert OrmQ.objects.count() == 1
    line = ConversationEvent.objects.get()
    assert (line.kind, line.message_id, line.actor_id) == ("reply_queued", message.pk, agent.pk)


@pytest.mark.parametrize("form", ["json", "multipart"])
def test_a_reply_comes_as_json_or_as_a_form_and_unknown_fields_are_ignored(form, api, url, conversation):
    answer = api.post(url, {"text": "Hi", "state": "sent", "author": 7}, format=form)
    assert (answer.status_code, answer.json()["state"]) == (201, "queued")


def test_a_reply_can_be_sent_later(reply, conversation):
    at = now() + timedelta(hours=1)
    answer = reply(send_at=at.isoformat())
    assert (answer.status_code, answer.json()["send_at"]) == (201, stamp(at))
    assert our_replies(conversation).get().deliver_at == at


def test_a_time_that_is_past_means_at_once(reply):
    shown = reply(send_at=(now() - timedelta(hours=1)).isoformat()).json()
    assert shown["send_at"] == shown["queued_at"]


def test_a_time_of_another_zone_is_understood(reply):
    at = now() + timedelta(hours=1)
    local = (at + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "+02:00"
    assert reply(send_at=local).json()["send_at"] == stamp(at)


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        ({}, "text", "This field is required."),
        ({"text": None}, "text", "This field may not be null."),
        ({"text": "  \n "}, "text", "Write something first."),
        ({"text": ["Hi"]}, "text", "Not a valid string."),
        ({"text": "nul\x00"}, "text", "Null characters are not allowed."),
        (
            {"text": "x" * 6001},
            "text",
            "TikTok takes at most 6,000 characters; this has 6,001. Shorten it or send two.",
        ),
        (
            {"text": "Hi", "send_at": "2999-01-01T09:00:00"},
            "send_at",
            "Give the time zone too, such as 2026-11-22T09:00:00Z.",
        ),
    ],
)
def test_bad_input_is_refused_in_words_and_nothing_is_queued(body, field, sentence, api, url, conversation):
    answer = api.post(url, body, format="json")
    assert (answer.status_code, answer.json()) == (400, {field: [sentence]})
    assert not our_replies(conversation).exists()
    assert not OrmQ.objects.exists()


@pytest.mark.parametrize("value", ["tomorrow", "9999-12-31T23:59:59-12:00", "", 5])
def test_a_time_that_is_none_is_refused(value, reply):
    answer = reply(send_at=value)
    assert (answer.status_code, list(answer.json())) == (400, ["send_at"])


def test_a_time_at_or_after_the_windows_close_is_refused(reply, conversation):
    closes = conversation.window.closes_at
    answer = reply(send_at=closes.isoformat())
    assert answer.status_code == 400
    assert answer.json() == {
        "send_at": [
            f"The reply window closes at {closes:%Y-%m-%d %H:%M} UTC. "
            f"The latest safe time is {closes - timedelta(minutes=5):%Y-%m-%d %H:%M} UTC."
        ]
    }
    assert reply(send_at=(closes - timedelta(seconds=1)).isoformat()).status_code == 201


def test_six_thousand_characters_are_not_too_many(reply):
    assert reply("ü" * 6000).status_code == 201


def refusal(api, conversation):
    answer = api.post(f"/api/v1/conversations/{conversation.pk}/messages/", {"text": "Hi"})
    assert answer.status_code == 409
    assert set(answer.json()) == {"code", "detail"}
    assert not Message.objects.filter(conversation=conversation, text="Hi").exists()
    return answer.json()


def test_after_48_hours_the_window_is_closed(api, db):
    conversation = make_conversation(display_name="Ana")
    receive(conversation, ago=timedelta(hours=48))
    assert refusal(api, conversation) == {
        "code": "window_closed",
        "detail": "The 48-hour reply window closed. It opens again when Ana writes.",
    }


def test_after_ten_replies_the_quota_is_used(api, reply, conversation):
    assert [reply(str(number)).status_code for number in range(10)] == [201] * 10
    refused = refusal(api, conversation)
    assert refused["code"] == "quota_used"
    assert refused["detail"].startswith("All 10 replies are used.")
    assert our_replies(conversation).count() == 10


@pytest.mark.parametrize("status", ["disconnected", "removed"])
def test_a_channel_that_is_not_connected_sends_nothing(status, api, db):
    conversation = make_conversation(make_channel(status=status))
    receive(conversation)
    assert refusal(api, conversation)["code"] == "channel_disconnected"


def test_nobody_can_be_written_to_who_has_not_written(api, db):
    conversation = make_conversation(display_name="Ana")
    assert refusal(api, conversation) == {
        "code": "not_opened_by_customer",
        "detail": "TikTok lets you write only after Ana has written to you.",
    }


def test_messages_are_listed_newest_first_or_oldest_first(api, url, conversation):
    for minutes in (4, 3, 2):
        receive(conversation, str(minutes), ago=timedelta(minutes=minutes))
    texts = [row["text"] for row in api.get(url).json()["results"]]
    assert texts == ["2", "3", "4", "Hello"]
    oldest = [row["text"] for row in api.get(f"{url}?ordering=occurred_at").json()["results"]]
    assert oldest == texts[::-1]


def test_pages_hold_still_while_messages_arrive(api, url, conversation):
    for minutes in range(4):
        receive(conversation, str(minutes), ago=timedelta(minutes=minutes))
    page = api.get(f"{url}?page_size=2").json()
    receive(conversation, "newer", ago=timedelta(0))
    rest = []
    while page["next"]:
        page = api.get(page["next"]).json()
        rest += [row["text"] for row in page["results"]]
    assert rest == ["2", "3", "Hello"]
    assert page["previous"]


@pytest.mark.parametrize("query", ["ordering=id", "cursor=x", "page_size=1000"])
def test_a_bad_query_names_the_parameter(query, api, url):
    answer = api.get(f"{url}?{query}")
    assert (answer.status_code, list(answer.json())) == (400, [query.split("=")[0]])


def test_only_this_conversations_messages_are_listed(api, url):
    receive(make_conversation(), "elsewhere")
    assert [row["text"] for row in api.get(url).json()["results"]] == ["Hello"]


def test_listing_costs_the_same_for_any_number(api, agent, django_assert_num_queries):
    conversation = make_conversation()
    for number in (3, 57):
        for _ in range(number):
            message = receive(conversation, quoted_message_id="unknown==")
            Attachment.objects.create(message=message, kind="image")
            message.author = agent
            message.save()
            Reaction.objects.create(
                conversation=conversation,
                tiktok_message_id=message.tiktok_message_id,
                tiktok_user_id="+user",
                emoji="👍",
                is_on=True,
                changed_at=now(),
            )
        # Token, permissions (2), conversation, its labels; messages, attachments, reactions, quoted ones.
        with django_assert_num_queries(9):
            answer = api.get(f"/api/v1/conversations/{conversation.pk}/messages/?page_size=100")
    assert len(answer.json()["results"]) == 60


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_no_message_can_be_edited_or_deleted(method, api, url, agent, conversation):
    mine = sending.queue_reply(user=agent, conversation_id=conversation.pk, text="Hi", at=now())
    for message in (conversation.last_message, mine):
        for address in (url, f"{url}{message.pk}/"):
            answer = getattr(api, method)(address, {"text": "Other"})
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        before = message.text
        message.refresh_from_db()
        assert message.text == before


def photo(content=None):
    return SimpleUploadedFile("photo.jpg", picture() if content is None else content)


def test_an_image_is_sent_as_multipart(api, url, conversation):
    answer = api.post(url, {"image": photo()}, format="multipart")
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["kind"], shown["text"], shown["state"]) == ("image", "", "queued")
    assert [one["state"] for one in shown["attachments"]] == ["stored"]


def test_a_text_and_an_image_are_two_requests(api, url, conversation):
    answer = api.post(url, {"image": photo(), "text": "Look"}, format="multipart")
    assert (answer.status_code, answer.json()) == (400, {"image": [sending.TWO_MESSAGES]})
    assert not our_replies(conversation).exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"GIF89a", "Choose a JPEG"), (b"", "empty"), (picture()[:200], "damaged"), (b"x" * 21_000_000, "20 MB")],
    ids=["gif", "empty", "truncated", "large"],
)
def test_a_bad_image_is_refused_with_its_field(api, url, conversation, content, sentence):
    answer = api.post(url, {"image": photo(content)}, format="multipart")
    assert answer.status_code == 400
    assert list(answer.json()) == ["image"]
    assert sentence in answer.json()["image"][0]
    assert not our_replies(conversation).exists()


def test_the_same_key_with_another_image_is_a_conflict(api, url, conversation):
    def post(image):
        return api.post(url, {"image": image}, format="multipart", headers={"Idempotency-Key": "k"})

    first, again = post(photo()), post(photo())
    assert (first.json()["id"], again.headers["Idempotent-Replayed"]) == (again.json()["id"], "true")
    assert post(photo(picture((9, 9)))).status_code == 409


def test_a_reply_may_answer_a_message(api, reply, conversation):
    asked = conversation.last_message
    assert reply(quoted=asked.pk).json()["quoted"] == {"id": asked.pk, "text": "Hello", "kind": "text"}
    assert list(reply(quoted=99).json()) == ["quoted"]


def test_a_question_is_asked_and_shown(api, url, conversation):
    question = {"title": "Which colour?", "buttons": ["Blue", "Green"]}
    answer = api.post(url, {"question": question})
    assert answer.status_code == 201, answer.json()
    shown = answer.json()
    assert (shown["kind"], shown["question"], shown["text"]) == ("template", question, "")
    assert our_replies(conversation).get().slot == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"question": {"title": "Q" * 41, "buttons": ["a"]}}, "question"),
        ({"question": {"title": "Well?", "buttons": []}}, "buttons"),
        ({"question": {"title": "Well?", "buttons": ["a", "b", "c", "d"]}}, "buttons"),
        ({"question": {"title": "Well?"}}, "question"),
        ({"question": {"title": "Well?", "buttons": ["a"]}, "text": "And?"}, "text"),
        ({"post": "123"}, "post"),
    ],
)
def test_a_bad_question_or_post_is_refused_with_its_field(api, url, conversation, body, field):
    answer = api.post(url, body)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not our_replies(conversation)


def test_the_same_key_with_another_question_is_a_conflict(api, url):
    key = {"HTTP_IDEMPOTENCY_KEY": "ask"}
    first = {"question": {"title": "Which?", "buttons": ["a"]}}
    assert api.post(url, first, **key).status_code == 201
    assert api.post(url, first, **key)["Idempotent-Replayed"] == "true"
    assert api.post(url, {"question": {"title": "Which?", "buttons": ["b"]}}, **key).status_code == 409


def test_a_channels_posts_are_listed_and_shared(api, url, conversation):
    channel = conversation.channel
    posts_url = f"/api/v1/channels/{channel.pk}/posts/"
    assert api.get(posts_url).json()["code"] == "permission_missing"
    channel.credential.scopes = "video.list"
    channel.credential.save()
    for number in range(3):
        Post.objects.create(
            channel=channel, item_id=f"700000{number}", caption=f"Post {number}", posted_at=now(), seen_at=now()
        )
    assert [one["item_id"] for one in api.get(posts_url).json()["results"]] == ["7000002", "7000001", "7000000"]
    assert [one["caption"] for one in api.get(posts_url, {"q": "post 1"}).json()["results"]] == ["Post 1"]
    shown = api.post(url, {"post": "7000001"}).json()
    assert (shown["kind"], shown["post"]["item_id"]) == ("share_post", "7000001")
