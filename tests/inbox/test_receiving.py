"""What each event of TikTok's becomes (docs/tiktok-api.md 4.3 to 4.9)."""

from datetime import timedelta

import pytest
from django_q.models import OrmQ

from channels_tiktok import journal
from channels_tiktok.models import ChannelEvent, Polling, WebhookEvent
from inbox import receiving
from inbox.models import Conversation, ConversationEvent, Message, Reaction
from tests.deliveries import CUSTOMER, deliver, envelope, from_business, from_customer, milliseconds
from tests.factories import NOW, make_agent, make_channel, make_reply

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def channel():
    return make_channel()


@pytest.fixture
def agent():
    return make_agent()


def the_conversation():
    return Conversation.objects.select_related("contact", "window", "last_message").get()


def test_a_customers_text_becomes_contact_conversation_window_and_message(channel):
    event = deliver(channel, "im_receive_msg", from_customer(channel, text={"body": "Is it in stock?"}))
    conversation = the_conversation()
    message = conversation.messages.get()
    assert event.state == "processed"
    assert (conversation.contact.tiktok_user_id, conversation.contact.username) == (CUSTOMER["id"], "ayu_22")
    assert (message.text, message.direction, message.occurred_at) == ("Is it in stock?", "inbound", NOW)
    assert conversation.window.opened_by == message
    assert conversation.window_closes_at == NOW + timedelta(hours=48)
    assert (conversation.inbound_count, conversation.last_message) == (1, message)
    assert list(ConversationEvent.objects.values_list("kind", flat=True)) == ["message_received"]
    channel.refresh_from_db()
    assert channel.last_event_at == NOW


def test_the_same_message_in_two_different_deliveries_is_one_message(channel):
    content = from_customer(channel)
    deliver(channel, "im_receive_msg", content)
    deliver(channel, "im_receive_msg", {**content, "scene_type": 0})
    assert (Message.objects.count(), WebhookEvent.objects.count()) == (1, 2)
    assert the_conversation().inbound_count == 1


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"type": "text", "text": {"body": "Hi"}}, "text"),
        (
            {"type": "text", "text": {"body": "Refund"}, "reply_source_payload": {"reply_source_msg_id": "m"}},
            "text",
        ),
        ({"type": "image", "image": {"media_id": "v0in-img-0001"}}, "image"),
        ({"type": "IMAGE", "image": {"media_id": "v0in-img-0001"}}, "image"),
        ({"type": "video", "video": {"media_id": "v0in-vid-0001"}}, "video"),
        ({"type": "sticker", "sticker": {"url": "https://p16.example-cdn.com/stk.webp"}}, "sticker"),
        ({"type": "emoji", "emoji": {"url": "https://p16.example-cdn.com/emo.png"}}, "emoji"),
        ({"type": "share_post", "share_post": {"video_id": "74", "embed_url": "https://x"}}, "share_post"),
        ({"type": "other"}, "unsupported"),
        ({"type": "voice", "voice": {"url": "x"}}, "unsupported"),
        ({"type": None}, "unsupported"),
        ({"type": "image", "image": "odd"}, "image"),
    ],
)
def test_every_kind_of_message_is_kept_with_its_own_part_and_opens_a_window(channel, fields, kind):
    deliver(channel, "im_receive_msg", from_customer(channel, **{"text": None, **fields}))
    message = Message.objects.get()
    assert message.kind == kind
    assert message.opened_window.opened_at == NOW


