"""What a thread shows of each message, and what became of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels_tiktok.models import Channel
from inbox import thread, working
from inbox.models import Conversation, Message, Reaction, Referral, ReplyWindow
from tests.factories import NOW, make_agent
from tests.pages.rows import echo, make_conversation, reply, write

pytestmark = pytest.mark.django_db
State = Message.State


@pytest.fixture
def ayu() -> Conversation:
    conversation = make_conversation("Ayu")
    write(conversation, "Is the blue one in stock?", timezone.now() - timedelta(hours=1))
    return conversation


@pytest.fixture
def show(agent, ayu):
    """The open conversation's page as text."""
    return lambda: agent.get(f"/inbox/{ayu.pk}/").text


def test_the_customers_words_are_shown_as_they_were_written(show, ayu):
    write(ayu, '<b>two</b>\nlines & https://example.com/a?b=1&c=2 " rel="nofollow"')
    html = show()
    assert "&lt;b&gt;two&lt;/b&gt;\nlines &amp; <a href=" in html
    assert 'href="https://example.com/a?b=1&amp;c=2" rel="nofollow noopener noreferrer" target="_blank"' in html
    assert "<b>two" not in html


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("image", "Image"),
        ("video", "Video"),
        ("sticker", "Sticker"),
        ("emoji", "Emoji"),
        ("template", "Question card"),
        ("unsupported", "Unsupported message"),
    ],
)
def test_what_we_cannot_show_is_named_and_leads_to_tiktok(show, ayu, kind, name):
    write(ayu, "", kind=kind)
    html = show()
    assert f'<p class="card-title">{name}' in html
    assert 'href="https://www.tiktok.com/messages"' in html


def test_a_kind_that_nobody_foresaw_is_named_as_tiktok_names_it(show, ayu):
    write(ayu, "", kind="unsupported", tiktok_kind="live_gift")
    assert "(live_gift)" in show()


def test_a_shared_post_is_a_card_with_a_link_but_only_to_the_web(show, ayu):
    write(ayu, "", kind="share_post", content={"embed_url": "https://www.tiktok.com/player/v1/74"})
    assert 'href="https://www.tiktok.com/player/v1/74"' in show()
    write(ayu, "", kind="share_post", content={"embed_url": "javascript:alert(1)"})
    assert "javascript:" not in show()


def test_a_question_card_shows_its_question_and_its_answers(show, ayu):
    buttons = [{"text": "Delivery"}, {"text": "Refund"}]
    echo(
        ayu,
        kind="template",
        source="other",
        content={"elements": [{"title": "What is it about?", "buttons": buttons}]},
    )
    html = show()
    assert "What is it about?" in html
    assert "<li>Refund</li>" in html


@pytest.mark.parametrize(
    "content", [{}, {"elements": None}, {"elements": ["x", {"buttons": ["y", None]}]}, {"embed_url": 5}]
)
def test_content_of_another_shape_breaks_nothing(show, ayu, content):
    for kind in Message.Kind.values:
        write(ayu, "", kind=kind, content=content)
    assert "Ayu" in show()


@pytest.mark.parametrize(
    ("became", "words"),
    [
        ({}, "Queued"),
        ({"state": State.SENDING, "claimed_until": timezone.now()}, "Sending"),
        ({"state": State.SENT}, "Sent"),
        ({"state": State.READ, "read_at": timezone.now().replace(hour=14, minute=5)}, "Seen 14:05"),
        (
            {"state": State.FAILED, "error_detail": "TikTok refused the text."},
            "Not sent: TikTok refused the text.",
        ),
        ({"state": State.FAILED, "error_detail": "Not sent: the window closed."}, "Not sent: The window closed."),
        ({"state": State.FAILED}, "Not sent: TikTok gave no reason."),
        (
            {"state": State.UNCONFIRMED, "try_again_at": NOW},
            "We keep looking; please don’t send it again.",
        ),
        ({"state": State.UNCONFIRMED}, "TikTok never confirmed this: send again?"),
        ({"state": State.CANCELLED, "slot": None}, "Cancelled"),
    ],
)
def test_what_became_of_a_reply_stands_under_it_in_words(show, ayu, ana, became, words):
    reply(ayu, ana, **became)
    assert words in show()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("owner", "Owner, in the TikTok app"),
        ("automatic", "TikTok&#x27;s automatic message"),
        ("other", "Another app"),
    ],
)
def test_who_else_wrote_for_the_business_is_said(show, ayu, source, words):
    echo(ayu, "Hello", source=source)
    assert words in show()


def test_replies_of_one_agent_are_one_group_and_only_its_end_tells_the_time(ayu, ana, ben):
    for user, text in ((ana, "one"), (ana, "two"), (ben, "three")):
        reply(ayu, user, text)
    items = {item.of.text: item for item in thread.page_of(ayu).items if isinstance(item.of, Message)}
    assert [(items[text].starts_group, items[text].ends_group) for text in ("one", "two", "three")] == [
        (True, False),
        (False, True),
        (True, True),
    ]


