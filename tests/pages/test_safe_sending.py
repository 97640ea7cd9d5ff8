"""Sending from a page: pictures, undo, plans, drafts, what a colleague overtook, what is sent again."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django_q.models import OrmQ

from inbox.models import Conversation, Draft, Message, Preferences
from tests.factories import AGENT_PERMISSIONS, make_agent
from tests.pages.rows import make_conversation, reply, write
from tests.pictures import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def ayu() -> Conversation:
    conversation = make_conversation("Ayu", images_allowed=True)
    write(conversation)
    return conversation


@pytest.fixture
def send(script, ayu):
    """Press Send on the page."""
    return lambda **fields: script.post(
        f"/inbox/{ayu.pk}/reply/", {"text": "", "after": 0, "conversation": ayu.pk, **fields}
    )


def file(content: bytes | None = None, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture() if content is None else content)


def sent() -> list[Message]:
    return list(Message.objects.filter(source="agent").order_by("pk"))


def error_of(answer) -> str:
    return answer.text.split('id="composer-error"')[1].split("</div>")[0]


def test_a_reply_from_a_page_waits_five_seconds_or_as_long_as_its_author_likes(send, ana):
    send(text="one")
    assert sent()[0].deliver_at - sent()[0].queued_at == timedelta(seconds=5)
    Preferences.objects.create(user=ana, undo_seconds=30)
    send(text="two")
    assert sent()[1].deliver_at - sent()[1].queued_at == timedelta(seconds=30)


def test_undo_stands_under_it_for_its_author_and_brings_the_text_back(send, script, ayu, ana):
    answer = send(text="Half <done>", image=file())
    words, photo = sent()[1], sent()[0]
    assert f'hx-post="/inbox/messages/{photo.pk}/cancel/"' in answer.text
    answer = script.post(f"/inbox/messages/{photo.pk}/cancel/", {"after": 0, "conversation": ayu.pk})
    assert answer.status_code == 200
    assert "<div data-taken-back>Half &lt;done&gt;</div>" in answer.text
    assert {one.state for one in sent()} == {"cancelled"}
    assert Draft.objects.get().text == words.text


def test_nobody_else_is_offered_an_undo(send, client, ayu, ben):
    send(text="Mine")
    client.force_login(ben)
    assert "/cancel/" not in client.get(f"/inbox/{ayu.pk}/").text


def test_undo_after_the_hand_over_is_too_late_in_words(script, ayu, ana):
    message = reply(ayu, ana, state="sent")
    answer = script.post(f"/inbox/messages/{message.pk}/cancel/", {"after": 0, "conversation": ayu.pk})
    assert (answer.status_code, "too late" in error_of(answer)) == (409, True)


@pytest.mark.parametrize("verb", ["cancel", "again"])
def test_a_message_that_is_not_there_is_a_404(script, verb):
    assert script.post(f"/inbox/messages/99/{verb}/").status_code == 404


def test_a_bad_picture_keeps_the_text_and_takes_no_reply(send, agent, ayu):
    answer = send(text="Look", image=file(b"GIF89a", "cat.jpg"))
    assert answer.status_code == 422
    assert "Choose a JPEG, PNG or WebP." in error_of(answer)
    page = agent.post(f"/inbox/{ayu.pk}/reply/", {"text": "Look <here>", "image": file(b"GIF89a", "cat.jpg")})
    assert "Look &lt;here&gt;</textarea>" in page.text
    assert sent() == []


def test_where_no_pictures_are_possible_the_page_says_why(agent, ayu):
    Conversation.objects.update(images_allowed=False, images_asked_at=timezone.now())
    page = agent.get(f"/inbox/{ayu.pk}/").text
    assert 'data-allowed="no">TikTok doesn’t let you send pictures to Ayu' in page
    Conversation.objects.update(images_allowed=None)
    assert "TikTok is being asked" in agent.get(f"/inbox/{ayu.pk}/").text


def test_opening_a_conversation_has_tiktok_asked_about_pictures_once(agent, ayu):
    agent.get(f"/inbox/{ayu.pk}/")
    agent.get(f"/inbox/{ayu.pk}/")
    assert [row.func() for row in OrmQ.objects.all()] == ["inbox.tasks.ask_about_images"]


def test_a_reply_can_be_planned_and_cancelled_by_anyone(send, client, ayu, ben):
    at = timezone.now() + timedelta(hours=2)
    answer = send(text="Later", schedule="1", send_at=at.isoformat())
    assert "Planned for" in answer.text
    assert (sent()[0].deliver_at, sent()[0].is_scheduled) == (at, True)
    client.force_login(ben)
    assert "/cancel/" in client.get(f"/inbox/{ayu.pk}/").text
    client.post(f"/inbox/messages/{sent()[0].pk}/cancel/")
    assert sent()[0].state == "cancelled"


def test_without_the_script_a_plan_is_in_the_servers_zone(agent, ayu):
    local = (timezone.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    agent.post(f"/inbox/{ayu.pk}/reply/", {"text": "Later", "schedule": "1", "send_at_local": local})
    assert sent()[0].deliver_at.strftime("%Y-%m-%dT%H:%M") == local


@pytest.mark.parametrize(
    ("send_at", "words"),
    [
        ("", "Choose the day"),
        ("tomorrow", "Choose the day"),
        ("2026-02-31T10:00", "Choose the day"),
        ("2001-01-01T10:00:00Z", "past"),
        ("2999-01-01T10:00:00Z", "The latest safe time is"),
    ],
)
def test_a_time_that_cannot_be_is_refused(send, send_at, words):
    answer = send(text="Later", schedule="1", send_at=send_at)
    assert (answer.status_code, words in error_of(answer)) == (422, True)


def test_a_time_in_the_field_means_nothing_to_the_send_button(send):
    send(text="Now", send_at="2999-01-01T10:00:00Z", send_at_local="2999-01-01T10:00")
    assert not sent()[0].is_scheduled


def test_a_colleagues_newer_reply_is_shown_first_and_mine_goes_anyway(send, ayu, ben):
    seen = Message.objects.latest("pk").pk
    reply(ayu, ben)
    answer = send(text="Mine", newest=seen)
    assert answer.status_code == 409
    assert "Ben Okafor answered" in error_of(answer)
    assert 'name="anyway"' in error_of(answer)
    assert send(text="Mine", newest=seen, anyway="1").status_code == 200


def test_a_draft_stands_in_the_box_and_in_the_list_of_its_author_alone(script, agent, client, ayu, ben):
    answer = script.post(f"/inbox/{ayu.pk}/draft/", {"text": "Half a\nword"})
    assert (answer.status_code, '<span class="row-draft">' in answer.text) == (200, True)
    assert answer["X-Timeline-Cursor"].isdigit(), "the page says with it how old this row is"
    assert script.post(f"/inbox/{ayu.pk}/draft/", {"text": "Half a word more"}).status_code == 204
    page = agent.get(f"/inbox/{ayu.pk}/").text
    assert "Half a word more</textarea>" in page
    assert '<span class="row-draft">' in page
    client.force_login(ben)
    assert "Half a word" not in client.get(f"/inbox/{ayu.pk}/").text
    assert script.post(f"/inbox/{ayu.pk}/draft/", {"text": ""}).status_code == 200
    assert not Draft.objects.exists()


def test_a_refused_reply_leaves_the_draft_and_a_queued_one_ends_it(send, script, ayu):
    script.post(f"/inbox/{ayu.pk}/draft/", {"text": "x" * 6001})
    send(text="x" * 6001)
    assert Draft.objects.exists()
    send(text="x")
    assert not Draft.objects.exists()


def test_typing_is_told_with_the_draft_and_read_marks_when_something_was_unread(script, ayu):
    script.post(f"/inbox/{ayu.pk}/draft/", {"text": "Hm", "typing": "1"})
    script.post(f"/inbox/{ayu.pk}/seen/", {"inbound": "1"})
    script.post(f"/inbox/{ayu.pk}/seen/", {"inbound": "1"})
    assert [row.func() for row in OrmQ.objects.order_by("id")] == [
        "inbox.tasks.tell_typing",
        "inbox.tasks.tell_seen",
    ]


def test_what_was_never_confirmed_is_asked_about_and_sent_again(script, agent, ayu, ana):
    old = reply(ayu, ana, state="unconfirmed")
    assert f'hx-post="/inbox/messages/{old.pk}/again/"' in agent.get(f"/inbox/{ayu.pk}/").text
    answer = script.post(f"/inbox/messages/{old.pk}/again/", {"after": 0, "conversation": ayu.pk})
    assert answer.status_code == 200
    assert old.sent_again.text == old.text
    page = agent.get(f"/inbox/{ayu.pk}/").text
    assert "Sent again" in page
    assert "/again/" not in page
    assert script.post(f"/inbox/messages/{old.pk}/again/", {"after": 0, "conversation": ayu.pk}).status_code == 422


def test_while_we_look_nothing_is_offered(agent, ayu, ana):
    reply(ayu, ana, state="unconfirmed", try_again_at=timezone.now())
    assert "/again/" not in agent.get(f"/inbox/{ayu.pk}/").text


def test_preferences_are_ones_own(agent, ana):
    page = agent.get("/inbox/preferences/")
    assert (page.status_code, 'placeholder="5"' in page.text) == (200, True)
    assert agent.post("/inbox/preferences/", {"undo_seconds": "31"}).status_code == 422
    assert agent.post("/inbox/preferences/", {"undo_seconds": "0"}).status_code == 302
    chosen = Preferences.objects.get(user=ana)
    assert (chosen.undo_seconds, chosen.sends_typing) == (0, False)


def test_staff_see_what_went_wrong_everywhere_and_can_change_nothing(client, ayu, ana):
    reply(ayu, ana, state="failed", slot=None, error_code="40002", error_detail="No.")
    reply(ayu, ana, state="sent")
    staff = make_agent("staff", permissions=(*AGENT_PERMISSIONS, "inbox.view_message"), is_staff=True)
    client.force_login(staff)
    assert '<span class="rail-count">1</span>' in client.get("/inbox/").text
    page = client.get("/admin/inbox/message/").text
    assert f'href="/inbox/{ayu.pk}/"' in page
    assert "No. (40002)" in page
    assert "1 message" in page
    assert client.get("/admin/inbox/message/?trouble=unconfirmed").status_code == 200
    assert client.get("/admin/inbox/message/?trouble=again").status_code == 200
    assert client.get("/admin/inbox/message/?q=yes").status_code == 200
    assert client.get("/admin/inbox/message/add/").status_code == 403
    client.force_login(ana)
    assert "rail-count" not in client.get("/inbox/").text