@pytest.mark.parametrize(
    "odd",
    [
        {"timestamp": str(milliseconds(NOW))},
        {"timestamp": milliseconds(NOW) // 1000},
        {"message_id": 12345, "conversation_id": 67890},
        {"from_user": None, "to_user": None},
        {"from_user": {"id": CUSTOMER["id"], "role": "PERSONAL_ACCOUNT"}},
        {"unique_identifier": None},
        {"is_follower": "yes", "scene_type": "0", "message_tag": None, "something_new": [1, {"a": 2}]},
        {"text": {"body": "null\x00byte"}},
    ],
)
def test_odd_shapes_are_tolerated(channel, odd):
    event = deliver(channel, "im_receive_msg", from_customer(channel, **odd))
    assert (event.state, event.error) == ("processed", "")
    message = Message.objects.get()
    assert (message.direction, message.occurred_at) == ("inbound", NOW)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"conversation_id": None}, "conversation_id"),
        ({"message_id": ""}, "message_id"),
        ({"timestamp": "yesterday"}, "not a time"),
        ({"timestamp": 10**30}, "not a time"),
        ({"from_user": None, "unique_identifier": None}, "who the customer is"),
    ],
)
def test_what_can_never_be_understood_is_parked_with_its_reason(channel, broken, words):
    event = deliver(channel, "im_receive_msg", from_customer(channel, **broken))
    assert event.state == "failed"
    assert words in event.error
    assert Message.objects.count() == 0


def test_a_poison_event_fails_alone_and_is_tried_again_later(channel, monkeypatch):
    from inbox import receiving

    def explode(*args):
        raise ZeroDivisionError("poison")

    monkeypatch.setitem(receiving.EVENTS, "im_referral_msg", explode)
    poison = deliver(channel, "im_referral_msg", from_customer(channel))
    good = deliver(channel, "im_receive_msg", from_customer(channel))
    assert (good.state, Message.objects.count()) == ("processed", 1)
    assert (poison.state, poison.attempts) == ("pending", 1)
    assert "ZeroDivisionError: poison" in poison.error
    assert poison.try_again_at > NOW


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("im_auto_message_config_update", "no use"),
        ("im_auto_message_audit_update", "no use"),
        ("im_receive_high_intent_comment", "no use"),
        ("comment.update", "no use"),
    ],
)
def test_events_that_we_have_no_use_for_are_settled_with_a_reason(channel, event, words):
    row = deliver(channel, event, {})
    assert row.state == "ignored"
    assert words in row.error


def test_an_account_that_is_not_connected_here_is_ignored_by_name(channel):
    channel.business_id = "-000SomebodyElse"
    row = deliver(channel, "im_receive_msg", from_customer(channel))
    assert (row.state, Message.objects.count()) == ("ignored", 0)
    assert "-000SomebodyElse" in row.error


def test_a_time_in_our_future_is_taken_as_the_time_of_arrival(channel):
    deliver(channel, "im_receive_msg", from_customer(channel, at=NOW + timedelta(days=400)))
    assert Message.objects.get().occurred_at == NOW


def test_a_late_message_lands_in_its_place_and_keeps_the_newest_preview(channel):
    deliver(channel, "im_receive_msg", from_customer(channel, at=NOW, text={"body": "second"}))
    deliver(channel, "im_receive_msg", from_customer(channel, at=NOW - MINUTE, text={"body": "first"}))
    conversation = the_conversation()
    assert [m.text for m in conversation.messages.order_by("occurred_at")] == ["first", "second"]
    assert conversation.last_message.text == "second"
    assert conversation.window_closes_at == NOW + timedelta(hours=48)


def test_a_customers_message_opens_a_closed_conversation_and_keeps_its_assignee(channel, agent):
    deliver(channel, "im_receive_msg", from_customer(channel))
    Conversation.objects.update(status="closed", assignee=agent)
    deliver(channel, "im_receive_msg", from_customer(channel, at=NOW + MINUTE), at=NOW + MINUTE)
    conversation = the_conversation()
    assert (conversation.status, conversation.assignee) == ("open", agent)


def test_what_the_owner_writes_in_the_app_is_shown_as_such_and_takes_a_slot(channel):
    deliver(channel, "im_receive_msg", from_customer(channel))
    deliver(channel, "im_send_msg", from_business(channel, at=NOW + MINUTE, text={"body": "From my phone"}))
    message = Message.objects.get(direction="outbound")
    assert (message.source, message.state, message.slot, message.text) == ("owner", "sent", 1, "From my phone")
    assert the_conversation().window.replies_used == 1
    assert the_conversation().contact.username == "ayu_22", "an echo never names the contact after the business"


def test_an_owners_message_that_comes_before_the_customers_still_takes_its_slot(channel):
    deliver(channel, "im_send_msg", from_business(channel, at=NOW + MINUTE), at=NOW + MINUTE)
    deliver(channel, "im_receive_msg", from_customer(channel), at=NOW + MINUTE)
    assert the_conversation().window.replies_used == 1


