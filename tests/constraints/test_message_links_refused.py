"""What the database itself refuses of message links, shown with plain SQL that goes past all of our code."""

from typing import Any

import pytest
from django.db import IntegrityError, connection

from messagelinks import linking
from messagelinks.models import Arrival
from tests.constraints.test_database_refuses import execute, insert_copy
from tests.factories import NOW, make_conversation
from tests.messagelinks.making import arrive, follow, make_link

pytestmark = pytest.mark.django_db
VERSION = "messagelinks_linkversion"
COLUMNS_ON_SQLITE = {
    "one_version_per_number_of_a_link": f"{VERSION}.link_id, {VERSION}.number",
    "one_current_version_per_link": f"{VERSION}.link_id",
    "one_version_per_address_of_a_channel": f"{VERSION}.channel_id, {VERSION}.ref, {VERSION}.message",
}


def refuses(constraint: str) -> Any:
    words = constraint if connection.vendor == "postgresql" else COLUMNS_ON_SQLITE.get(constraint, constraint)
    return pytest.raises(IntegrityError, match=words)


@pytest.fixture
def version():
    return linking.current_version(make_link())


def another(version, **changes: Any) -> None:
    insert_copy(VERSION, version.pk, **({"number": 2, "is_current": False, "ref": "other"} | changes))


def test_a_copy_with_other_values_is_accepted_so_the_refusals_below_are_for_their_reason(version):
    another(version)


def test_a_link_without_a_title_is_refused(version):
    with refuses("message_link_has_a_title"):
        execute("UPDATE messagelinks_messagelink SET title = '' WHERE id = %s", version.link_id)


@pytest.mark.parametrize(
    "ref", ["two words", "caf\u00e9", "a&b", "a+b", "a.b", "a%b", "a\nb", "\u0661", "a]", "a^b"]
)
def test_a_ref_that_tiktok_does_not_take_is_refused(version, ref):
    with refuses("ref_is_one_that_tiktok_takes"):
        execute(f"UPDATE {VERSION} SET ref = %s WHERE id = %s", ref, version.pk)


@pytest.mark.parametrize("ref", ["", "A-z_0=9", "x" * 60, "-", "=", "_"])
def test_a_ref_that_tiktok_takes_is_accepted(version, ref):
    assert execute(f"UPDATE {VERSION} SET ref = %s WHERE id = %s", ref, version.pk) == 1


def test_a_ref_of_more_than_60_characters_is_refused(version):
    too_long = "value too long|ref_is_one_that_tiktok_takes"
    with pytest.raises(Exception, match=too_long):
        execute(f"UPDATE {VERSION} SET ref = %s WHERE id = %s", "x" * 61, version.pk)


@pytest.mark.parametrize("message", ["", "x" * 501, "🎉" * 501])
def test_a_message_of_no_or_more_than_500_characters_is_refused(version, message):
    with refuses("prefilled_message_has_1_to_500_characters"):
        execute(f"UPDATE {VERSION} SET message = %s WHERE id = %s", message, version.pk)


@pytest.mark.parametrize("message", ["x", "x" * 500, "🎉" * 500])
def test_a_message_of_1_to_500_characters_is_accepted(version, message):
    assert execute(f"UPDATE {VERSION} SET message = %s WHERE id = %s", message, version.pk) == 1


def test_two_current_versions_of_a_link_are_refused(version):
    with refuses("one_current_version_per_link"):
        another(version, is_current=True)


def test_one_number_twice_is_refused(version):
    with refuses("one_version_per_number_of_a_link"):
        another(version, number=1)


def test_one_address_twice_on_a_channel_is_refused(version):
    with refuses("one_version_per_address_of_a_channel"):
        another(version, ref=version.ref)


def test_an_answer_to_nothing_is_refused(version):
    arrive(make_conversation(version.channel))
    follow()
    with refuses("only_who_wrote_is_answered"):
        execute("UPDATE messagelinks_arrival SET answered_at = %s", NOW)
    assert Arrival.objects.count() == 1
