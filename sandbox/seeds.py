"""What is there on first start: three accounts to pick on the consent page, their posts, three customers."""

import json

from sandbox.identifiers import new_business_id, new_number, new_unique_identifier
from sandbox.store import now, row, run, transaction

ACCOUNTS = [
    ("kopi.corner", "Kopi Corner", True, "ID", "Small-batch coffee from Bandung. Open 7–22."),
    ("batik.house", "Batik House", True, "ID", "Hand-drawn batik, made to order."),
    ("just.me", "Just Me", False, "ID", ""),
]
CAPTIONS = [
    "How we roast on Mondays",
    "New: pandan latte",
    "Behind the bar with Sari",
    "Beans, from farm to cup",
]
# Their ads bring the customers of `customer.ad_details`.
ADVERTISERS = [("7300000000000000011", "Kopi Corner Ads"), ("7300000000000000012", "Batik House Ads")]
LEAD_FORMS = [
    (
        "7100000000000000051",
        "7300000000000000011",
        "Order coffee for your office",
        ["name", "phone_number", "email", "cups_per_week"],
    ),
    ("7100000000000000052", "7300000000000000012", "Ask for a batik sample", ["name", "email"]),
]
EVENT_SETS = [
    ("7600000000000000041", "7300000000000000011", "Coffee orders"),
    ("7600000000000000042", "7300000000000000011", "Test events"),
    ("7600000000000000043", "7300000000000000012", "Batik orders"),
]
CUSTOMERS = [
    ("ayu_22", "Ayu Lestari", "ID", True),
    ("budi.s", "Budi Santoso", "ID", False),
    ("lena.k", "Lena Krüger", "DE", False),
]


def plant() -> None:
    """Add the seeds to an empty file; a file in use is left alone."""
    with transaction():
        if row("SELECT 1 FROM accounts") is None:
            for username, name, is_business, country, bio in ACCOUNTS:
                add_account(
                    username=username, display_name=name, is_business=is_business, country=country, bio=bio
                )
        if row("SELECT 1 FROM customers") is None:
            for username, name, country, is_follower in CUSTOMERS:
                add_customer(username=username, display_name=name, country=country, is_follower=is_follower)
        if row("SELECT 1 FROM advertisers") is None:
            plant_ads()


def plant_ads() -> None:
    """Two advertisers with their lead forms and CRM event sets."""
    for advertiser in ADVERTISERS:
        run("INSERT INTO advertisers VALUES (?, ?)", *advertiser)
    for page_id, advertiser_id, title, fields in LEAD_FORMS:
        run("INSERT INTO lead_forms VALUES (?, ?, ?, ?)", page_id, advertiser_id, title, json.dumps(fields))
    for event_set_id, advertiser_id, name in EVENT_SETS:
        run("INSERT INTO event_sets VALUES (?, ?, ?, ?)", event_set_id, advertiser_id, name, int(now()))


def add_account(
    *, username: str, display_name: str, is_business: bool, country: str, bio: str = "", business_id: str = ""
) -> str:
    """A TikTok account with a few posts of its own; returns its business_id."""
    business_id = business_id or new_business_id()
    run(
        "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)",
        business_id,
        username,
        display_name,
        is_business,
        country,
        bio,
    )
    for age, caption in enumerate(CAPTIONS):
        created = int(now()) - 86400 * (age + 1)
        run("INSERT INTO videos VALUES (?, ?, ?, ?)", new_number(), business_id, caption, created)
    return business_id


def add_customer(*, username: str, display_name: str, country: str, is_follower: bool) -> int:
    """A TikTok user who may write to accounts; returns the sandbox's number of them."""
    added = run(
        "INSERT INTO customers (unique_identifier, username, display_name, country, is_follower)"
        " VALUES (?, ?, ?, ?, ?)",
        new_unique_identifier(),
        username,
        display_name,
        country,
        is_follower,
    )
    return added.lastrowid or 0
