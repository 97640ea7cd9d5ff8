"""What an agent may send, when it leaves, and what stops it."""

from datetime import timedelta

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import connection
from django_q.models import OrmQ

from channels_tiktok import pacing
from inbox import capabilities, delivering, drafts, receiving, reconciling, sending, telling
from inbox.models import Attachment, Conversation, ConversationEvent, Draft, Message, Preferences
from inbox.refusals import BadReply
from inbox.windows import ReplyRefused
from tests.factories import NOW, make_agent, make_conversation, make_inbound, make_reply
from tests.pictures import picture

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def agent():
    return make_agent()


@pytest.fixture
def colleague():
    return make_agent("ben", first_name="Ben")


@pytest.fixture
def conversation(tiktok, clock):
    tiktok.connect()
    tiktok.write(tiktok.customer("Ayu"), "Is it in stock?")
    hear(tiktok, clock)
    return Conversation.objects.get()


def hear(tiktok, clock):
    with time_machine.travel(clock(), tick=False):
        while tiktok.deliver():
            pass
    receiving.drain(clock=clock)


def send(conversation, agent, **what):
    return sending.queue_replies(user=agent, conversation_id=conversation.pk, at=what.pop("at", NOW), **what)


def stored_files():
    return sum(len(default_storage.listdir(path)[1]) for path in _folders(""))


def _folders(path):
    if not default_storage.exists(path or "."):
        return
    yield path
    for name in default_storage.listdir(path)[0]:
        yield from _folders(f"{path}/{name}" if path else name)


# ── Images ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_image_reaches_the_customer(tiktok, conversation, agent, clock):
    [reply] = send(conversation, agent, image=picture((300, 200), format="WEBP"))
    attachment = reply.attachments.get()
    assert (reply.kind, attachment.width, attachment.content_type) == ("image", 300, "image/jpeg")
    assert attachment.thumbnail
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    assert reply.state == "sent"
    assert len(tiktok.sends()) == 1
    hear(tiktok, clock)
    assert Message.objects.filter(direction="outbound").count() == 1, "its echo is no second message"


def test_a_text_and_an_image_are_two_messages_and_the_image_goes_first(tiktok, conversation, agent, clock):
    replies = send(conversation, agent, image=picture(), text="This one?")
    assert [(one.kind, one.slot) for one in replies] == [("image", 1), ("text", 2)]
    delivering.deliver_due(clock=clock)
    assert tiktok.sends()[-1] == "This one?"
    conversation.refresh_from_db()
    assert conversation.window.replies_used == 2


def test_with_one_reply_left_a_text_and_an_image_take_none(conversation, agent):
    for _ in range(9):
        make_reply(conversation, agent)
    with pytest.raises(ReplyRefused, match="only 1 is left"):
        send(conversation, agent, image=picture(), text="This one?")
    conversation.refresh_from_db()
    assert (conversation.window.replies_used, Attachment.objects.count(), stored_files()) == (9, 0, 0)


def test_a_bad_file_takes_no_slot(conversation, agent):
    with pytest.raises(BadReply, match="Choose a JPEG"):
        send(conversation, agent, image=b"GIF89a", text="This one?")
    conversation.refresh_from_db()
    assert (conversation.window.replies_used, stored_files()) == (0, 0)


@pytest.mark.parametrize("kind", ["hang_after", "reset_after", "garbage"])
def test_an_upload_without_an_answer_is_made_again(tiktok, conversation, agent, clock, kind):
    send(conversation, agent, image=picture())
    tiktok.fault(kind, path="business/message/media/upload", **({"seconds": 0} if "hang" in kind else {}))
    delivering.deliver_due(clock=clock)
    reply = Message.objects.get(kind="image")
    assert (reply.state, tiktok.sends()) == ("queued", [])
    clock.at += 10 * SECOND
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    assert (reply.state, len(tiktok.sends())) == ("sent", 1)


