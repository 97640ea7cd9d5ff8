"""A morning by keyboard alone, two people in one conversation, and what is told to whom looks elsewhere."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import PASSWORD
from tests.journeys.steps import complaints_of, connect_account, log_in, no_barriers

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)

MAKE_BEN = f"""
from django.contrib.auth.models import User
if not User.objects.filter(username="ben"):
    User.objects.create_superuser("ben", password="{PASSWORD}", first_name="Ben", last_name="Okafor")
from inbox.models import Label
Label.objects.get_or_create(name="Shipping", defaults=dict(colour="blue"))
User.objects.filter(username="admin").update(first_name="Ana", last_name="Wibowo")
"""


@pytest.fixture
def ana(product, browser) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    log_in(page, product)
    if not any(one["connected"] for one in product.look("/accounts")["accounts"]):
        connect_account(page, product)
        page.goto(f"{product.url}/inbox/")
    product.manage("shell", "--no-imports", "-c", MAKE_BEN)
    page.reload()
    return page


@pytest.fixture
def ben(product, browser, ana) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    page.goto(f"{product.url}/inbox/")
    page.get_by_label("User name").fill("ben")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/inbox/"))
    return page


def write(product, name: str, text: str) -> None:
    """A new customer writes to the account."""
    customer = product.phone("/customers", display_name=name, username=name)["id"]
    product.phone(f"/customers/{customer}/messages", account="kopi.corner", kind="text", text=text)


def row(page: Page, name: str):
    return page.locator("#conversations a[data-name]").filter(has_text=name)


def focused_name(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.id"))


def walk_to(page: Page, name: str) -> None:
    """Press `j` until the row has the focus."""
    expect(row(page, name)).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.evaluate("document.querySelector('#conversations a[data-name]').focus()")
    for _ in range(60):
        if focused_name(page).startswith(name):
            return
        page.keyboard.press("j")
    pytest.fail(f"{name} was never reached; the focus is on {focused_name(page)}")


def test_a_morning_by_keyboard_alone(product, ana):
    complaints = complaints_of(ana)
    write(product, "kirana", "Is the cold brew back?")
    write(product, "lukas", "Do you ship to Bern?")

    # The list is one Tab stop; arrows and letters move in it, and nothing is opened by moving.
    expect(row(ana, "lukas")).to_be_visible()
    assert ana.locator('#conversations a[data-name][tabindex="0"]').count() == 1
    walk_to(ana, "lukas")
    ana.keyboard.press("k")
    ana.keyboard.press("ArrowDown")
    assert focused_name(ana).startswith("lukas")
    walk_to(ana, "kirana")
    ana.keyboard.press("Enter")
    expect(ana.get_by_role("log")).to_contain_text("Is the cold brew back?")

    # Letters are letters in the box; Esc leads back to the row.
    ana.keyboard.press("r")
    ana.keyboard.type("jke? Yes, it is.")
    expect(ana.get_by_label("Reply to")).to_have_value("jke? Yes, it is.")
    ana.keyboard.press("Tab")
    assert focused_name(ana) != "composer-send"
    ana.keyboard.press("Shift+Tab")
    ana.keyboard.press("Escape")
    assert focused_name(ana).startswith("kirana")
    ana.keyboard.press("r")
    ana.keyboard.press("Control+Enter")
    expect(ana.locator(".message.is-outbound").last).to_contain_text("Yes, it is.")

    # Taken back with the keys of every undo, while the box is empty; then sent for good.
    ana.keyboard.press("Control+z")
    expect(ana.get_by_label("Reply to")).to_have_value("jke? Yes, it is.")
    ana.keyboard.press("Control+a")
    ana.keyboard.type("Yes, since today.")
    ana.keyboard.press("Control+Enter")
    expect(ana.locator(".message.is-outbound").last).to_contain_text("Yes, since today.")

    # Mine, unread again, seen, closed, and the next one is open.
    ana.keyboard.press("Escape")
    ana.keyboard.press("i")
    expect(ana.locator(".button-assignee")).to_contain_text("You")
    expect(ana.locator("#conversations .row", has_text="kirana")).not_to_have_class(re.compile("is-unread"))
    ana.keyboard.press("Shift+u")
    expect(ana.locator("#conversations .row", has_text="kirana")).to_have_class(re.compile("is-unread"))
    before = ana.url
    ana.keyboard.press("Shift+e")
    expect(row(ana, "kirana")).to_have_count(0)
    expect(ana).not_to_have_url(before)
    assert "kirana" not in focused_name(ana)

    # A dialog gives the focus back to where it was called from.
    walk_to(ana, "lukas")
    ana.keyboard.press("o")
    expect(ana.get_by_role("log")).to_contain_text("Do you ship to Bern?")
    ana.keyboard.press("a")
    expect(ana.get_by_role("heading", name="Assign the conversation with lukas")).to_be_visible()
    no_barriers(ana)
    ana.keyboard.press("Escape")
    assert focused_name(ana).startswith("lukas")

    # Send and close in one.
    ana.keyboard.press("r")
    ana.keyboard.type("Yes, we do.")
    ana.keyboard.press("Control+Shift+Enter")
    expect(row(ana, "lukas")).to_have_count(0)
    expect(ana.get_by_role("button", name="Reopen")).to_be_visible()
    assert complaints == []


def ticked(page: Page) -> int:
    return page.locator("#conversations .row-box input:checked").count()


def test_the_rest_of_the_morning_by_keyboard_alone(product, ana):
    """Triage, answer, note with a mention, label, snooze, close and next, search, and the search as a view."""
    complaints = complaints_of(ana)
    for name in ("rosa", "samir", "tilda"):
        write(product, name, f"A question about the teapot, says {name}")
    expect(row(ana, "tilda")).to_be_visible()

    # Triage: two are ticked, or all, and the bar tells how many.
    walk_to(ana, "rosa")
    ana.keyboard.press("x")
    walk_to(ana, "samir")
    ana.keyboard.press("x")
    expect(ana.locator("#bulk-count")).to_have_text("2 ticked")
    no_barriers(ana)
    ana.keyboard.press("*")
    ana.keyboard.press("a")
    assert ticked(ana) == ana.locator("#conversations .row").count()
    ana.keyboard.press("*")
    ana.keyboard.press("a")
    expect(ana.locator("#bulk")).to_be_hidden()

    # Answer; then a note that names a colleague. The keys act on the row that has the focus.
    walk_to(ana, "rosa")
    ana.keyboard.press("r")
    expect(ana.get_by_label("Reply to rosa")).to_be_focused()
    ana.keyboard.type("It holds one litre.")
    ana.keyboard.press("Control+Enter")
    expect(ana.locator(".message.is-outbound").last).to_contain_text("one litre")
    ana.keyboard.press("Escape")
    ana.keyboard.press("n")
    expect(ana.get_by_label("Note for your team")).to_be_focused()
    ana.keyboard.type("Do we have it in blue, @be")
    expect(ana.get_by_role("option", name=re.compile("Ben Okafor"))).to_be_visible()
    no_barriers(ana)
    ana.keyboard.press("Enter")
    ana.keyboard.press("Control+Enter")
    expect(ana.locator(".note .mention")).to_have_text("@ben")

    # A label, and sleep until later.
    ana.keyboard.press("Escape")
    ana.keyboard.press("l")
    expect(ana.get_by_label("Find a label")).to_be_focused()
    ana.keyboard.type("ship")
    ana.keyboard.press("Enter")
    expect(ana.get_by_role("dialog").get_by_label("Shipping")).to_be_checked()
    ana.keyboard.press("Enter")
    expect(ana.get_by_role("dialog")).to_be_hidden()
    expect(ana.locator("#details-body .label")).to_have_text("Shipping")
    walk_to(ana, "rosa")
    ana.keyboard.press("z")
    expect(ana.get_by_role("dialog").get_by_role("button", name=re.compile("In 1 hour"))).to_be_focused()
    ana.keyboard.press("Enter")
    expect(row(ana, "rosa")).to_have_count(0)

    # Close and next.
    walk_to(ana, "samir")
    ana.keyboard.press("Enter")
    expect(ana.get_by_role("log")).to_contain_text("says samir")
    ana.keyboard.press("Shift+e")
    expect(row(ana, "samir")).to_have_count(0)
    expect(ana.locator("#thread-name")).not_to_have_text("samir")

    # Search finds what sleeps, and the note; the thread opens at what was found.
    ana.evaluate("document.activeElement.blur()")
    ana.keyboard.press("/")
    expect(ana.get_by_role("searchbox")).to_be_focused()
    ana.keyboard.type("teapot")
    ana.keyboard.press("Enter")
    expect(ana.locator("#conversations mark").first).to_have_text("teapot")
    assert {row(ana, name).count() for name in ("rosa", "samir", "tilda")} == {1}
    no_barriers(ana)
    walk_to(ana, "tilda")
    ana.keyboard.press("Enter")
    expect(ana.locator(".message.is-found")).to_contain_text("says tilda")
    ana.keyboard.press("Control+k")
    ana.keyboard.type("save as")
    ana.keyboard.press("Enter")
    expect(ana.get_by_role("heading", name="Save as view")).to_be_visible()
    no_barriers(ana)
    ana.get_by_label("Name", exact=True).focus()
    ana.keyboard.type("Teapots")
    ana.keyboard.press("Enter")
    expect(ana.locator(".view-saved[aria-current]")).to_contain_text("Teapots")
    ana.wait_for_load_state()

    # From anywhere the palette leads back to it.
    ana.keyboard.press("g")
    ana.keyboard.press("i")
    expect(ana).to_have_url(re.compile("/inbox/$"))
    ana.wait_for_load_state()
    ana.keyboard.press("Control+k")
    ana.keyboard.type("teapots")
    expect(ana.get_by_role("option")).to_have_text(["Teapots"])
    ana.keyboard.press("Enter")
    expect(ana).to_have_url(re.compile("q=teapot"))
    assert complaints == []


PAGES = [
    *("profile/", "preferences/", "preferences/keys/", "preferences/notifications/", "saved-replies/"),
    *("saved-replies/new/", "search-help/", "keys/", "views/new/?q=teapot", "?q=colour:blue", "?view=closed"),
]
ADMIN = ["auth/user/", "auth/user/add/", "inbox/team/add/", "inbox/label/", "messagelinks/messagelink/"]


def test_no_page_of_the_settings_and_of_what_staff_keep_has_a_barrier(product, ana):
    addresses = [f"/inbox/{page}" for page in PAGES] + ["/password/"] + [f"/admin/{page}" for page in ADMIN]
    for address in addresses:
        assert ana.goto(product.url + address).status == 200, address
        no_barriers(ana)
    # One navigation leads through all settings.
    ana.goto(f"{product.url}/inbox/profile/")
    for name in ("Preferences", "Keyboard", "Notifications", "Saved replies", "Password", "Profile"):
        ana.get_by_role("navigation", name="Settings").get_by_role("link", name=name).click()
        expect(ana.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")


def test_the_menu_of_a_narrow_thread_holds_what_there_is_no_room_for(product, ana):
    write(product, "uli", "Hello from a phone")
    ana.set_viewport_size({"width": 390, "height": 780})
    row(ana, "uli").click()
    expect(ana.get_by_role("log")).to_contain_text("Hello from a phone")
    menu = ana.locator("#thread-menu")
    menu.locator("summary").click()
    expect(menu.locator(".menu-item")).to_contain_text(
        ["Assign to me", "Labels", "Snooze", "Mark unread", "Details"]
    )
    no_barriers(ana)
    write(product, "vera", "News for the list")  # the page goes on living behind an open menu
    expect(ana).to_have_title(re.compile(r"^\(\d+\) "))
    menu.get_by_role("link", name=re.compile("Labels")).click()
    expect(ana.get_by_role("heading", name="Labels of the conversation with uli")).to_be_visible()
    ana.keyboard.press("Escape")
    expect(menu.locator("summary")).to_be_focused()
    menu.locator("summary").click()
    menu.get_by_role("button", name=re.compile("Mark unread")).click()
    ana.get_by_label("Back to the list").click()
    expect(ana.locator("#conversations .row", has_text="uli")).to_have_class(re.compile("is-unread"))


def test_help_and_palette_and_keys_of_ones_own(product, ana):
    complaints = complaints_of(ana)
    ana.keyboard.press("?")
    expect(ana.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    no_barriers(ana)
    ana.keyboard.press("Escape")

    ana.keyboard.press("Control+k")
    expect(ana.get_by_role("combobox")).to_be_focused()
    no_barriers(ana)
    ana.keyboard.type("unassi")
    expect(ana.get_by_role("option").first).to_contain_text("Go to “Unassigned”")
    ana.keyboard.press("Enter")
    expect(ana).to_have_url(re.compile("view=unassigned"))
    ana.keyboard.press("g")
    ana.keyboard.press("m")
    expect(ana).to_have_url(re.compile("view=mine"))

    # Another key for the palette's help, a clash that is told at once, and everything off.
    ana.goto(f"{product.url}/inbox/preferences/keys/")
    no_barriers(ana)
    field = ana.get_by_label("Keyboard shortcuts", exact=True)
    field.press("j")
    expect(ana.locator(".key-error", has_text="“Next conversation” has these keys.")).to_be_visible()
    field.press("Backspace")
    field.press("g")
    field.press("h")
    expect(field).to_have_value("g h")
    ana.get_by_role("button", name="Save").click()
    expect(ana.get_by_text("Saved.")).to_be_visible()
    ana.goto(f"{product.url}/inbox/")
    ana.keyboard.press("?")
    ana.keyboard.press("g")
    ana.keyboard.press("h")
    expect(ana.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()

    ana.goto(f"{product.url}/inbox/preferences/keys/")
    ana.get_by_label("Use keyboard shortcuts").uncheck()
    ana.get_by_role("button", name="Save").click()
    ana.goto(f"{product.url}/inbox/")
    ana.keyboard.press("g")
    ana.keyboard.press("m")
    ana.keyboard.press("j")
    expect(ana).to_have_url(f"{product.url}/inbox/")
    assert focused_name(ana) == ""
    ana.goto(f"{product.url}/inbox/preferences/keys/")
    ana.get_by_label("Use keyboard shortcuts").check()
    ana.get_by_role("button", name="Save").click()
    ana.get_by_role("button", name="Reset all").click()
    expect(ana.get_by_text("All keys are the default again.")).to_be_visible()
    assert complaints == []


def test_two_people_in_one_conversation_see_each_other(product, ana, ben):
    write(product, "nadia", "Anyone there?")
    row(ana, "nadia").click()
    expect(ana.get_by_role("log")).to_contain_text("Anyone there?")
    theirs = ben.locator("#conversations a[data-name]").filter(has_text="nadia")
    expect(theirs).to_have_attribute("aria-label", re.compile("Ana is viewing"), timeout=4_000)
    expect(theirs.locator(".presence-mark")).to_have_attribute("title", "Ana is viewing")
    theirs.click()
    expect(ben.locator("#thread-presence")).to_contain_text("Ana is viewing")
    expect(ana.locator("#thread-presence")).to_contain_text("Ben is viewing", timeout=4_000)

    ana.get_by_label("Reply to").press_sequentially("I am just wri")
    expect(ben.locator("#thread-presence")).to_contain_text("Ana is typing a reply", timeout=4_000)
    no_barriers(ben)
    expect(ben.locator("#thread-presence")).to_contain_text("Ana is viewing", timeout=12_000)

    # Ben goes elsewhere, and is gone there; Ana logs out, and is gone everywhere.
    ben.goto(f"{product.url}/inbox/")
    expect(ana.locator("#thread-presence")).to_have_text("", timeout=4_000)
    expect(theirs).to_have_attribute("aria-label", re.compile("Ana is viewing"))
    ana.get_by_label("Account of").click()
    ana.get_by_role("button", name="Log out").click()
    expect(theirs).not_to_have_attribute("aria-label", re.compile("viewing"), timeout=4_000)


LOOKS_ELSEWHERE = """
window.popped = [];
window.rang = 0;
Document.prototype.hasFocus = () => false;
window.Notification = class {
  static permission = "granted";
  constructor(title, options) { window.popped.push(`${title}: ${options.body}`); }
};
addEventListener("reply48:rang", () => { window.rang += 1; }, true);
"""


def test_of_two_open_pages_one_tells_and_the_tab_shows_the_count(product, ana, ben):
    first = ben
    context = first.context
    context.add_init_script(LOOKS_ELSEWHERE)
    first.goto(f"{product.url}/inbox/preferences/notifications/")
    no_barriers(first)
    first.get_by_role("button", name="Test").click()
    assert first.evaluate("window.popped") == ["Reply48: This is how you are told."]
    first.goto(f"{product.url}/inbox/")
    second = context.new_page()
    second.goto(f"{product.url}/inbox/")
    write(product, "olga", "Is it ready?")
    for page in (first, second):
        expect(row(page, "olga")).to_be_visible()
        expect(page).to_have_title(re.compile(r"^\(\d+\) "))
        expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("^data:image/png"))
    popped = first.evaluate("window.popped") + second.evaluate("window.popped")
    assert popped == ["olga: Is it ready?"]


@pytest.mark.parametrize("width", [320, 390])
def test_narrow_pages_scroll_in_one_direction_only_and_targets_can_be_hit(product, ana, width):
    """320 CSS pixels are also what a page of 1280 has at 400 % zoom."""
    write(product, f"petra{width}", "Hello, is this one still to be had? " * 8)
    expect(row(ana, f"petra{width}")).to_be_visible()
    ana.set_viewport_size({"width": width, "height": 256 if width == 320 else 700})
    row(ana, f"petra{width}").click()
    expect(ana.get_by_role("log")).to_contain_text("still to be had")
    addresses = ["", "keys/", "preferences/", "preferences/keys/", "preferences/notifications/"]
    addresses = [ana.url, *(f"{product.url}/inbox/{address}" for address in addresses)]
    for address in addresses:
        ana.goto(address)
        assert ana.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        assert ana.evaluate(TOO_SMALL) == [], address
        no_barriers(ana)


# WCAG 2.5.8 lets targets in a sentence be smaller, and native checkboxes with a label around them.
TOO_SMALL = """[...document.querySelectorAll("a, button, summary, input, select, textarea")].filter((target) => {
  const box = (target.closest("label") || target).getBoundingClientRect();
  const isShown = target.checkVisibility({ visibilityProperty: true }) && box.width > 1;
  const isInText = getComputedStyle(target).display === "inline";
  return isShown && !isInText && (box.width < 24 || box.height < 24);
}).map((target) => target.outerHTML.slice(0, 160))"""


def test_the_focus_is_never_hidden_and_forced_colours_keep_the_states(product, ana):
    write(product, "quinn", "Hello")
    row(ana, "quinn").click()
    expect(ana.get_by_role("log")).to_contain_text("Hello")
    ana.set_viewport_size({"width": 1280, "height": 420})
    ana.emulate_media(forced_colors="active", reduced_motion="reduce")
    ana.evaluate("document.activeElement.blur()")
    hidden = []
    for _ in range(40):
        ana.keyboard.press("Tab")
        name = ana.evaluate(COVERED)
        if name:
            hidden.append(name)
    assert hidden == []
    assert (
        ana.evaluate("getComputedStyle(document.querySelector('#conversations a[aria-current]')).outlineStyle")
        == "solid"
    )


COVERED = """(() => {
  const one = document.activeElement;
  if (one === document.body || one.closest(".visually-hidden")) return "";
  const box = one.getBoundingClientRect();
  const points = [
    [box.left + 4, box.top + 4],
    [box.right - 4, box.bottom - 4],
    [box.left + box.width / 2, box.top + box.height / 2],
  ];
  const isSeen = points.some(([x, y]) => {
    const top = document.elementFromPoint(x, y);
    return top && (one.contains(top) || top.contains(one));
  });
  return isSeen ? "" : one.outerHTML.slice(0, 160);
})()"""
