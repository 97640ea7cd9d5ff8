"""One warning for each window, an hour before it closes, where somebody could still answer."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from channels_tiktok.models import Channel
from inbox import warning
from inbox.models import Conversation, ConversationEvent
from tests.factories import NOW, make_agent, make_channel, make_conversation, make_inbound, make_reply
from tests.races.test_send_race import at_once

LATE = NOW + timedelta(hours=47, minutes=10)


def warnings() -> list[ConversationEvent]:
    return list(ConversationEvent.objects.filter(kind="window_closing"))


@pytest.mark.django_db
class TestWarning:
    @pytest.fixture
    def conversation(self) -> Conversation:
        conversation = make_conversation()
        make_inbound(conversation)
        return conversation

    def test_it_comes_once_in_the_last_hour(self, conversation):
        assert warning.warn_of_closing(at=NOW + timedelta(hours=46)) == 0
        assert warning.warn_of_closing(at=LATE) == 1
        assert warning.warn_of_closing(at=LATE + timedelta(minutes=1)) == 0
        (line,) = warnings()
        assert (line.conversation_id, line.message_id) == (conversation.pk, conversation.window.opened_by_id)

    def test_the_next_window_is_warned_of_anew(self, conversation):
        warning.warn_of_closing(at=LATE)
        make_inbound(conversation, at=LATE)
        assert warning.warn_of_closing(at=LATE + timedelta(minutes=1)) == 0
        assert warning.warn_of_closing(at=LATE + timedelta(hours=47, minutes=10)) == 1

    def test_what_nobody_can_or_need_answer_is_left_out(self, conversation):
        Conversation.objects.update(status="closed")
        assert warning.warn_of_closing(at=LATE) == 0
        Conversation.objects.update(status="open")
        Channel.objects.update(status="disconnected")
        assert warning.warn_of_closing(at=LATE) == 0
        Channel.objects.update(status="connected")
        assert warning.warn_of_closing(at=NOW + timedelta(hours=49)) == 0

    def test_a_window_without_replies_left_is_left_out(self, conversation):
        ana = make_agent()
        for _ in range(10):
            make_reply(conversation, ana)
        assert warning.warn_of_closing(at=LATE) == 0

    def test_the_database_holds_one_warning_per_window(self, conversation):
        warning.warn_of_closing(at=LATE)
        (line,) = warnings()
        columns = "channel_id, conversation_id, message_id, kind, data, at"
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO inbox_conversationevent ({columns}) SELECT {columns} "
                "FROM inbox_conversationevent WHERE id = %s",
                [line.pk],
            )


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_four_workers_at_once_warn_once():
    if connection.vendor != "postgresql":
        pytest.skip("a race needs several real connections: PostgreSQL")
    channel = make_channel()
    for _ in range(5):
        make_inbound(make_conversation(channel, contact=None))
    at_once(4, lambda index: warning.warn_of_closing(at=LATE))
    assert len(warnings()) == 5