def test_what_tiktok_has_is_not_uploaded_again(tiktok, conversation, agent, clock):
    send(conversation, agent, image=picture())
    tiktok.fault("code", code=40100)
    delivering.deliver_due(clock=clock)
    clock.at += 10 * SECOND
    delivering.deliver_due(clock=clock)
    uploads = tiktok.look("/calls?path=business/message/media/upload")["calls"]
    assert (len(uploads), Message.objects.get(kind="image").state) == (1, "sent")


def test_a_picture_that_tiktok_refuses_says_why_and_frees_its_slot(tiktok, conversation, agent, clock):
    send(conversation, agent, image=picture())
    tiktok.fault("code", path="business/message/media/upload", code=40904)
    delivering.deliver_due(clock=clock)
    reply = Message.objects.get(kind="image")
    assert (reply.state, reply.error_code, reply.slot) == ("failed", "40904", None)


def test_a_picture_that_is_no_longer_stored_is_not_sent(conversation, agent, clock):
    [reply] = send(conversation, agent, image=picture())
    reply.attachments.get().file.delete(save=False)
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    assert (reply.state, reply.slot) == ("failed", None)
    assert "no longer stored" in reply.error_detail


def test_where_images_are_not_allowed_none_is_queued(tiktok, conversation, agent, clock):
    american = tiktok.customer("Joe", country="US")
    tiktok.write(american, "Hi")
    hear(tiktok, clock)
    joes = Conversation.objects.exclude(pk=conversation.pk).get()
    assert capabilities.ask(conversation_id=joes.pk, at=NOW) is False
    with pytest.raises(BadReply, match="doesn't allow images"):
        send(joes, agent, image=picture())
    assert capabilities.ask(conversation_id=conversation.pk, at=NOW) is True
    assert ConversationEvent.objects.filter(kind="images_changed").count() == 2


def test_images_are_asked_about_once_a_day_and_after_our_first_reply(tiktok, conversation, agent, clock):
    def asks(at):
        conversation.refresh_from_db()
        before = OrmQ.objects.count()
        capabilities.have_asked(conversation, at=at)
        return OrmQ.objects.count() > before

    assert asks(NOW)
    assert not asks(NOW)
    assert asks(NOW + timedelta(minutes=2)), "TikTok never answered"
    capabilities.ask(conversation_id=conversation.pk, at=NOW)
    assert not asks(NOW + timedelta(hours=23))
    assert asks(NOW + timedelta(days=1, minutes=3))
    make_reply(conversation, agent)
    delivering.deliver_due(clock=clock)
    assert asks(NOW + timedelta(days=1, minutes=4)), "a stranger no more"


# ── When it leaves ────────────────────────────────────────────────────────────────────────────────────


def test_a_held_reply_waits_and_the_next_one_waits_for_it(tiktok, conversation, agent, clock):
    [held] = send(conversation, agent, text="one", held_for=5 * SECOND)
    quick = make_reply(conversation, agent, "two")
    assert (held.deliver_at, quick.deliver_at) == (NOW + 5 * SECOND, NOW + 5 * SECOND)
    assert OrmQ.objects.filter(lock__gt=NOW).exists()
    delivering.deliver_due(clock=clock)
    assert tiktok.sends() == []
    clock.at += 5 * SECOND
    delivering.deliver_due(clock=clock)
    assert tiktok.sends() == ["one", "two"]


def test_a_planned_reply_holds_nobody_up(tiktok, conversation, agent, clock):
    [planned] = send(conversation, agent, text="later", deliver_at=NOW + timedelta(hours=1))
    assert planned.is_scheduled
    make_reply(conversation, agent, "now")
    delivering.deliver_due(clock=clock)
    assert tiktok.sends() == ["now"]
    clock.at += timedelta(hours=1)
    delivering.deliver_due(clock=clock)
    assert tiktok.sends() == ["now", "later"]


def test_a_plan_beyond_the_close_is_told_the_latest_safe_time(conversation, agent):
    with pytest.raises(BadReply, match=r"The latest safe time is 2026-08-03 11:55 UTC\.") as refused:
        send(conversation, agent, text="late", deliver_at=conversation.window_closes_at)
    assert refused.value.field == "send_at"


