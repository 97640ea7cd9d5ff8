"""Workers are killed by SIGKILL while they take in what TikTok delivered: nothing is lost or counted twice.

KILLED_EVENTS=2000 KILLS=100 makes it as long as you like.
"""

import os
import random
import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client

from channels_tiktok.models import WebhookEvent
from inbox.models import Attachment, Conversation, ConversationEvent, Message, ReplyWindow
from tests.deliveries import envelope, from_business, from_customer, signature
from tests.factories import NOW, make_channel

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS, CONVERSATIONS = int(os.environ.get("KILLED_EVENTS", "600")), 25
KILLS = int(os.environ.get("KILLS", "12"))  # of each of two workers
SECOND = timedelta(seconds=1)


def deliveries(channel, chance):
    """Signed bodies in random order, every fifth twice: (body, its event's message id)."""
    bodies = []
    for number in range(EVENTS):
        at = NOW + number * SECOND
        place = {"conversation_id": f"conv/{number % CONVERSATIONS}+=="}
        who = {"id": f"+USER{number % CONVERSATIONS}", "role": "personal_account"}
        if number % 10 == 7:
            content = from_business(channel, at=at, **place, to_user=who)
            bodies.append(envelope(channel, "im_send_msg", content, at=at))
            continue
        kind = {"type": "image", "image": {"media_id": f"v0in{number}"}} if number % 10 == 3 else {}
        content = from_customer(channel, at=at, **place, **kind, from_user=who, unique_identifier=who["id"])
        bodies.append(envelope(channel, "im_receive_msg", content, at=at))
    bodies += bodies[::5]
    chance.shuffle(bodies)
    return bodies


def worker(kills, seed):
    """Start a worker process that is killed `kills` times; see killing.py."""
    database = str(connection.settings_dict["NAME"])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.races.killing", str(kills), str(seed)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "KILLED_DATABASE": database, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_each_event_takes_effect_once_though_workers_are_killed_at_random_moments():
    chance = random.Random(48)
    channel = make_channel()
    bodies = deliveries(channel, chance)
    web = Client()

    def post(body):
        with time_machine.travel(NOW + timedelta(hours=1), tick=False):
            signed = {"Tiktok-Signature": signature(body, at=NOW + timedelta(hours=1))}
            answer = web.post("/webhooks/tiktok/", body, content_type="application/json", headers=signed)
        assert answer.status_code == 200

    for body in bodies[: EVENTS // 2]:
        post(body)  # no worker runs at all
    assert WebhookEvent.objects.filter(state="pending").count() > EVENTS // 4
    workers = [worker(KILLS, seed) for seed in (1, 2)]
    for body in bodies[EVENTS // 2 :]:
        post(body)
    killed = 0
    for process in workers:
        told, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        killed += int(told)
    assert killed, "at least one was killed at work"
    # A killed worker's database session may hold its rows a moment longer; the sweep comes every minute anyway.
    looks = 0
    while WebhookEvent.objects.filter(state="pending").exists() and looks < 10:
        last = worker(0, 0)
        last.communicate(timeout=120)
        assert last.returncode == 0
        looks += 1

    assert not WebhookEvent.objects.exclude(state="processed").exists(), "the journal is empty"
    assert Message.objects.count() == EVENTS
    assert Message.objects.values("tiktok_message_id").distinct().count() == EVENTS
    inbound = Message.objects.filter(direction="inbound").count()
    assert sum(Conversation.objects.values_list("inbound_count", flat=True)) == inbound
    assert ReplyWindow.objects.count() == inbound
    assert Attachment.objects.count() == EVENTS // 10
    lines = ConversationEvent.objects.filter(kind__in=["message_received", "message_sent_outside"])
    assert lines.count() == EVENTS
    assert Conversation.objects.count() == CONVERSATIONS
