"""The search box, saved views and what is done with several rows: as pages, without and with the script."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from inbox import reading, saved_views, timeline
from inbox.listing import Listing
from inbox.models import Conversation, ReadHorizon, SavedView
from tests.factories import make_agent
from tests.pages.rows import make_conversation, reply, write

pytestmark = pytest.mark.django_db


def names(html: str) -> list[str]:
    return re.findall(r'class="row-name">([^<]+)<', html)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def allow(user, codename: str) -> None:
    user.user_permissions.add(Permission.objects.get(codename=codename))


# ── The search box ────────────────────────────────────────────────────────────────────────────────────


def test_what_is_found_is_marked_and_escaped_and_the_search_explained(agent):
    write(make_conversation("Ayu"), "<b>bold</b> & the Parcel is late")
    html = agent.get("/inbox/?q=parcel").text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; the <mark>Parcel</mark> is late" in html
    assert "Conversations with “parcel”. The newest match first." in text_of(html)
    assert 'value="parcel"' in html


def test_the_row_leads_to_the_message_that_was_found(agent):
    conversation = make_conversation("Ayu")
    wanted = write(conversation, "the needle", at=timezone.now() - timedelta(hours=30))
    for number in range(60):
        write(conversation, f"hay {number}", at=timezone.now() - timedelta(hours=20) + timedelta(minutes=number))
    html = agent.get("/inbox/?q=needle").text
    address = re.search(r'href="(/inbox/\d+/[^"]*)"', html)[1].replace("&amp;", "&")
    assert address.endswith(f"message={wanted.pk}#message-{wanted.pk}")
    page = agent.get(address.partition("#")[0]).text
    assert f'id="message-{wanted.pk}"' in page
    assert f'data-found="{wanted.pk}"' in page
    assert "hay 3<" in page  # what came after it is there, too
    assert f'id="message-{wanted.pk}"' not in agent.get(f"/inbox/{conversation.pk}/").text


@pytest.mark.parametrize(
    "typed", ["colour:red", '"', "(", "a OR", "window:x", "assignee:x", "\x00", "%", "x" * 600]
)
def test_what_cannot_be_searched_for_is_a_sentence_beside_the_box(agent, typed):
    write(make_conversation("Ayu"))
    answer = agent.get("/inbox/", {"q": typed})
    assert answer.status_code == 200
    if typed != "%":
        assert names(answer.text) == []
        assert 'class="search-error" role="alert"' in answer.text
        assert "Save as view" not in answer.text


def test_a_search_is_an_address_that_keeps_the_order(agent):
    for name, hours in (("Newer", 1), ("Older", 30)):
        write(make_conversation(name), at=timezone.now() - timedelta(hours=hours))
    assert names(agent.get("/inbox/?q=status:open").text) == ["Older", "Newer"]
    html = agent.get("/inbox/?q=status:open&sort=newest").text
    assert names(html) == ["Newer", "Older"]
    assert "q=status%3Aopen&amp;sort=newest" in html


def test_a_search_is_followed_live(script, ana):
    conversation = make_conversation("Ayu")
    write(conversation, "Hello")
    cursor = timeline.cursor_now()
    write(conversation, "where is my parcel")
    answer = script.get(f"/inbox/live/?after={cursor}&q=parcel").text
    assert "<mark>parcel</mark>" in answer
    assert f'id="conversation-{conversation.pk}" data-order="2-' in answer
    gone = script.get(f"/inbox/live/?after={cursor}&q=refund").text
    assert f'<li id="conversation-{conversation.pk}" data-gone>' in gone


def test_how_to_search_is_a_page_with_searches_that_work(agent, ana, script):
    html = agent.get("/inbox/search-help/").text
    examples = re.findall(r'href="(/inbox/\?q=[^"]+)"', html)
    assert len(examples) >= 8
    for address in examples:
        shown = agent.get(address.replace("&amp;", "&")).text
        if "label" not in address and "channel" not in address:
            assert "search-error" not in shown, address
    assert "<html" not in script.get("/inbox/search-help/").text


# ── Orders ────────────────────────────────────────────────────────────────────────────────────────────


def test_who_waits_longest_can_come_first(agent, ben):
    at = timezone.now()
    answered = make_conversation("Answered")
    write(answered, at=at - timedelta(hours=40))
    reply(answered, ben, at=at - timedelta(hours=39))
    write(make_conversation("Short"), at=at - timedelta(hours=1))
    long = make_conversation("Long")
    write(long, at=at - timedelta(hours=30))
    write(long, at=at - timedelta(minutes=5))
    assert names(agent.get("/inbox/?sort=waiting").text) == ["Long", "Short", "Answered"]


# ── Unread ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_horizon_follows_what_was_read_and_hides_nothing_unread(agent, ana):
    at = timezone.now()
    for days in (20, 10, 9, 1):
        write(make_conversation(f"{days} days"), at=at - timedelta(days=days))
    for conversation in Conversation.objects.filter(contact__display_name__in=["20 days", "9 days"]):
        agent.post(f"/inbox/{conversation.pk}/seen/")
    reading.advance_horizons(at=at)
    assert set(names(agent.get("/inbox/?view=unread").text)) == {"10 days", "1 days"}
    for conversation in Conversation.objects.filter(contact__display_name="10 days"):
        agent.post(f"/inbox/{conversation.pk}/seen/")
    reading.advance_horizons(at=at)
    assert ReadHorizon.objects.get(agent=ana).closes_at == at - timedelta(days=1)
    assert names(agent.get("/inbox/?view=unread").text) == ["1 days"]
    write(Conversation.objects.get(contact__display_name="20 days"))
    assert set(names(agent.get("/inbox/?view=unread").text)) == {"1 days", "20 days"}


def test_what_was_left_unread_for_a_month_no_longer_counts(agent, ana):
    write(make_conversation("Long ago"), at=timezone.now() - timedelta(days=40))
    assert names(agent.get("/inbox/?view=unread").text) == ["Long ago"]
    reading.advance_horizons(at=timezone.now())
    html = agent.get("/inbox/?view=open").text
    assert names(agent.get("/inbox/?view=unread").text) == []
    assert "is-unread" not in html


def test_a_conversation_marked_as_unread_comes_back_over_the_horizon(agent, ana):
    conversation = make_conversation("Ayu")
    write(conversation, at=timezone.now() - timedelta(days=10))
    agent.post(f"/inbox/{conversation.pk}/seen/")
    reading.advance_horizons(at=timezone.now())
    assert names(agent.get("/inbox/?view=unread").text) == []
    agent.post(f"/inbox/{conversation.pk}/unread/")
    assert names(agent.get("/inbox/?view=unread").text) == ["Ayu"]


# ── Saved views ───────────────────────────────────────────────────────────────────────────────────────


def test_a_search_is_saved_as_a_view_renamed_and_removed(agent, ana):
    write(make_conversation("Ayu"))
    page = agent.get("/inbox/?q=assignee:none&sort=newest").text
    address = re.search(r'href="(/inbox/views/new/[^"]+)"', page)[1].replace("&amp;", "&")
    assert "Save as view" in agent.get(address).text
    answer = agent.post(address, {"name": "Nobody's", "query": "assignee:none"})
    assert answer.status_code == 302
    view = SavedView.objects.get()
    assert (view.owner, view.name, view.query, view.sort, view.is_shared) == (
        ana,
        "Nobody's",
        "assignee:none",
        "newest",
        False,
    )
    html = agent.get(answer["Location"]).text
    assert names(html) == ["Ayu"]
    assert re.search(r'<a class="view-saved" [^>]*aria-current="page">Nobody&#x27;s', html)
    agent.post(f"/inbox/views/{view.pk}/", {"name": "Free", "query": "assignee:none status:open"})
    view.refresh_from_db()
    assert (view.name, view.query) == ("Free", "assignee:none status:open")
    agent.post(f"/inbox/views/{view.pk}/remove/")
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": " ", "query": "a"}, "Give the view a name"),
        ({"name": "N", "query": "colour:red"}, "is not something to search by"),
        ({"name": "N" * 61, "query": "a"}, "60 characters"),
        ({"name": "Taken", "query": "a"}, "with this name already"),
    ],
)
def test_what_cannot_be_saved_is_said_in_words_and_kept_in_the_form(agent, ana, given, said):
    saved_views.save(user=ana, name="Taken", query="x")
    answer = agent.post("/inbox/views/new/", given)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{given["query"]}"' in answer.text


def test_only_who_may_share_shares_and_everybody_sees_it(agent, ana, ben):
    agent.post("/inbox/views/new/", {"name": "Mine", "query": "a"})
    assert agent.post("/inbox/views/new/", {"name": "Ours", "query": "b", "is_shared": "on"}).status_code == 403
    allow(ana, "share_savedview")
    agent.post("/inbox/views/new/", {"name": "Ours", "query": "b", "is_shared": "on"})
    agent.force_login(ben)
    html = agent.get("/inbox/").text
    assert "Ours" in html
    assert "Shared by Ana Wibowo" in html
    assert ">Mine <" not in html
    ours = SavedView.objects.get(name="Ours")
    assert agent.get(f"/inbox/views/{ours.pk}/").status_code == 404
    assert agent.post(f"/inbox/views/{ours.pk}/remove/").status_code == 404


def test_a_saved_view_is_counted_where_an_index_knows(agent, ana):
    for _ in range(3):
        write(make_conversation())
    saved_views.save(user=ana, name="Open windows", query="window:open")
    saved_views.save(user=ana, name="With words", query="stock")
    html = agent.get("/inbox/").text
    assert 'Open windows <span class="count">3</span>' in html
    assert "With words</a>" in html


# ── Several at once ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def three():
    conversations = [make_conversation(name) for name in ("One", "Two", "Three")]
    for conversation in conversations:
        write(conversation)
    return conversations


def ticked(conversations) -> list[int]:
    return [conversation.pk for conversation in conversations]


def test_several_are_closed_by_a_form_and_taken_back(agent, three):
    html = agent.get("/inbox/").text
    assert html.count('name="row"') == 3
    assert "There is no sending to several at once" in html
    answer = agent.post("/inbox/several/", {"row": ticked(three[:2]), "do": "close"})
    assert "2 conversations changed." in answer.text
    assert names(answer.text) == ["Three"]
    assert 'action="/inbox/several/undo/"' in answer.text
    assert agent.post("/inbox/several/undo/").status_code == 302
    assert set(names(agent.get("/inbox/").text)) == {"One", "Two", "Three"}


def test_with_the_script_the_changed_rows_and_the_way_back_come_as_pieces(script, three):
    cursor = timeline.cursor_now()
    answer = script.post("/inbox/several/", {"row": ticked(three), "do": "close", "after": cursor})
    assert answer.text.count("data-gone") == 3
    assert "3 conversations changed." in answer.text
    back = script.post("/inbox/several/undo/", {"after": answer["X-Timeline-Cursor"]})
    assert len(names(back.text)) == 3


def test_whom_to_assign_them_to_is_asked_first(agent, ana, ben, three):
    asked = agent.post("/inbox/several/ask/", {"row": ticked(three), "do": "assign"}).text
    assert asked.count('name="row"') == 3
    assert "Ben Okafor" in asked
    agent.post("/inbox/several/", {"row": ticked(three), "do": "assign", "person": ben.pk})
    assert set(Conversation.objects.values_list("assignee", flat=True)) == {ben.pk}
    agent.post("/inbox/several/", {"row": ticked(three), "do": "assign", "person": "nobody"})
    assert set(Conversation.objects.values_list("assignee", flat=True)) == {None}


def test_several_sleep_until_a_time(agent, three):
    agent.post("/inbox/several/", {"row": ticked(three), "do": "snooze", "until": "4h"})
    assert set(names(agent.get("/inbox/?view=snoozed").text)) == {"One", "Two", "Three"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"do": "close"}, "Tick the conversations first."),
        ({"do": "explode"}, "Choose what to do with them."),
        ({"do": "assign", "person": "x"}, "Choose whom to assign them to."),
        ({"do": "label", "label": "9999"}, "Choose a label."),
        ({"do": "snooze", "until": "2020-01-01T00:00"}, "Choose a time to come."),
    ],
)
def test_what_cannot_be_done_is_said_above_the_list(agent, three, given, said):
    picked = {} if said.startswith("Tick") else {"row": ticked(three)}
    answer = agent.post("/inbox/several/", picked | given)
    assert answer.status_code == 422
    assert said in answer.text
    assert len(names(answer.text)) == 3


def test_who_may_only_read_gets_no_boxes(three, agent):
    agent.force_login(make_agent("reader", permissions=("inbox.view_conversation",)))
    html = agent.get("/inbox/").text
    assert 'name="row"' not in html
    assert 'id="bulk"' not in html
    assert agent.post("/inbox/several/", {"row": ticked(three), "do": "close"}).status_code == 403


# ── What it costs ─────────────────────────────────────────────────────────────────────────────────────


def test_a_page_of_a_search_costs_at_most_ten_queries(agent, ana, django_assert_max_num_queries):
    saved_views.save(user=ana, name="Open windows", query="window:open")
    for number in range(40):
        write(make_conversation(f"N{number}"), f"the word {number}")
    agent.get("/inbox/")
    for address in ("/inbox/", "/inbox/?q=word", "/inbox/?q=word status:open -from:n3", "/inbox/?q=is:unread"):
        with django_assert_max_num_queries(10):
            agent.get(address)


def test_a_listing_of_found_conversations_knows_where_a_row_belongs(ana):
    conversation = make_conversation("Ayu")
    write(conversation, "word")
    mine = Listing(ana, q="word")
    from inbox.listing import page_of

    rows, _ = page_of(mine, at=timezone.now())
    assert mine.position(rows[0], at=timezone.now()).startswith("2-")
