"""Saved replies: what may stand in one, and what becomes of it in a reply."""

import pytest
from django.core.exceptions import ValidationError

from channels_tiktok.models import Channel
from inbox import saved_replies, saved_texts
from inbox.models import SavedReply
from tests.factories import make_agent, make_channel, make_contact, make_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return make_agent("ana", first_name="Ana")


def filled(text, *, user, **contact):
    channel = Channel.objects.first() or make_channel("Kopi Corner")
    conversation = make_conversation(channel, contact=make_contact(channel, **contact))
    return saved_replies.filled(SavedReply(title="x", text=text), conversation=conversation, user=user)


def test_names_are_filled_in(ana):
    text = "Hi {{contact.name}}, {{ agent.first_name }} from {{channel.name}} here."
    assert filled(text, user=ana) == "Hi Ayu, Ana from Kopi Corner here."
    assert filled("{{contact.name}}", user=ana, display_name="") == "ayu_22"


def test_what_is_missing_leaves_a_mark_and_never_braces(ana):
    nameless = make_agent("b")
    assert filled("From {{agent.first_name}}.", user=nameless) == "From [your first name?]."
    assert filled("Hi {{contact.name}}", user=ana, display_name="", username="") == "Hi [customer’s name?]"


@pytest.mark.parametrize("name", ["{{agent.first_name}}", "}}{{", "{{x", "{{{{contact.name}}}}"])
def test_a_customer_who_is_called_like_a_placeholder_brings_none_in(ana, name):
    text = filled("Hi {{contact.name}}!", user=ana, display_name=name)
    assert "{{" not in text
    assert "}}" not in text
    assert "Ana" not in text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "Hi {{contact.nmae}}",
            "{{contact.nmae}} is nothing that can be filled in. There are: "
            "{{contact.name}}, {{agent.first_name}}, {{channel.name}}.",
        ),
        ("{{}}", "{{}} is nothing that can be filled in."),
        ("Hi {{contact.name", "There are {{ or }} without the other."),
        ("Hi contact.name}}", "There are {{ or }} without the other."),
        ("x" * 6_001, "TikTok takes at most 6,000 characters in a message; this has 6,001."),
    ],
)
def test_what_could_not_be_filled_in_or_sent_is_refused_when_it_is_saved(text, sentence):
    with pytest.raises(ValidationError) as refused:
        saved_texts.check_text(text)
    assert refused.value.messages[0].startswith(sentence)


def test_each_has_everybodys_and_their_own(ana):
    ben = make_agent("ben")
    for title, owner in (("shared", None), ("of ana", ana), ("of ben", ben)):
        SavedReply.objects.create(title=title, text="x", owner=owner)
    assert [one.title for one in saved_replies.for_person(ana)] == ["of ana", "shared"]
    reader = make_agent("reader", permissions=("inbox.view_conversation",))
    assert not saved_replies.for_person(reader).exists()
