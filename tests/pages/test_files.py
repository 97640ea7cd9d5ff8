"""Who gets a customer's files, and how browsers are told what they are."""

import pytest
from django.core.files.base import ContentFile

from channels_tiktok.models import Channel
from inbox.models import Attachment, Contact
from tests.api.making import client_of
from tests.factories import make_agent, make_conversation, make_inbound

pytestmark = pytest.mark.django_db
BYTES = bytes(range(200)) * 5


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def agent():
    return make_agent()


@pytest.fixture
def browser(client, agent):
    client.force_login(agent)
    return client


def make_attachment(kind="image", content_type="image/jpeg", extension="jpg", **fields):
    message = make_inbound(make_conversation(), "", kind=kind)
    attachment = Attachment(
        message=message, kind=kind, state="stored", content_type=content_type, width=720, height=540, **fields
    )
    attachment.file.save(f"one.{extension}", ContentFile(BYTES), save=False)
    attachment.save()
    return attachment


def body(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_an_agent_gets_the_file_with_its_own_type_for_this_browser_only(browser):
    attachment = make_attachment()
    response = browser.get(f"/inbox/attachments/{attachment.pk}/")
    assert body(response) == BYTES
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Disposition"] == f'inline; filename="image-{attachment.pk}.jpg"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "private" in response["Cache-Control"]
    assert "default-src 'self'" in response["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["", "thumbnail/"])
def test_who_may_not_see_conversations_gets_no_file(client, path):
    attachment = make_attachment()
    address = f"/inbox/attachments/{attachment.pk}/{path}"
    assert client.get(address).url.startswith("/login/"), "not logged in"
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 401
    client.force_login(make_agent("outsider", permissions=()))
    assert client.get(address).status_code == 403
    program = client_of(make_agent("program", permissions=()))
    assert program.get(f"/api/v1/attachments/{attachment.pk}/").status_code == 403


def test_a_program_gets_the_file_with_its_token(agent):
    attachment = make_attachment()
    response = client_of(agent).get(f"/api/v1/attachments/{attachment.pk}/")
    assert body(response) == BYTES
    response = client_of(agent).get(f"/api/v1/attachments/{attachment.pk}/thumbnail/")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert client_of(agent).get("/api/v1/attachments/999999/").json()["code"] == "not_found"


def test_what_is_not_there_is_not_found(browser):
    attachment = make_attachment()
    assert browser.get(f"/inbox/attachments/{attachment.pk}/thumbnail/").status_code == 404
    assert browser.get("/inbox/attachments/999999/").status_code == 404
    attachment.file.storage.delete(attachment.file.name)
    assert browser.get(f"/inbox/attachments/{attachment.pk}/").status_code == 404
    assert browser.post(f"/inbox/attachments/{attachment.pk}/").status_code == 405


def test_a_type_that_is_not_on_the_list_is_only_offered_for_saving(browser):
    attachment = make_attachment(content_type="text/html", extension="html")
    response = browser.get(f"/inbox/attachments/{attachment.pk}/")
    body(response)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-", 206, 0, 999),
        ("bytes=0-1", 206, 0, 1),  # how Safari begins
        ("bytes=100-199", 206, 100, 199),
        ("bytes=990-5000", 206, 990, 999),
        ("bytes=-10", 206, 990, 999),
        ("bytes=-5000", 206, 0, 999),
        ("bytes=5-2", 416, None, None),
        ("bytes=1000-", 416, None, None),
        ("bytes=-0", 416, None, None),
        ("bytes=0-1,5-6", 200, 0, 999),
        ("items=0-1", 200, 0, 999),
        ("bytes=-", 200, 0, 999),
    ],
)
def test_a_player_gets_the_part_that_it_asks_for(browser, asked, status, first, last):
    attachment = make_attachment("video", "video/mp4", "mp4")
    response = browser.get(f"/inbox/attachments/{attachment.pk}/", headers={"Range": asked})
    assert response.status_code == status
    assert response["Accept-Ranges"] == "bytes"
    if status == 416:
        assert response["Content-Range"] == "bytes */1000"
        return
    assert body(response) == BYTES[first : last + 1]
    assert response["Content-Length"] == str(last - first + 1)
    if status == 206:
        assert response["Content-Range"] == f"bytes {first}-{last}/1000"


