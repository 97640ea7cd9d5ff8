"""What the database itself refuses, shown with plain SQL that goes past all of our code."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from channels_tiktok.models import ListedConversation, RefusedDeliveries
from inbox.models import Attachment, Conversation, Message
from tests.factories import NOW, make_agent, make_channel, make_conversation, make_inbound, make_reply

pytestmark = pytest.mark.django_db


def execute(statement: str, *values: Any) -> int:
    """Run one SQL statement in a savepoint of its own; give how many rows it touched."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def insert_copy(table: str, row_id: int, **changes: Any) -> None:
    """INSERT a copy of a row with some columns changed, as anyone with a database shell could."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE id = %s", [row_id])
        columns = [column.name if hasattr(column, "name") else column[0] for column in cursor.description]
        row = dict(zip(columns, cursor.fetchone(), strict=True))
    del row["id"]
    row.update(changes)
    names = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", *row.values())


def refuses(constraint: str) -> Any:
    """SQLite names check constraints but only the columns of unique ones; PostgreSQL names both."""
    unique_on_sqlite = {
        "one_message_per_slot": "window_id, inbox_message.slot",
        "one_row_per_tiktok_message": "conversation_id, inbox_message.tiktok_message_id",
        "one_reply_in_flight_per_conversation": "inbox_message.conversation_id",
        "one_conversation_per_tiktok_conversation": "channel_id, inbox_conversation.tiktok_conversation_id",
        "one_contact_per_tiktok_user_and_channel": "channel_id, inbox_contact.tiktok_user_id",
        "one_channel_per_tiktok_account": "channels_tiktok_channel.business_id",
        "one_row_per_delivery": "channels_tiktok_webhookevent.fingerprint",
        "opened_by_id": "opened_by_id",
        "one_row_per_listed_conversation": "channel_id, channels_tiktok_listedconversation.tiktok_conversation_id",
        "one_row_per_username_of_a_contact": "contact_id, inbox_contactusername.username",
        "day": "channels_tiktok_refuseddeliveries.day",
    }
    words = constraint if connection.vendor == "postgresql" else unique_on_sqlite.get(constraint, constraint)
    return pytest.raises(IntegrityError, match=words)


@pytest.fixture
def conversation() -> Conversation:
    conversation = make_conversation()
    make_inbound(conversation)
    return conversation


@pytest.fixture
def reply(conversation: Conversation) -> Message:
    return make_reply(conversation, make_agent())


def test_a_copy_with_a_free_slot_is_accepted_so_the_refusals_below_are_for_their_reason(reply):
    insert_copy("inbox_message", reply.pk, slot=2)


def test_an_eleventh_slot_is_refused(reply):
    with refuses("slot_is_one_of_ten"):
        insert_copy("inbox_message", reply.pk, slot=11)


def test_a_slot_below_one_is_refused(reply):
    with refuses("slot_is_one_of_ten"):
        insert_copy("inbox_message", reply.pk, slot=0)


def test_one_slot_used_twice_is_refused(reply):
    with refuses("one_message_per_slot"):
        insert_copy("inbox_message", reply.pk, slot=reply.slot)


def test_a_reply_that_may_arrive_without_a_slot_is_refused(reply):
    with refuses("reply_that_may_arrive_holds_a_slot"):
        insert_copy("inbox_message", reply.pk, slot=None)


def test_a_reply_without_a_window_and_so_without_a_customers_message_is_refused(reply):
    with refuses("reply_has_a_window|slot_belongs_to_a_window"):
        insert_copy("inbox_message", reply.pk, window_id=None, slot=None, state="failed")


@pytest.mark.parametrize("late", [timedelta(hours=48), timedelta(hours=48, seconds=1), timedelta(days=30)])
def test_a_reply_queued_at_or_after_the_windows_close_is_refused(reply, late):
    with refuses("reply_is_queued_before_its_window_closes"):
        execute("UPDATE inbox_message SET queued_at = %s WHERE id = %s", NOW + late, reply.pk)


def test_a_reply_planned_for_after_the_windows_close_is_refused(reply):
    with refuses("reply_is_queued_before_its_window_closes"):
        execute("UPDATE inbox_message SET deliver_at = %s WHERE id = %s", NOW + timedelta(hours=48), reply.pk)


@pytest.mark.parametrize("used", [-1, 11])
def test_a_window_with_fewer_than_none_or_more_than_ten_replies_is_refused(reply, used):
    with refuses("reply_window_allows_ten_replies|replies_used"):
        execute("UPDATE inbox_replywindow SET replies_used = %s WHERE id = %s", used, reply.window_id)


@pytest.mark.parametrize("hours", [0, 47, 49, 72])
def test_a_window_that_is_not_48_hours_long_is_refused(reply, hours):
    with refuses("reply_window_closes_48_hours_after_it_opens"):
        closes_at = NOW + timedelta(hours=hours)
        execute("UPDATE inbox_replywindow SET closes_at = %s WHERE id = %s", closes_at, reply.window_id)


def test_two_windows_from_one_message_are_refused(reply):
    with refuses("opened_by_id"):
        insert_copy("inbox_replywindow", reply.window_id)


def test_one_tiktok_message_twice_is_refused(conversation, reply):
    inbound = conversation.messages.get(direction="inbound")
    with refuses("one_row_per_tiktok_message"):
        insert_copy("inbox_message", inbound.pk)


def test_two_replies_in_flight_in_one_conversation_are_refused(reply):
    execute("UPDATE inbox_message SET state = 'sending', claimed_until = %s WHERE id = %s", NOW, reply.pk)
    with refuses("one_reply_in_flight_per_conversation"):
        insert_copy("inbox_message", reply.pk, slot=2)


def test_sent_without_tiktoks_id_is_refused(reply):
    with refuses("sent_means_tiktok_gave_an_id"):
        execute("UPDATE inbox_message SET state = 'sent' WHERE id = %s", reply.pk)


def test_an_unknown_state_is_refused(reply):
    with refuses("message_state_is_known"):
        execute("UPDATE inbox_message SET state = 'maybe' WHERE id = %s", reply.pk)


def test_a_message_to_us_from_anyone_but_the_customer_is_refused(reply):
    with refuses("only_customers_write_to_us"):
        insert_copy("inbox_message", reply.pk, slot=2, direction="inbound", source="owner")


def test_one_tiktok_conversation_twice_is_refused(conversation):
    with refuses("one_conversation_per_tiktok_conversation"):
        insert_copy("inbox_conversation", conversation.pk)


def test_one_tiktok_user_twice_in_a_channel_is_refused(conversation):
    with refuses("one_contact_per_tiktok_user_and_channel"):
        insert_copy("inbox_contact", conversation.contact_id)


def test_two_channels_of_one_account_are_refused(conversation):
    with refuses("one_channel_per_tiktok_account"):
        insert_copy("channels_tiktok_channel", conversation.channel_id, credential_id=None, status="removed")


def test_a_connected_channel_without_its_accounts_tokens_is_refused(conversation):
    with refuses("connected_channel_holds_its_accounts_credential"):
        execute("UPDATE channels_tiktok_channel SET credential_id = NULL WHERE id = %s", conversation.channel_id)


def test_two_connected_channels_of_one_name_are_refused_and_two_removed_ones_are_not(conversation):
    other = make_channel("Tea")
    rename = "UPDATE channels_tiktok_channel SET name = 'KOPI corner' WHERE id = %s"
    with refuses("connected_channels_have_different_names"):
        execute(rename, other.pk)
    execute("UPDATE channels_tiktok_channel SET status = 'removed' WHERE id = %s", other.pk)
    assert execute(rename, other.pk) == 1


def test_a_channel_without_a_name_or_with_an_unknown_status_is_refused(conversation):
    with refuses("channel_has_a_name"):
        execute("UPDATE channels_tiktok_channel SET name = '' WHERE id = %s", conversation.channel_id)
    with refuses("channel_status_is_known"):
        execute("UPDATE channels_tiktok_channel SET status = 'odd' WHERE id = %s", conversation.channel_id)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ("state = 'stored'", "stored_attachment_has_a_file"),
        ("state = 'failed'", "failed_attachment_says_why"),
        ("state = 'lost'", "attachment_state_is_known"),
    ],
)
def test_an_attachment_that_is_stored_nowhere_or_failed_without_a_word_is_refused(
    conversation, changes, constraint
):
    Attachment.objects.create(message=conversation.last_message, kind="image")
    with refuses(constraint):
        execute(f"UPDATE inbox_attachment SET {changes}")


def test_what_is_counted_or_listed_twice_is_refused(conversation):
    listed = ListedConversation.objects.create(
        channel=conversation.channel, tiktok_conversation_id="c", updated_at=NOW
    )
    with refuses("one_row_per_listed_conversation"):
        insert_copy("channels_tiktok_listedconversation", listed.pk)
    username = conversation.contact.usernames.create(username="ayu_1", seen_at=NOW)
    with refuses("one_row_per_username_of_a_contact"):
        insert_copy("inbox_contactusername", username.pk)
    refused = RefusedDeliveries.objects.create(day=NOW.date(), last_at=NOW)
    with refuses("day"):
        insert_copy("channels_tiktok_refuseddeliveries", refused.pk)
