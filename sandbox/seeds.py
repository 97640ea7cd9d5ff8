"""What is there on first start: three accounts to pick on the consent page, their posts, three customers."""

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