def test_automatic_messages_take_no_slot(channel):
    deliver(channel, "im_receive_msg", from_customer(channel))
    welcome = from_business(channel, source="OTHERS", auto_message_type="WELCOME_MESSAGE", at=NOW + MINUTE)
    deliver(channel, "im_send_msg", welcome)
    message = Message.objects.get(direction="outbound")
    assert (message.source, message.slot) == ("automatic", None)
    assert the_conversation().window.replies_used == 0


@pytest.mark.parametrize(
    ("fields", "source", "slot"),
    [
        ({"source": "APP"}, "owner", 1),
        ({"source": "WEB"}, "owner", 1),
        ({"source": "UNKNOWN_SOURCE"}, "owner", 1),
        ({"message_tag": None}, "owner", 1),
        ({"source": "API"}, "other", 1),
        ({"source": "OTHERS"}, "automatic", None),
        ({"source": "APP", "auto_message_type": "WELCOME_MESSAGE"}, "automatic", None),
        ({"source": "API", "auto_message_type": "SUGGESTED_QUESTION"}, "automatic", None),
        ({"source": "OTHERS", "auto_message_type": "AUTO_REPLY"}, "automatic", None),
    ],
)
def test_each_source_of_an_echo_is_told_apart_and_only_people_and_apps_take_a_slot(channel, fields, source, slot):
    deliver(channel, "im_receive_msg", from_customer(channel))
    deliver(channel, "im_send_msg", from_business(channel, at=NOW + MINUTE, **fields))
    echo = Message.objects.get(direction="outbound")
    assert (echo.source, echo.slot) == (source, slot)


@pytest.mark.parametrize("kind", ["template", "TEMPLATE"])
def test_a_question_card_keeps_its_questions(channel, kind):
    buttons = [{"text": "Delivery", "type": "REPLY", "id": "topic_delivery"}]
    card = {"type": "qa_button_card", "elements": [{"title": "What do you need?", "buttons": buttons}]}
    deliver(channel, "im_send_msg", from_business(channel, type=kind, text=None, template=card, source="API"))
    message = Message.objects.get()
    assert message.kind == "template"
    assert message.content["elements"][0]["title"] == "What do you need?"


def test_an_emoji_that_tiktok_drew_is_a_reaction_like_any_other(channel):
    asked = from_customer(channel)
    deliver(channel, "im_receive_msg", asked)
    drawn = {
        "operation": "ADD",
        "type": "AI_EMOJI",
        "ai_emoji_url": "https://p16.example-cdn.com/ai.webp",
        "unique_identifier": CUSTOMER["id"],
        "timestamp": milliseconds(NOW + MINUTE),
        "original_msg_id": asked["message_id"],
    }
    deliver(channel, "im_receive_msg", from_customer(channel, type="reaction", text=None, reaction=[drawn]))
    assert (Reaction.objects.get().is_on, Message.objects.count()) == (True, 1)


def test_the_echo_of_a_reply_in_flight_settles_it_even_before_tiktoks_answer(channel, agent):
    deliver(channel, "im_receive_msg", from_customer(channel))
    reply = make_reply(the_conversation(), agent, "On its way")
    Message.objects.filter(pk=reply.pk).update(state="sending", claimed_until=NOW + MINUTE)
    echo = from_business(channel, source="API", at=NOW + MINUTE, text={"body": "On its way"}, message_id="mOut1")
    deliver(channel, "im_send_msg", echo)
    reply.refresh_from_db()
    assert (reply.state, reply.tiktok_message_id, reply.sent_at) == ("sent", "mOut1", NOW + MINUTE)
    assert Message.objects.filter(direction="outbound").count() == 1
    assert the_conversation().window.replies_used == 1


