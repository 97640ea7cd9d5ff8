"""One reply per Idempotency-Key, whatever happens around it."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django_q.models import OrmQ

from inbox import sending
from inbox.api import idempotency
from inbox.models import ConversationEvent, IdempotencyKey, Message, ReplyWindow
from tests.api.conftest import REPLY, VIEW
from tests.api.making import client_of, make_conversation, make_user, now, receive


def post(client, conversation, key, text="On its way", form="json", **body):
    url = f"/api/v1/conversations/{conversation.pk}/messages/"
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(url, {"text": text, **body}, format=form, headers=headers)


def replies():
    return Message.objects.filter(direction="outbound")


def test_the_same_key_and_body_make_one_message(api, conversation):
    first, second = post(api, conversation, "k1"), post(api, conversation, "k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert second.json() == first.json()
    assert replies().count() == ConversationEvent.objects.count() == OrmQ.objects.count() == 1
    assert ReplyWindow.objects.get().replies_used == 1


def test_a_repetition_shows_how_the_message_fares_now(api, conversation):
    post(api, conversation, "k1")
    replies().update(state="sent", tiktok_message_id="out==", sent_at=now())
    assert post(api, conversation, "k1").json()["state"] == "sent"


def test_a_repetition_is_answered_even_when_no_reply_could_leave_any_more(api, conversation):
    first = post(api, conversation, "k1")
    ReplyWindow.objects.update(replies_used=10)
    second = post(api, conversation, "k1")
    assert (second.status_code, second.json()["id"]) == (201, first.json()["id"])
    assert post(api, conversation, "k2").json()["code"] == "quota_used"


def test_json_and_form_are_the_same_body(api, conversation):
    at = now() + timedelta(hours=1)
    first = post(api, conversation, "k1", send_at=at.isoformat())
    second = post(api, conversation, "k1", form="multipart", send_at=at.isoformat().replace("+00:00", "Z"))
    assert second.json()["id"] == first.json()["id"]


@pytest.mark.parametrize("other", ["text", "send_at", "conversation"])
def test_the_same_key_for_something_else_is_refused(other, api, conversation):
    post(api, conversation, "k1")
    if other == "conversation":
        conversation = make_conversation()
        receive(conversation)
    body = {"text": {"text": "Other"}, "send_at": {"send_at": (now() + timedelta(hours=1)).isoformat()}}
    answer = post(api, conversation, "k1", **body.get(other, {}))
    assert answer.status_code == 409
    assert answer.json() == {
        "code": "idempotency_key_reused",
        "detail": "This Idempotency-Key was used for another request. Take a new one.",
    }
    assert replies().count() == 1


def test_two_people_may_use_the_same_key(api, teammate, conversation):
    mine, theirs = post(api, conversation, "k1"), post(client_of(teammate), conversation, "k1")
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in theirs
    assert replies().count() == 2


def test_without_a_key_every_request_makes_a_message(api, conversation):
    assert post(api, conversation, None).json()["id"] != post(api, conversation, None).json()["id"]
    assert not IdempotencyKey.objects.exists()


def test_a_refused_reply_does_not_use_its_key_up(api):
    conversation = make_conversation()
    assert post(api, conversation, "k1").status_code == 409
    assert post(api, conversation, "k1", text="").status_code == 400
    receive(conversation)
    answer = post(api, conversation, "k1")
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer


def test_the_permission_is_asked_again_on_repetition(conversation):
    user = make_user("someone", VIEW, REPLY)
    assert post(client_of(user), conversation, "k1").status_code == 201
    user.user_permissions.clear()
    assert post(client_of(user), conversation, "k1").status_code == 403


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("k" * 256, "A key has at most 255 characters; this has 256."),
        ("", "The key is empty. Leave the header out or give a key."),
        ("  ", "The key is empty. Leave the header out or give a key."),
    ],
)
def test_a_key_that_protects_nothing_is_refused(key, sentence, api, conversation):
    answer = post(api, conversation, key)
    assert (answer.status_code, answer.json()) == (400, {"Idempotency-Key": [sentence]})
    assert not replies().exists()


def test_the_longest_key_is_taken(api, conversation):
    assert post(api, conversation, "k" * 255).status_code == 201


def test_a_reply_whose_key_can_not_be_stored_is_not_stored_either(api, conversation, monkeypatch):
    def fail(**kwargs):
        raise RuntimeError

    monkeypatch.setattr(IdempotencyKey.objects, "create", fail)
    with pytest.raises(RuntimeError):
        post(api, conversation, "k1")
    assert not replies().exists()
    assert not OrmQ.objects.exists()
    assert ReplyWindow.objects.get().replies_used == 0


@pytest.fixture
def overtake(monkeypatch):
    """Let `first` happen just after the next request has looked for its key in vain."""
    look = idempotency._made_with

    def arrange(first):
        def look_too_early(*asked):
            found = look(*asked)
            monkeypatch.setattr(idempotency, "_made_with", look)
            first()
            return found

        monkeypatch.setattr(idempotency, "_made_with", look_too_early)

    return arrange


@pytest.mark.parametrize("used_before", [0, 9])
def test_whoever_comes_second_in_a_race_gets_the_firsts_message(used_before, api, agent, conversation, overtake):
    """With nine replies used the second one is refused for the quota before it comes to its key."""
    for number in range(used_before):
        sending.queue_reply(user=agent, conversation_id=conversation.pk, text=str(number), at=now())
    firsts = []
    overtake(lambda: firsts.append(post(client_of(agent), conversation, "k1").json()))
    second = post(api, conversation, "k1")
    assert (second.status_code, second["Idempotent-Replayed"]) == (201, "true")
    assert second.json()["id"] == firsts[0]["id"]
    assert replies().count() == ReplyWindow.objects.get().replies_used == used_before + 1


def test_whoever_comes_second_with_another_body_is_refused(api, agent, conversation, overtake):
    overtake(lambda: post(client_of(agent), conversation, "k1", text="First"))
    assert post(api, conversation, "k1").json()["code"] == "idempotency_key_reused"
    assert [message.text for message in replies()] == ["First"]


def test_keys_are_kept_a_day_and_their_messages_for_good(api, conversation):
    post(api, conversation, "old")
    post(api, conversation, "new")
    at = now()
    IdempotencyKey.objects.filter(key="old").update(used_at=at - timedelta(hours=24, seconds=1))
    IdempotencyKey.objects.filter(key="new").update(used_at=at - timedelta(hours=24))
    assert idempotency.purge_keys(at=at) == 1
    assert IdempotencyKey.objects.get().key == "new"
    assert replies().count() == 2


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="proves a race between real connections")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("replies_left", [1, 10])
def test_eight_requests_at_once_with_one_key_make_one_message(replies_left):
    user = make_user("racer", VIEW, REPLY)
    conversation = make_conversation()
    receive(conversation)
    for number in range(10 - replies_left):
        sending.queue_reply(user=user, conversation_id=conversation.pk, text=str(number), at=now())
    before = replies().count()
    answers, start = [], threading.Barrier(8)

    def request():
        client = client_of(user)
        start.wait()
        try:
            answers.append(post(client, conversation, "k1"))
        finally:
            connection.close()

    client_of(user)  # the token is there before anybody looks for it
    threads = [threading.Thread(target=request) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer for answer in answers) == 1
    assert replies().count() == before + 1
    assert ReplyWindow.objects.get().replies_used == before + 1
