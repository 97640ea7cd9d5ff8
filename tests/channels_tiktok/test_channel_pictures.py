"""The pictures of the accounts: copied from TikTok, shown to whoever may see channels, and to nobody else."""

import io
import itertools
import os
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image

from channels_tiktok import files, health, tasks
from channels_tiktok.models import Channel
from tests.factories import NOW

pytestmark = pytest.mark.django_db
ELSEWHERE = "http://169.254.169.254/latest/meta-data/"


@pytest.fixture(autouse=True)
def _now(clock):
    with time_machine.travel(clock(), tick=False):
        yield


@pytest.fixture
def connected(tiktok, clock):
    """Connected over TikTok's page, its picture fetched."""
    business_id = tiktok.connect().business_id
    channel = tiktok.consent(business_id, at=clock())
    tasks.fetch_pictures()
    channel.refresh_from_db()
    return channel


def picture_of(client, channel):
    """The status, and the bytes of a picture."""
    answer = client.get(f"/channels/tiktok/{channel.pk}/picture/")
    content = b"".join(answer.streaming_content) if answer.status_code == 200 else b""
    return answer.status_code, content


def kept(settings):
    return [file.name for file in settings.MEDIA_ROOT.rglob("*.jpg")]


def test_on_connect_the_picture_is_copied_square_and_shown_wherever_the_account_is(
    connected, client, django_user_model
):
    client.force_login(django_user_model.objects.create_superuser("amira"))
    status, content = picture_of(client, connected)
    image = Image.open(io.BytesIO(content))
    assert (status, image.size, image.format) == (200, (192, 192), "JPEG")
    address = f'src="/channels/tiktok/{connected.pk}/picture/?{connected.picture_version}"'
    admin = "/admin/channels_tiktok/channel/"
    for page in (admin, f"{admin}{connected.pk}/change/", f"{admin}{connected.pk}/connected/"):
        assert address in client.get(page).content.decode(), page


def test_a_check_brings_a_new_picture_and_fetches_the_same_one_only_once(tiktok, connected, clock):
    first = connected.picture.name
    clock.at += timedelta(hours=1)
    health.check_channel(channel=connected, at=clock())
    connected.refresh_from_db()
    assert connected.picture_fetch_at is None, "another x-expires is no other picture"
    tiktok.control(f"/accounts/{connected.business_id}", display_name="Tea Room")
    health.check_channel(channel=connected, at=clock())
    with time_machine.travel(clock(), tick=False):
        tasks.fetch_pictures()
    connected.refresh_from_db()
    assert connected.picture.name != first
    assert not connected.picture.storage.exists(first)


@pytest.mark.parametrize(
    "url", [ELSEWHERE, "http://tiktok.test/sandbox/api/settings", "http://tiktok.test/cdn/none"]
)
def test_what_is_no_picture_of_tiktoks_leaves_the_initials(tiktok, clock, url):
    channel = tiktok.connect()
    Channel.objects.update(picture_url=url, picture_fetch_at=clock())
    tasks.fetch_pictures()
    channel.refresh_from_db()
    assert (channel.picture.name, channel.picture_fetch_at) == ("", None)


def test_while_tiktok_is_away_it_is_tried_again_after_a_while(connected, clock):
    former = connected.picture.name
    Channel.objects.update(picture_url="https://p16.tiktokcdn.com/away.jpeg", picture_fetch_at=clock())
    tasks.fetch_pictures()
    connected.refresh_from_db()
    assert connected.picture_fetch_at > clock()
    assert connected.picture.name == former


@pytest.mark.parametrize(
    "permission",
    [
        "inbox.view_conversation",
        *(f"channels_tiktok.{verb}_channel" for verb in ("view", "rename", "connect", "remove")),
    ],
)
def test_the_picture_is_for_people_who_may_see_the_channel(connected, client, django_user_model, permission):
    assert picture_of(client, connected)[0] == 302
    person = django_user_model.objects.create_user("person")
    client.force_login(person)
    assert picture_of(client, connected)[0] == 403
    app, codename = permission.split(".")
    person.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    assert picture_of(client, connected)[0] == 200
    assert client.get("/channels/tiktok/999/picture/").status_code == 404
    Channel.objects.update(picture="")
    assert picture_of(client, connected)[0] == 404


# ── Files that nothing names ──────────────────────────────────────────────────────────────────────────


def left_behind(storage, *, days):
    """A file as a killed worker leaves it, written so many days ago."""
    now = timezone.now()
    with time_machine.travel(now - timedelta(days=days), tick=False):
        name = storage.save(f"{timezone.now():channels/%Y/%m/}left{days}.jpg", ContentFile(b"x"))
    written = (now - timedelta(days=days)).timestamp()
    os.utime(storage.path(name), (written, written))
    return name


def test_only_old_files_that_no_row_names_are_cleared_away(connected):
    storage = connected.picture.storage
    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        young, old = left_behind(storage, days=0), left_behind(storage, days=2)
        tasks.delete_orphaned_files()
    assert storage.exists(connected.picture.name), "however old: a channel names it"
    assert storage.exists(young)
    assert not storage.exists(old)


def test_many_files_are_cleared_away_in_slices(connected, monkeypatch, settings):
    storage = connected.picture.storage
    for days in (2, 3, 4, 5):
        left_behind(storage, days=days)
    monkeypatch.setattr(files, "LOOKED_AT_ONCE", 2)
    seconds = itertools.count()
    runs, rest = 0, (0, "")
    while rest:
        place, after = rest
        rest = files.delete_orphans(
            named_by=[(Channel, "picture")],
            place=place,
            after=after,
            clock=lambda: NOW + timedelta(seconds=next(seconds)),
            at_most=timedelta(seconds=4),
        )
        runs += 1
    assert runs > 1
    assert kept(settings) == [connected.picture.name.rsplit("/", 1)[1]]
