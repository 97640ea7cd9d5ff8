"""Working on conversations in a real browser: notes, labels, snooze, saved replies, close and next, scrolling."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.steps import connect_account, log_in, no_barriers

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)

MADE_BY_STAFF = """
from django.contrib.auth.models import User
from inbox.models import Label, SavedReply
User.objects.get_or_create(username="ben", defaults=dict(first_name="Ben", last_name="Okafor", is_superuser=True))
for name, colour in (("Order", "blue"), ("VIP", "violet"), ("Refund", "amber")):
    Label.objects.get_or_create(name=name, defaults=dict(colour=colour))
text = "Hi {{contact.name}}, we ship within 2 days. {{channel.name}}"
SavedReply.objects.get_or_create(title="Shipping time", defaults=dict(text=text, shortcut="ship"))
SavedReply.objects.get_or_create(title="Opening hours", defaults=dict(text="We are open from 9 to 18."))
"""


@pytest.fixture
def agent(product, browser) -> Page:
    """Someone who is logged in, with a connected account."""
    product.manage("shell", "-c", MADE_BY_STAFF)
    page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    log_in(page, product)
    if not any(one["connected"] for one in product.look("/accounts")["accounts"]):
        connect_account(page, product)
    return page


def customer_writes(product, name: str, *texts: str) -> int:
    """A new customer writes `texts`."""
    customer = product.phone("/customers", display_name=name, username=name.lower().replace(" ", "."))["id"]
    for text in texts:
        product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="text", text=text)
    return customer


def open_conversation(page: Page, product, text: str) -> None:
    page.goto(f"{product.url}/inbox/?sort=newest")
    page.locator("li[id^=conversation-]").filter(has_text=text).get_by_role("link").first.click()
    expect(page.get_by_role("log")).to_contain_text(text)


def test_a_note_is_written_by_keyboard_names_a_colleague_and_never_leaves(product, agent, browser):
    customer = customer_writes(product, "Noor", "Can I change my order?")
    open_conversation(agent, product, "Can I change my order?")
    colleague = agent.context.new_page()
    colleague.goto(agent.url)

    agent.get_by_role("link", name="Note", exact=True).focus()
    agent.keyboard.press("Enter")
    box = agent.get_by_label("Note for your team")
    expect(box).to_be_focused()
    expect(agent.get_by_role("button", name="Send", exact=True)).to_be_hidden()
    agent.keyboard.type("Ask @be")
    expect(agent.get_by_role("option", name=re.compile("Ben Okafor"))).to_have_attribute("aria-selected", "true")
    no_barriers(agent)
    agent.keyboard.press("Enter")
    expect(box).to_have_value("Ask @ben ")
    agent.keyboard.type("first")
    agent.keyboard.press("Control+Enter")
    note = agent.locator(".note").last
    expect(note).to_contain_text("Ask @ben first")
    expect(note.locator(".mention")).to_have_text("@ben")
    expect(box).to_have_value("")
    expect(box).to_be_visible()  # the mode stays
    no_barriers(agent)

    # A colleague's open page has it; the customer's phone never.
    expect(colleague.locator(".note").last).to_contain_text("Ask @ben first")
    agent.get_by_role("link", name="Reply", exact=True).click()
    agent.get_by_label("Reply to").fill("Yes, you can.")
    agent.keyboard.press("Control+Enter")
    expect(agent.locator(".message.is-outbound").last).to_contain_text("Sent")
    assert "Ask @ben" not in str(product.look("/calls"))
    assert customer

    # What was typed and not added is there again after a reload, and not in the reply.
    agent.get_by_role("link", name="Note", exact=True).click()
    with agent.expect_response(lambda answer: "note-draft" in answer.url):
        box.fill("Half a note")
    agent.reload()
    expect(agent.get_by_label("Reply to")).to_have_value("")
    agent.get_by_role("link", name="Note", exact=True).click()
    expect(box).to_have_value("Half a note")


def test_labels_and_snooze_in_dialogs_by_keyboard(product, agent):
    customer_writes(product, "Omar", "Where is my parcel?")
    open_conversation(agent, product, "Where is my parcel?")
    labels = agent.locator("[data-action=label]")
    labels.focus()
    agent.keyboard.press("Enter")
    dialog = agent.get_by_role("dialog")
    expect(dialog.get_by_label("Find a label")).to_be_focused()
    agent.keyboard.type("re")
    expect(dialog.get_by_label("VIP")).to_be_hidden()
    agent.keyboard.press("Enter")
    expect(dialog.get_by_label("Refund")).to_be_checked()
    no_barriers(agent)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(labels).to_be_focused()
    expect(agent.locator("#details-body .label-amber")).to_have_text("Refund")
    expect(agent.locator(".row .label-amber")).to_have_text("Refund")
    expect(agent.get_by_role("log")).to_contain_text("added the label Refund")

    # Past the close there is a question first; one hour before it is the answer that is offered.
    agent.locator("[data-action=snooze]").focus()
    agent.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name=re.compile("In 1 hour"))).to_be_focused()
    no_barriers(agent)
    dialog.get_by_label("Own date and time").fill("2999-01-01T09:00")
    dialog.get_by_role("button", name="Snooze", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("After that nobody can answer until")
    no_barriers(agent)
    expect(dialog.get_by_role("button", name=re.compile("Wake 1 hour before it closes"))).to_be_focused()
    agent.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(agent.locator("#thread-header")).to_contain_text("Snoozed until")
    expect(agent.locator("#details-body")).to_contain_text("Snoozed")
    agent.get_by_role("button", name="Wake now").click()
    expect(agent.locator("#thread-header")).not_to_contain_text("Snoozed until")
    expect(agent.get_by_role("log")).to_contain_text("woke this conversation")


def test_a_saved_reply_is_found_by_a_slash(product, agent):
    customer_writes(product, "Putri", "When will it arrive?")
    open_conversation(agent, product, "When will it arrive?")
    box = agent.get_by_label("Reply to")
    box.focus()
    agent.keyboard.type("/")
    expect(agent.get_by_role("option")).to_have_count(2)
    agent.keyboard.press("ArrowDown")
    expect(agent.get_by_role("option", name=re.compile("Shipping time"))).to_have_attribute(
        "aria-selected", "true"
    )
    agent.keyboard.press("Escape")
    expect(agent.get_by_role("option")).to_have_count(0)
    expect(box).to_have_value("/")
    box.fill("")
    agent.keyboard.type("/ship")
    expect(agent.get_by_role("option")).to_have_count(1)
    expect(agent.locator(".suggest-preview")).to_contain_text("we ship within 2 days.")
    expect(agent.locator(".suggest-foot")).to_contain_text("Uses 1 of 10")
    no_barriers(agent)
    agent.keyboard.press("Enter")
    expect(box).to_have_value(re.compile("^Hi putri, we ship within 2 days. ", re.IGNORECASE))
    expect(agent.locator(".message.is-outbound")).to_have_count(0)  # Enter took it, and sent nothing

    # The button does the same with words already in the box.
    box.fill("One more thing: ")
    agent.locator("[data-action=saved-reply]").click()
    agent.get_by_role("option", name=re.compile("Opening hours")).click()
    expect(box).to_have_value("One more thing: We are open from 9 to 18.")
    expect(box).to_be_focused()


def test_close_and_next_goes_down_the_list(product, agent):
    for name in ("Qadir", "Rosa", "Sari"):
        customer_writes(product, name, f"Question of {name}")
    open_conversation(agent, product, "Question of Sari")
    for name in ("Rosa", "Qadir"):
        agent.get_by_role("button", name="Close and next").click()
        expect(agent.get_by_role("log")).to_contain_text(f"Question of {name}")
        expect(agent.locator("#thread-name")).to_have_text(re.compile(name, re.IGNORECASE))
        assert "sort=newest" in agent.url
    expect(agent.locator("li[id^=conversation-]").filter(has_text="Question of Sari")).to_have_count(0)
    agent.get_by_role("button", name="Close", exact=True).click()
    agent.get_by_role("button", name="Reopen").click()
    expect(agent.get_by_role("button", name="Close", exact=True)).to_be_visible()


def test_earlier_messages_come_in_while_scrolling_and_nothing_jumps(product, agent):
    customer = customer_writes(product, "Tono", *(f"line {number}" for number in range(70)))
    page = agent
    page.goto(f"{product.url}/inbox/?sort=newest")
    row = page.locator("li[id^=conversation-]").filter(has_text="line 69")
    expect(row).to_be_visible()
    row.get_by_role("link").first.click()
    expect(page.locator(".message")).to_have_count(50)
    expect(page.locator("#new-below")).to_be_hidden()
    first = page.locator(".message").filter(has_text=re.compile(r"line 20\b"))
    first.scroll_into_view_if_needed()
    expect(page.locator(".message")).to_have_count(70)
    expect(first).to_be_in_viewport()
    expect(page.locator("#earlier")).to_have_count(0)

    # The way down, with what came in meanwhile.
    pill = page.locator("#new-below")
    expect(pill).to_have_text("Newest")
    product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="text", text="Are you there?")
    expect(pill).to_have_text("1 new below")
    no_barriers(page)
    pill.click()
    expect(page.locator(".message").last).to_be_in_viewport()
    expect(pill).to_be_hidden()


def test_pictures_follow_each_other_by_arrow_keys_and_folds_are_remembered(product, agent):
    customer = customer_writes(product, "Umi")
    for message in ({"kind": "image"}, {"kind": "image"}, {"kind": "text", "text": "Look at these"}):
        product.phone(f"/customers/{customer}/messages", account="kopi.corner", **message)
    open_conversation(agent, product, "Look at these")
    links = agent.get_by_role("link", name=re.compile("^Image from "))
    expect(links).to_have_count(2)
    links.first.click()
    large = agent.get_by_role("dialog", name="Picture")
    expect(large).to_contain_text("Picture 1 of 2")
    agent.keyboard.press("ArrowRight")
    expect(large).to_contain_text("Picture 2 of 2")
    expect(large.get_by_role("button", name="Next")).to_be_disabled()
    no_barriers(agent)
    agent.keyboard.press("Escape")
    expect(links.last).to_be_focused()

    window = agent.locator("details[data-fold=window]")
    window.locator("summary").click()
    expect(window).not_to_have_attribute("open", "")
    product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="text", text="And?")
    expect(agent.get_by_role("log")).to_contain_text("And?")
    expect(window).not_to_have_attribute("open", "")  # a live change doesn't unfold it
    agent.reload()
    expect(window).not_to_have_attribute("open", "")
