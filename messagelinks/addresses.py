"""The address of a message link (docs/tiktok-api.md 3.10), and what an arrival tells of it.

Guarantee: an address that is read back gives exactly the ref and the text that it was made of. Everything but
letters, digits and `-._~` is percent-encoded as UTF-8, so a space is `%20` and no `+`, `&` or emoji is ambiguous.
`addressOf` in static/js/links.js does the same for the preview; a test compares the two.
"""

import hashlib
import unicodedata
from urllib.parse import quote, unquote

import regex


def address_of(*, username: str, ref: str, message: str) -> str:
    """Give the address that opens a chat with `username`, with `message` in the customer's input."""
    parts = {"ref": ref, "message": message}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items() if value)
    return f"https://tiktok.me/{quote(username, safe='')}?{query}"


def fingerprint(*, ref: str, message: str) -> str:
    """Give what is the same for a version and for the arrivals by it.

    TikTok may give a ref back percent-encoded, and may tidy up a text's white space or Unicode form.
    """
    text = " ".join(unicodedata.normalize("NFC", message).split())
    return hashlib.sha256(f"{unquote(ref)}\n{text}".encode()).hexdigest()


def characters_in(text: str) -> int:
    """How many characters a person counts: an emoji of several parts, or a letter with its accent, is one."""
    return len(regex.findall(r"\X", text))