def test_a_planned_reply_is_not_sent_once_tiktok_has_locked_the_window(tiktok, conversation, agent, clock):
    send(conversation, agent, text="later", deliver_at=NOW + timedelta(hours=1))
    make_reply(conversation, agent, "now")
    tiktok.fault("code", code=40064)
    delivering.deliver_due(clock=clock)
    clock.at += timedelta(hours=1)
    delivering.deliver_due(clock=clock)
    planned = Message.objects.get(text="later")
    assert (planned.state, planned.slot, tiktok.sends()) == ("failed", None, [])
    assert "until the customer writes" in planned.error_detail


def test_a_hold_never_carries_a_reply_past_the_close(conversation, agent):
    at = conversation.window_closes_at - 10 * SECOND
    [reply] = send(conversation, agent, text="quick", held_for=30 * SECOND, at=at)
    assert reply.deliver_at == at


def test_taking_back_frees_the_slots_of_the_whole_press(conversation, agent):
    replies = send(conversation, agent, text="words", image=picture(), held_for=5 * SECOND)
    assert sending.cancel_reply(user=agent, message_id=replies[0].pk, at=NOW, with_its_other_half=True)
    conversation.refresh_from_db()
    assert set(Message.objects.filter(direction="outbound").values_list("state", "slot")) == {("cancelled", None)}
    assert conversation.window.replies_used == 0


def test_what_was_handed_over_cannot_be_taken_back(conversation, agent, clock):
    reply = make_reply(conversation, agent)
    delivering.claim_next(at=clock())
    assert not sending.cancel_reply(user=agent, message_id=reply.pk, at=NOW)


# ── Overtaken, quoted, drafts ─────────────────────────────────────────────────────────────────────────


def test_a_reply_that_a_colleagues_overtook_is_held_for_a_look(conversation, agent, colleague):
    seen = conversation.messages.latest("pk").pk
    make_reply(conversation, colleague, "I have it", at=NOW)
    with pytest.raises(sending.Overtaken, match="Ben answered 20 s ago"):
        send(conversation, agent, text="Me too", newest_seen=seen, at=NOW + 20 * SECOND)
    conversation.refresh_from_db()
    assert conversation.window.replies_used == 1
    assert send(conversation, agent, text="Me too", at=NOW + 20 * SECOND)


def test_ones_own_reply_and_one_that_failed_overtake_nobody(conversation, agent, colleague):
    seen = conversation.messages.latest("pk").pk
    make_reply(conversation, agent, "Mine")
    other = make_reply(conversation, colleague, "Taken back")
    sending.cancel_reply(user=colleague, message_id=other.pk, at=NOW)
    assert send(conversation, agent, text="Mine, too", newest_seen=seen)


def test_a_reply_can_answer_one_message(tiktok, conversation, agent, clock):
    asked = conversation.messages.get()
    [reply] = send(conversation, agent, text="This one: yes", quoted_id=asked.pk)
    assert reply.quoted_message_id == asked.tiktok_message_id
    delivering.deliver_due(clock=clock)
    reply.refresh_from_db()
    assert reply.state == "sent"


def test_only_a_text_answers_and_only_what_is_here(conversation, agent):
    elsewhere = make_inbound(make_conversation())
    with pytest.raises(BadReply, match="Only a text"):
        send(conversation, agent, image=picture(), quoted_id=conversation.messages.get().pk)
    with pytest.raises(BadReply, match="isn't in this conversation"):
        send(conversation, agent, text="?", quoted_id=elsewhere.pk)


def test_a_draft_ends_with_its_reply_and_with_nothing_else(conversation, agent, colleague):
    assert drafts.save(user=agent, conversation_id=conversation.pk, text="Half a", at=NOW)
    assert not drafts.save(user=agent, conversation_id=conversation.pk, text="Half a word", at=NOW)
    drafts.save(user=colleague, conversation_id=conversation.pk, text="Another's", at=NOW)
    with pytest.raises(BadReply):
        send(conversation, agent, text="x" * 6001, ends_draft=True)
    assert drafts.text_of(agent, conversation) == "Half a word"
    send(conversation, agent, text="A word", ends_draft=True)
    assert [one.agent for one in Draft.objects.all()] == [colleague]
    assert drafts.save(user=colleague, conversation_id=conversation.pk, text="  ", at=NOW)
    assert not Draft.objects.exists()


