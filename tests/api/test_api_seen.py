"""What a program's user has seen: their own mark, and nobody else's."""

import pytest

from tests.api.making import client_of

pytestmark = pytest.mark.django_db


def test_seen_and_unread_move_ones_own_mark(api, teammate, conversation):
    address = f"/api/v1/conversations/{conversation.pk}/"
    assert api.post(f"{address}seen/").json()["unread_count"] == 0
    assert client_of(teammate).get(address).json()["unread_count"] == 1
    assert api.post(f"{address}unread/").json()["unread_count"] == 1
    assert api.post(f"{address}unread/").json()["unread_count"] == 1


def test_it_needs_the_permission_to_see(stranger, conversation):
    answer = client_of(stranger).post(f"/api/v1/conversations/{conversation.pk}/unread/")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
