"""Finding conversations: what is found by which words, on both databases, and that the index is always right."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from inbox import access, listing, search, sending
from inbox.listing import Listing, page_of
from inbox.models import Contact, ContactUsername, Conversation, Label, Message, Referral, SearchEntry
from inbox.search import Search
from inbox.search_language import BadSearch
from inbox.search_operators import register_operator
from tests.factories import make_agent
from tests.pages.rows import echo, make_conversation, reply, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(db):
    return make_agent("ana", first_name="Ana", last_name="Wibowo")


def found(user, typed: str) -> list[str]:
    """The names of the customers on the first page, in the order in which they come."""
    rows, _following = page_of(Listing(user, q=typed), at=timezone.now())
    return [row.contact.name for row in rows]


def say(name: str, *texts: str, **fields) -> Conversation:
    conversation = make_conversation(name, **fields)
    for text in texts:
        write(conversation, text)
    return conversation


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Is the blue one in stock?", "blue"),
        ("Is the blue one in stock?", "STOCK"),
        ("Is the blue one in stock?", '"blue one"'),
        ("The waterproof jacket", "proof"),
        ("My order is AB-12345, thanks", "12345"),
        ("My order is AB-12345, thanks", "ab-12345"),
        ("My order is AB-12345, thanks", '"order is ab 12345"'),
        ("ok", "ok"),
        ("Well, OK.", "ok"),
        ("It costs 100%", "100%"),
        ("snake_case", "case"),
        ("请问这个价格是多少", "价格"),
        ("请问这个价格是多少", "价"),
        ("请问这个价格是多少", "多少"),
        ("ราคาเท่าไหร่คะ", "ราคา"),
        ("いくらですか", "いくら"),
        ("Very nice 😀👍", "😀"),
        ("Very nice 😀👍", "👍"),
        ("Äpfel und Birnen", "birnen"),
        ("مرحبا كيف الحال", "كيف"),
        ("it's 'quoted' \\ and \"so\"", "quoted"),
    ],
)
def test_a_message_is_found_by(ana, text, typed):
    say("Other", "Something else altogether")
    say("Right", text)
    assert found(ana, typed) == ["Right"]


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("The book is here", "ok"),  # two letters are a word of their own
        ("blue and one", '"blue one"'),
        ("价 then 格", '"价格x"'),
        ("anything", "%"),
        ("anything", "'; DROP TABLE inbox_message; --"),
        ("anything", "a_y"),
    ],
)
def test_a_message_is_not_found_by(ana, text, typed):
    say("Wrong", text)
    assert found(ana, typed) == []


def test_names_are_found_also_earlier_ones(ana):
    conversation = say("Ayu Lestari", "Hello", username="ayu.new")
    say("Other", "Hello")
    ContactUsername.objects.create(contact=conversation.contact, username="sweet_ayu92", seen_at=timezone.now())
    for typed in ("lestari", "ayu.new", "sweet_ayu92", "@sweet", "from:lestari", "from:@sweet_ayu92"):
        assert found(ana, typed) == ["Ayu Lestari"]
    Contact.objects.filter(pk=conversation.contact_id).update(display_name="Somebody New")
    assert found(ana, "from:somebody") == ["Somebody New"]
    assert found(ana, "from:lestari") == []


def test_from_looks_at_names_alone(ana):
    say("Ayu", "Hello")
    say("Budi", "I know Ayu")
    assert set(found(ana, "ayu")) == {"Ayu", "Budi"}
    assert found(ana, "from:ayu") == ["Ayu"]


def test_refs_and_ads_are_found(ana):
    at = timezone.now()
    one, other = say("By link", "Hello"), say("By ad", "Hello")
    Referral.objects.create(conversation=one, source="short_link", ref="spring-24", arrived_at=at)
    Referral.objects.create(conversation=other, source="ad", ad_id="778899", ad_name="Summer Sale", arrived_at=at)
    assert found(ana, "spring") == ["By link"]
    assert found(ana, "ref:SPRING-24") == ["By link"]
    assert found(ana, "ref:spring") == []
    assert found(ana, "summer sale") == found(ana, "ad:sale") == found(ana, "ad:778899") == ["By ad"]
    assert found(ana, "has:ad") == ["By ad"]


def test_words_of_one_search_may_stand_in_different_messages(ana):
    say("Both", "The parcel is late", "I want a refund")
    say("One", "I want a refund")
    assert found(ana, "refund parcel") == ["Both"]
    assert found(ana, "refund from:both") == ["Both"]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("refund", {"A", "B", "C"}),
        ("refund -blue", {"A", "C"}),
        ("blue OR green", {"B", "C"}),
        ("refund (blue OR green)", {"B", "C"}),
        ("refund -(blue OR green)", {"A"}),
        ("-refund", {"D"}),
        ("blue OR from:d", {"B", "D"}),
        ("status:closed OR green", {"B", "C"}),
    ],
)
def test_words_are_joined_as_written(ana, typed, names):
    say("A", "refund please")
    b = say("B", "refund the blue one")
    Conversation.objects.filter(pk=b.pk).update(status="closed")
    say("C", "refund the green one")
    say("D", "hello")
    assert set(found(ana, typed)) == names


def test_the_newest_match_comes_first_and_shows_its_line(ana):
    first = say("First", "Where is my parcel?")
    say("Second", "My parcel came")
    write(first, "Thank you!")
    rows, _ = page_of(Listing(ana, q="parcel"), at=timezone.now())
    assert [(row.contact.name, row.match.words) for row in rows] == [
        ("Second", "My parcel came"),
        ("First", "Where is my parcel?"),
    ]
    assert rows[0].match.message_id == Message.objects.get(text="My parcel came").pk


def test_pages_of_found_conversations_follow_each_other_without_gap_or_repeat(ana, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 3)
    monkeypatch.setattr(search, "CHUNKS", (4, 5))
    conversations = [say(f"N{number}", "the word") for number in range(11)]
    for conversation in conversations[::2]:
        for _ in range(3):
            write(conversation, "the word again")
    mine, names, after = Listing(ana, q="word"), [], ""
    for _ in range(20):
        rows, after = page_of(mine, at=timezone.now(), after=after)
        names += [row.contact.name for row in rows]
        if not after:
            break
    assert sorted(names) == sorted(f"N{number}" for number in range(11))


def test_nobody_finds_what_they_may_not_see(ana):
    say("Ayu", "secret")
    outsider = make_agent("outsider", permissions=())
    assert found(outsider, "secret") == []


# ── The index ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_found_as_soon_as_it_is_written_however_it_is_written(ana):
    conversation = say("Ayu", "one")
    echo(conversation, "two")
    reply(conversation, ana, "three")
    copy = Message.objects.get(text="two")
    copy.pk, copy.tiktok_message_id, copy.text = None, "mCopy", "four"
    Message.objects.bulk_create([copy])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inbox_message SET text = 'five' WHERE text = 'two'")
    assert [found(ana, f"{word}") for word in ("one", "three", "four", "five")] == [["Ayu"]] * 4
    assert found(ana, "two") == []


def test_what_is_rolled_back_is_not_found(ana):
    conversation = say("Ayu", "one")
    with transaction.atomic():
        echo(conversation, "vanished")
        assert found(ana, "vanished") == ["Ayu"]
        transaction.set_rollback(True)
    assert found(ana, "vanished") == []


def test_what_is_deleted_is_not_found(ana):
    conversation = say("Ayu", "one")
    message = echo(conversation, "twin")
    message.delete()
    assert found(ana, "twin") == []
    assert not SearchEntry.objects.filter(kind="message", source_id=message.pk).exists()


# ── Operators ─────────────────────────────────────────────────────────────────────────────────────────


def test_each_operator_finds_what_it_says(ana):
    at = timezone.now()
    ben = make_agent("ben", first_name="Ben", last_name="Okafor")
    vip = Label.objects.create(name="VIP")
    mine = say("Mine", "Hello", assignee=ana)
    mine.labels.add(vip)
    theirs = say("Theirs", "Hello", assignee=ben)
    Conversation.objects.filter(pk=theirs.pk).update(status="closed")
    late = make_conversation("Late")
    write(late, at=at - timedelta(hours=44))
    old = make_conversation("Old")
    write(old, at=at - timedelta(days=4))
    echo(old, kind="image", at=at - timedelta(days=4))
    echo(late, kind="share_post", at=at - timedelta(hours=44))
    failed = reply(mine, ana, state="failed")
    used_up = say("Used up", "Hello")
    for _ in range(10):
        reply(used_up, ben)
    access.mark_seen(user=ana, conversation=Conversation.objects.get(pk=old.pk))
    everybody = {"Mine", "Theirs", "Late", "Old", "Used up"}
    expected = {
        "assignee:me": {"Mine"},
        "assignee:none": {"Late", "Old", "Used up"},
        "assignee:ben": {"Theirs"},
        'assignee:"ben okafor"': {"Theirs"},
        "-assignee:me": everybody - {"Mine"},
        "status:closed": {"Theirs"},
        "status:OPEN": everybody - {"Theirs"},
        "label:vip": {"Mine"},
        f'channel:"{mine.channel.name}"': {"Mine"},
        "is:unread": everybody - {"Old"},
        "has:image": {"Old"},
        "has:share": {"Late"},
        "window:open": everybody - {"Old"},
        "window:closed": {"Old"},
        "window:<6h": {"Late"},
        "window:>6h": {"Mine", "Theirs", "Used up"},
        "quota:0": {"Used up"},
        "quota:<=9": {"Used up", "Mine"},
        "quota:10": {"Theirs", "Late"},
        "older_than:2d": {"Old"},
        "older_than:43h": {"Old", "Late"},
        f"before:{at - timedelta(days=3):%Y-%m-%d}": {"Old"},
        f"after:{at - timedelta(days=3):%Y-%m-%d}": everybody - {"Old"},
        "failed:yes": {"Mine"},
        "is:blocked": set(),
        "has:draft": set(),
    }
    assert {typed: set(found(ana, typed)) for typed in expected} == expected
    assert failed.conversation_id == mine.pk


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("colour:red", "“colour:” is not something to search by"),
        ("status:done", "“status:done” means nothing. There are: status:open, status:snoozed, status:closed."),
        ("assignee:nobody-here", "Nobody here is called “nobody-here”"),
        ("label:none-such", "There is no label “none-such”"),
        ("channel:x", "There is no channel “x”"),
        ("before:yesterday", "Write it as 2026-11-22"),
        ("before:2026-02-31", "is not a day"),
        ("older_than:soon", "Write 6h, 2d, 3w, 1m or 1y"),
        ("window:6", "Write window: and one of open, closed, <6h"),
        ("quota:many", "Write quota: and one of"),
        ("from:", "Say whom to look for"),
        ("ref:", "Say what to look for"),
        ('"open', "A quotation mark is missing"),
        ("(open", "A “)” is missing"),
        ("open)", "closes nothing"),
        ("a OR", "Something to look for is missing"),
        ("?!", "Type a word"),
        ("x" * 501, "500 characters at most"),
        ("a " * 41, "40 parts at most"),
        ("(" * 12 + "a" + ")" * 12, "too many brackets"),
        ("-(" * 11 + "a" + ")" * 11, "too many brackets"),
        ("a\x00b", "nothing can hold"),
    ],
)
def test_what_cannot_be_searched_for_is_said_in_words(ana, typed, said):
    with pytest.raises(BadSearch, match=".") as refused:
        Search.of(typed, ana)
    assert said in refused.value.sentence


def test_a_search_is_explained_in_words(ana):
    assert (
        Search.of('refund -"blue one" (assignee:me OR window:<6h)', ana).explanation
        == "Conversations with “refund” and not with “blue one” and "
        "(assigned to you or with a reply window that closes within 6 hours)."
    )


def test_apps_above_the_inbox_add_operators_of_their_own(ana):
    say("Ayu", "Hello")
    say("Budi", "Hello")

    def condition(value, user):
        if value == "bad":
            raise ValueError("That link is unknown.")
        from django.db.models import Q

        return Q(contact__display_name=value)

    register_operator("testlink", condition=condition, explain=lambda value, user: f"that came by {value}")
    register_operator("is:testmark", condition=condition, explain="with a mark")
    assert found(ana, "testlink:Ayu") == ["Ayu"]
    assert Search.of("testlink:Ayu", ana).explanation == "Conversations that came by Ayu."
    assert Search.of("is:testmark", ana).explanation == "Conversations with a mark."
    with pytest.raises(BadSearch, match="That link is unknown"):
        Search.of("testlink:bad", ana)


# ── Who waits since when ──────────────────────────────────────────────────────────────────────────────


def waiting_since(conversation: Conversation):
    return Conversation.objects.get(pk=conversation.pk).waiting_since


def test_a_customer_waits_from_the_first_message_after_the_last_answer(ana):
    at = timezone.now()
    conversation = make_conversation("Ayu")
    first = write(conversation, at=at - timedelta(hours=5))
    write(conversation, at=at - timedelta(hours=4))
    assert waiting_since(conversation) == first.occurred_at
    answer = reply(conversation, ana, at=at - timedelta(hours=3))
    assert waiting_since(conversation) is None
    third = write(conversation, at=at - timedelta(hours=2))
    assert waiting_since(conversation) == third.occurred_at
    echo(conversation, "Thanks for writing!", source="automatic", at=at - timedelta(hours=1))
    assert waiting_since(conversation) == third.occurred_at  # TikTok's automatic message is no answer
    Message.objects.filter(pk=answer.pk).update(state="failed")
    assert waiting_since(conversation) == first.occurred_at  # nobody answered after all
    echo(conversation, "Hi, it's the owner", at=at)
    assert waiting_since(conversation) is None


def test_a_reply_that_is_taken_back_leaves_the_customer_waiting(ana):
    conversation = make_conversation("Ayu")
    first = write(conversation)
    held = reply(conversation, ana)
    assert waiting_since(conversation) is None
    sending.cancel_reply(user=ana, message_id=held.pk, at=timezone.now())
    assert waiting_since(conversation) == first.occurred_at
