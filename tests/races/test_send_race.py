"""Twenty agents press Send at the same moment, over real connections to PostgreSQL."""

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.authtoken.models import Token

from inbox.models import Message
from inbox.windows import ReplyRefused
from tests.factories import make_agent, make_channel, make_conversation, make_inbound, make_reply

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
]


@pytest.fixture(autouse=True)
def _only_postgresql():
    if connection.vendor != "postgresql":
        pytest.skip("a race needs several real connections: PostgreSQL")


def at_once(number, act):
    """Run `act(index)` in `number` threads that start together, each with a connection of its own."""
    start = threading.Barrier(number)

    def run(index):
        try:
            start.wait()
            return act(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(run, range(number)))


def test_with_one_reply_left_twenty_senders_get_one_message_and_nineteen_clear_refusals():
    conversation = make_conversation()
    make_inbound(conversation)
    agents = [make_agent(f"agent{number}") for number in range(20)]
    for _ in range(9):
        make_reply(conversation, agents[0])

    def send(index):
        try:
            return make_reply(conversation, agents[index], f"from {index}").slot
        except ReplyRefused as refusal:
            return refusal.code

    outcomes = at_once(20, send)
    assert sorted(map(str, outcomes)) == sorted(["10", *["quota_used"] * 19])
    assert Message.objects.filter(source="agent").count() == 10
    conversation.refresh_from_db()
    assert conversation.window.replies_used == 10


def test_twenty_senders_with_ten_replies_get_ten_different_slots():
    conversation = make_conversation()
    make_inbound(conversation)
    agents = [make_agent(f"agent{number}") for number in range(20)]

    def send(index):
        try:
            return make_reply(conversation, agents[index], f"from {index}").slot
        except ReplyRefused as refusal:
            return refusal.code

    outcomes = at_once(20, send)
    assert sorted(slot for slot in outcomes if isinstance(slot, int)) == list(range(1, 11))
    assert outcomes.count("quota_used") == 10


def test_through_http_too_twenty_requests_with_one_reply_left_make_one_message(live_server):
    conversation = make_conversation(make_channel(at=timezone.now()), at=timezone.now())
    make_inbound(conversation, at=timezone.now())
    agents = [make_agent(f"agent{number}") for number in range(20)]
    for _ in range(9):
        make_reply(conversation, agents[0], at=timezone.now())
    keys = [Token.objects.create(user=agent).key for agent in agents]

    def post(index):
        request = urllib.request.Request(
            f"{live_server.url}/api/v1/conversations/{conversation.pk}/messages/",
            data=json.dumps({"text": f"from {index}"}).encode(),
            headers={"Authorization": f"Token {keys[index]}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)["state"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)["code"]

    assert Counter(at_once(20, post)) == {(201, "queued"): 1, (409, "quota_used"): 19}
