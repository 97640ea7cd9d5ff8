"""A person's own page: name, picture, time zone, language, API token."""

import re
from pathlib import Path

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from rest_framework.authtoken.models import Token

from inbox.models import Preferences, WorkspaceSettings
from tests.api.making import client_of
from tests.pages.rows import make_conversation, write
from tests.pictures import picture

pytestmark = pytest.mark.django_db
PAGE = "/inbox/profile/"
FORM = {"first_name": "Ana", "last_name": "Wibowo", "time_zone": "", "language": ""}


def upload(content: bytes, name: str = "me.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/jpeg")


def test_a_name_is_ones_own_and_is_seen_at_once(agent, ana):
    assert agent.post(PAGE, {**FORM, "first_name": "Anastasia"}).status_code == 302
    assert "Anastasia Wibowo" in agent.get("/inbox/").text


def test_a_picture_is_cut_stored_and_shown_where_initials_were(agent, ana, ben):
    conversation = make_conversation("Ayu", assignee=ana)
    write(conversation)
    assert agent.post(PAGE, {**FORM, "picture": upload(picture((900, 600)))}).status_code == 302
    page = agent.get(f"/inbox/{conversation.pk}/").text
    address = f"/inbox/people/{ana.pk}/picture/"
    assert page.count(f'src="{address}?') == 3, "rail, row and header"
    other = Client()
    other.force_login(ben)
    shown = other.get(address)
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/jpeg")
    assert b"".join(shown.streaming_content).startswith(b"\xff\xd8")
    assert Client().get(address).status_code == 302
    assert other.get(f"/inbox/people/{ben.pk}/picture/").status_code == 404
    stored = Preferences.objects.get(user=ana).picture
    with stored.open() as file, Image.open(file) as image:
        assert image.size == (192, 192)
    former = stored.path
    agent.post(PAGE, {**FORM, "removes_picture": "on"})
    assert not Preferences.objects.get(user=ana).picture
    assert not Path(former).exists()


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>", b"MZ program", b"\xff\xd8\xff\xe0 broken"])
def test_what_is_no_picture_is_refused_in_words(agent, ana, content):
    answer = agent.post(PAGE, {**FORM, "picture": upload(content)})
    assert answer.status_code == 422
    assert "Choose a JPEG, PNG or WebP picture" in answer.text
    assert not Preferences.objects.filter(user=ana).exclude(picture="").exists()


@time_machine.travel("2026-08-01T12:00Z", tick=False)
def test_times_are_in_the_readers_own_zone_or_else_in_the_workspaces(agent, ana):
    conversation = make_conversation("Ayu")
    write(conversation)
    times = lambda: set(re.findall(r">(\d\d:\d\d)<", agent.get(f"/inbox/{conversation.pk}/").text))  # noqa: E731
    assert "12:00" in times()
    WorkspaceSettings.objects.create(time_zone="Europe/Berlin")
    assert "14:00" in times()
    assert agent.post(PAGE, {**FORM, "time_zone": "Asia/Jakarta"}).status_code == 302
    assert "19:00" in times()
    assert agent.post(PAGE, {**FORM, "time_zone": "Mars/Olympus"}).status_code == 422
    told = agent.get(f"/api/v1/conversations/{conversation.pk}/").json()["last_message"]["occurred_at"]
    assert told == "2026-08-01T12:00:00Z", "JSON tells every reader the same"


def test_the_page_is_in_the_language_that_its_reader_chose(agent, ana, settings):
    settings.LANGUAGES = [("en", "English"), ("es", "Español")]
    assert '<html lang="en">' in agent.get(PAGE).text
    assert agent.post(PAGE, {**FORM, "language": "es"}).status_code == 302
    answer = agent.get(PAGE)
    assert '<html lang="es">' in answer.text
    assert answer["Content-Language"] == "es"
    assert '<html lang="en">' in Client().get("/login/").text, "nobody else's"
    assert agent.post(PAGE, {**FORM, "language": "xx"}).status_code == 422


def test_an_api_token_is_made_shown_once_replaced_and_revoked(agent, ana):
    first = re.search(r'id="new-token" readonly value="(\w+)"', agent.post("/inbox/profile/token/").text).group(1)
    assert client_of(ana).get("/api/v1/conversations/").status_code == 200
    page = agent.get(PAGE).text
    assert first not in page
    assert "Replace it by a new one" in page
    agent.post("/inbox/profile/token/")
    api = client_of(ana)
    api.credentials(HTTP_AUTHORIZATION=f"Token {first}")
    assert api.get("/api/v1/conversations/").status_code == 401
    agent.post("/inbox/profile/token/", {"revoke": "yes"})
    assert not Token.objects.exists()


def test_a_token_is_not_made_by_a_link(agent):
    assert agent.get("/inbox/profile/token/").status_code == 405