def test_a_quoted_message_stands_above_its_answer(show, ayu):
    first = write(ayu, "The blue one")
    write(ayu, "This!", quoted_message_id=first.tiktok_message_id)
    write(ayu, "And that", quoted_message_id="unknown==")
    html = show()
    assert '<blockquote class="quoted">The blue one</blockquote>' in html
    assert '<blockquote class="quoted">An earlier message</blockquote>' in html


def test_reactions_are_counted_and_those_taken_back_are_gone(show, ayu):
    message = write(ayu, "Nice")
    for user, emoji, is_on in (("a", "👍", True), ("b", "👍", True), ("c", "❤️", True), ("d", "😡", False)):
        Reaction.objects.create(
            conversation=ayu,
            tiktok_message_id=message.tiktok_message_id,
            tiktok_user_id=user,
            emoji=emoji,
            is_on=is_on,
            changed_at=timezone.now(),
        )
    html = show()
    assert "<li>👍 2</li>" in html
    assert "<li>❤️</li>" in html
    assert "😡" not in html


def test_how_the_customer_came_stands_in_its_place(show, ayu):
    ayu.referral = Referral.objects.create(
        conversation=ayu, source="ad", arrived_at=timezone.now() - timedelta(hours=2), ad_name="Blue mug"
    )
    ayu.save()
    html = show()
    log = html.split('role="log"')[1]
    assert log.index("Came by an ad: Blue mug") < log.index("Is the blue one in stock?")


def test_what_colleagues_did_is_told_in_the_thread(show, ayu, ana, ben):
    now = timezone.now()
    working.assign(user=ana, conversation_id=ayu.pk, assignee=ana, at=now)
    working.assign(user=ana, conversation_id=ayu.pk, assignee=ben, at=now)
    working.assign(user=ben, conversation_id=ayu.pk, assignee=None, at=now)
    working.change_status(user=ben, conversation_id=ayu.pk, status="closed", at=now)
    html = show()
    for words in (
        "Ana Wibowo took this conversation",
        "Ana Wibowo assigned this to Ben Okafor",
        "Ben Okafor took the assignment off",
        "Ben Okafor closed this conversation",
    ):
        assert words in html


def test_earlier_messages_come_in_pages_without_gap_or_repeat(script, ayu, monkeypatch):
    monkeypatch.setattr(thread, "PAGE", 5)
    for number in range(12):
        echo(ayu, f"old {number}", at=timezone.now() - timedelta(days=1, minutes=number))
    seen, before = [], ""
    while True:
        page = thread.page_of(ayu, before=before)
        seen = [item.of.pk for item in page.items if isinstance(item.of, Message)] + seen
        if not page.before:
            break
        before = page.before
        assert script.get(f"/inbox/{ayu.pk}/earlier/", {"before": before}).status_code == 200
    assert seen == list(ayu.messages.order_by("occurred_at", "id").values_list("pk", flat=True))


def test_each_day_has_its_name(show, ayu):
    echo(ayu, "yesterday", at=timezone.now() - timedelta(days=1))
    html = show()
    assert html.index("<span>Yesterday</span>") < html.index("<span>Today</span>")


def test_the_details_say_what_used_each_reply(show, ayu, ana):
    reply(ayu, ana, "Number one")
    html = show()
    assert "9 of 10 left" in html
    assert '<span class="slot-number">1</span><span class="slot-text">You: Number one</span>' in html


def lock_sentence(html: str) -> str:
    return html.split('id="composer-lock"')[1].split("</div>")[0]


def test_a_closed_window_locks_the_composer_and_says_why(agent):
    conversation = make_conversation("Ayu")
    write(conversation, at=timezone.now() - timedelta(hours=49))
    html = agent.get(f"/inbox/{conversation.pk}/").text
    assert "The 48-hour reply window closed. It opens again when Ayu writes." in lock_sentence(html)
    assert "readonly" in html.split("<textarea")[1].split(">")[0]
    assert "disabled" in html.split('id="composer-send"')[1].split(">")[0]


def test_an_open_window_locks_nothing(show):
    html = show()
    assert 'data-locked="no"' in html
    assert "readonly" not in html.split("<textarea")[1].split(">")[0]
    assert "Uses 1 of 10" in html


def test_every_other_lock_says_its_reason(show, ayu, ana):
    ReplyWindow.objects.filter(conversation=ayu).update(refused_at=timezone.now(), refusal="limit reached")
    assert "TikTok refused the last reply: “limit reached”" in lock_sentence(show())
    Channel.objects.update(status=Channel.Status.DISCONNECTED, reason="The password was changed.")
    assert "disconnected: The password was changed." in lock_sentence(show())


def test_who_may_only_read_is_told_so(client, ayu):
    client.force_login(make_agent("reader", permissions=("inbox.view_conversation",)))
    html = client.get(f"/inbox/{ayu.pk}/").text
    assert "You can read this conversation." in lock_sentence(html)
    assert 'data-action="assign' not in html
