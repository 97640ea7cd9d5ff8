"""The main job, walked as its people walk it: staff connect, a customer writes, an agent answers by keyboard."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.steps import complaints_of, connect_account, log_in, no_barriers

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)


def write_on_phone(phone: Page, text: str) -> None:
    phone.get_by_label("Message", exact=True).fill(text)
    phone.get_by_role("button", name="Send", exact=True).click()
    expect(phone.locator(".from-customer").last).to_contain_text(text)


def reply_by_keyboard(page: Page, text: str) -> None:
    page.get_by_label("Reply to").focus()
    page.keyboard.type(text)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".message.is-outbound").last).to_contain_text(text)


def test_from_the_consent_page_to_the_answer_on_the_phone_and_through_the_quota(product, browser):
    agent = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    complaints = complaints_of(agent)
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
