from datetime import UTC, datetime, timedelta

import pytest

from channels_tiktok.signing import is_signed_by_tiktok

# The vector of docs/tiktok-api.md 4.2.
BODY = (
    b'{"client_key":"7400000000000000001","event":"im_mark_read_msg","create_time":1785000000,'
    b'"user_openid":"-000BIZexample","content":"{}"}'
)
SECRET = "example_app_secret_0001"
SIGNATURE = "6cff6941f10236cd1ef3223c5e363229c8378675dcdea52114f43a3470336ab6"
SENT_AT = datetime.fromtimestamp(1785000000, UTC)


def signed(header=f"t=1785000000,s={SIGNATURE}", body=BODY, secret=SECRET, at=SENT_AT, tolerance=300):
    return is_signed_by_tiktok(header=header, body=body, secret=secret, at=at, tolerance=tolerance)


def test_tiktoks_own_vector_is_accepted():
    assert len(BODY) == 134
    assert signed()


@pytest.mark.parametrize(
    "header",
    [
        f"s={SIGNATURE},t=1785000000",
        f" t = 1785000000 , s = {SIGNATURE} ",
        f"v=2,t=1785000000,s={SIGNATURE.upper()}",
    ],
)
def test_parts_are_read_by_name_whatever_their_order(header):
    assert signed(header)


@pytest.mark.parametrize("seconds", [300, -300])
def test_a_delivery_within_the_tolerance_is_accepted(seconds):
    assert signed(at=SENT_AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [301, -301, 86400 * 365])
def test_a_delivery_from_too_far_in_the_past_or_the_future_is_refused(seconds):
    assert not signed(at=SENT_AT + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1785000000",
        f"s={SIGNATURE}",
        "t=1785000000,s=",
        f"t=,s={SIGNATURE}",
        f"t=soon,s={SIGNATURE}",
        f"t=-1785000000,s={SIGNATURE}",
        f"t=1785000001,s={SIGNATURE}",
        f"t=١٧٨٥٠٠٠٠٠٠,s={SIGNATURE}",
        f"t={'9' * 6000},s={SIGNATURE}",
        "t=1785000000,s=é",
        f"t=1785000000,s={SIGNATURE[:-1]}7",
        "nonsense",
    ],
)
def test_anything_else_in_the_header_is_refused_without_an_error(header):
    assert not signed(header)


def test_one_changed_byte_of_the_body_is_refused():
    assert not signed(body=BODY + b"\n")


def test_another_apps_secret_is_refused():
    assert not signed(secret="another")


def test_without_a_secret_nothing_is_signed_even_with_the_mac_of_an_empty_key():
    import hashlib
    import hmac

    forged = hmac.new(b"", b"1785000000." + BODY, hashlib.sha256).hexdigest()
    assert not signed(header=f"t=1785000000,s={forged}", secret="")
