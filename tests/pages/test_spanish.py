"""Whoever chose Spanish reads Spanish: pages, refusals, stored sentences, letters, the API."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from channels_tiktok.models import Channel
from inbox import delivering, mailing, notes, working
from inbox.models import Conversation, Preferences, ReplyWindow
from tests.api.making import client_of
from tests.factories import make_agent
from tests.journeys.steps import no_barriers
from tests.pages.rows import echo, make_conversation, reply, write
from tests.pages.spanish import english_in

NAMES = {"Agent"}  # of roles: staff may rename them, so they are told as they are stored
PAGES = [
    "/inbox/",
    "/inbox/?view=mine",
    "/inbox/?view=closed",
    "/inbox/?view=trouble",
    "/inbox/?q=is:unread",
    "/inbox/?q=nonsense:1",
    "/inbox/search-help/",
    "/inbox/keys/",
    "/inbox/preferences/keys/",
    "/inbox/preferences/",
    "/inbox/preferences/notifications/",
    "/inbox/profile/",
    "/inbox/saved-replies/",
    "/password/",
    "/admin/",
    "/admin/channels_tiktok/channel/",
    "/admin/channels_tiktok/channel/{channel}/change/",
    "/admin/channels_tiktok/channel/{channel}/remove/",
    "/admin/channels_tiktok/channel/{channel}/connected/",
    "/admin/channels_tiktok/webhookevent/",
    "/admin/channels_tiktok/refuseddeliveries/",
    "/admin/channels_tiktok/appcredentials/",
    "/admin/inbox/message/",
    "/admin/inbox/label/",
    "/admin/inbox/label/add/",
    "/admin/inbox/savedreply/add/",
    "/admin/inbox/workspacesettings/",
    "/admin/inbox/team/add/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/messagelinks/messagelink/?channel={channel}",
    "/admin/messagelinks/messagelink/add/?channel={channel}",
    "/admin/channels_tiktok/adaccount/",
    "/admin/channels_tiktok/leaddelivery/",
    "/admin/spamreports/eventmapping/",
    "/admin/spamreports/eventmapping/add/",
    "/admin/spamreports/lowerfunnelevent/",
    "/inbox/leads/",
    "/inbox/reported/",
    "/inbox/{conversation}/",
    "/inbox/{conversation}/assign/",
    "/inbox/{conversation}/snooze/",
    "/inbox/{conversation}/labels/",
    "/inbox/{conversation}/question/",
    "/inbox/{conversation}/post/",
    "/inbox/{conversation}/others/",
]


@pytest.fixture
def ana(db):
    person = make_agent("ana", first_name="Ana", last_name="Wibowo", email="ana@shop.test")
    person.is_staff = person.is_superuser = True
    person.save()
    Preferences.objects.create(user=person, language="es")
    return person


@pytest.fixture
def ayu(ana) -> Conversation:
    """A conversation in which everything that is told happened."""
    now = timezone.now()
    ben = make_agent("ben", first_name="Ben", last_name="Okafor")
    conversation = make_conversation("Ayu")
    write(conversation, "¿Hay en azul?", now - timedelta(hours=30))
    echo(conversation, "Hola", at=now - timedelta(hours=29))
    reply(conversation, ben, "Sí", now - timedelta(hours=28), state="read", read_at=now - timedelta(hours=27))
    reply(
        conversation, ana, "¿Cuántos?", now - timedelta(hours=2), state="failed", error_detail=delivering.TOO_LATE
    )
    reply(conversation, ana, "Hay dos", now - timedelta(hours=1), state="unconfirmed", try_again_at=None)
    working.assign(user=ben, conversation_id=conversation.pk, assignee=ana, at=now)
    working.change_status(user=ben, conversation_id=conversation.pk, status="closed", at=now)
    working.change_status(user=ben, conversation_id=conversation.pk, status="open", at=now)
    notes.add(user=ben, conversation_id=conversation.pk, text="@ana mira esto", at=now)
    return conversation


@pytest.fixture
def reader(ana, client) -> Client:
    client.force_login(ana)
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_all_spanish(reader, ayu, address):
    answer = reader.get(address.format(channel=ayu.channel_id, conversation=ayu.pk), follow=True)
    assert answer.status_code == 200
    assert '<html lang="es"' in answer.text
    assert set(english_in(answer.text)) <= NAMES


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/inbox/999999/"])
def test_a_page_that_is_not_there_is_spanish(reader, address):
    answer = reader.get(address)
    assert answer.status_code == 404
    assert english_in(answer.text) == []


@pytest.mark.django_db
def test_english_would_be_found(reader, ana, ayu):
    Preferences.objects.filter(user=ana).update(language="en")
    found = english_in(reader.get(f"/inbox/{ayu.pk}/").text)
    assert {"Unassigned", "Reply window", "Ben Okafor closed this conversation"} <= set(found)


@pytest.mark.django_db
def test_a_page_for_nobody_yet_is_in_the_language_of_the_browser(client):
    page = client.get("/login/", headers={"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}).text
    assert '<html lang="es"' in page
    assert english_in(page) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("closed", "La ventana de respuesta de 48 horas se cerró. Se abre de nuevo cuando Ayu escriba."),
        ("disconnected", "está desconectado: El propietario de la cuenta retiró nuestro acceso en TikTok."),
    ],
)
def test_a_refusal_is_said_in_spanish_with_the_code_for_programs_unchanged(ana, ayu, what, words):
    if what == "closed":
        opened_at = timezone.now() - timedelta(hours=49)
        ReplyWindow.objects.update(opened_at=opened_at, closes_at=opened_at + timedelta(hours=48))
    else:
        stored = "The account's owner withdrew our access in TikTok."
        Channel.objects.update(status=Channel.Status.DISCONNECTED, reason=stored)
    address = f"/api/v1/conversations/{ayu.pk}/messages/"
    answer = client_of(ana).post(address, {"text": "Hola"}, headers={"Accept-Language": "es"})
    assert answer.status_code == 409
    assert answer.json()["code"] == {"closed": "window_closed", "disconnected": "channel_disconnected"}[what]
    assert words in answer.json()["detail"]


@pytest.mark.django_db
def test_why_a_reply_failed_is_stored_once_and_read_in_each_readers_language(reader, ana, ayu):
    page = reader.get(f"/inbox/{ayu.pk}/").text
    assert "La ventana de respuesta se cerró antes de que TikTok la aceptara." in page
    Preferences.objects.filter(user=ana).update(language="en")
    assert "The reply window closed before TikTok took it." in reader.get(f"/inbox/{ayu.pk}/").text


@pytest.mark.django_db
def test_a_letter_is_in_the_language_of_who_gets_it(ana):
    mailing.send_password_link(person_id=ana.pk)
    assert mail.outbox[0].subject == "Elige una nueva contraseña para Reply48"
    assert "Hola, Ana Wibowo:" in mail.outbox[0].body


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    return {"executable_path": "/usr/bin/chromium", "args": quiet}


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [1280, 390])
def test_spanish_fits_on_the_page_and_has_no_barriers(page: Page, live_server, ana, ayu, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.set_extra_http_headers({"Accept-Language": "es"})
    page.goto(f"{live_server.url}/login/")
    check(page)
    page.locator("input[name=username]").fill("ana")
    page.locator("input[name=password]").fill("ana")
    page.get_by_role("button", name="Iniciar sesión").click()
    expect(page.get_by_role("heading", name="Bandeja")).to_be_attached()
    check(page)
    for address in (f"/inbox/{ayu.pk}/", "/inbox/profile/", "/admin/channels_tiktok/channel/"):
        page.goto(f"{live_server.url}{address}")
        check(page)
    page.goto(f"{live_server.url}/inbox/{ayu.pk}/")
    left = page.locator("[data-closes-at]:visible").first
    expect(left).to_contain_text(re.compile(r"qued"))


def check(page: Page) -> None:
    assert page.evaluate("document.documentElement.lang") == "es"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url
    assert english_in(page.content()) == []
    no_barriers(page)
