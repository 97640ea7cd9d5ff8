"""`manage.py deliver_messages`: what it would do, what it did, and what went wrong."""

import pytest
import time_machine
from django.core.management import CommandError, call_command

from inbox import receiving
from inbox.models import Conversation
from tests.factories import NOW, make_agent, make_reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def reply(tiktok, clock):
    tiktok.connect()
    tiktok.write(tiktok.customer("Ayu"))
    with time_machine.travel(NOW, tick=False):
        tiktok.deliver()
        receiving.drain(clock=clock)
        yield make_reply(Conversation.objects.get(), make_agent(), "Yes!")


def test_a_dry_run_lists_what_is_queued_and_hands_nothing_over(tiktok, reply, capsys):
    call_command("deliver_messages", "--dry-run")
    said = capsys.readouterr().out
    assert f"conversation {reply.conversation_id}" in said
    assert "2026-08-01 12:00:00 UTC, attempt 1" in said
    assert "1 reply(ies) queued." in said
    assert tiktok.sends() == []


def test_it_drains_now_and_twice_does_no_harm(tiktok, reply, capsys):
    call_command("deliver_messages")
    call_command("deliver_messages")
    assert capsys.readouterr().out.splitlines() == ["1 reply(ies) handed over.", "0 reply(ies) handed over."]
    assert tiktok.sends() == ["Yes!"]


def test_what_did_not_surely_arrive_is_named_and_ends_it_with_an_error(tiktok, reply, capsys):
    tiktok.fault("code", code=40002)
    with pytest.raises(CommandError, match="did not surely arrive"):
        call_command("deliver_messages")
    assert "Not sent" in capsys.readouterr().err
