"""Staff hear in time that a permission ends: once per channel and period."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from channels_tiktok import reminding
from channels_tiktok.models import Credential
from channels_tiktok.tokens import consent_ends_soon, with_consent_end
from tests.factories import make_agent

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MAY_CONNECT = ("channels_tiktok.connect_channel",)


@pytest.fixture
def people():
    make_agent("amira", permissions=MAY_CONNECT, email="amira@shop.test")
    make_agent("budi", permissions=MAY_CONNECT, email="")
    make_agent("gone", permissions=MAY_CONNECT, email="gone@shop.test", is_active=False)
    make_agent("agent", email="agent@shop.test")
    User.objects.create_superuser("root", email="root@shop.test")


@pytest.fixture
def ending(channel, at):
    Credential.objects.update(refresh_expires_at=at + 30 * DAY)
    return channel


def test_the_sentence_says_until_when_from_thirty_days_before(ending, at):
    sentence = consent_ends_soon(ending, at)
    assert "Connect Front desk (@kopi.corner) again by 31 August 2026" in sentence
    assert consent_ends_soon(ending, at - timedelta(seconds=1)) == ""


@pytest.mark.parametrize("status", ["disconnected", "removed"])
def test_of_a_channel_that_is_not_connected_there_is_nothing_to_say(ending, at, status):
    ending.status = status
    assert consent_ends_soon(ending, at) == ""


def test_it_reads_no_secret_and_at_most_one_row(ending, at, settings, django_assert_num_queries):
    settings.TOKEN_ENCRYPTION_KEYS = []
    with django_assert_num_queries(1):
        assert consent_ends_soon(ending, at)
    annotated = with_consent_end().get()
    with django_assert_num_queries(0):
        assert consent_ends_soon(annotated, at)


def test_everyone_who_may_reconnect_gets_one_e_mail(people, ending, at, mailoutbox):
    assert reminding.remind_of_ending_consents(at=at) == 1
    assert reminding.remind_of_ending_consents(at=at + DAY) == 0
    [mail] = mailoutbox
    assert mail.to == ["amira@shop.test", "root@shop.test"]
    assert mail.subject == "Connect Front desk again: its permission ends soon"
    assert "31 August 2026" in mail.body
    assert "http://testserver/channels/tiktok/" in mail.body


def test_a_later_period_is_told_again(people, ending, at, mailoutbox):
    reminding.remind_of_ending_consents(at=at)
    Credential.objects.update(refresh_expires_at=at + 365 * DAY)
    assert reminding.remind_of_ending_consents(at=at + 300 * DAY) == 0
    assert reminding.remind_of_ending_consents(at=at + 340 * DAY) == 1
    assert len(mailoutbox) == 2


def test_an_e_mail_that_could_not_leave_is_tried_again(people, ending, at, mailoutbox, monkeypatch):
    def away(**mail):
        raise ConnectionRefusedError

    with monkeypatch.context() as broken:
        broken.setattr(reminding, "send_mail", away)
        assert reminding.remind_of_ending_consents(at=at) == 0
    assert reminding.remind_of_ending_consents(at=at + DAY) == 1
    assert len(mailoutbox) == 1


def test_without_anybody_to_write_to_it_is_not_forgotten(ending, at, mailoutbox):
    assert reminding.remind_of_ending_consents(at=at) == 0
    make_agent("amira", permissions=MAY_CONNECT, email="amira@shop.test")
    assert reminding.remind_of_ending_consents(at=at + DAY) == 1


def test_channels_with_time_left_or_without_connection_cost_no_e_mail(people, make_channel, at, mailoutbox):
    make_channel("biz-2")
    make_channel("biz-3", status="disconnected")
    Credential.objects.filter(pk="biz-3").update(refresh_expires_at=at)
    assert reminding.remind_of_ending_consents(at=at) == 0
    assert mailoutbox == []
