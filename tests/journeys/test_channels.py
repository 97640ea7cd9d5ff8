"""Staff look after a channel: connect, rename, remove and connect it again, by keyboard, and without a script."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.steps import agree_on_tiktok, complaints_of, connect_account, log_in, no_barriers

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)
SIZE = {"width": 1280, "height": 860}
REFUSED_FORM = "status of 422"  # the browser says so on its console


def open_menu(page: Page, channel: str) -> None:
    """Open the menu of a channel by keyboard."""
    page.get_by_label(f"Actions for {channel}").focus()
    page.keyboard.press("Enter")


def choose(page: Page, item: str) -> None:
    """Tab through the open menu to an item, and take it."""
    wanted = page.locator("details[open]").get_by_role("link", name=item, exact=True)
    for _ in range(8):
        page.keyboard.press("Tab")
        if wanted.evaluate("link => link === document.activeElement"):
            return page.keyboard.press("Enter")
    return pytest.fail(f"{item} can't be reached by keyboard")


@pytest.fixture
def staff(product, browser):
    page = browser.new_context(viewport=SIZE).new_page()
    log_in(page, product)
    connect_account(page, product)
    return page


def test_after_connecting_the_page_says_what_was_allowed_and_when_the_first_message_is_there(product, staff):
    complaints = complaints_of(staff)
    no_barriers(staff)
    expect(staff.locator(".granted .is-granted")).to_have_count(6)
    expect(staff.locator("#first-message")).to_contain_text("Waiting for the first message")
    product.manage(
        "shell",
        "-c",
        "from django.utils import timezone; from channels_tiktok.models import Channel;"
        "Channel.objects.update(last_event_at=timezone.now())",
    )
    expect(staff.locator("#first-message")).to_contain_text("It arrived.")
    no_barriers(staff)
    assert complaints == []


def test_a_channel_is_renamed_removed_and_connected_again_by_keyboard(product, staff):
    complaints = complaints_of(staff)
    staff.goto(f"{product.url}/channels/tiktok/")
    dialog = staff.locator("#dialog")

    # Esc leaves everything as it was, with the focus where the way began.
    open_menu(staff, "Kopi Corner")
    no_barriers(staff)
    choose(staff, "Rename")
    expect(staff.get_by_label("Name", exact=True)).to_be_focused()
    no_barriers(staff)
    staff.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(staff.get_by_label("Actions for Kopi Corner")).to_be_focused()

    # A refused name is said in the dialog; Enter submits.
    open_menu(staff, "Kopi Corner")
    choose(staff, "Rename")
    expect(staff.get_by_label("Name", exact=True)).to_be_focused()
    staff.keyboard.type("   ")
    staff.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("A channel needs a name.")
    no_barriers(staff)
    staff.keyboard.press("Control+A")
    staff.keyboard.type("Front desk")
    staff.keyboard.press("Enter")
    expect(staff.get_by_text("“Kopi Corner” is now called “Front desk” here.")).to_be_visible()
    expect(staff.get_by_label("Actions for Front desk")).to_be_focused()

    # Removing asks first, and Enter on what has the focus removes nothing.
    open_menu(staff, "Front desk")
    choose(staff, "Remove")
    expect(dialog.get_by_role("heading", name="What stops")).to_be_visible()
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    no_barriers(staff)
    staff.keyboard.press("Enter")
    expect(dialog).not_to_be_visible()
    expect(staff.locator(".channel .status")).to_have_text("Connected")
    open_menu(staff, "Front desk")
    choose(staff, "Remove")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    staff.keyboard.press("Tab")
    staff.keyboard.press("Enter")
    expect(staff.get_by_text("Front desk was removed.")).to_be_visible()
    expect(staff.locator(".channel .status")).to_have_text("Removed")
    no_barriers(staff)

    # The same account comes back with our name for it.
    open_menu(staff, "Front desk")
    choose(staff, "Connect again")
    agree_on_tiktok(staff)
    expect(staff.locator(".connected-name")).to_have_text("Front desk")
    assert [line for line in complaints if REFUSED_FORM not in line] == []

    # Without a script the same steps are pages.
    plain = staff.context.browser.new_context(viewport=SIZE, java_script_enabled=False).new_page()
    log_in(plain, product)
    plain.goto(f"{product.url}/channels/tiktok/")
    open_menu(plain, "Front desk")
    choose_without_script(plain, "Rename")
    plain.get_by_label("Name", exact=True).fill("Kopi Corner")
    plain.keyboard.press("Enter")
    expect(plain.get_by_text("“Front desk” is now called “Kopi Corner” here.")).to_be_visible()


def choose_without_script(page: Page, item: str) -> None:
    page.locator("details[open]").get_by_role("link", name=item, exact=True).press("Enter")


PAGES = [
    "/admin/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/user/1/change/",
    "/admin/auth/user/1/history/",
    "/admin/auth/group/add/",
    "/admin/channels_tiktok/channel/",
    "/admin/channels_tiktok/channel/1/change/",
    "/admin/channels_tiktok/webhookevent/",
    "/admin/channels_tiktok/refuseddeliveries/",
    "/admin/inbox/message/",
    "/admin/django_q/schedule/",
    "/admin/django_q/schedule/add/",
    "/admin/password_change/",
]


def test_every_page_of_the_admin_is_without_barriers_and_fits_a_phone(product, staff):
    complaints = complaints_of(staff)
    for path in PAGES:
        staff.set_viewport_size(SIZE)
        staff.goto(f"{product.url}{path}")
        expect(staff.get_by_role("navigation", name="Main")).to_be_visible()
        if staff.locator(".action-select").count():
            staff.locator(".action-select").first.check()
            expect(staff.locator(".actions")).to_be_visible()
        assert complaints == [], path
        no_barriers(staff)
        complaints.clear()  # axe itself puts the sheets that a sheet imports into the page, which is refused
        staff.set_viewport_size({"width": 390, "height": 844})
        assert staff.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    staff.goto(f"{product.url}/favicon.ico")
    expect(staff.locator("svg").first).to_be_visible()
    assert complaints == []
