"""Sending safely, as an agent does it: pictures, undo, plans, and drafts that outlive a locked composer."""

import base64
import re
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.test_main_job import connect_account, log_in, no_barriers, write_on_phone
from tests.pictures import picture

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)

GIVE = """([selector, kind, name, type, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const place = document.querySelector(selector);
  const options = { bubbles: true, cancelable: true };
  if (kind === "paste") place.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: data }));
  else for (const step of ["dragover", "drop"])
    place.dispatchEvent(new DragEvent(step, { ...options, dataTransfer: data }));
}"""


def give(page: Page, kind: str, content: bytes, *, name: str = "photo.jpg", type: str = "image/jpeg") -> None:
    """Paste a file into the box, or drop it on the thread."""
    selector = "#composer-text" if kind == "paste" else "#log"
    page.evaluate(GIVE, [selector, kind, name, type, base64.b64encode(content).decode()])


def send(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()


@pytest.fixture
def agent(product, browser) -> Page:
    """An agent with Ayu's conversation open, in which pictures are possible."""
    page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    log_in(page, product)
    if not any(one["connected"] for one in product.look("/accounts")["accounts"]):
        connect_account(page, product)
        page.goto(f"{product.url}/inbox/")
    return page


@pytest.fixture
def phone(product, browser) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{product.phone_url}/phone/")
    page.get_by_text("Budi Santoso").first.click()
    return page


def open_conversation(page: Page, text: str) -> None:
    page.locator("li[id^=conversation-]").filter(has_text=text).get_by_role("link").first.click()
    expect(page.get_by_role("log")).to_contain_text(text)


def test_pictures_undo_plans_and_drafts(product, agent, phone):
    write_on_phone(phone, "Do you have it in green?")
    open_conversation(agent, "Do you have it in green?")
    box = agent.get_by_label("Reply to")
    box.fill("")
    attach = agent.get_by_role("button", name="Add a picture")
    expect(attach).to_have_attribute("aria-disabled", "false")  # TikTok was asked, and the page heard of it

    # Pasted, with a text: two messages, said before. Taken back, it is all there again.
    box.fill("This one?")
    give(agent, "paste", picture((300, 200)))
    expect(agent.locator("#composer-picture img")).to_be_visible()
    expect(agent.locator("#composer")).to_contain_text("Sends two messages, uses 2 of 10.")
    no_barriers(agent)
    send(agent)
    expect(agent.locator(".message.is-outbound").last).to_contain_text(re.compile(r"Sending in \d s"))
    expect(box).to_have_value("")
    agent.get_by_role("button", name="Undo").last.click()
    expect(box).to_have_value("This one?")
    expect(agent.locator("#composer-picture img")).to_be_visible()
    expect(agent.locator(".message.is-outbound").last).to_contain_text("Cancelled")

    # Sent for good, the phone shows both, the picture first.
    send(agent)
    expect(agent.locator(".message.is-outbound").last).to_contain_text("Sent")
    expect(phone.locator(".from-business").last).to_contain_text("This one?")
    expect(phone.locator(".from-business img")).to_have_count(1)
    expect(agent.locator(".message.is-outbound .bubble img").last).to_be_visible()

    # What can't be sent is refused in words, and the text stays.
    box.fill("And this?")
    give(agent, "drop", b"GIF89a", name="cat.gif", type="image/gif")
    expect(agent.locator("#composer-error")).to_contain_text("Choose a JPEG, PNG or WebP.")
    give(agent, "drop", b"GIF89a")  # a renamed one gets as far as the server
    send(agent)
    expect(agent.locator("#composer-error")).to_contain_text("Choose a JPEG, PNG or WebP.")
    expect(box).to_have_value("And this?")
    agent.get_by_role("button", name="Take the picture off").click()
    box.fill("")

    # Dropped, alone.
    give(agent, "drop", picture((200, 300), format="PNG"), name="drawing.png", type="image/png")
    expect(agent.locator("#composer-picture")).to_contain_text("drawing.png")
    send(agent)
    expect(phone.locator(".from-business img")).to_have_count(2)

    # An answer to one message, with an emoji chosen by keyboard.
    question = agent.locator(".message.is-inbound").filter(has_text="Do you have it in green?")
    question.hover()
    question.get_by_role("button", name="Answer this message").click()
    agent.locator("#composer-emoji summary").focus()
    agent.keyboard.press("Enter")
    expect(agent.get_by_role("button", name="😀")).to_be_focused()
    agent.keyboard.press("ArrowRight")
    agent.keyboard.press("Enter")
    expect(box).to_have_value("😄")
    box.press("Control+Enter")
    expect(phone.locator(".from-business").last).to_contain_text("😄")
    answer = agent.locator(".message.is-outbound").last
    expect(answer.locator("blockquote")).to_contain_text("Do you have it in green?")

    # Planned, and cancelled.
    box.fill("See you tomorrow")
    agent.locator("#composer-later summary").click()
    expect(agent.locator("#composer-latest")).to_contain_text("Latest safe time")
    no_barriers(agent)
    later = datetime.now() + timedelta(hours=3)
    agent.get_by_label("Send at", exact=True).fill(later.strftime("%Y-%m-%dT%H:%M"))
    agent.get_by_role("button", name="Schedule").click()
    planned = agent.locator(".message.is-outbound").last
    expect(planned).to_contain_text("Planned for")
    no_barriers(agent)
    planned.get_by_role("button", name="Cancel").click()
    expect(planned).to_contain_text("Cancelled")

    # A draft stands in the list, and outlives a reload.
    with agent.expect_response(lambda answer: "Half" in (answer.request.post_data or "")):
        box.fill("Half a sentence")
    expect(agent.locator(".row-draft")).to_have_count(1)
    agent.evaluate("localStorage.clear()")
    agent.reload()
    expect(agent.get_by_label("Reply to")).to_have_value("Half a sentence")
    agent.get_by_label("Reply to").fill("")
    expect(agent.locator(".row-draft")).to_have_count(0)


def test_a_locked_composer_keeps_the_draft(product, agent, phone):
    write_on_phone(phone, "One more question")
    open_conversation(agent, "One more question")
    box = agent.get_by_label("Reply to")
    with agent.expect_response(lambda answer: "Half" in (answer.request.post_data or "")):
        box.fill("Half a sentence")
    thread = product.look("/phone?account=kopi.corner&customer=2")["thread"]["conversation_id"]
    for number in range(10):
        product.phone(f"/threads/{quote(thread)}/owner-messages", text=f"from the app {number}")
    expect(agent.locator("#composer-lock")).to_contain_text("All 10 replies are used.")
    expect(box).to_have_js_property("readOnly", True)
    expect(box).to_have_value("Half a sentence")
    no_barriers(agent)
    agent.reload()
    expect(agent.get_by_label("Reply to")).to_have_value("Half a sentence")
    write_on_phone(phone, "Hello?")
    expect(agent.locator("#composer-lock")).to_have_text("")
    expect(agent.get_by_label("Reply to")).to_have_value("Half a sentence")


def test_the_preferences_page_has_no_barriers(product, agent):
    agent.goto(f"{product.url}/inbox/preferences/")
    no_barriers(agent)
    agent.get_by_label("Seconds to undo a reply").fill("6")
    agent.get_by_role("button", name="Save").click()
    expect(agent.get_by_text("Saved.")).to_be_visible()


def test_a_question_and_a_post_by_keyboard(product, agent, phone):
    write_on_phone(phone, "I need some help")
    open_conversation(agent, "I need some help")

    # What can't be sent is said in the dialog, and what was typed stays, also when the dialog is closed.
    agent.get_by_role("link", name="Ask a question").press("Enter")
    expect(agent.get_by_role("textbox", name="Question", exact=True)).to_be_focused()
    agent.keyboard.type("What do you need help with?")
    agent.get_by_label("Button 1").fill("Delivery")
    agent.get_by_label("Button 2").fill("A refund for my order")
    expect(agent.locator("#dialog .preview")).to_contain_text("A refund for my order")
    expect(agent.locator("#dialog")).to_contain_text("21/20")
    no_barriers(agent)
    agent.keyboard.press("Enter")
    expect(agent.locator("#dialog-error")).to_contain_text("at most 20 characters")
    no_barriers(agent)
    agent.keyboard.press("Escape")
    expect(agent.get_by_role("link", name="Ask a question")).to_be_focused()
    agent.keyboard.press("Enter")
    expect(agent.get_by_label("Button 2")).to_have_value("A refund for my order")
    agent.get_by_label("Button 2").fill("Refund")
    agent.keyboard.press("Enter")
    expect(agent.locator("#dialog")).not_to_be_visible()
    asked = agent.locator(".message.is-outbound").last
    expect(asked).to_contain_text("What do you need help with?")
    expect(asked).to_contain_text(re.compile(r"Sending in \d s"))
    no_barriers(agent)

    # Taken back, changed, asked again; the tap on the phone comes back.
    asked.get_by_role("button", name="Undo").click()
    agent.get_by_role("link", name="Edit and ask again").click()
    agent.get_by_label("Button 3").fill("Something else")
    agent.get_by_role("button", name="Ask", exact=True).click()
    expect(agent.locator(".message.is-outbound").last).to_contain_text("Sent")
    phone.get_by_role("button", name="Something else").last.click()
    expect(agent.locator(".message.is-inbound").last).to_contain_text("Something else")
    expect(agent.locator(".message.is-inbound").last).to_contain_text("Tapped on a question card")


def test_where_the_account_has_not_permitted_its_posts_the_dialog_says_so(product, agent, phone):
    write_on_phone(phone, "Do you have a video of it?")
    open_conversation(agent, "Do you have a video of it?")
    agent.get_by_role("link", name="Share a post").click()
    expect(agent.locator("#dialog")).to_contain_text("the permission “video.list” is missing")
    no_barriers(agent)
