"""Finding and clearing many conversations, as an agent does it: search, save, tick, undo; what comes in above."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.steps import complaints_of, connect_account, log_in, no_barriers

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)


def write(product, name: str, *texts: str) -> None:
    """A new customer writes to the account."""
    customer = product.phone("/customers", display_name=name, username=name.lower())["id"]
    for text in texts:
        product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="text", text=text)


def row(page: Page, name: str):
    return page.locator("li[id^=conversation-]").filter(has_text=name)


@pytest.fixture
def agent(product, browser) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 640}).new_page()
    log_in(page, product)
    if not any(one["connected"] for one in product.look("/accounts")["accounts"]):
        connect_account(page, product)
    page.goto(f"{product.url}/inbox/")
    return page


def test_search_save_tick_close_and_undo(product, agent):
    complaints = complaints_of(agent)
    write(product, "Sari", "Is the teapot in stock?", *[f"line {number}" for number in range(4)])
    write(product, "Tono", "The teapot came broken <b>today</b>")
    expect(row(agent, "Tono")).to_be_visible()

    agent.get_by_role("searchbox").fill("teapot -broken")
    agent.keyboard.press("Enter")
    expect(agent.get_by_text("Conversations with “teapot” and not with “broken”.")).to_be_visible()
    expect(agent.locator("li[id^=conversation-]")).to_have_count(1)
    expect(row(agent, "Sari").locator("mark")).to_have_text("teapot")
    no_barriers(agent)

    row(agent, "Sari").get_by_role("link").click()
    expect(agent.locator(".is-found")).to_contain_text("Is the teapot in stock?")

    agent.goto(f"{product.url}/inbox/?q=teapot")
    agent.get_by_role("link", name="Save as view").click()
    no_barriers(agent)
    agent.get_by_label("Name", exact=True).fill("Teapots")
    agent.get_by_role("button", name="Save", exact=True).click()
    expect(agent.get_by_role("navigation", name="Views").get_by_role("link", name="Teapots")).to_have_attribute(
        "aria-current", "page"
    )

    agent.goto(f"{product.url}/inbox/")
    for name in ("Sari", "Tono"):
        agent.get_by_label(f"Select {name}").check()
    expect(agent.locator("#bulk-count")).to_have_text("2 ticked")
    expect(agent.get_by_text("There is no sending to several at once")).to_be_visible()
    no_barriers(agent)
    agent.get_by_role("button", name="Assign", exact=True).click()
    agent.get_by_role("dialog").get_by_label("Me").check()
    agent.get_by_role("dialog").get_by_role("button", name="Assign").click()
    expect(agent.get_by_text("2 conversations changed.")).to_be_visible()
    expect(row(agent, "Tono").locator(".avatar-tiny")).to_be_visible()
    expect(agent.locator(".bulk")).to_be_hidden()

    for name in ("Sari", "Tono"):
        agent.get_by_label(f"Select {name}").check()
    agent.locator("#bulk").get_by_role("button", name="Close").click()
    expect(row(agent, "Tono")).to_have_count(0)
    expect(row(agent, "Sari")).to_have_count(0)
    agent.get_by_role("button", name="Undo").click()
    expect(row(agent, "Tono")).to_be_visible()
    expect(agent.get_by_text("2 conversations are as they were before.")).to_be_visible()
    assert not complaints


def test_what_comes_in_above_is_told_and_moves_nothing(product, agent):
    for number in range(12):
        write(product, f"Crowd{number:02}", "Hello")
    agent.goto(f"{product.url}/inbox/?sort=newest")
    expect(row(agent, "Crowd")).to_have_count(12)
    agent.locator("#conversations").evaluate("list => { list.scrollTop = 300 }")
    first = agent.locator("li[id^=conversation-]").nth(6)
    before = first.bounding_box()
    name = first.get_attribute("id")
    write(product, "Newcomer", "Am I seen?")
    expect(agent.locator("#new-above")).to_have_text(re.compile("1 new in list"))
    expect(agent.locator("#announcer")).to_have_text("1 new in list")
    after = agent.locator(f"#{name}").bounding_box()
    assert before
    assert after
    assert abs(after["y"] - before["y"]) < 3
    agent.locator("#new-above").click()
    expect(row(agent, "Newcomer")).to_be_in_viewport()
    expect(agent.locator("#new-above")).to_be_hidden()
