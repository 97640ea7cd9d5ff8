"""Whatever TikTok answers, in whatever order, and whenever a worker dies: nothing is sent twice, slots add up.

TikTok is the sandbox, spoken to in HTTP: its own record of what it carried out is what counts.
"""

import itertools
from contextlib import suppress
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from channels_tiktok import client
from channels_tiktok.errors import TikTokError
from channels_tiktok.models import Channel
from inbox import delivering, receiving, reconciling, sending
from inbox.models import REPLIES_PER_WINDOW, Conversation, ConversationEvent, Message, ReplyWindow
from inbox.refusals import BadReply
from inbox.windows import ReplyRefused
from tests.factories import NOW, make_agent
from tests.local_tiktok import LocalTikTok

pytestmark = pytest.mark.django_db
State = Message.State
SEND = "business/message/send"

FAULTS = {
    "busy": {"kind": "code", "code": 40100},
    "restricted": {"kind": "code", "code": 40100, "message": "App is temporarily restricted."},
    "too many": {"kind": "http_status", "http_status": 429},
    "its own error": {"kind": "code", "code": 50002},
    "its own error, carried out": {"kind": "code", "code": 50002, "after": True},
    "refused": {"kind": "code", "code": 40002},
    "against the rules": {"kind": "code", "code": 40064},
    "token ran out": {"kind": "code", "code": 40102},
    "access taken": {"kind": "code", "code": 40001, "count": 2},
    "server error": {"kind": "http_status", "http_status": 502},
    "server error, carried out": {"kind": "http_status", "http_status": 502, "after": True},
    "no answer": {"kind": "hang_before", "seconds": 0},
    "no answer, carried out": {"kind": "hang_after", "seconds": 0},
    "reset": {"kind": "reset_before"},
    "reset, carried out": {"kind": "reset_after"},
    "no id, carried out": {"kind": "empty_message_id"},
    "half an answer, carried out": {"kind": "garbage"},
}
MAY_BE_THERE = {State.SENDING, State.UNCONFIRMED, State.SENT, State.READ}
ORDERED = st.lists(st.sampled_from(sorted(FAULTS)), max_size=3)


class Sending(RuleBasedStateMachine):
    """One conversation, its agent, a TikTok that does as it likes, and a worker that may die at any moment."""

    make_tiktok = None  # the test sets it

    def __init__(self) -> None:
        super().__init__()
        self.world = transaction.atomic()  # gone with the machine
        self.world.__enter__()
        self.at = NOW
        self.tiktok = type(self).make_tiktok(lambda: self.at)
        self.tiktok.control("/settings", qps=0)
        self.agent = make_agent()
        self.channel = self.tiktok.connect()
        self.customer = self.tiktok.customer("Ayu")
        self.written = 0
        self.customer_writes()
        self.tiktok_delivers()
        self.worker_receives()
        self.conversation = Conversation.objects.get()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.world.__exit__(None, None, None)

    def clock(self):
        return self.at

    def replies(self):
        return Message.objects.filter(conversation=self.conversation, source="agent").order_by("pk")

    # ── What people do ────────────────────────────────────────────────────────────────────────────────

    @rule()
    def customer_writes(self) -> None:
        self.tiktok.write(self.customer)

    @rule(held=st.sampled_from([0, 5, 30]), plan=st.sampled_from([None, 60, 4000, 200_000]))
    def agent_sends(self, held, plan) -> None:
        self.written += 1
        try:
            sending.queue_replies(
                user=self.agent,
                conversation_id=self.conversation.pk,
                text=f"text {self.written}",
                at=self.at,
                held_for=timedelta(seconds=held),
                deliver_at=self.at + timedelta(seconds=plan) if plan else None,
            )
        except (ReplyRefused, BadReply):
            assert not Message.objects.filter(text=f"text {self.written}").exists()

    @rule(pick=st.integers(0, 9))
    def agent_takes_back(self, pick) -> None:
        replies = list(self.replies())
        if replies:
            sending.cancel_reply(user=self.agent, message_id=replies[pick % len(replies)].pk, at=self.at)

    @rule(pick=st.integers(0, 9))
    def agent_sends_again(self, pick) -> None:
        replies = [one for one in self.replies() if sending.may_send_again(one)]
        if not replies:
            return
        try:
            new = sending.send_again(user=self.agent, message_id=replies[pick % len(replies)].pk, at=self.at)
        except (ReplyRefused, BadReply):
            return
        self.written += 1  # said in other words, so that the two can be told apart
        Message.objects.filter(pk=new.pk).update(text=f"text {self.written}")

    @precondition(lambda self: Channel.objects.filter(status="disconnected").exists())
    @rule()
    def staff_connects_the_account_again(self) -> None:
        self.tiktok.consent(self.channel.business_id, at=self.at)

    # ── What machines do ──────────────────────────────────────────────────────────────────────────────

    @rule(seconds=st.sampled_from([1, 6, 61, 700, 50_000]))
    def time_passes(self, seconds) -> None:
        self.at += timedelta(seconds=seconds)

    @rule()
    def tiktok_delivers(self) -> None:
        with time_machine.travel(self.at, tick=False):
            self.tiktok.deliver()

    @rule()
    def worker_receives(self) -> None:
        receiving.drain(clock=self.clock)

    @rule(faults=ORDERED)
    def worker_delivers(self, faults) -> None:
        for fault in faults:
            self.tiktok.fault(**FAULTS[fault])
        delivering.deliver_due(clock=self.clock)
        self.tiktok.browser.delete("/sandbox/api/faults")

    @rule(faults=ORDERED)
    def worker_dies_in_the_call(self, faults) -> None:
        for fault in faults[:1]:
            self.tiktok.fault(**FAULTS[fault])
        delivering.settle_abandoned(at=self.at)
        delivering.fail_overdue(at=self.at)
        message = delivering.claim_next(at=self.at)
        if message and not delivering._is_left_open(message):
            with suppress(TikTokError):
                delivering._send(message, media_id=None, clock=self.clock)
        self.tiktok.browser.delete("/sandbox/api/faults")

    @rule()
    def worker_dies_before_the_call(self) -> None:
        delivering.settle_abandoned(at=self.at)
        delivering.fail_overdue(at=self.at)
        delivering.claim_next(at=self.at)

    @rule(list_works=st.booleans())
    def worker_looks(self, list_works) -> None:
        if not list_works:
            self.tiktok.fault("http_status", path="business/message/content/list")
        reconciling.reconcile_due(clock=self.clock)
        self.tiktok.browser.delete("/sandbox/api/faults")

    # ── What must be true all the time ────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_is_sent_twice_out_of_order_or_over_quota(self) -> None:
        carried_out = self.tiktok.sends()
        assert len(carried_out) == len(set(carried_out)), carried_out
        order = dict(self.replies().values_list("text", "pk"))
        due = {text: (at, order[text]) for text, at in self.replies().values_list("text", "deliver_at")}
        assert [due[text] for text in carried_out] == sorted(due[text] for text in carried_out)
        calls = self.tiktok.look(f"/calls?path={SEND}")["calls"]
        assert not [call for call in calls if call["code"] == 40064 and not call["fault"]]

    @invariant()
    def slots_add_up(self) -> None:
        for window in ReplyWindow.objects.filter(conversation=self.conversation):
            held = Message.objects.filter(window=window, slot__isnull=False).count()
            assert held == window.replies_used <= REPLIES_PER_WINDOW

    @invariant()
    def what_may_have_arrived_holds_a_slot_and_is_never_said_to_have_failed(self) -> None:
        carried_out = set(self.tiktok.sends())
        for message in self.replies():
            if message.state in MAY_BE_THERE or message.text in carried_out:
                assert message.slot, message.state
                assert message.state not in (State.FAILED, State.CANCELLED)
            if message.state == State.CANCELLED:
                assert message.slot is None

    @invariant()
    def one_is_under_way_at_most(self) -> None:
        assert self.replies().filter(state=State.SENDING).count() <= 1

    @invariant()
    def sent_means_that_tiktok_carried_it_out(self) -> None:
        carried_out = set(self.tiktok.sends())
        for message in self.replies().filter(state__in=[State.SENT, State.READ]):
            assert message.text in carried_out

    @invariant()
    def the_timeline_tells_every_state(self) -> None:
        kinds = {
            State.SENT: {"reply_sent", "message_timed"},
            State.FAILED: {"reply_failed"},
            State.UNCONFIRMED: {"reply_unconfirmed"},
            State.CANCELLED: {"reply_cancelled"},
            State.SENDING: {"reply_sending"},
            State.QUEUED: {"reply_queued"},
        }
        for message in self.replies():
            told = ConversationEvent.objects.filter(message=message).order_by("id").last()
            assert told.kind in kinds[message.state], message.state


def test_no_order_of_answers_echoes_deaths_and_hours_sends_anything_twice(tmp_path, monkeypatch):
    numbers = itertools.count()

    def make_tiktok(now):
        local = LocalTikTok(tmp_path / f"sandbox-{next(numbers)}.sqlite3", now=now)
        monkeypatch.setattr(client, "new_session", local.session)
        return local

    monkeypatch.setattr(Sending, "make_tiktok", staticmethod(make_tiktok))
    run_state_machine_as_test(
        Sending,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
