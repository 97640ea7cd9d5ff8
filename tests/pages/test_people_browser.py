"""In a real browser: a forgotten password by e-mail, and the pages of people without accessibility faults."""

import re

import pytest
from django.core import mail
from django_q.models import OrmQ
from playwright.sync_api import Page, expect

from inbox import mailing
from tests.factories import make_agent
from tests.journeys.steps import no_barriers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "seven-blue-parcels"


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    return {"executable_path": "/usr/bin/chromium", "args": quiet}


def test_a_password_is_forgotten_and_chosen_anew(page: Page, live_server, settings):
    settings.PUBLIC_URL = live_server.url
    make_agent("ana", email="ana@shop.test", first_name="Ana")
    page.goto(f"{live_server.url}/login/")
    no_barriers(page)
    page.get_by_role("link", name="Forgot your password?").click()
    no_barriers(page)
    page.get_by_label("Email").fill("ana@shop.test")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    no_barriers(page)
    mailing.send_password_link(person_id=OrmQ.objects.get().task["args"][0])
    page.goto(re.search(r"https?://\S+", mail.outbox[0].body).group())
    no_barriers(page)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Save and log in").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_attached()
    page.goto(f"{live_server.url}/inbox/profile/")
    no_barriers(page)
    page.get_by_label("First name").fill("Anastasia")
    page.get_by_label("Time zone").select_option("Asia/Jakarta")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_label("New token")).to_have_value(re.compile(r"^\w{40}$"))
    no_barriers(page)
    page.get_by_role("link", name="Password", exact=True).click()
    no_barriers(page)
