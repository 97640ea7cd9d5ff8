"""Pictures of replies that were not sent go after a month, and never one that another row still names."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage

from inbox import clearing, sending
from inbox.models import Attachment, Message
from inbox.refusals import BadReply
from tests.factories import NOW, make_agent, make_channel, make_conversation, make_inbound
from tests.pictures import picture

pytestmark = pytest.mark.django_db(transaction=True)
MONTH = timedelta(days=30)
SECOND = timedelta(seconds=1)


@pytest.fixture
def agent():
    return make_agent()


@pytest.fixture
def conversation():
    conversation = make_conversation(make_channel())
    make_inbound(conversation)
    return conversation


def send_picture(conversation, agent, *, at=NOW):
    return sending.queue_reply(user=agent, conversation_id=conversation.pk, image=picture((40, 30)), at=at)


def files_of(message):
    attachment = message.attachments.get()
    return attachment.file.name, attachment.thumbnail.name


def are_there(names):
    return [default_storage.exists(name) for name in names]


def test_a_cancelled_replys_picture_goes_after_a_month(conversation, agent):
    reply = send_picture(conversation, agent)
    names = files_of(reply)
    sending.cancel_reply(user=agent, message_id=reply.pk, at=NOW)
    assert clearing.clear_pictures(at=NOW + MONTH) == 0
    assert are_there(names) == [True, True]
    assert clearing.clear_pictures(at=NOW + MONTH + SECOND) == 1
    assert are_there(names) == [False, False]
    attachment = Attachment.objects.get()
    assert (attachment.file.name, attachment.state) == ("", "failed")
    assert clearing.clear_pictures(at=NOW + MONTH + SECOND) == 0


def test_what_was_sent_or_may_have_been_is_kept(conversation, agent):
    reply = send_picture(conversation, agent)
    for state in ("queued", "unconfirmed"):
        Message.objects.filter(pk=reply.pk).update(state=state)
        assert clearing.clear_pictures(at=NOW + 10 * MONTH) == 0
    assert are_there(files_of(reply)) == [True, True]


def test_a_file_that_a_second_attempt_shares_stays_until_nobody_names_it(conversation, agent):
    first = send_picture(conversation, agent)
    Message.objects.filter(pk=first.pk).update(state="failed", slot=None)
    later = NOW + timedelta(days=1)
    second = sending.send_again(user=agent, message_id=first.pk, at=later)
    names = files_of(second)
    assert files_of(first) == names
    assert clearing.clear_pictures(at=NOW + MONTH + SECOND) == 1
    assert are_there(names) == [True, True], "the second attempt still needs it"
    Message.objects.filter(pk=second.pk).update(state="failed", slot=None)
    assert clearing.clear_pictures(at=later + MONTH + SECOND) == 1
    assert are_there(names) == [False, False]


def test_what_is_gone_can_not_be_sent_again_and_says_so(conversation, agent):
    reply = send_picture(conversation, agent)
    Message.objects.filter(pk=reply.pk).update(state="failed", slot=None)
    clearing.clear_pictures(at=NOW + MONTH + SECOND)
    with pytest.raises(BadReply, match="no longer kept"):
        sending.send_again(user=agent, message_id=reply.pk, at=NOW)
