import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django_q.models import OrmQ

from channels_tiktok import journal
from channels_tiktok.models import WebhookEvent

pytestmark = pytest.mark.django_db


def store(at, number=0, **changes):
    told = {"event": "im_receive_msg", "create_time": number, "user_openid": "biz-1", "content": "{}"}
    return journal.store_delivery(body=json.dumps({**told, **changes}).encode(), log_id="", at=at)


def claim(at, limit=100):
    with transaction.atomic():
        return journal.claim_pending(limit=limit, at=at)


def test_a_repeated_delivery_leaves_the_transaction_around_it_usable(at):
    with transaction.atomic():
        first = store(at)
        assert store(at) is None
        assert WebhookEvent.objects.get() == first


def test_events_are_claimed_in_the_order_of_their_arrival_up_to_the_limit(at):
    events = [store(at, number) for number in range(5)]
    assert claim(at, limit=3) == events[:3]


def test_only_pending_events_that_are_due_are_claimed(at):
    due, waiting, settled = store(at, 1), store(at, 2), store(at, 3)
    journal.mark_failed_attempt(waiting, "It broke.", at)
    journal.mark_processed([settled], at)
    assert claim(at) == [due]
    assert claim(at + timedelta(seconds=10)) == [due, waiting]


def test_claiming_reads_the_index_of_pending_events(at):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's planner scans tables this small")
    due = WebhookEvent.objects.filter(state="pending", try_again_at__lte=at).order_by("try_again_at", "id")
    plan = due[:10].explain()
    assert "pending_events" in plan
    assert "TEMP B-TREE" not in plan  # no sorting: a batch costs the same however many wait


def test_processed_events_are_settled_once(at):
    events = [store(at, number) for number in range(2)]
    assert journal.mark_processed(events, at) == 2
    assert journal.mark_processed(events, at + timedelta(hours=1)) == 0
    assert set(WebhookEvent.objects.values_list("state", "settled_at")) == {("processed", at)}


def test_an_ignored_event_says_why(at):
    event = store(at)
    journal.mark_ignored(event, "No such account.", at)
    event.refresh_from_db()
    assert (event.state, event.error, event.settled_at) == ("ignored", "No such account.", at)


def test_a_failing_event_is_tried_at_growing_distances_and_then_parked(at):
    event = store(at)
    waits = []
    while event.state == "pending":
        journal.mark_failed_attempt(event, "It broke.", at)
        event.refresh_from_db()
        if event.state == "pending":
            waits.append(event.try_again_at - at)
            at = event.try_again_at
    assert waits == [
        timedelta(seconds=10),
        timedelta(minutes=1),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=6),
    ]
    assert (event.state, event.attempts, event.error, event.settled_at) == ("failed", 6, "It broke.", at)


def test_a_failed_attempt_is_counted_once_even_when_two_report_it(at):
    event = store(at)
    twin = WebhookEvent.objects.get()
    journal.mark_failed_attempt(event, "It broke.", at)
    journal.mark_failed_attempt(twin, "It broke.", at)
    assert WebhookEvent.objects.get().attempts == 1


def test_a_parked_event_can_be_put_back_with_all_its_attempts(at):
    event = store(at)
    WebhookEvent.objects.update(state="failed", attempts=6, error="It broke.", settled_at=at)
    later = at + timedelta(days=1)
    assert journal.try_again(events=[event], at=later) == 1
    event.refresh_from_db()
    assert (event.state, event.attempts, event.error, event.settled_at) == ("pending", 0, "", None)
    assert claim(later) == [event]
    assert OrmQ.objects.count() == 1


def test_an_event_that_is_not_parked_is_not_put_back(at):
    event = store(at)
    journal.mark_processed([event], at)
    assert journal.try_again(events=[event], at=at) == 0
    assert not OrmQ.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_delivery_that_eight_processes_get_at_once_is_stored_once(at):
    start, stored = threading.Barrier(8), []

    def take():
        try:
            start.wait()
            stored.append(store(at))
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(stored) == 8
    assert [event for event in stored if event] == [WebhookEvent.objects.get()]


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_what_one_process_has_claimed_another_steps_over(at):
    events = [store(at, number) for number in range(4)]
    others = []

    def claim_too():
        others.extend(claim(at))
        connection.close()

    with transaction.atomic():
        assert journal.claim_pending(limit=2, at=at) == events[:2]
        thread = threading.Thread(target=claim_too)
        thread.start()
        thread.join(30)
    assert others == events[2:]


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ('{"message_id": "m1"}', {"message_id": "m1"}),
        ({"message_id": "m1"}, {"message_id": "m1"}),
        ("", {}),
        (None, {}),
        ('{"text": {"body": "a\\u0000b \\ud83d\\ude00 \\ud83d"}}', {"text": {"body": "a�b 😀 �"}}),
    ],
)
def test_content_is_read_whether_it_is_text_or_an_object(at, content, read):
    delivery = journal.decode(store(at, content=content))
    assert delivery.content == read
    assert (delivery.event, delivery.business_id, delivery.create_time) == ("im_receive_msg", "biz-1", 0)


@pytest.mark.parametrize("content", ["{", "[1]", '"{}"', 7, [1]])
def test_content_that_can_never_be_read_says_so(at, content):
    with pytest.raises(journal.Undecodable, match="content of the delivery is not"):
        journal.decode(store(at, content=content))


def test_a_failed_row_can_be_decoded_no_better_the_second_time(at):
    event = journal.store_delivery(body=b"{", log_id="", at=at)
    with pytest.raises(journal.Undecodable, match="not JSON"):
        journal.decode(event)


def test_times_that_are_text_or_missing_are_tolerated(at):
    assert journal.decode(store(at, create_time="1785000000")).create_time == 1785000000
    assert journal.decode(store(at, create_time=None)).create_time is None


def test_a_channel_notes_when_it_was_last_heard_from_once_a_minute(channel, at, django_assert_num_queries):
    journal.note_heard_from(business_ids=["biz-1", "nobody"], at=at)
    journal.note_heard_from(business_ids=["biz-1"], at=at + timedelta(seconds=59))
    channel.refresh_from_db()
    assert channel.last_event_at == at
    journal.note_heard_from(business_ids=["biz-1"], at=at + timedelta(seconds=61))
    channel.refresh_from_db()
    assert channel.last_event_at == at + timedelta(seconds=61)
