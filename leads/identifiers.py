"""Phone numbers and e-mail addresses: recognised, brought into one form, hashed as TikTok takes them, masked.

TikTok takes SHA-256 of the trimmed lower-case address and of the number in E.164 (docs/tiktok-api.md 6.4). A
number that was written without its country has no E.164 form; its last nine digits still tell that it is the same
one.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TAIL = 9  # digits
_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_PHONE = re.compile(r"(?<![\w+])\+?\(?\d(?:[\s().-]{0,2}\d){7,16}(?![\w-])")
_PHONE_QUESTION = re.compile(r"phone|mobile|whats ?app|telepon|telp", re.IGNORECASE)
_EMAIL_QUESTION = re.compile(r"e-?mail", re.IGNORECASE)
_NAME_QUESTION = re.compile(r"^(full[_ ]?|first[_ ]?)?name$", re.IGNORECASE)
LONGEST_TEXT = 6_000


@dataclass(frozen=True)
class Identifier:
    """One phone number or address: `digest` as TikTok takes it, `match` to know it again."""

    kind: str
    digest: str
    match: str


def sha256(text: str) -> str:
    """The hash that TikTok takes, in lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def email_identifier(text: str) -> Identifier | None:
    """The address in `text` if that is one."""
    address = text.strip().lower()
    if not _EMAIL.fullmatch(address):
        return None
    return Identifier("email", sha256(address), sha256(address))


def phone_identifier(text: str) -> Identifier | None:
    """The number in `text` if that is one; its digest is empty where the country is missing."""
    if not _PHONE.fullmatch(text.strip()):
        return None
    digits = re.sub(r"\D", "", text)
    is_full = text.strip().startswith("+") or digits.startswith("00")
    full = "+" + digits.removeprefix("00") if is_full else ""
    # The zero before a national number and the country before an international one are left out alike.
    tail = digits.lstrip("0")[-TAIL:]
    if not 8 <= len(digits) <= 17 or len(tail) < 7:
        return None
    return Identifier("phone", sha256(full) if full else "", sha256(f"tail:{tail}"))


def identifiers_in(text: str) -> Iterator[Identifier]:
    """Every number and address that stands in a message, each once."""
    text = text[:LONGEST_TEXT]
    seen = set()
    for pattern, read in ((_EMAIL, email_identifier), (_PHONE, phone_identifier)):
        for found in pattern.finditer(text):
            identifier = read(found[0].strip())
            if identifier and identifier.match not in seen:
                seen.add(identifier.match)
                yield identifier


@dataclass(frozen=True)
class Person:
    """What a form's answers say of who filled it in."""

    name: str = ""
    phone: Identifier | None = None
    email: Identifier | None = None


def person_in(answers: list[dict[str, str]]) -> Person:
    """Read the first name, phone number and address among the answers."""
    name, phone, email = "", None, None
    for answer in answers:
        question, value = answer["question"], answer["answer"]
        if not name and _NAME_QUESTION.search(question.strip()):
            name = value.strip()[:200]
        if phone is None and _PHONE_QUESTION.search(question):
            phone = phone_identifier(value)
        if email is None and (_EMAIL_QUESTION.search(question) or "@" in value):
            email = email_identifier(value)
    return Person(name, phone, email)


def masked_answers(answers: list[dict[str, Any]], *, shows_all: bool) -> list[dict[str, Any]]:
    """The answers as a person may see them: numbers and addresses only for those who may."""
    return (
        answers if shows_all else [{**one, "answer": _masked(one["question"], one["answer"])} for one in answers]
    )


def labelled(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers with each question as people read it: TikTok calls its own questions “phone_number”."""
    return [{**one, "label": _label(one["question"])} for one in answers]


def _label(question: str) -> str:
    words = question if " " in question else question.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _masked(question: str, value: str) -> str:
    if _EMAIL_QUESTION.search(question) or "@" in value:
        return f"{value[:1]}•••@•••"
    if _PHONE_QUESTION.search(question) or phone_identifier(value):
        return f"••••••{value.strip()[-2:]}"
    masked = _EMAIL.sub("•••@•••", value)
    return _PHONE.sub("••••••", masked)
