"""Notes, labels, snooze, close and next, saved replies and the details, as the pages show them."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inbox import notes, thread, working
from inbox.models import (
    ContactUsername,
    Conversation,
    ConversationEvent,
    Draft,
    Label,
    Note,
    NoteDraft,
    SavedReply,
)
from inbox.templatetags.inbox_pages import told
from tests.factories import AGENT_PERMISSIONS, make_agent, make_channel
from tests.pages.conftest import SCRIPT
from tests.pages.rows import echo, make_conversation, reply, write

pytestmark = pytest.mark.django_db
READER = ("inbox.view_conversation",)


@pytest.fixture
def ayu() -> Conversation:
    conversation = make_conversation("Ayu")
    write(conversation, "Is the blue one in stock?", timezone.now() - timedelta(hours=1))
    return conversation


@pytest.fixture
def show(agent, ayu):
    return lambda query="": agent.get(f"/inbox/{ayu.pk}/{query}").text


def log_of(html: str) -> str:
    return html.split('role="log"')[1].split('id="composer-area"')[0]


# ── Notes ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_note_stands_in_the_thread_with_the_word_and_whom_it_names(agent, show, ayu, ben):
    answer = agent.post(f"/inbox/{ayu.pk}/notes/?view=mine", {"text": "@ben <look> https://shop.test/@ben"})
    assert (answer.status_code, answer["Location"]) == (302, f"/inbox/{ayu.pk}/?view=mine&mode=note")
    html = log_of(show())
    note = html.split(f'id="note-{Note.objects.get().pk}"')[1].split("</li>")[0]
    assert "Note</strong>" in note
    assert "<span>You</span>" in note
    assert '<span class="mention">@ben</span> &lt;look&gt; <a href="https://shop.test/@ben"' in note
    assert html.index("Is the blue one") < html.index("look")


def test_an_open_page_gets_a_colleagues_note(script, ayu, ben):
    cursor = ConversationEvent.objects.latest("id").pk
    note = notes.add(user=ben, conversation_id=ayu.pk, text="Look here", at=timezone.now())
    answer = script.get("/inbox/live/", {"after": cursor, "conversation": ayu.pk})
    assert f'id="note-{note.pk}"' in answer.text
    assert "Ben Okafor" in answer.text.split(f'id="note-{note.pk}"')[1]


def test_reply_and_note_differ_in_word_and_button_and_only_a_choice_changes_the_mode(show):
    html = show()
    reply_part, note_part = html.split('data-mode-part="reply"')[1].split('data-mode-part="note"')
    assert reply_part.startswith(">")
    assert note_part.startswith(" hidden>")
    assert "<span>Send</span>" in reply_part
    assert "<span>Add note</span>" in note_part
    assert "Only your team sees it, never Ayu." in note_part
    chosen = show("?mode=note")
    assert 'data-mode-part="reply" hidden>' in chosen
    assert 'data-mode-part="note">' in chosen


def test_a_note_can_be_written_when_nothing_can_be_sent(agent):
    old = make_conversation("Old")
    write(old, at=timezone.now() - timedelta(hours=60))
    html = agent.get(f"/inbox/{old.pk}/?mode=note").text
    assert 'data-locked="yes"' in html
    assert "readonly" not in html.split('id="note-text"')[1].split(">")[0]
    assert agent.post(f"/inbox/{old.pk}/notes/", {"text": "Call her"}).status_code == 302
    assert Note.objects.get().text == "Call her"


def test_an_empty_note_is_refused_beside_its_box_and_the_text_is_kept(agent, script, ayu):
    answer = agent.post(f"/inbox/{ayu.pk}/notes/", {"text": "x" * 10_001})
    assert answer.status_code == 422
    assert "at most 10,000 characters" in answer.text.split('id="note-error"')[1].split("</div>")[0]
    assert "x" * 10_001 + "</textarea>" in answer.text
    piece = script.post(f"/inbox/{ayu.pk}/notes/", {"text": " ", "after": 10**6, "conversation": ayu.pk})
    assert (piece.status_code, "Write something first." in piece.text) == (422, True)


def test_the_two_drafts_never_mix(agent, script, ayu, show):
    script.post(f"/inbox/{ayu.pk}/draft/", {"text": "Dear Ayu"})
    assert script.post(f"/inbox/{ayu.pk}/note-draft/", {"text": "Cross customer"}).status_code == 204
    html = show()
    assert "Dear Ayu</textarea>" in html.split('id="composer-text"')[1].split('id="note-text"')[0]
    assert "Cross customer</textarea>" in html.split('id="note-text"')[1]
    agent.post(f"/inbox/{ayu.pk}/notes/", {"text": "Cross customer"})
    assert (NoteDraft.objects.count(), Draft.objects.get().text) == (0, "Dear Ayu")
    assert "Cross customer" not in Draft.objects.get().text


def test_who_can_be_named_is_offered(script, ben):
    make_agent("stranger", permissions=("inbox.view_label",))
    options = script.get("/inbox/colleagues/").text
    assert 'data-value="@ben "' in options
    assert "stranger" not in options


# ── Labels ────────────────────────────────────────────────────────────────────────────────────────────


def test_labels_are_chosen_in_a_dialog_that_is_also_a_page(agent, script, ayu, show):
    order, vip = Label.objects.create(name="Order", colour="blue"), Label.objects.create(name="VIP")
    working.set_labels(
        user=make_agent("x"), conversation_id=ayu.pk, labels=[vip], at=timezone.now() - timedelta(minutes=1)
    )
    page = agent.get(f"/inbox/{ayu.pk}/labels/").text
    assert "<html" in page
    assert re.search(rf'value="{vip.pk}"[^>]* checked', page)
    assert "<html" not in script.get(f"/inbox/{ayu.pk}/labels/").text
    answer = agent.post(f"/inbox/{ayu.pk}/labels/", {"labels": [order.pk]})
    assert answer.status_code == 302
    html = show()
    chip = '<span class="label label-blue">Order</span>'
    assert chip in html.split('id="conversations"')[1].split("</ul>")[0]
    assert chip in html.split('id="thread-header"')[1].split("</header>")[0]
    assert chip in html.split('id="details-body"')[1]
    assert "Ana Wibowo added the label Order and removed the label VIP" in html


def test_a_row_shows_two_labels_and_how_many_more(show, ayu, ana):
    labels = [Label.objects.create(name=name) for name in ("d", "B", "a", "c")]
    working.set_labels(user=ana, conversation_id=ayu.pk, labels=labels, at=timezone.now())
    row = show().split('class="row-labels"')[1].split('class="row-channel"')[0]
    assert re.findall(r">([^<]+)</span>", row)[:3] == ["a", "B", "+2"]


def test_a_label_that_is_not_there_is_refused(agent, ayu):
    assert agent.post(f"/inbox/{ayu.pk}/labels/", {"labels": [999]}).status_code == 422


@pytest.mark.parametrize("what", ["labels", "snooze", "notes", "note-draft"])
def test_who_may_only_read_changes_nothing(client, ayu, what):
    client.force_login(make_agent("reader", permissions=READER))
    assert client.post(f"/inbox/{ayu.pk}/{what}/", {"text": "x"}).status_code == 403
    html = client.get(f"/inbox/{ayu.pk}/").text
    for action in ("note", "label", "snooze", "close", "close-next", "assign"):
        assert f'data-action="{action}"' not in html


def test_what_keys_may_press_is_named(show):
    html = show()
    for action in (
        "reply",
        "note",
        "label",
        "snooze",
        "close",
        "close-next",
        "assign",
        "assign-me",
        "saved-reply",
    ):
        assert html.count(f'data-action="{action}"') == 1, action


# ── Snooze ────────────────────────────────────────────────────────────────────────────────────────────


def test_snoozing_tells_until_when_and_can_be_undone(agent, ayu, show):
    until = (timezone.now() + timedelta(hours=3)).replace(microsecond=0)
    assert agent.post(f"/inbox/{ayu.pk}/snooze/", {"until": until.isoformat()}).status_code == 302
    ayu.refresh_from_db()
    assert (ayu.status, ayu.snoozed_until) == ("snoozed", until)
    html = show()
    assert "Snoozed until" in html.split('id="thread-header"')[1].split("</header>")[0]
    assert f"Snoozed until {until:%H:%M}" in html or f"{until:%a %H:%M}" in html
    assert re.search(r"Ana Wibowo snoozed this until \w+ \d+ \w+ \d\d:\d\d", html)
    assert 'aria-label="Wake now"' in html
    agent.post(f"/inbox/{ayu.pk}/status/", {"status": "open"})
    assert "Ana Wibowo woke this conversation" in show()


def test_to_sleep_past_the_close_needs_a_second_word(agent, script, ayu):
    until = (timezone.now() + timedelta(hours=72)).replace(microsecond=0)
    for client in (agent, script):
        answer = client.post(f"/inbox/{ayu.pk}/snooze/", {"until": until.isoformat()})
        assert answer.status_code == 422
        assert "It would sleep past the close" in answer.text
        assert "After that nobody can answer until Ayu writes again." in answer.text
        early = re.search(r'name="until" value="([^"]+)" autofocus>', answer.text)[1]
    assert not Conversation.objects.filter(status="snoozed").exists()
    agent.post(f"/inbox/{ayu.pk}/snooze/", {"until": early, "anyway": "1"})
    ayu.refresh_from_db()
    assert abs(ayu.snoozed_until - (ayu.window_closes_at - timedelta(hours=1))) < timedelta(seconds=1)
    agent.post(f"/inbox/{ayu.pk}/snooze/", {"until": until.isoformat(), "anyway": "1"})
    ayu.refresh_from_db()
    assert ayu.snoozed_until == until


def test_ones_own_time_is_read_in_ones_own_zone(agent, ayu):
    wanted = timezone.localtime() + timedelta(hours=5)
    assert agent.post(f"/inbox/{ayu.pk}/snooze/", {"until_local": f"{wanted:%Y-%m-%dT%H:%M}"}).status_code == 302
    ayu.refresh_from_db()
    assert ayu.snoozed_until == wanted.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "Choose until when the conversation sleeps."),
        ({"until_local": "soon"}, "Enter a valid date/time."),
        ({"until_local": "2020-01-01T09:00"}, "Choose a time to come."),
    ],
)
def test_a_time_that_can_not_be_is_refused_in_the_dialog(script, ayu, asked, sentence):
    answer = script.post(f"/inbox/{ayu.pk}/snooze/", asked)
    assert (answer.status_code, sentence in answer.text) == (422, True)


# ── Close and next ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def three(ana) -> list[Conversation]:
    """Soonest to close first."""
    found = []
    for name, hours in (("First", 40), ("Second", 30), ("Third", 20)):
        conversation = make_conversation(name)
        write(conversation, at=timezone.now() - timedelta(hours=hours))
        found.append(conversation)
    return found


def test_close_and_next_opens_the_next_of_the_list_one_came_from(agent, script, three):
    first, second, third = three
    answer = agent.post(f"/inbox/{first.pk}/status/?view=unassigned", {"status": "closed", "next": "1"})
    assert answer["Location"] == f"/inbox/{second.pk}/?view=unassigned"
    first.refresh_from_db()
    assert first.status == "closed"
    asked = {"status": "closed", "next": "1", "view": "open", "sort": "newest"}
    location = script.post(f"/inbox/{third.pk}/status/", asked)["HX-Location"]
    assert f'"path": "/inbox/{second.pk}/?sort=newest"' in location
    assert '"target": "#conversation"' in location


def test_after_the_last_one_comes_the_first_that_is_left_and_then_the_list(agent, script, three):
    first, second, third = three
    answer = agent.post(f"/inbox/{third.pk}/status/", {"status": "closed", "next": "1"})
    assert answer["Location"] == f"/inbox/{first.pk}/"
    agent.post(f"/inbox/{second.pk}/status/", {"status": "closed"})
    assert agent.post(f"/inbox/{first.pk}/status/", {"status": "closed", "next": "1"})["Location"] == "/inbox/"
    agent.post(f"/inbox/{first.pk}/status/", {"status": "open"})
    answer = script.post(f"/inbox/{first.pk}/status/", {"status": "closed", "next": "1"})
    assert answer["HX-Redirect"] == "/inbox/"


# ── Saved replies ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def shipping() -> SavedReply:
    return SavedReply.objects.create(
        title="Shipping", shortcut="ship", text="Hi {{contact.name}}, 2 days. {{agent.first_name}}"
    )


def test_the_server_fills_in_what_the_list_offers(script, agent, ayu, shipping):
    options = script.get(f"/inbox/{ayu.pk}/saved-replies/").text
    assert 'data-value="Hi Ayu, 2 days. Ana"' in options
    assert 'data-shortcut="ship"' in options
    assert "<html" not in options
    assert f'href="/inbox/{ayu.pk}/?saved={shipping.pk}"' in agent.get(f"/inbox/{ayu.pk}/saved-replies/").text


def test_without_a_script_it_is_put_into_an_empty_box(agent, ayu, shipping, script, ben, show):
    assert "Hi Ayu, 2 days. Ana</textarea>" in show(f"?saved={shipping.pk}")
    theirs = SavedReply.objects.create(title="Private", text="Secret", owner=ben)
    assert "Secret" not in show(f"?saved={theirs.pk}")
    assert "Secret" not in script.get(f"/inbox/{ayu.pk}/saved-replies/").text
    for nonsense in ("x", "²", "9" * 30, "99"):
        assert "</textarea>" in show(f"?saved={nonsense}")
    script.post(f"/inbox/{ayu.pk}/draft/", {"text": "My own words"})
    assert "My own words</textarea>" in show(f"?saved={shipping.pk}")


def test_everyone_keeps_their_own(agent, client, ana, ben, shipping):
    new = {"title": "Bye", "shortcut": "", "text": "Bye! {{agent.first_name}}"}
    assert agent.post("/inbox/saved-replies/new/", new).status_code == 302
    mine = SavedReply.objects.get(owner=ana)
    again = agent.post("/inbox/saved-replies/new/", {**new, "title": "BYE"})
    assert (again.status_code, "You have a reply with this title already." in again.text) == (422, True)
    wrong = agent.post(f"/inbox/saved-replies/{mine.pk}/", {**new, "text": "{{agent.name}}"})
    assert (wrong.status_code, "is nothing that can be filled in" in wrong.text) == (422, True)
    assert agent.post(f"/inbox/saved-replies/{mine.pk}/", {**new, "text": "Good bye!"}).status_code == 302
    page = agent.get("/inbox/saved-replies/").text
    assert "Good bye!" in page
    assert f"/inbox/saved-replies/{shipping.pk}/" not in page
    client.force_login(ben)
    for reply_id in (mine.pk, shipping.pk):
        assert client.get(f"/inbox/saved-replies/{reply_id}/").status_code == 404
        assert client.post(f"/inbox/saved-replies/{reply_id}/delete/").status_code == 404
    assert agent.post(f"/inbox/saved-replies/{mine.pk}/delete/").status_code == 302
    assert list(SavedReply.objects.all()) == [shipping]


def test_staff_keep_labels_and_shared_replies_in_the_admin(client, ana, shipping):
    SavedReply.objects.create(title="Private", text="Secret", owner=ana)
    models = [f"inbox.{verb}_{model}" for verb in ("view", "add", "change") for model in ("label", "savedreply")]
    client.force_login(make_agent("staff", permissions=(*AGENT_PERMISSIONS, *models), is_staff=True))
    assert "Labels" in client.get("/admin/").text
    listed = client.get("/admin/inbox/savedreply/").text
    assert "Shipping" in listed
    assert "Private" not in listed
    taken = client.post("/admin/inbox/savedreply/add/", {"title": "shipping", "shortcut": "", "text": "x"})
    assert "There is a shared reply with this title already." in taken.text
    bad = client.post("/admin/inbox/savedreply/add/", {"title": "New", "shortcut": "", "text": "{{x}}"})
    assert "{{x}} is nothing that can be filled in." in bad.text
    good = client.post("/admin/inbox/savedreply/add/", {"title": "New", "shortcut": "", "text": "x"})
    assert (good.status_code, SavedReply.objects.get(title="New").owner) == (302, None)
    assert client.post("/admin/inbox/label/add/", {"name": "VIP", "colour": "red"}).status_code == 302
    twice = client.post("/admin/inbox/label/add/", {"name": "vip", "colour": "red"})
    assert "There is a label with this name already." in twice.text
    assert '<span class="label label-red">VIP</span>' in client.get("/admin/inbox/label/").text


# ── The thread ────────────────────────────────────────────────────────────────────────────────────────


def test_the_thread_says_when_the_window_opened_and_closed(agent):
    conversation = make_conversation("Ayu")
    start = timezone.now() - timedelta(days=10)
    for hours, text in ((0, "one"), (5, "two"), (100, "three")):
        write(conversation, text, start + timedelta(hours=hours))
    html = log_of(agent.get(f"/inbox/{conversation.pk}/").text)
    said = re.findall(r"Reply window (opened|closed)|>(one|two|three)<", html)
    assert ["".join(one) for one in said] == ["opened", "one", "two", "closed", "opened", "three", "closed"]


def test_every_line_that_is_shown_has_a_sentence(ayu, ana):
    data = {
        "status_changed": [
            {"before": before, "after": after, "snoozed_until": "2026-08-01T12:00:00+00:00"}
            for before in Conversation.Status.values
            for after in Conversation.Status.values
        ],
        "labels_changed": [
            {"added": ["a"], "removed": []},
            {"added": [], "removed": ["b"]},
            {"added": ["a"], "removed": ["b"]},
        ],
        "assigned": [{"after": None}, {"after": ana.pk}],
        "team_assigned": [{"after": None}, {"after": 1, "name": "Shop"}],
        "history_missing": [{}],
    }
    for kind in set(thread.SHOWN_LINES) - {"note_added", "told_by_app"}:
        for actor in (ana, None):
            for words in data[kind]:
                line = ConversationEvent(kind=kind, actor=actor, data=words)
                line.given_to = {"username": "ana"}
                sentence = told(line)
                assert len(sentence) > 5
                assert "?" not in sentence
                assert not actor or kind == "history_missing" or sentence.startswith("Ana Wibowo ")


def test_who_woke_it_is_said(ayu, ana, agent):
    now = timezone.now()
    until = now + timedelta(minutes=1)
    for wake in (
        lambda: working.wake_snoozed(at=until),
        lambda: working.change_status(user=ana, conversation_id=ayu.pk, status="open", at=now),
    ):
        working.change_status(user=ana, conversation_id=ayu.pk, status="snoozed", snoozed_until=until, at=now)
        wake()
    html = agent.get(f"/inbox/{ayu.pk}/").text
    assert "The snooze is over" in html
    assert "Ana Wibowo woke this conversation" in html


def test_no_note_is_lost_between_the_pages_of_a_thread(script, ayu, ana, monkeypatch):
    monkeypatch.setattr(thread, "PAGE", 5)
    monkeypatch.setattr(thread, "LINES", 3)
    start = timezone.now() - timedelta(days=1)
    for number in range(12):
        echo(ayu, f"old {number}", at=start + timedelta(minutes=10 * number))
    for number in range(20):
        at = start + timedelta(minutes=55, seconds=number // 2)  # two at each moment
        notes.add(user=ana, conversation_id=ayu.pk, text=f"note {number}", at=at)
    seen, before = [], ""
    for _ in range(40):
        page = thread.page_of(ayu, before=before)
        seen = [item.of.note_id for item in page.items if item.template == "inbox/_note.html"] + seen
        assert script.get(f"/inbox/{ayu.pk}/earlier/", {"before": before}).status_code == 200
        before = page.before
        if not before:
            break
    assert seen == list(Note.objects.order_by("created_at", "id").values_list("pk", flat=True))


def test_earlier_messages_come_by_scrolling_and_by_a_link(agent, ayu, monkeypatch):
    monkeypatch.setattr(thread, "PAGE", 2)
    for number in range(4):
        echo(ayu, f"message {number}", at=timezone.now() - timedelta(minutes=9 - number))
    html = agent.get(f"/inbox/{ayu.pk}/").text
    link = html.split('id="earlier"')[1].split("</li>")[0]
    assert "intersect root:#log once" in link
    address = re.search(r'href="([^"]+)"', link)[1].replace("&amp;", "&")
    earlier = agent.get(address).text
    assert "message 1" in log_of(earlier)
    assert "Show the newest messages" in earlier


# ── The details ───────────────────────────────────────────────────────────────────────────────────────


def test_the_details_know_the_person(agent, ayu, ana, script):
    contact = ayu.contact
    contact.is_follower, contact.has_been_renamed = True, True
    contact.save()
    for username in (contact.username, "ayu_old"):
        ContactUsername.objects.create(contact=contact, username=username, seen_at=timezone.now())
    html = agent.get(f"/inbox/{ayu.pk}/").text
    assert "Earlier conversations" not in html
    elsewhere = make_conversation("Ayu", channel=make_channel("Tea House"))
    write(elsewhere, "An old question", timezone.now() - timedelta(days=30))
    write(make_conversation("Someone else"), "Not hers")
    html = agent.get(f"/inbox/{ayu.pk}/").text
    details = html.split('id="details"')[1]
    for words in ("Follows you", "@ayu_old", "Earlier conversations"):
        assert words in details
    others = script.get(f"/inbox/{ayu.pk}/others/").text
    assert f'href="/inbox/{elsewhere.pk}/"' in others
    assert "Tea House" in others
    assert "Not hers" not in others
    assert "<html" in agent.get(f"/inbox/{ayu.pk}/others/").text


def test_people_without_a_username_are_not_one_person(agent):
    pair = [make_conversation("A", username=""), make_conversation("B", username="")]
    assert "Earlier conversations" not in agent.get(f"/inbox/{pair[0].pk}/").text


def test_the_window_is_explained_by_its_message(show, ayu, ana):
    reply(ayu, ana, "Number one")
    opened_by = ayu.window.opened_by_id
    details = show().split('id="details-body"')[1]
    assert "9 of 10 left" in details
    assert f'href="#message-{opened_by}"' in details
    assert "You: Number one" in details


def test_a_thread_costs_the_same_however_much_is_in_it(agent, ayu, ana, ben):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert agent.get(f"/inbox/{ayu.pk}/").status_code == 200
        return len(queries)

    agent.get(f"/inbox/{ayu.pk}/")
    small = cost()
    for number in range(30):
        at = timezone.now() - timedelta(minutes=number)
        notes.add(user=ben, conversation_id=ayu.pk, text=f"@ana {number}", at=at)
        label = Label.objects.create(name=f"label {number}")
        working.set_labels(user=ana, conversation_id=ayu.pk, labels=[label], at=at)
        SavedReply.objects.create(title=str(number), text="x")
        write(make_conversation(f"Other {number}", username="ayu"), at=at)
    assert cost() <= max(small, 10)
    assert cost() <= 10


def test_pieces_for_the_script_have_neither_script_nor_style(script, ayu):
    Label.objects.create(name="x")
    SavedReply.objects.create(title="x", text="x")
    for piece in ("labels", "snooze", "saved-replies", "others"):
        html = script.get(f"/inbox/{ayu.pk}/{piece}/").text
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", html)
    assert script.get("/inbox/colleagues/", headers=SCRIPT).status_code == 200
