"""How pictures, videos and stickers get here (docs/tiktok-api.md 3.3, 3.5), and what if they don't."""

import io
from datetime import timedelta

import pytest
import time_machine
from PIL import Image

from channels_tiktok import files, media
from channels_tiktok.models import Channel
from inbox import fetching, receiving
from inbox.models import Attachment, Contact, Conversation, ConversationEvent, Message

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def customer(tiktok):
    tiktok.connect()
    return tiktok.customer("Ayu")


def hear(tiktok, clock):
    with time_machine.travel(clock(), tick=False):
        while tiktok.deliver():
            pass
    receiving.drain(clock=clock)


def fetch(clock):
    fetching.fetch_due(clock=clock)
    return Attachment.objects.get()


def bytes_of(field):
    with field.open("rb") as file:
        return file.read()


def kinds():
    return list(ConversationEvent.objects.order_by("id").values_list("kind", flat=True))


def picture(*, size=(1200, 600), format="JPEG", mode="RGB", **options):
    buffer = io.BytesIO()
    Image.new(mode, size, "#4488cc").save(buffer, format, **options)
    return buffer.getvalue()


# ── What becomes of each kind ─────────────────────────────────────────────────────────────────────────


def test_an_image_is_fetched_with_the_token_and_kept_with_a_small_picture(tiktok, customer, clock):
    tiktok.write(customer, kind="image", text=None)
    hear(tiktok, clock)
    assert Attachment.objects.get().state == "pending", "the message waits for nobody"
    kept = fetch(clock)
    assert (kept.state, kept.content_type, kept.width, kept.height, kept.error) == (
        "stored",
        "image/jpeg",
        720,
        540,
        "",
    )
    small = Image.open(io.BytesIO(bytes_of(kept.thumbnail)))
    assert small.size == (480, 360)
    assert bytes_of(kept.file) == tiktok.media_of(kept.media_id)
    assert len(kept.file.name.rsplit("/", 1)[-1]) > 30, "nobody guesses the name"
    assert kinds() == ["message_received", "attachment_stored"]
    assert ConversationEvent.objects.last().message == kept.message


@pytest.mark.parametrize(("kind", "content_type"), [("sticker", "image/png"), ("emoji", "image/png")])
def test_stickers_and_emoji_are_fetched_from_their_address(tiktok, customer, clock, kind, content_type):
    tiktok.write(customer, kind=kind, text=None)
    hear(tiktok, clock)
    kept = fetch(clock)
    assert (kept.state, kept.content_type, kept.width) == ("stored", content_type, 240)
    assert Image.open(io.BytesIO(bytes_of(kept.thumbnail))).mode == "RGBA", "what is clear stays clear"


def test_a_video_is_fetched_as_one(tiktok, customer, clock):
    tiktok.write(customer, kind="video", text=None)
    hear(tiktok, clock)
    kept = fetch(clock)
    assert (kept.state, kept.content_type, kept.thumbnail.name) == ("stored", "video/mp4", "")


def test_the_owners_picture_is_fetched_too(tiktok, customer, clock):
    written = tiktok.write(customer)
    tiktok.control(f"/threads/{written['conversation_id']}/owner-messages", kind="image")
    hear(tiktok, clock)
    assert fetch(clock).state == "stored"


def test_files_are_fetched_once_however_many_workers_look(tiktok, customer, clock):
    tiktok.write(customer, kind="image", text=None)
    hear(tiktok, clock)
    pk = Attachment.objects.get().pk
    assert fetching._fetch_attachment(pk, at=clock()) is True
    assert fetching._fetch_attachment(pk, at=clock()) is False
    assert fetching.fetch_due(clock=clock) == 0


def test_a_worker_that_died_while_fetching_costs_an_attempt(tiktok, customer, clock):
    tiktok.write(customer, kind="image", text=None)
    hear(tiktok, clock)
    Attachment.objects.update(attempts=1, try_again_at=clock() + fetching.LEASE)
    assert fetching.fetch_due(clock=clock) == 0
    clock.at += fetching.LEASE
    assert fetch(clock).state == "stored"


# ── When it doesn't work ──────────────────────────────────────────────────────────────────────────────


def test_while_tiktok_is_away_it_is_tried_again_after_growing_pauses(tiktok, customer, clock):
    tiktok.write(customer, kind="image", text=None)
    hear(tiktok, clock)
    tiktok.fault("code", path="business/message/media/download", code=50000, count=6)
    waited = []
    while (attachment := fetch(clock)).state == "pending":
        assert attachment.error, "it is said why"
        waited.append(int((attachment.try_again_at - clock()).total_seconds()))
        clock.at = attachment.try_again_at
    assert waited == [10, 60, 600, 3600, 21600]
    assert (attachment.state, attachment.error) == ("failed", fetching.GAVE_UP)
    assert kinds()[-1] == "attachment_failed"


def test_what_tiktok_refuses_fails_at_once_in_words(tiktok, customer, clock):
    tiktok.write(customer, kind="image", text=None)
    hear(tiktok, clock)
    tiktok.fault("code", path="business/message/media/download", code=40007)
    attachment = fetch(clock)
    assert (attachment.state, attachment.attempts) == ("failed", 1)
    assert attachment.error


