import hashlib
import hmac
import json
from datetime import timedelta

import pytest
import time_machine
from django.db import InterfaceError, OperationalError
from django_q.models import OrmQ

from channels_tiktok import journal
from channels_tiktok.models import RefusedDeliveries, WebhookEvent
from tests.channels_tiktok.conftest import NOW

pytestmark = pytest.mark.django_db
SECRET = "example_app_secret_0001"
URL = "/webhooks/tiktok/"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture(autouse=True)
def _fresh_counter(monkeypatch):
    monkeypatch.setattr(journal, "refusals", journal.RefusalCounter())


def envelope(**changes):
    told = {
        "client_key": "7400000000000000001",
        "event": "im_receive_msg",
        "create_time": 1785000000,
        "user_openid": "biz-1",
        "content": '{"message_id":"m1"}',
    }
    return json.dumps({**told, **changes}).encode()


def sign(body, secret=SECRET, sent_at=None):
    seconds = str(int((sent_at or NOW).timestamp()))
    mac = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},s={mac}"


@pytest.fixture
def deliver(client):
    def deliver(body, **headers):
        headers = {"Tiktok-Signature": sign(body), **headers}
        return client.post(URL, body, content_type="application/json", headers=headers)

    return deliver


def test_a_signed_delivery_is_stored_and_answered_with_an_empty_200(deliver):
    body = envelope()
    response = deliver(body, **{"x-tt-logid": "LOG9"})
    assert (response.status_code, response.content) == (200, b"")
    event = WebhookEvent.objects.get()
    assert (event.state, event.event, event.business_id) == ("pending", "im_receive_msg", "biz-1")
    assert (bytes(event.body), event.log_id, event.received_at, event.try_again_at) == (
        body,
        "LOG9",
        NOW,
        NOW,
    )


def test_a_delivery_with_a_bad_signature_is_refused_and_only_counted(deliver, django_assert_num_queries):
    forged = {"Tiktok-Signature": sign(b"something else")}
    assert deliver(envelope(), **forged).status_code == 401
    with django_assert_num_queries(0):  # within the same second
        assert deliver(envelope(), **forged).status_code == 401
    assert not WebhookEvent.objects.exists()
    refused = RefusedDeliveries.objects.get()
    assert (refused.day, refused.count, refused.last_at) == (NOW.date(), 1, NOW)


def test_a_flood_of_forgeries_is_counted_once_a_second(deliver, clock):
    forged = {"Tiktok-Signature": "t=1,s=00"}
    for _ in range(5):
        deliver(envelope(), **forged)
    clock.shift(timedelta(seconds=1))
    deliver(envelope(), **forged)
    assert RefusedDeliveries.objects.get().count == 6


def test_a_forgery_is_refused_also_when_it_can_not_be_counted(deliver, monkeypatch):
    def away(*args):
        raise OperationalError("the database is away")

    monkeypatch.setattr(journal.RefusalCounter, "_write", staticmethod(away))
    assert deliver(envelope(), **{"Tiktok-Signature": "t=1,s=00"}).status_code == 401


def test_a_delivery_without_a_signature_is_refused(client):
    assert client.post(URL, envelope(), content_type="application/json").status_code == 401


def test_a_delivery_that_is_too_old_is_refused(deliver):
    body = envelope()
    old = sign(body, sent_at=NOW - timedelta(seconds=301))
    assert deliver(body, **{"Tiktok-Signature": old}).status_code == 401


def test_without_an_app_secret_every_delivery_is_refused(deliver, settings):
    settings.TIKTOK_APP_SECRET = ""
    body = envelope()
    assert deliver(body, **{"Tiktok-Signature": sign(body, secret="")}).status_code == 401


def test_a_body_over_a_megabyte_is_refused_unread(deliver):
    assert deliver(b"x" * 1_000_001).status_code == 413


def test_a_body_of_exactly_a_megabyte_is_read(deliver):
    assert deliver(b"x" * 1_000_000).status_code == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"event": "\xff"}', "not UTF-8"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_signed_body_that_can_never_be_read_is_kept_as_failed_with_the_reason(deliver, body, reason):
    assert deliver(body).status_code == 200
    event = WebhookEvent.objects.get()
    assert (event.state, bytes(event.body), event.settled_at) == ("failed", body, NOW)
    assert reason in event.error
    assert not OrmQ.objects.exists()


