"""Until when a conversation may sleep, and what it is when it wakes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from inbox import access, snoozing, working
from inbox.models import Conversation, ConversationEvent
from tests.factories import NOW, make_agent, make_conversation, make_inbound

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation() -> Conversation:
    conversation = make_conversation()
    make_inbound(conversation)  # closes on Monday, 3 August, at 12:00 UTC
    return conversation


def offered(conversation, at):
    return [
        (one.name, one.until.astimezone(UTC), one.is_past_close) for one in snoozing.choices(conversation, at=at)
    ]


def test_the_offered_times_are_those_of_who_asks(conversation):
    at = datetime(2026, 8, 1, 13, 0, tzinfo=UTC)  # a Saturday, 20:00 in Jakarta

    def utc(day, hour):
        return datetime(2026, 8, day, hour, tzinfo=UTC)

    assert offered(conversation, at) == [
        ("In 1 hour", utc(1, 14), False),
        ("In 3 hours", utc(1, 16), False),
        ("This evening", utc(1, 18), False),
        ("Tomorrow morning", utc(2, 9), False),
        ("Next Monday", utc(3, 9), False),
        ("1 hour before it closes", utc(3, 11), False),
    ]
    with timezone.override(ZoneInfo("Asia/Jakarta")):
        assert offered(conversation, at) == [
            ("In 1 hour", utc(1, 14), False),
            ("In 3 hours", utc(1, 16), False),
            ("Tomorrow morning", utc(2, 2), False),
            ("Next Monday", utc(3, 2), False),
            ("1 hour before it closes", utc(3, 11), False),
        ]


def test_a_morning_is_nine_oclock_also_when_the_clocks_change(conversation):
    with timezone.override(ZoneInfo("Europe/Berlin")):
        saturday = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
        tomorrow = next(
            one for one in snoozing.choices(conversation, at=saturday) if one.name == "Tomorrow morning"
        )
    assert tomorrow.until.astimezone(UTC) == datetime(2026, 10, 25, 8, 0, tzinfo=UTC)


def test_what_lies_after_the_close_is_marked_and_an_hour_before_it_is_offered(conversation):
    at = NOW + timedelta(hours=44, minutes=30)
    marks = {name: is_past_close for name, _, is_past_close in offered(conversation, at)}
    assert marks["In 3 hours"] is False
    assert marks["Tomorrow morning"] is True
    assert marks["1 hour before it closes"] is False
    late = NOW + timedelta(hours=47, minutes=30)
    assert "1 hour before it closes" not in {name for name, _, _ in offered(conversation, late)}


@pytest.mark.parametrize("hours", [48, 60])
def test_once_the_window_is_closed_there_is_nothing_to_warn_of(conversation, hours):
    at = NOW + timedelta(hours=hours)
    assert not any(is_past_close for _, _, is_past_close in offered(conversation, at))
    assert snoozing.wakes_before_close(conversation, at=at) is None


def test_the_very_moment_of_the_close_is_too_late(conversation):
    closes_at = NOW + timedelta(hours=48)
    assert snoozing.sleeps_past_close(conversation, until=closes_at, at=NOW)
    assert not snoozing.sleeps_past_close(conversation, until=closes_at - timedelta(seconds=1), at=NOW)


def unread_of(user, conversation):
    return access.get_conversation_for(user, conversation.pk).unread_count


def test_by_time_it_wakes_once_as_unread_for_everyone(conversation):
    ana, ben = make_agent("ana"), make_agent("ben")
    for user in (ana, ben):
        access.mark_seen(user=user, conversation=conversation)
    until = NOW + timedelta(hours=2)
    working.change_status(user=ana, conversation_id=conversation.pk, status="snoozed", snoozed_until=until, at=NOW)
    assert working.wake_snoozed(at=until - timedelta(seconds=1)) == 0
    assert unread_of(ben, conversation) == 0
    assert working.wake_snoozed(at=until) == 1
    assert working.wake_snoozed(at=until) == 0
    conversation.refresh_from_db()
    assert (conversation.status, conversation.snoozed_until) == ("open", None)
    assert (unread_of(ana, conversation), unread_of(ben, conversation)) == (1, 1)
    assert ConversationEvent.objects.filter(kind="status_changed", actor=None).count() == 1
