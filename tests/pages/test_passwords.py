"""Log-in, locks, and passwords: forgotten, chosen, changed."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client, RequestFactory
from django_q.models import OrmQ

from config.client_address import client_address
from inbox import mailing
from tests.factories import make_agent

pytestmark = pytest.mark.django_db
GOOD = "seven-blue-parcels"


@pytest.fixture
def ana() -> User:
    return make_agent("ana", email="ana@shop.test", first_name="Ana")


def log_in(password: str, *, username: str = "ana", client: Client | None = None, address: str = "203.0.113.7"):
    return (client or Client()).post(
        "/login/", {"username": username, "password": password}, REMOTE_ADDR=address, follow=False
    )


def letters_written() -> list[str]:
    """Run the letter tasks that wait, as the worker would; give the links that were sent."""
    for row in OrmQ.objects.all():
        task = row.task
        if "inbox.tasks.send_" in str(task["func"]):
            kind = str(task["func"]).rsplit(".", 1)[-1]
            getattr(mailing, kind)(person_id=task["args"][0])
            row.delete()
    return [re.search(r"https?://\S+", letter.body).group() for letter in mail.outbox]


# ── Locks ─────────────────────────────────────────────────────────────────────────────────────────────


def test_after_five_wrong_passwords_even_the_right_one_waits_a_quarter_of_an_hour(ana):
    with time_machine.travel("2026-08-01T12:00Z", tick=False) as now:
        for _ in range(4):
            assert log_in("wrong").status_code == 200
        fifth = log_in("wrong")
        assert fifth.status_code == 429
        assert "Try again in a quarter of an hour" in fifth.text
        assert log_in("ana").status_code == 429
        now.shift(timedelta(minutes=14))
        assert log_in("ana").status_code == 429
        now.shift(timedelta(minutes=2))
        assert log_in("ana").status_code == 302


def test_the_lock_is_for_one_name_from_one_address(ana):
    make_agent("ben")
    for _ in range(6):
        log_in("wrong")
    assert log_in("ana").status_code == 429
    assert log_in("ben", username="ben").status_code == 302, "a colleague in the same office"
    assert log_in("ana", address="198.51.100.4").status_code == 302, "the same person from elsewhere"


def test_a_right_password_forgets_the_wrong_ones(ana):
    for _ in range(3):
        for _ in range(4):
            assert log_in("wrong").status_code == 200
        assert log_in("ana").status_code == 302


def test_the_address_is_the_one_that_the_proxy_adds(settings):
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="6.6.6.6, 203.0.113.9")
    settings.BEHIND_TLS = False
    assert client_address(request) == "10.0.0.1", "without a proxy the header is anybody's"
    settings.BEHIND_TLS = True
    assert client_address(request) == "203.0.113.9"


# ── Forgotten ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_forgotten_password_is_chosen_anew_by_a_letter(ana):
    browser = Client()
    assert browser.post("/password/forgotten/", {"email": "ANA@shop.test"})["Location"] == "/password/sent/"
    assert mail.outbox == [], "the letter is the worker's"
    link = letters_written()[0]
    assert link.startswith("http://testserver/password/set/")
    assert mail.outbox[0].to == ["ana@shop.test"]
    form = browser.get(link, follow=True)
    assert "Choose a password" in form.text
    address = form.redirect_chain[-1][0]
    assert browser.post(address, {"new_password1": GOOD, "new_password2": GOOD})["Location"] == "/inbox/"
    assert browser.get("/inbox/").status_code == 200
    assert log_in(GOOD).status_code == 302
    assert "This link no longer works" in Client().get(link, follow=True).text, "it worked once"


def test_the_answer_does_not_tell_who_is_known(ana):
    User.objects.filter(username="ana").update(is_active=False)
    answers = [Client().post("/password/forgotten/", {"email": f"{who}@shop.test"}) for who in ("ana", "nobody")]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, "/password/sent/")}
    assert letters_written() == []


def test_a_link_is_good_for_three_days(ana):
    with time_machine.travel("2026-08-01T12:00Z", tick=False) as now:
        mailing.send_password_link(person_id=ana.pk)
        link = letters_written()[0]
        now.shift(timedelta(days=3, seconds=1))
        assert "This link no longer works" in Client().get(link, follow=True).text


def test_a_new_password_ends_the_lock(ana):
    for _ in range(5):
        log_in("wrong")
    mailing.send_password_link(person_id=ana.pk)
    browser = Client()
    address = browser.get(letters_written()[0], follow=True).redirect_chain[-1][0]
    browser.post(address, {"new_password1": GOOD, "new_password2": GOOD})
    assert log_in(GOOD).status_code == 302


def test_the_link_stands_in_no_queue_and_no_log(ana, caplog):
    Client().post("/password/forgotten/", {"email": "ana@shop.test"})
    queued = [str(row.task) for row in OrmQ.objects.all()]
    assert not [task for task in queued if "password/set" in task or "@" in task]
    letters_written()
    assert "password/set" not in caplog.text


# ── Changed ───────────────────────────────────────────────────────────────────────────────────────────


def test_everyone_changes_their_own_password_and_is_logged_out_everywhere_else(ana):
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        log_in("ana", client=client)
        assert client.get("/inbox/").status_code == 200
    form = {"old_password": "ana", "new_password1": GOOD, "new_password2": GOOD}
    assert here.post("/password/", form)["Location"] == "/inbox/profile/"
    assert here.get("/inbox/").status_code == 200
    assert elsewhere.get("/inbox/").status_code == 302


@pytest.mark.parametrize("weak", ["short1", "1234567890", "password123", "ana@shop.test"])
def test_weak_passwords_are_refused_in_words(ana, weak):
    client = Client()
    client.force_login(ana)
    answer = client.post("/password/", {"old_password": "ana", "new_password1": weak, "new_password2": weak})
    assert answer.status_code == 200
    assert "form-error" in answer.text


def test_who_is_not_logged_in_changes_nothing(client):
    assert client.get("/password/")["Location"] == "/login/?next=/password/"
