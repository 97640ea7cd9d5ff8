"""A browser without JavaScript: whatever an agent must do, they can do."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.steps import connect_account, log_in
from tests.journeys.test_working_journey import MADE_BY_STAFF, customer_writes

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)


@pytest.fixture
def plain(product, browser) -> Page:
    """Someone whose browser runs no scripts."""
    product.manage("shell", "-c", MADE_BY_STAFF)
    page = browser.new_context().new_page()
    log_in(page, product)
    if not any(one["connected"] for one in product.look("/accounts")["accounts"]):
        connect_account(page, product)
    page = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 860}).new_page()
    log_in(page, product)
    return page


def row(page: Page, name: str):
    return page.locator("#conversations a[data-name]").filter(has_text=name)


def choose(page: Page, item: str) -> None:
    page.locator("#thread-menu > summary").click()
    page.locator("#thread-menu .menu-item", has_text=item).click()


def test_a_conversation_is_worked_on_from_beginning_to_end(product, plain):
    customer_writes(product, "Wanda", "Is the kettle loud?")
    plain.goto(f"{product.url}/inbox/?sort=newest")
    for _ in range(20):
        if row(plain, "Wanda").count():
            break
        plain.wait_for_timeout(500)
        plain.reload()
    row(plain, "Wanda").click()
    expect(plain.get_by_role("log")).to_contain_text("Is the kettle loud?")

    plain.get_by_label("Reply to").fill("As a whisper.")
    plain.get_by_role("button", name="Send", exact=True).click()
    expect(plain.locator(".message.is-outbound").last).to_contain_text("As a whisper.")
    plain.get_by_role("link", name="Note", exact=True).click()
    plain.get_by_label("Note for your team").fill("@ben has measured it")
    plain.get_by_role("button", name="Add note").click()
    expect(plain.locator(".note .mention")).to_have_text("@ben")

    choose(plain, "Labels")
    plain.get_by_label("VIP").check()
    plain.get_by_role("button", name="Save").click()
    expect(plain.locator("#details-body .label")).to_have_text("VIP")
    choose(plain, "Snooze")
    plain.get_by_role("button", name=re.compile("In 1 hour")).click()
    expect(plain.locator("#thread-header")).to_contain_text("Snoozed until")
    choose(plain, "Wake now")
    plain.locator(".button-assignee").click()
    plain.get_by_label("Ben Okafor").check()
    plain.get_by_role("button", name="Assign", exact=True).click()
    expect(plain.locator(".button-assignee")).to_contain_text("Ben")
    plain.get_by_role("button", name="Close", exact=True).click()
    expect(plain.get_by_role("button", name="Reopen")).to_be_visible()


def test_search_views_and_several_at_once(product, plain):
    for name in ("Xenia", "Yusuf"):
        customer_writes(product, name, "About the sugar bowl")
    for _ in range(20):
        plain.goto(f"{product.url}/inbox/")
        plain.get_by_role("searchbox").fill("sugar")
        plain.keyboard.press("Enter")
        if row(plain, "Xenia").count() and row(plain, "Yusuf").count():
            break
        plain.wait_for_timeout(500)
    expect(plain.locator("mark").first).to_have_text("sugar")
    plain.get_by_role("link", name="Save as view").click()
    plain.get_by_label("Name", exact=True).fill("Sugar")
    plain.get_by_role("button", name="Save").click()
    expect(plain.locator(".view-saved")).to_contain_text("Sugar")

    for name in ("Xenia", "Yusuf"):
        plain.get_by_label(f"Select {name}").check(force=True)
    plain.locator("#bulk").get_by_role("button", name="Label").click()
    plain.get_by_label("VIP").check()
    plain.get_by_role("button", name="Put it on").click()
    expect(plain.locator("#done")).to_contain_text("2")
    plain.goto(f"{product.url}/inbox/?q=sugar")
    expect(plain.locator("#conversations .label", has_text="VIP")).to_have_count(2)