@pytest.mark.parametrize(
    ("changes", "event", "business_id"),
    [
        ({"event": "never_heard_of", "user_openid": "nobody"}, "never_heard_of", "nobody"),
        ({"event": 7, "user_openid": 7300000000000000011}, "7", "7300000000000000011"),
        ({"event": None, "user_openid": ["x"]}, "", ""),
        ({"event": "e" * 500, "user_openid": "b" * 600}, "e" * 100, "b" * 500),
        ({"event": "a\x00b\ud800c"}, "a�b�c", "biz-1"),
    ],
)
def test_unknown_and_odd_events_are_kept_for_the_inbox_to_settle(deliver, changes, event, business_id):
    assert deliver(envelope(**changes)).status_code == 200
    row = WebhookEvent.objects.get()
    assert (row.state, row.event, row.business_id) == ("pending", event, business_id)


def test_a_delivery_for_another_app_is_kept_as_ignored_and_logged(deliver, caplog):
    assert deliver(envelope(client_key="999")).status_code == 200
    event = WebhookEvent.objects.get()
    assert (event.state, event.error) == ("ignored", "It was delivered for another TikTok app: 999")
    assert "another TikTok app: 999" in caplog.text
    assert not OrmQ.objects.exists()


def test_a_repeated_delivery_is_answered_200_and_stored_once(deliver):
    assert [deliver(envelope()).status_code for _ in range(3)] == [200, 200, 200]
    assert WebhookEvent.objects.count() == 1


@pytest.mark.parametrize(
    "error", [OperationalError("database is locked"), InterfaceError("connection already closed")]
)
def test_while_the_database_is_away_tiktok_is_asked_to_deliver_again(deliver, monkeypatch, error):
    def away(*args, **kwargs):
        raise error

    monkeypatch.setattr("channels_tiktok.journal._insert", away)
    assert deliver(envelope()).status_code == 503


def test_a_get_is_answered_with_the_challenge_as_plain_text(client):
    response = client.get(URL, {"challenge": "<b>12</b>"})
    assert (response.status_code, response.content) == (200, b"<b>12</b>")
    assert response["Content-Type"].startswith("text/plain")
    assert client.get(URL).status_code == 200


def test_other_methods_and_other_paths_are_refused(client):
    assert client.put(URL).status_code == 405
    assert client.post(URL + "x/").status_code == 404


def test_no_csrf_token_is_asked_for(settings):
    from django.test import Client

    body = envelope()
    response = Client(enforce_csrf_checks=True).post(
        URL, body, content_type="application/json", headers={"Tiktok-Signature": sign(body)}
    )
    assert response.status_code == 200


# ── Ringing ───────────────────────────────────────────────────────────────────────────────────────────


def rings():
    return OrmQ.objects.count()


def test_a_flood_rings_once_a_second(deliver, clock):
    for number in range(10):
        deliver(envelope(create_time=number))
    assert rings() == 1
    clock.shift(timedelta(seconds=1))
    deliver(envelope(create_time=100))
    assert rings() == 2


def test_a_delivery_rings_when_the_one_before_is_already_settled(deliver):
    deliver(envelope())
    WebhookEvent.objects.update(state="processed", settled_at=NOW)
    deliver(envelope(create_time=2))
    assert rings() == 2


def test_a_delivery_rings_when_the_one_before_failed_and_waits(deliver):
    deliver(envelope())
    WebhookEvent.objects.update(attempts=1, try_again_at=NOW + timedelta(seconds=10))
    deliver(envelope(create_time=2))
    assert rings() == 2


def test_a_repeated_delivery_makes_good_a_ring_that_was_lost(deliver, clock):
    deliver(envelope())
    OrmQ.objects.all().delete()
    clock.shift(timedelta(seconds=5))
    deliver(envelope(), **{"Tiktok-Signature": sign(envelope(), sent_at=NOW)})
    assert rings() == 1


def test_the_drain_is_rung_by_the_path_in_the_settings(deliver, settings):
    settings.JOURNAL_DRAIN_TASK = "somewhere.drain"
    deliver(envelope())
    assert OrmQ.objects.get().func() == "somewhere.drain"


def test_a_delivery_in_a_flood_costs_one_insert_and_one_look(deliver, django_assert_num_queries):
    deliver(envelope())
    with django_assert_num_queries(2):
        deliver(envelope(create_time=2))
