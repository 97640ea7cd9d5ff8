"""The address of a link: exactly encoded, and read back to what it was made of."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messagelinks.addresses import address_of, characters_in, fingerprint

ENCODED = {
    "I want a table for two": "I%20want%20a%20table%20for%20two",
    "1 + 1 & 2 = 3?": "1%20%2B%201%20%26%202%20%3D%203%3F",
    "100 % #now": "100%20%25%20%23now",
    "line one\nline two": "line%20one%0Aline%20two",
    "tab\there": "tab%09here",
    "🎉": "%F0%9F%8E%89",
    "👩‍👩‍👧": "%F0%9F%91%A9%E2%80%8D%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7",
    "مرحبا": "%D9%85%D8%B1%D8%AD%D8%A8%D8%A7",
    "שלום": "%D7%A9%D7%9C%D7%95%D7%9D",
    "你好": "%E4%BD%A0%E5%A5%BD",
    "é": "%C3%A9",
    "e\u0301": "e%CC%81",
    "it's (really) *so*!": "it%27s%20%28really%29%20%2Aso%2A%21",
    "a/b?c:d@e,f;g$h": "a%2Fb%3Fc%3Ad%40e%2Cf%3Bg%24h",
    '"<>\\^`{|}[]': "%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D",
    "A-z_0.9~": "A-z_0.9~",
    " ends with a space ": "%20ends%20with%20a%20space%20",
}
COUNTED = {
    "": 0,
    "abc": 3,
    "🎉": 1,
    "👩‍👩‍👧": 1,
    "e\u0301": 1,
    "🇮🇩": 1,
    "👍🏽": 1,
    "a\nb": 3,
    "한국": 2,
    "नमस्ते": 3,
}


@pytest.mark.parametrize(("text", "encoded"), ENCODED.items())
def test_a_text_is_percent_encoded_exactly(text, encoded):
    assert address_of(username="kopi.corner", ref="bio", message=text) == (
        f"https://tiktok.me/kopi.corner?ref=bio&message={encoded}"
    )


def test_without_a_tag_there_is_no_ref():
    assert address_of(username="kopi.corner", ref="", message="Hi") == "https://tiktok.me/kopi.corner?message=Hi"


def test_a_tags_equals_sign_is_encoded_so_that_it_is_read_back_as_one():
    url = address_of(username="kopi.corner", ref="a=b_c-d", message="Hi")
    assert url == "https://tiktok.me/kopi.corner?ref=a%3Db_c-d&message=Hi"


@given(st.from_regex(r"[A-Za-z0-9_=-]{1,60}", fullmatch=True), st.text(st.characters(codec="utf-8"), min_size=1))
def test_what_is_read_back_is_what_it_was_made_of(ref, message):
    url = address_of(username="kopi.corner", ref=ref, message=message)
    assert url.isascii()
    assert "+" not in url
    assert parse_qs(urlsplit(url).query) == {"ref": [ref], "message": [message]}


@pytest.mark.parametrize(("text", "number"), COUNTED.items())
def test_characters_are_counted_as_a_person_counts_them(text, number):
    assert characters_in(text) == number


def test_an_arrival_is_known_again_however_tiktok_writes_its_ref_and_text():
    made = fingerprint(ref="a=b", message="A  table\nfor two, é")
    assert made == fingerprint(ref="a%3Db", message="A table for two, e\u0301 ")
    assert made != fingerprint(ref="A=b", message="A table for two, é")
    assert made != fingerprint(ref="a=b", message="A table for Two, é")