def test_a_contacts_picture_is_shown_to_the_same_people(browser, client):
    contact = make_inbound(make_conversation()).conversation.contact
    assert browser.get(f"/inbox/contacts/{contact.pk}/picture/").status_code == 404
    contact.picture.save("abcdefgh.jpg", ContentFile(BYTES))
    response = browser.get(f"/inbox/contacts/{contact.pk}/picture/")
    assert body(response) == BYTES
    client.force_login(make_agent("outsider", permissions=()))
    assert client.get(f"/inbox/contacts/{contact.pk}/picture/").status_code == 403


# ── In the pages ──────────────────────────────────────────────────────────────────────────────────────


def thread(browser, attachment):
    return browser.get(f"/inbox/{attachment.message.conversation_id}/").content.decode()


def test_a_picture_is_shown_small_with_its_size_and_opens_large(browser):
    attachment = make_attachment(thumbnail="thumbnails/x.jpg")
    page = thread(browser, attachment)
    assert f'<img src="/inbox/attachments/{attachment.pk}/thumbnail/" width="320" height="240"' in page
    assert 'alt="Image from Ayu, ' in page
    assert f'href="/inbox/attachments/{attachment.pk}/"' in page
    assert "data-lightbox" in page


def test_an_animated_sticker_is_shown_itself_and_small(browser):
    attachment = make_attachment("sticker", "image/gif", "gif")
    page = thread(browser, attachment)
    assert f'<img src="/inbox/attachments/{attachment.pk}/" width="120" height="90"' in page


def test_a_video_can_be_played(browser):
    attachment = make_attachment("video", "video/mp4", "mp4")
    page = thread(browser, attachment)
    assert '<video class="clip" controls preload="metadata"' in page
    assert "Video from Ayu" in page


def test_a_file_that_is_under_way_or_lost_says_so(browser):
    attachment = make_attachment()
    Attachment.objects.update(state="pending", error="TikTok can't be reached just now.")
    assert "Fetching…" in thread(browser, attachment)
    Attachment.objects.update(state="failed", error="TikTok no longer gives this file (HTTP 403).")
    page = thread(browser, attachment)
    assert "Could not be fetched: TikTok no longer gives this file (HTTP 403)." in page
    assert "Open in TikTok" in page


def test_the_open_page_learns_when_the_file_is_there(browser):
    from inbox import timeline
    from inbox.models import ConversationEvent
    from inbox.sending import line

    attachment = make_attachment(thumbnail="thumbnails/x.jpg")
    cursor = timeline.cursor_now()
    message = attachment.message
    timeline.record([line(message, ConversationEvent.Kind.ATTACHMENT_STORED, at=message.occurred_at)])
    asked = {"after": cursor, "conversation": attachment.message.conversation_id}
    answer = browser.get("/inbox/live/", asked, headers={"HX-Request": "true"}).content.decode()
    assert f"/inbox/attachments/{attachment.pk}/thumbnail/" in answer


def test_a_contacts_picture_and_earlier_usernames_are_shown(browser):
    attachment = make_attachment()
    contact = attachment.message.conversation.contact
    contact.picture.save("abcdefgh.jpg", ContentFile(BYTES))
    contact.has_been_renamed = True
    contact.save()
    contact.usernames.create(username="ayu_before", seen_at=contact.named_at)
    contact.usernames.create(username=contact.username, seen_at=contact.named_at)
    page = thread(browser, attachment)
    assert page.count(f'src="/inbox/contacts/{contact.pk}/picture/?abcdefgh"') == 3, "row, header, details"
    assert "Earlier: @ayu_before<" in page


def test_a_gap_is_told_in_its_place(browser):
    from inbox.models import ConversationEvent

    attachment = make_attachment()
    conversation = attachment.message.conversation
    ConversationEvent.objects.create(
        channel=Channel.objects.get(),
        conversation=conversation,
        kind="history_missing",
        at=attachment.message.occurred_at,
    )
    assert "Messages before this are only in TikTok" in thread(browser, attachment)
    assert Contact.objects.count() == 1