def test_an_expired_address_is_asked_for_again_in_tiktoks_list(tiktok, customer, clock):
    tiktok.write(customer, kind="sticker", text=None)
    hear(tiktok, clock)
    Attachment.objects.update(source_url="http://tiktok.test/cdn/sticker/hello.png?x-expires=1")
    attachment = fetch(clock)
    assert attachment.state == "stored"
    assert "x-expires=1&" not in attachment.source_url
    assert not attachment.source_url.endswith("=1")


def test_a_file_that_lies_somewhere_else_is_not_fetched(tiktok, customer, clock):
    tiktok.write(customer, kind="sticker", text=None)
    hear(tiktok, clock)
    Message.objects.update(tiktok_message_id="another")
    Attachment.objects.update(source_url="http://169.254.169.254/latest/meta-data")
    attachment = fetch(clock)
    assert attachment.state == "failed"
    assert "not kept at TikTok" in attachment.error


def test_while_the_channel_is_disconnected_files_wait(tiktok, customer, clock):
    tiktok.write(customer, kind="image", text=None)
    hear(tiktok, clock)
    Channel.objects.update(status="disconnected")
    assert fetching.fetch_due(clock=clock) == 0
    Channel.objects.update(status="connected")
    assert fetch(clock).state == "stored"


def test_access_that_ends_meanwhile_costs_no_attempt(tiktok, customer, clock):
    tiktok.write(customer, kind="image", text=None)
    hear(tiktok, clock)
    tiktok.fault("code", path="business/message/media/download", code=40001, count=2)
    attachment = fetch(clock)
    assert (attachment.state, attachment.attempts) == ("pending", 0)
    assert Channel.objects.get().status == "disconnected"


@pytest.mark.parametrize("fault", [OSError("no room"), ZeroDivisionError("a decoder's bug")])
def test_a_fault_of_our_own_holds_up_no_other_file_and_is_tried_again(tiktok, customer, clock, monkeypatch, fault):
    def broken(*args, **kwargs):
        raise fault

    tiktok.write(customer, kind="image", text=None)
    tiktok.write(customer, kind="sticker", text=None)
    hear(tiktok, clock)
    with monkeypatch.context() as patched:
        patched.setattr(*((files, "write") if isinstance(fault, OSError) else (fetching, "examine")), broken)
        assert fetching.fetch_due(clock=clock) == 2
    assert set(Attachment.objects.values_list("state", "error")) == {("pending", fetching.OUR_FAULT)}
    clock.at += timedelta(seconds=10)
    fetching.fetch_due(clock=clock)
    assert set(Attachment.objects.values_list("state", flat=True)) == {"stored"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html><script>alert(1)</script></html>", "isn't a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "isn't a picture"),
        (b"", "isn't a picture"),
        (picture()[:-300], "damaged"),
        (picture(size=(8000, 6000), format="PNG", mode="1"), "too many pixels"),
        (picture(size=(14000, 14000), format="PNG", mode="1"), "too many pixels"),
    ],
)
def test_only_what_its_decoder_knows_is_kept(content, words):
    with pytest.raises(media.NotShowable, match=words):
        media.examine(content)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_type_is_what_the_bytes_say(format):
    assert media.examine(picture(format=format)).file.content_type == f"image/{format.lower()}"


def test_a_small_picture_stands_upright_and_tells_nothing_about_its_camera():
    exif = Image.Exif()
    exif[media.ORIENTATION], exif[0x010F] = 6, "Secret Camera"
    examined = media.examine(picture(exif=exif, comment=b"home"))
    assert (examined.width, examined.height) == (600, 1200)
    small = Image.open(io.BytesIO(examined.thumbnail.content))
    assert small.size == (240, 480)
    assert not small.getexif()
    assert "comment" not in small.info


def test_an_animation_is_shown_itself():
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    examined = media.examine(buffer.getvalue())
    assert (examined.file.content_type, examined.thumbnail) == ("image/gif", None)


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x1aE\xdf\xa3" + bytes(20), "video/webm"),
    ],
)
def test_videos_are_known_by_their_first_bytes(head, content_type):
    assert media.examine(head + bytes(100)).file.content_type == content_type


# ── Contacts' pictures ────────────────────────────────────────────────────────────────────────────────


def test_a_contacts_picture_is_copied_square(tiktok, customer, clock):
    tiktok.write(customer)
    hear(tiktok, clock)
    Contact.objects.update(picture_url="http://tiktok.test/cdn/avatar/120-AY.jpeg", picture_fetch_at=clock())
    fetching.fetch_due(clock=clock)
    contact = Contact.objects.get()
    assert Image.open(io.BytesIO(bytes_of(contact.picture))).size == (192, 192)
    assert contact.picture_fetch_at is None
    line = ConversationEvent.objects.last()
    assert (line.kind, line.conversation) == ("contact_changed", Conversation.objects.get())


def test_a_contacts_picture_that_is_gone_keeps_the_initials(tiktok, customer, clock):
    tiktok.write(customer)
    hear(tiktok, clock)
    Contact.objects.update(
        picture_url="http://tiktok.test/cdn/avatar/120-AY.jpeg?x-expires=1", picture_fetch_at=clock()
    )
    fetching.fetch_due(clock=clock)
    contact = Contact.objects.get()
    assert (contact.picture.name, contact.picture_fetch_at) == ("", None)
