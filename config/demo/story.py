"""How the demo comes to life: the shop's account is connected, then customers write to it.

All over HTTP. What the local TikTok offers for this is described in `sandbox/customer.py`.
"""

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from config.demo.browser import Browser, BrowserError, Page

ACCOUNT = "kopi.corner"
MINUTE = 60
HOUR = 60 * MINUTE


@dataclass(frozen=True)
class Customer:
    """Someone who writes to the shop, so many seconds ago."""

    username: str
    display_name: str
    ago: int
    messages: list[dict[str, Any]]
    country: str = "ID"
    is_follower: bool = False
    arrival: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A message link that the shop made a month ago."""

    title: str
    ref: str
    message: str
    places: str = ""


LINKS = [
    Link("Profile bio", "bio_link", "Hello! I'd like to ask about a table.", "TikTok bio\nInstagram bio"),
    Link("Raya flyer", "flyer_raya", "Hi! Is the Raya promo still on? 🎉", "Flyers on the counter"),
]

# Oldest first. Each kind of conversation is there: closed, closing soon, new, from an ad, from a link.
CUSTOMERS = [
    Customer(
        "rangga.jkt",
        "Rangga Pratama",
        73 * HOUR,
        [{"text": "Is the cold brew back in stock?"}, {"text": "I can come by on Saturday"}],
    ),
    Customer(
        "citra.dw",
        "Citra Dewi",
        47 * HOUR + 15 * MINUTE,
        [{"text": "My order 2231 has not arrived. Can you check, please?"}],
        is_follower=True,
    ),
    Customer(
        "mei.tan",
        "Mei Tan",
        26 * HOUR,
        [{"kind": "share_post"}, {"text": "Do you ship this one to Kuala Lumpur?"}],
        country="MY",
    ),
    Customer(
        "budi.s",
        "Budi Santoso",
        2 * HOUR,
        [{"text": "Hello! Do you take bookings for eight people on Friday evening?"}, {"kind": "sticker"}],
        arrival={"source": "short_link", "ref": "bio_link", "prefilled_message": LINKS[0].message},
    ),
    Customer(
        "ayu_22",
        "Ayu Lestari",
        4 * MINUTE,
        [
            {"text": "Hi! Is the Raya promo still on? 🎉"},
            {"kind": "image"},
            {"text": "This one, two boxes please"},
        ],
        is_follower=True,
        arrival={"source": "ad", "ad_name": "Raya promo – DM"},
    ),
]

LEAD_FORM = "7100000000000000051"
# How many seconds ago, and what was answered. The first one comes from the ad that brought Ayu.
LEADS = [
    (
        7 * MINUTE,
        {
            "name": "Ayu Lestari",
            "phone_number": "+628120000022",
            "email": "ayu@example.com",
            "cups_per_week": "40",
        },
    ),
    (
        3 * HOUR + 10 * MINUTE,
        {
            "name": "Dimas Putra",
            "phone_number": "+628130000077",
            "email": "dimas@example.com",
            "cups_per_week": "5",
        },
    ),
]


def connect_account(web: str, username: str, password: str) -> Page:
    """Log in, ask to connect a channel, agree to everything as the account's owner; give the last page."""
    browser = Browser()
    login = browser.open(f"{web}/login/")
    browser.submit(login, login.form_with("password"), username=username, password=password)
    consent = browser.open(f"{web}/channels/tiktok/connect/")
    return agree(browser, consent)


def agree(browser: Browser, consent: Page) -> Page:
    """Choose the shop's account on the consent page, leave every permission ticked, and authorize."""
    origin = "/".join(consent.url.split("/")[:3])
    account = next(one for one in control(origin, "accounts")["accounts"] if one["username"] == ACCOUNT)
    form = consent.form_with("business_id")
    return browser.submit(consent, form, business_id=account["business_id"], answer="authorize")


def connect_ad_account(web: str, username: str, password: str) -> Page:
    """Agree to the shop's ad account on the advertiser's page, and set it up: its channel, event set, events."""
    browser = Browser()
    login = browser.open(f"{web}/login/")
    browser.submit(login, login.form_with("password"), username=username, password=password)
    consent = browser.open(f"{web}/channels/tiktok/ads/connect/")
    page = browser.submit(consent, consent.form_with("advertiser_id"), answer="authorize")
    form = page.form_with("test_event_code")
    channel = re.search(r'name="channels" value="([0-9]+)"', page.html)
    event_set = re.search(r'name="event_set_id" value="([0-9]+)"', page.html)
    if channel is None or event_set is None:
        raise BrowserError(f"{page.url} offers no channel or no event set.")
    chosen = {"channels": channel[1], "event_set_id": event_set[1], "lower_funnel_events": "on"}
    return browser.submit(page, form, **chosen)


def let_people_submit_forms(sandbox: str) -> int:
    """Let two people fill in the shop's lead form, one of whom has written, too; give how many."""
    now = int(time.time())
    for ago, answers in LEADS:
        wanted = {"page_id": LEAD_FORM, "answers": answers, "create_time": now - ago}
        control(sandbox, "ads/leads", wanted)
    return len(LEADS)


def let_customers_write(sandbox: str) -> int:
    """Let each customer of the story write; give how many messages they sent."""
    known = {one["username"]: one["id"] for one in control(sandbox, "customers")["customers"]}
    now = int(time.time())
    sent = 0
    for customer in CUSTOMERS:
        number = known.get(customer.username) or add_customer(sandbox, customer)
        if customer.arrival:
            came = {"account": ACCOUNT, "timestamp_ms": (now - customer.ago - 20) * 1000, **customer.arrival}
            control(sandbox, f"customers/{number}/referrals", came)
        for order, message in enumerate(customer.messages):
            at = (now - customer.ago + 20 * order) * 1000
            wanted = {"account": ACCOUNT, "timestamp_ms": at, **message}
            control(sandbox, f"customers/{number}/messages", wanted)
            sent += 1
    return sent


def add_customer(sandbox: str, customer: Customer) -> int:
    """Add someone to the local TikTok; give the number by which it knows them."""
    wanted = {
        "username": customer.username,
        "display_name": customer.display_name,
        "country": customer.country,
        "is_follower": customer.is_follower,
    }
    return int(control(sandbox, "customers", wanted)["id"])


def control(sandbox: str, path: str, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the local TikTok's own switches something, or tell them."""
    body = None if wanted is None else json.dumps(wanted).encode()
    page = Browser().open(f"{sandbox}/sandbox/api/{path}", body, "application/json" if body else "")
    answer = json.loads(page.html)
    if not isinstance(answer, dict):
        raise BrowserError(f"{page.url} did not answer with an object.")
    return answer
