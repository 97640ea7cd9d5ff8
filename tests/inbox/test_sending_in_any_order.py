"""Whatever TikTok answers, in whatever order, and whenever a worker dies: nothing is sent twice, slots add up."""

from datetime import timedelta
from types import SimpleNamespace
from unittest import mock

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from channels_tiktok import errors
from inbox import access, delivering, reconciling, sending, timeline
from inbox.models import REPLIES_PER_WINDOW, ConversationEvent, Message, ReplyWindow
from inbox.refusals import BadReply
from inbox.windows import ReplyRefused
from tests.factories import NOW, make_agent, make_channel, make_conversation, make_inbound

pytestmark = pytest.mark.django_db
State = Message.State

ANSWERS = {
    "taken": None,
    "busy": errors.Busy("Busy."),
    "refused": errors.Refused("No."),
    "rules": errors.DirectMessageRefused("Too fast.", tiktok_message="Too fast."),
    "unknown, taken": errors.OutcomeUnknown("?"),
    "unknown, not taken": errors.OutcomeUnknown("?"),
    "reconnect": errors.ReconnectNeeded("Gone."),
}
MAY_BE_THERE = {State.SENDING, State.UNCONFIRMED, State.SENT, State.READ}
EVENTS = st.sampled_from(sorted(ANSWERS))


class Sending(RuleBasedStateMachine):
    """One conversation, its agent, a TikTok that does as it likes, and a worker that may die at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.world = transaction.atomic()  # gone with the machine
        self.world.__enter__()
        self.at = NOW
        self.agent = make_agent()
        self.conversation = make_conversation(make_channel())
        self.calls: dict[str, int] = {}  # how often each text was handed to TikTok
        self.carried_out: dict[str, str] = {}  # text: TikTok's id, once it took it
        self.not_carried_out: dict[str, int] = {}  # text: how often TikTok surely didn't
        self.written = 0
        self.customer_writes()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.world.__exit__(None, None, None)

    # ── What happens ──────────────────────────────────────────────────────────────────────────────────

    @rule()
    def customer_writes(self) -> None:
        make_inbound(self.conversation, at=self.at)

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
        old = replies[pick % len(replies)]
        try:
            new = sending.send_again(user=self.agent, message_id=old.pk, at=self.at)
        except (ReplyRefused, BadReply):
            return
        self.written += 1
        Message.objects.filter(pk=new.pk).update(text=f"text {self.written}")

    @rule(seconds=st.sampled_from([1, 6, 61, 700, 50_000]))
    def time_passes(self, seconds) -> None:
        self.at += timedelta(seconds=seconds)

    @rule(answers=st.lists(EVENTS, min_size=1, max_size=4))
    def worker_delivers(self, answers) -> None:
        self._work(answers)

    @rule(answer=EVENTS)
    def worker_dies_in_the_call(self, answer) -> None:
        delivering.settle_abandoned(at=self.at)
        delivering.fail_overdue(at=self.at)
        message = delivering.claim_next(at=self.at)
        if message and "taken" in answer:
            self._tiktok_gets(message.text, answer)

    @precondition(lambda self: self.carried_out)
    @rule(pick=st.integers(0, 9))
    def an_echo_arrives(self, pick) -> None:
        text, message_id = sorted(self.carried_out.items())[pick % len(self.carried_out)]
        access.lock_conversation(self.conversation.pk)
        message = Message.objects.get(text=text)
        settled = delivering.settle_sent(message.pk, tiktok_message_id=message_id, tiktok_time=self.at, at=self.at)
        timeline.record(settled)

    @rule()
    def the_last_look_is_over(self) -> None:
        for message in self.replies().filter(state=State.UNCONFIRMED, try_again_at__isnull=False):
            message.looks = len(reconciling.PAUSES)
            reconciling._plan_next_look(message, at=self.at)

    # ── What TikTok does ──────────────────────────────────────────────────────────────────────────────

    def _work(self, answers: list[str]) -> None:
        left = iter(answers)

        def send_message(**request: str) -> str:
            answer = next(left, "taken")
            text = request["text"]
            message_id = self._tiktok_gets(text, answer)
            error = ANSWERS[answer]
            if error:
                raise type(error)(error.sentence, tiktok_message=error.tiktok_message)
            return message_id

        with (
            mock.patch.object(delivering, "tiktok", return_value=SimpleNamespace(send_message=send_message)),
            mock.patch.object(delivering.tokens, "with_access", lambda *, call, **_: call("token")),
        ):
            delivering.deliver_due(clock=lambda: self.at)

    def _tiktok_gets(self, text: str, answer: str) -> str:
        self.calls[text] = self.calls.get(text, 0) + 1
        if answer in ("taken", "unknown, taken"):
            assert text not in self.carried_out, f"{text} was sent twice"
            self.carried_out[text] = f"id of {text} in {self.conversation.pk}"
        elif answer in ("busy", "reconnect"):
            self.not_carried_out[text] = self.not_carried_out.get(text, 0) + 1
        return self.carried_out.get(text, "")

    def replies(self):
        return Message.objects.filter(conversation=self.conversation, source="agent").order_by("pk")

    # ── What must be true all the time ────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_is_handed_over_twice_unless_tiktok_surely_did_not_take_it(self) -> None:
        for text, calls in self.calls.items():
            assert calls <= 1 + self.not_carried_out.get(text, 0)

    @invariant()
    def slots_add_up(self) -> None:
        for window in ReplyWindow.objects.filter(conversation=self.conversation):
            held = Message.objects.filter(window=window, slot__isnull=False).count()
            assert held == window.replies_used <= REPLIES_PER_WINDOW

    @invariant()
    def what_may_have_arrived_holds_a_slot_and_what_surely_did_not_holds_none(self) -> None:
        for message in self.replies():
            if message.state in MAY_BE_THERE or message.text in self.carried_out:
                assert message.slot, message.state
            if message.state == State.CANCELLED:
                assert message.slot is None
                assert message.text not in self.carried_out

    @invariant()
    def one_is_under_way_at_most(self) -> None:
        assert self.replies().filter(state=State.SENDING).count() <= 1

    @invariant()
    def the_timeline_tells_every_state(self) -> None:
        kinds = {
            State.SENT: "reply_sent",
            State.FAILED: "reply_failed",
            State.UNCONFIRMED: "reply_unconfirmed",
            State.CANCELLED: "reply_cancelled",
            State.SENDING: "reply_sending",
            State.QUEUED: "reply_queued",
        }
        for message in self.replies():
            told = ConversationEvent.objects.filter(message=message).order_by("id").last()
            assert told.kind == kinds[message.state]


def test_no_order_of_answers_echoes_deaths_and_hours_sends_anything_twice():
    run_state_machine_as_test(
        Sending,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
