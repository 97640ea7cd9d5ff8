"""New ids in the shapes that TikTok gives them: opaque, and awkward on purpose."""

import base64
import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def letters(length: int) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_conversation_id() -> str:
    """Always holds `+`, `/` and `=`, so that a client which forgets to percent-encode fails here first."""
    return f"{letters(12)}+{letters(5)}/{letters(4)}=="


def new_message_id() -> str:
    """Base64 of random bytes: about every second one holds `+` or `/`, all end in `=`."""
    return base64.b64encode(secrets.token_bytes(19)).decode()


def new_business_id() -> str:
    """An open_id: app-scoped, with a leading dash as real ones have."""
    return f"-000{letters(24)}"


def new_unique_identifier() -> str:
    """A person's stable id, with a leading plus as real ones have."""
    return f"+ZMM{letters(20)}"


def new_number() -> str:
    """A 19-digit id as of posts and ads; too large for a JavaScript number, hence text."""
    return f"7{secrets.randbelow(10**18):018d}"


def new_request_id() -> str:
    """A request id, also used as log id."""
    return secrets.token_hex(16).upper()
