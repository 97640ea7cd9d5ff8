"""Marketing makes, shares, edits and removes a link by keyboard and without a script; a customer comes by it."""

import io
import json
import re

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from messagelinks.addresses import address_of, characters_in
from tests.journeys.steps import agree_on_tiktok, complaints_of, log_in, no_barriers
from tests.messagelinks.test_addresses import COUNTED, ENCODED

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)
SIZE = {"width": 1280, "height": 860}
REFUSED_FORM = "status of 422"  # the browser says so on its console
TEXT = "Hi! A table for two & a cake 🎉\nplease"
URL = "https://tiktok.me/kopi.corner?ref=spring_promo&message=" + (
    "Hi%21%20A%20table%20for%20two%20%26%20a%20cake%20%F0%9F%8E%89%0Aplease"
)


@pytest.fixture
def staff(product, browser) -> Page:
    context = browser.new_context(viewport=SIZE, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    log_in(page, product)
    page.goto(f"{product.url}/channels/tiktok/")
    if page.locator(".channel .status-connected").count() == 0:
        page.locator("a[href*='/channels/tiktok/connect/']").first.click()
        agree_on_tiktok(page)
    return page


def open_links(page: Page, product) -> None:
    """From the channels to the links of the channel, by keyboard."""
    page.goto(f"{product.url}/channels/tiktok/")
    page.get_by_role("link", name=re.compile("^Message link: ")).first.press("Enter")
    expect(page.get_by_role("heading", name="Message link", exact=True)).to_be_visible()


def choose(page: Page, title: str, item: str) -> None:
    """Open the menu of a link and take an item, by keyboard."""
    page.get_by_label(f"Actions for {title}").press("Enter")
    page.locator("details[open]").get_by_role("link", name=item, exact=True).press("Enter")


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def fill_by_keyboard(page: Page, title: str, ref: str, message: str) -> None:
    """Type into the form from its first field on, which has the focus."""
    expect(page.get_by_label("Message link title")).to_be_focused()
    page.keyboard.insert_text(title)
    page.keyboard.press("Tab")
    page.keyboard.insert_text(ref)
    page.keyboard.press("Tab")
    page.keyboard.insert_text(message)


def test_a_link_is_made_copied_edited_and_removed_by_keyboard(product, staff):
    complaints = complaints_of(staff)
    open_links(staff, product)
    no_barriers(staff)
    dialog = staff.locator("#dialog")

    # Create: the preview follows, and what is wrong is said in the dialog.
    staff.get_by_role("link", name="Create message link").first.press("Enter")
    fill_by_keyboard(staff, "Spring promo", "spring promo", TEXT)
    expect(dialog.locator("[data-count]")).to_have_text(str(characters_in(TEXT)))
    expect(dialog.locator("[data-preview-text]")).to_have_text(TEXT)
    no_barriers(staff)
    dialog.get_by_role("button", name="Create").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("no spaces")
    no_barriers(staff)
    staff.get_by_label("Referral source tag (optional)").fill("spring_promo")
    expect(dialog.locator("[data-preview-address]")).to_have_text(URL)
    dialog.get_by_role("button", name="Create").press("Enter")
    expect(staff.get_by_text("“Spring promo” was created.")).to_be_visible()
    expect(staff.get_by_label("Actions for Spring promo")).to_be_focused()

    # Copy: the clipboard holds the link, and a live region says so.
    copy = staff.get_by_role("button", name="Copy message link: Spring promo")
    copy.press("Enter")
    expect(staff.get_by_role("status").filter(has_text="Link copied")).to_be_visible()
    expect(copy).to_be_focused()
    assert clipboard(staff) == URL
    no_barriers(staff)

    # Edit: it says what will happen, Esc changes nothing, and afterwards old and new stand side by side.
    choose(staff, "Spring promo", "Edit")
    expect(dialog.get_by_text("go on showing the old text")).to_be_visible()
    expect(staff.get_by_label("Prefilled message")).to_have_value(TEXT)
    no_barriers(staff)
    staff.keyboard.press("Escape")
    expect(staff.get_by_label("Actions for Spring promo")).to_be_focused()
    choose(staff, "Spring promo", "Edit")
    staff.get_by_label("Prefilled message").fill("Hello")
    dialog.get_by_role("button", name="Save").press("Enter")
    expect(staff.get_by_role("heading", name="Old link, version 1")).to_be_visible()
    expect(staff.get_by_role("heading", name="New link, version 2")).to_be_visible()
    no_barriers(staff)
    staff.get_by_role("button", name="Copy new link").press("Enter")
    expect(staff.get_by_role("status").filter(has_text="Link copied")).to_be_visible()
    assert clipboard(staff) == "https://tiktok.me/kopi.corner?ref=spring_promo&message=Hello"
    staff.get_by_role("textbox", name="Where it was shared").fill("Instagram bio")
    staff.get_by_role("button", name="Save places").press("Enter")
    expect(staff.get_by_role("textbox", name="Where it was shared")).to_have_value("Instagram bio")
    no_barriers(staff)

    # Remove: it asks first, and Enter on what has the focus removes nothing.
    open_links(staff, product)
    choose(staff, "Spring promo", "Remove")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    expect(dialog).to_contain_text("they go on working, with the original message")
    no_barriers(staff)
    staff.keyboard.press("Enter")
    expect(dialog).not_to_be_visible()
    choose(staff, "Spring promo", "Remove")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    staff.keyboard.press("Tab")
    staff.keyboard.press("Enter")
    expect(staff.get_by_text("“Spring promo” was removed.")).to_be_visible()
    expect(staff.get_by_role("heading", name="No message link yet")).to_be_visible()
    assert [line for line in complaints if REFUSED_FORM not in line and "style" not in line] == []


def test_a_customer_who_comes_by_the_link_is_counted_for_it(product, staff):
    open_links(staff, product)
    staff.get_by_role("link", name="Create message link").first.press("Enter")
    fill_by_keyboard(staff, "Bio", "bio", TEXT)
    staff.locator("#dialog").get_by_role("button", name="Create").press("Enter")
    copy = staff.get_by_role("button", name="Copy message link: Bio")
    copy.press("Enter")
    expect(staff.get_by_role("status").filter(has_text="Link copied")).to_be_visible()

    # On the phone the link leaves the text in the input, and the customer sends it.
    phone = staff.context.new_page()
    phone.goto(f"{product.phone_url}/phone/")
    phone.locator("#customers button").first.click()
    phone.get_by_label("Message link").fill(clipboard(staff))
    phone.get_by_role("button", name="Open link").click()
    expect(phone.get_by_label("Message", exact=True)).to_have_value(TEXT)
    phone.get_by_role("button", name="Send", exact=True).click()
    expect(phone.locator("#log")).to_contain_text("A table for two")

    product.manage("process_events")
    product.manage("shell", "-v0", "-c", "from messagelinks.tasks import follow_inbox; follow_inbox()")
    staff.reload()
    figure = staff.locator(".link-row a.figure")
    expect(figure).to_contain_text("1")
    assert "/inbox/?q=came%3Alink-" in str(figure.get_attribute("href"))
    for name in ("Where customers come from", "QR codes for print"):
        staff.get_by_role("link", name=name).click()
        expect(staff.get_by_role("heading", name=name)).to_be_visible()
        no_barriers(staff)
        staff.go_back()
    staff.get_by_role("link", name="Bio", exact=True).click()
    no_barriers(staff)
    staff.set_viewport_size({"width": 390, "height": 844})
    assert staff.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_code_on_the_page_is_read_back_as_the_link(product, staff):
    open_links(staff, product)
    if not staff.locator(".link-row").count():
        staff.get_by_role("link", name="Create message link").first.press("Enter")
        fill_by_keyboard(staff, "Print", "print", "Hi! I saw your poster")
        staff.get_by_role("button", name="Create", exact=True).click()
    staff.locator("a[href$='/qr/']").first.click()
    expect(staff.locator(".qr-code")).to_be_visible()
    staff.get_by_label("Caption (optional)").fill("Bar & <Tische>")
    staff.get_by_role("button", name="Show").click()
    expect(staff.locator(".qr-code")).to_have_js_property("complete", True)
    no_barriers(staff)
    picture = Image.open(io.BytesIO(staff.locator(".qr-code").screenshot(scale="css")))
    [code] = zxingcpp.read_barcodes(picture)
    assert code.text == staff.locator(".address").inner_text()


def test_the_preview_encodes_and_counts_as_the_server_does(product, staff):
    """Every text of the tables, in the browser and on the server."""
    staff.goto(f"{product.url}/admin/")
    texts = [*ENCODED, *COUNTED, "".join(map(chr, range(1, 0x250))), "नमस्ते 👩🏽‍🚒 각 ก็"]
    script = """async (texts) => {
      const { addressOf, charactersIn } = await import("/static/js/links.js");
      return JSON.stringify(texts.map((text) => [addressOf("kopi.corner", "a=b_c-d", text), charactersIn(text)]));
    }"""
    found = json.loads(staff.evaluate(script, texts))
    for text, (address, counted) in zip(texts, found, strict=True):
        assert address == address_of(username="kopi.corner", ref="a=b_c-d", message=text)
        assert counted == characters_in(text), text


def test_without_a_script_the_same_steps_are_pages(product, staff):
    plain = staff.context.browser.new_context(viewport=SIZE, java_script_enabled=False).new_page()
    log_in(plain, product)
    open_links(plain, product)
    plain.get_by_role("link", name="Create message link").first.click()
    plain.get_by_label("Message link title").fill("Plain")
    plain.get_by_label("Prefilled message").fill("Line one\nline two")
    plain.get_by_role("button", name="Create").click()
    expect(plain.get_by_text("“Plain” was created.")).to_be_visible()
    address = "https://tiktok.me/kopi.corner?message=Line%20one%0Aline%20two"
    expect(plain.locator(".address").first).to_have_text(address)
    choose(plain, "Plain", "Edit")
    plain.get_by_label("Prefilled message").fill("Another")
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_role("heading", name="New link, version 2")).to_be_visible()
    open_links(plain, product)
    choose(plain, "Plain", "Remove")
    plain.get_by_role("button", name="Remove").click()
    expect(plain.get_by_text("“Plain” was removed.")).to_be_visible()
