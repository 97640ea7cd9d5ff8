"""A lead form is submitted, the lead is followed up, and a bad contact goes back to TikTok Ads: with a browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.steps import complaints_of, connect_account, log_in, no_barriers

pytestmark = pytest.mark.browser
expect.set_options(timeout=20_000)
SIZE = {"width": 1280, "height": 860}
FORM = "7100000000000000051"


def connect_ads(page: Page, product) -> None:
    """Connect the first ad account on TikTok's page, and set it up."""
    page.goto(f"{product.url}/admin/channels_tiktok/adaccount/")
    no_barriers(page)
    page.get_by_role("link", name="Connect an ad account").click()
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="Set up Kopi Corner Ads")).to_be_visible()
    no_barriers(page)
    page.get_by_label("Kopi Corner", exact=True).check()
    page.get_by_label("Coffee orders").check()
    page.get_by_label("Tell TikTok Ads what became of its leads").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("table", name="Ad accounts")).to_contain_text("Coffee orders")
    no_barriers(page)


def test_a_lead_is_followed_up_and_reported_as_spam(product, browser):
    page = browser.new_context(viewport=SIZE).new_page()
    log_in(page, product)
    connect_account(page, product)
    complaints = complaints_of(page)
    connect_ads(page, product)

    # Somebody fills in the form. The lead waits: nobody may write first.
    page.goto(f"{product.phone_url}/ads/forms/{FORM}/")
    for label, answer in {
        "Name": "Ayu Lestari",
        "Phone number": "+628120000022",
        "Email": "ayu@example.com",
        "Cups per week": "4",
    }.items():
        page.get_by_label(label, exact=True).fill(answer)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("body")).to_contain_text("Ayu Lestari")
    leads = page.get_by_role("region", name="Leads")
    for _ in range(20):
        page.goto(f"{product.url}/inbox/leads/")
        if leads.get_by_text("Ayu Lestari").count():
            break
        page.wait_for_timeout(500)
    no_barriers(page)
    leads.get_by_role("link", name="Ayu Lestari").click()
    expect(page.locator(".lead-body")).to_contain_text("TikTok lets nobody write first")
    expect(page.locator("#composer-text")).to_have_count(0)
    no_barriers(page)

    # She writes, with her number; a colleague chooses the conversation and says what became of her.
    customer = product.phone("/customers", display_name="Ayu", username="ayu.lead")["id"]
    product.phone(
        f"/customers/{customer}/messages", account="kopi.corner", kind="text", text="Hi, +62 812 0000 022"
    )
    lead = page.url
    for _ in range(20):
        page.goto(f"{lead}choose/")
        if page.get_by_label("@ayu.lead").count():
            break
        page.wait_for_timeout(500)
    no_barriers(page)
    page.get_by_label("@ayu.lead").check()
    page.get_by_role("button", name="This one").click()
    page.get_by_role("button", name="Unqualified").click()
    expect(page.get_by_role("button", name="Unqualified")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Open the conversation").click()
    expect(page.locator("#details")).to_contain_text("+628120000022")

    # Reported from the thread's menu, by keyboard; the page learns by itself what became of it.
    menu = page.locator(".thread-menu summary")
    menu.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Report contact as spam to TikTok").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("The contact is not notified")
    no_barriers(page)
    dialog.get_by_label("Clearly fake or spammy").check()
    dialog.get_by_role("button", name="Report").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#messages")).to_contain_text("look in TikTok Ads Manager")
    expect(page.locator("#details")).to_contain_text("Sent to TikTok, request")
    expect(page.locator("#thread-header")).to_contain_text("Reported")
    no_barriers(page)
    assert [event["event"] for event in product.look("/ads")["events"]] == ["Spam"]

    page.goto(f"{product.url}/inbox/reported/")
    expect(page.locator("#reported")).to_contain_text("ayu.lead")
    no_barriers(page)
    assert complaints == []