# ── Again ─────────────────────────────────────────────────────────────────────────────────────────────


def test_what_tiktok_never_confirmed_can_be_sent_again_once_as_a_new_message(tiktok, conversation, agent, clock):
    [old] = send(conversation, agent, image=picture())
    tiktok.fault("reset_before")
    delivering.deliver_due(clock=clock)
    with pytest.raises(BadReply, match="no second attempt"):
        sending.send_again(user=agent, message_id=old.pk, at=clock())
    for _ in range(6):
        clock.at += timedelta(minutes=15)
        reconciling.reconcile_due(clock=clock)
    assert ConversationEvent.objects.filter(kind="reply_unconfirmed").count() == 2, "the page hears of the end"
    new = sending.send_again(user=agent, message_id=old.pk, at=clock())
    assert (new.slot, new.again_of, new.attachments.count()) == (2, old, 1)
    with pytest.raises(BadReply, match="already"):
        sending.send_again(user=agent, message_id=old.pk, at=clock())
    delivering.deliver_due(clock=clock)
    new.refresh_from_db()
    old.refresh_from_db()
    assert (new.state, old.state, len(tiktok.sends())) == ("sent", "unconfirmed", 1)


def test_sending_again_obeys_the_window(conversation, agent, clock):
    reply = make_reply(conversation, agent)
    clock.at = conversation.window_closes_at
    delivering.deliver_due(clock=clock)
    with pytest.raises(ReplyRefused) as refused:
        sending.send_again(user=agent, message_id=reply.pk, at=clock())
    assert refused.value.code == "window_closed"


# ── Turns and signs ───────────────────────────────────────────────────────────────────────────────────


def test_turns_are_a_tenth_of_a_second_apart_whoever_takes_them(settings):
    settings.TIKTOK_QPS = 10
    waits = [pacing.take_turn(at=NOW).total_seconds() for _ in range(5)]
    assert waits == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert pacing.take_turn(at=NOW + 60 * SECOND) == timedelta(0)


def test_customers_see_typing_at_most_every_five_seconds(tiktok, conversation, agent, colleague):
    assert telling.somebody_types(user=agent, conversation=conversation, at=NOW)
    assert not telling.somebody_types(user=colleague, conversation=conversation, at=NOW + 4 * SECOND)
    assert telling.somebody_types(user=colleague, conversation=conversation, at=NOW + 5 * SECOND)
    Preferences.objects.create(user=agent, sends_typing=False)
    assert not telling.somebody_types(user=agent, conversation=conversation, at=NOW + 20 * SECOND)
    assert not telling.somebody_types(
        user=colleague, conversation=conversation, at=conversation.window_closes_at
    ), "nobody may reply any more"
    assert telling.tell_typing(conversation_id=conversation.pk, at=NOW)


def test_a_sign_that_tiktok_refuses_is_forgotten(tiktok, conversation):
    tiktok.fault("code", code=50000)
    assert not telling.tell_seen(conversation_id=conversation.pk, at=NOW)
    assert telling.tell_seen(conversation_id=conversation.pk, at=NOW)
    conversation.channel.sends_read_marks = False
    assert not telling.somebody_read(conversation=conversation)


def test_the_database_holds_one_draft_for_each_agent_and_conversation(conversation, agent):
    from django.db import IntegrityError, transaction

    Draft.objects.create(agent=agent, conversation=conversation, text="one", saved_at=NOW)
    for sql, values in [
        (
            "INSERT INTO inbox_draft (agent_id, conversation_id, text, saved_at) VALUES (%s, %s, 'two', %s)",
            [agent.pk, conversation.pk, NOW],
        ),
        ("UPDATE inbox_draft SET text = ''", []),
        (
            "INSERT INTO inbox_preferences (user_id, undo_seconds, sends_typing) VALUES (%s, 31, %s)",
            [agent.pk, True],
        ),
    ]:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
