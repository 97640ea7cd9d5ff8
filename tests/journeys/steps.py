"""What several journeys do on their way."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys.conftest import PASSWORD


def log_in(page: Page, product) -> None:
    page.goto(f"{product.url}/inbox/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/inbox/"))


def connect_account(page: Page, product) -> None:
    page.goto(f"{product.url}/channels/tiktok/")
    page.get_by_role("link", name="Connect a TikTok account").first.click()
    agree_on_tiktok(page)


def agree_on_tiktok(page: Page) -> None:
    """Agree to everything on the consent page, as the owner of @kopi.corner."""
    expect(page.get_by_role("heading", name="Let this app into your account?")).to_be_visible()
    page.get_by_text("@kopi.corner").click()
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("(@kopi.corner) is connected.")).to_be_visible()


def no_barriers(page: Page) -> None:
    """axe-core finds nothing on the page, in either theme."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour on its way
        found = Axe().run(page).response["violations"]
        assert not found, [(rule["id"], rule["nodes"][0]["html"]) for rule in found]


def complaints_of(page: Page) -> list[str]:
    """What the browser complains about from now on: refused styles and scripts, errors, missing files."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints
