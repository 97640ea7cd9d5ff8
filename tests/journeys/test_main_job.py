"""The main job, walked as its people walk it: staff connect, a customer writes, an agent answers by keyboard."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys.conftest import PASSWORD

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)


def log_in(page: Page, product) -> None:
    page.goto(f"{product.url}/inbox/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/inbox/"))


def connect_account(page: Page, product) -> None:
    page.goto(f"{product.url}/channels/tiktok/")
    page.get_by_role("link", name="Connect a TikTok account").first.click()
    expect(page.get_by_role("heading", name="Let this app into your account?")).to_be_visible()
    page.get_by_text("@kopi.corner").click()
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("Kopi Corner (@kopi.corner) is connected.")).to_be_visible()


def write_on_phone(phone: Page, text: str) -> None:
    phone.get_by_label("Message", exact=True).fill(text)
    phone.get_by_role("button", name="Send", exact=True).click()
    expect(phone.locator(".from-customer").last).to_contain_text(text)


def reply_by_keyboard(page: Page, text: str) -> None:
    page.get_by_label("Reply to").focus()
    page.keyboard.type(text)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".message.is-outbound").last).to_contain_text(text)


def no_barriers(page: Page) -> None:
    """axe-core finds nothing on the page, in either theme."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour on its way
        found = Axe().run(page).response["violations"]
        assert not found, [(rule["id"], rule["nodes"][0]["html"]) for rule in found]


def test_from_the_consent_page_to_the_answer_on_the_phone_and_through_the_quota(product, browser):
    agent = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    complaints: list[str] = []
    agent.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    agent.on("pageerror", lambda error: complaints.append(str(error)))
    agent.goto(f"{product.url}/login/")
    no_barriers(agent)
    log_in(agent, product)
    connect_account(agent, product)

    phone = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    agent.goto(f"{product.url}/inbox/")
    no_barriers(agent)
    phone.goto(f"{product.phone_url}/phone/")
    no_barriers(phone)
    phone.get_by_text("Ayu Lestari").first.click()
    write_on_phone(phone, "Hi, is the blue one in stock?")

    # The message appears in the open page by itself.
    row = agent.locator("li[id^=conversation-]").filter(has_text="Hi, is the blue one in stock?")
    expect(row).to_be_visible()
    expect(row).to_contain_text("47 h left")
    expect(row).to_contain_text("10/10")
    row.get_by_role("link").first.click()
    expect(agent.get_by_role("log")).to_contain_text("Hi, is the blue one in stock?")
    no_barriers(agent)

    reply_by_keyboard(agent, "Yes, it is. Shall I keep one?")
    expect(agent.locator(".message.is-outbound").last).to_contain_text("Sent")
    expect(phone.locator(".from-business").last).to_contain_text("Yes, it is. Shall I keep one?")
    expect(agent.locator("#composer")).to_contain_text("Uses 1 of 9")

    for number in range(2, 11):
        reply_by_keyboard(agent, f"line {number}")
    expect(agent.locator("#composer-lock")).to_contain_text("All 10 replies are used.")
    expect(agent.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    expect(phone.locator(".from-business")).to_have_count(10)
    no_barriers(agent)

    # The customer writes, and the composer opens by itself.
    write_on_phone(phone, "Thank you!")
    expect(agent.locator("#composer-lock")).to_have_text("")
    expect(agent.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    expect(agent.locator("#composer")).to_contain_text("Uses 1 of 10")
    reply_by_keyboard(agent, "You're welcome.")
    expect(phone.locator(".from-business").last).to_contain_text("You're welcome.")
    assert complaints == []