def test_the_echo_of_a_sent_reply_changes_only_its_time(channel, agent):
    deliver(channel, "im_receive_msg", from_customer(channel))
    reply = make_reply(the_conversation(), agent)
    Message.objects.filter(pk=reply.pk).update(state="sent", tiktok_message_id="mOut1", sent_at=NOW + 2 * MINUTE)
    deliver(channel, "im_send_msg", from_business(channel, source="API", at=NOW + MINUTE, message_id="mOut1"))
    reply.refresh_from_db()
    assert (reply.sent_at, reply.occurred_at) == (NOW + MINUTE, NOW + MINUTE)
    assert Message.objects.count() == 2


def test_an_echo_through_another_app_is_kept_as_such_and_counts(channel):
    deliver(channel, "im_receive_msg", from_customer(channel))
    deliver(channel, "im_send_msg", from_business(channel, source="API", at=NOW + MINUTE))
    message = Message.objects.get(direction="outbound")
    assert (message.source, message.slot) == ("other", 1)


@pytest.mark.parametrize("read_first", [False, True])
def test_a_read_mark_covers_everything_sent_up_to_its_time(channel, read_first):
    sent = [from_business(channel, at=NOW + n * MINUTE) for n in (1, 2, 3)]
    read = from_customer(
        channel, at=NOW + 3 * MINUTE, read={"last_read_timestamp": milliseconds(NOW + 2 * MINUTE)}
    )
    del read["message_id"], read["type"], read["text"]
    deliver(channel, "im_receive_msg", from_customer(channel))
    for event, content in sorted(
        [("im_send_msg", content) for content in sent] + [("im_mark_read_msg", read)],
        key=lambda pair: pair[0] == "im_send_msg" if read_first else pair[0] != "im_send_msg",
    ):
        deliver(channel, event, content, at=NOW + 5 * MINUTE)
    states = Message.objects.filter(direction="outbound").order_by("occurred_at").values_list("state", flat=True)
    assert list(states) == ["read", "read", "sent"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_reactions_end_as_the_newest_change_says(channel, order):
    def reaction(operation, minutes):
        change = {
            "operation": operation,
            "type": "EMOJI",
            "emoji": "👍",
            "unique_identifier": CUSTOMER["id"],
            "timestamp": milliseconds(NOW + minutes * MINUTE),
            "original_msg_id": "mOut1",
        }
        return from_customer(channel, type="reaction", reaction=[change], text=None)

    changes = [reaction("ADD", 1), reaction("REMOVE", 2), reaction("ADD", 3)]
    for index in order:
        deliver(channel, "im_receive_msg", changes[index])
    reaction = Reaction.objects.get()
    assert (reaction.emoji, reaction.is_on, reaction.tiktok_message_id) == ("👍", True, "mOut1")
    assert Message.objects.count() == 0
    assert the_conversation().window is None, "a reaction opens no window"


AD = {
    "source": "ad",
    "ad": {"ad_id": "18", "ad_name": "Raya promo", "advertiser_id": "73", "timestamp": milliseconds(NOW)},
}
LINK = {
    "source": "short_link",
    "short_link": {"ref": "ig_bio", "prefilled_message": "A table", "prefilled_message_audit_status": "PASS"},
}


@pytest.mark.parametrize("referral_first", [True, False])
def test_a_referral_is_kept_before_or_after_the_first_message(channel, referral_first):
    arrival = from_customer(channel, at=NOW, referral=LINK)
    del arrival["message_id"], arrival["type"], arrival["text"]
    events = [("im_referral_msg", arrival), ("im_receive_msg", from_customer(channel, at=NOW + MINUTE))]
    for event, content in events if referral_first else reversed(events):
        deliver(channel, event, content, at=NOW + MINUTE)
    conversation = the_conversation()
    assert (conversation.referral.ref, conversation.referral.audit_status) == ("ig_bio", "PASS")
    assert conversation.messages.count() == 1
    assert conversation.window.opened_at == NOW + MINUTE


def test_a_referral_inside_a_message_is_kept_once(channel):
    content = from_customer(channel, referral=AD)
    deliver(channel, "im_receive_msg", content)
    deliver(channel, "im_receive_msg", {**content, "scene_type": 0})
    conversation = the_conversation()
    assert conversation.referrals.count() == 1
    assert (conversation.referral.ad_name, conversation.referral.arrived_at) == ("Raya promo", NOW)


def test_a_withheld_message_becomes_a_notice_of_the_channel_and_nothing_is_invented(channel):
    deliver(channel, "im_receive_msg_eu", {"to": "kopi.corner", "timestamp": milliseconds(NOW)})
    notice = ChannelEvent.objects.get()
    assert (notice.kind, notice.at) == ("content_withheld", NOW)
    assert "open the TikTok app" in notice.detail
    assert Conversation.objects.count() == 0


@pytest.mark.parametrize("event", ["im_receive_msg", "im_receive_msg_eu"])
def test_what_only_the_lists_can_tell_is_looked_for_ten_seconds_later(channel, event):
    """The picture of a new customer; perhaps the message that a webhook withheld."""
    later = NOW + timedelta(minutes=15)
    Polling.objects.create(channel=channel, connection_at=NOW, next_run_at=later, pause=timedelta(minutes=15))
    for _ in range(2):
        deliver(channel, event, from_customer(channel))
    assert Polling.objects.get().next_run_at == NOW + timedelta(seconds=10)
    [bell] = [row for row in OrmQ.objects.all() if row.func() == "inbox.tasks.poll_channels"]
    assert bell.lock >= NOW + timedelta(seconds=10)


def test_withdrawn_access_disconnects_the_channel_with_the_reason(channel):
    deliver(channel, "authorization.removed", {"reason": 1})
    channel.refresh_from_db()
    assert (channel.status, channel.reason) == (
        "disconnected",
        "The account's owner withdrew our access in TikTok.",
    )
    assert ConversationEvent.objects.get().kind == "channel_changed"


def test_names_follow_the_newest_event_whatever_came_first(channel):
    deliver(channel, "im_receive_msg", from_customer(channel, at=NOW + MINUTE, **{"from": "ayu_new"}))
    deliver(channel, "im_receive_msg", from_customer(channel, at=NOW, **{"from": "ayu_old"}))
    assert the_conversation().contact.username == "ayu_new"


def test_an_answer_to_a_question_card_keeps_what_was_tapped(channel):
    tapped = {"reply_source_msg_id": "mOut2", "reply_source_unique_id": "topic_refund"}
    deliver(
        channel, "im_receive_msg", from_customer(channel, text={"body": "Refund"}, reply_source_payload=tapped)
    )
    message = Message.objects.get()
    assert (message.kind, message.content["reply_source_payload"]) == ("text", tapped)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
def test_earlier_usernames_are_remembered_in_whatever_order_they_come(channel, order):
    told = [("ayu_one", 0), ("ayu_one", 1), ("ayu_two", 2)]
    for index in order:
        name, minutes = told[index]
        at = NOW + minutes * MINUTE
        deliver(channel, "im_receive_msg", from_customer(channel, at=at, **{"from": name}), at=NOW + 3 * MINUTE)
    contact = the_conversation().contact
    assert contact.username == "ayu_two"
    earlier = contact.earlier_usernames.values_list("username", "seen_at")
    assert list(earlier) == [("ayu_one", NOW + MINUTE)]


def test_a_time_in_our_future_is_noted_on_the_message_and_the_timeline(channel):
    future = milliseconds(NOW + timedelta(days=400))
    deliver(channel, "im_receive_msg", from_customer(channel, timestamp=future))
    assert Message.objects.get().content["future_time"] == str(future)
    assert ConversationEvent.objects.get().data == {"future_time": str(future)}


def test_a_withdrawal_that_was_told_before_the_account_was_connected_again_changes_nothing(channel):
    later = NOW + timedelta(hours=1)
    channel.connected_at = later
    channel.save()
    row = deliver(channel, "authorization.removed", {"reason": 1}, at=NOW)
    channel.refresh_from_db()
    assert (row.state, channel.status) == ("ignored", "connected")
    assert "connected again" in row.error


def test_messages_with_files_ring_for_them_once_a_batch(channel):
    for _ in range(3):
        content = from_customer(channel, type="image", image={"media_id": "v0in"}, text=None)
        journal.store_delivery(body=envelope(channel, "im_receive_msg", content), log_id="", at=NOW)
    receiving.drain(clock=lambda: NOW)
    assert [row.func() for row in OrmQ.objects.all()] == ["inbox.tasks.fetch_files"]
