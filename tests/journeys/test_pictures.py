"""A customer's picture, from the phone to the open page of an agent, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.test_main_job import connect_account, log_in, no_barriers

pytestmark = pytest.mark.browser


def test_a_picture_comes_in_on_the_open_page_and_opens_large(product, browser):
    page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{product.url}/login/")
    log_in(page, product)
    connect_account(page, product)
    customer = product.phone("/customers", display_name="Putu", username="putu.w")["id"]
    product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="text", text="Look")
    page.goto(f"{product.url}/inbox/")
    page.get_by_role("link", name=re.compile("putu", re.IGNORECASE)).first.click()
    expect(page.locator(".words").last).to_contain_text("Look")

    product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="image")
    product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="sticker")
    picture = page.get_by_role("img", name=re.compile("^Image from "))
    expect(picture).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Sticker from "))).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 480
    no_barriers(page)

    page.get_by_role("link", name=re.compile("^Image from ")).click()
    large = page.get_by_role("dialog", name="Picture")
    expect(large).to_be_visible()
    no_barriers(page)
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(page.get_by_role("link", name=re.compile("^Image from "))).to_be_focused()
    assert complaints == []
