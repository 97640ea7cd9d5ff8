"""The "Message link" page of a channel: its rows, its dialogs, and who may do which."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from channels_tiktok.models import Channel
from messagelinks import linking
from messagelinks.models import MessageLink
from tests.factories import NOW, make_channel, make_conversation
from tests.messagelinks.making import arrive, follow, make_link, write

pytestmark = pytest.mark.django_db
LINKS = "/admin/messagelinks/messagelink/"
BY_SCRIPT = {"HX-Request": "true"}
GIVEN = {"title": "Spring promo", "ref": "spring_promo", "message": "Hi! 10 % off?"}


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def staff(django_user_model):
    return django_user_model.objects.create_superuser("amira", password="x")


@pytest.fixture
def browser(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def channel() -> Channel:
    return make_channel()


@pytest.fixture
def link(channel) -> MessageLink:
    return make_link(channel)


def list_of(channel) -> str:
    return f"{LINKS}channel/{channel.pk}/"


def told(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# ── The way there, and the list ───────────────────────────────────────────────────────────────────────


def test_each_channels_row_leads_to_its_links(browser, channel):
    page = browser.get("/admin/channels_tiktok/channel/").text
    assert f'href="{list_of(channel)}"' in page
    assert f'aria-label="Message link: {channel.name}"' in page


def test_the_menu_leads_to_the_first_channels_links_and_without_channels_to_the_channels(browser, channel):
    make_channel("Zebra")
    assert browser.get(LINKS)["Location"] == list_of(channel)
    Channel.objects.update(status="removed")
    assert browser.get(LINKS)["Location"] == "/admin/channels_tiktok/channel/"


def test_several_channels_can_be_switched_between(browser, channel):
    assert 'class="tabs"' not in browser.get(list_of(channel)).text
    other = make_channel("Tea")
    page = browser.get(list_of(channel)).text
    assert f'<a href="{list_of(channel)}" aria-current="page">' in page
    assert f'<a href="{list_of(other)}">Tea</a>' in page


def test_without_links_the_page_says_what_they_are_for(browser, channel):
    page = browser.get(list_of(channel)).text
    assert "No message link yet" in page
    assert page.count("Create message link") == 2


def test_a_row_tells_title_tag_message_link_conversations_and_last_arrival(browser, link):
    for minutes in (5, 20):
        conversation = make_conversation(link.channel)
        arrive(conversation, at=NOW - timedelta(minutes=minutes))
        write(conversation, at=NOW - timedelta(minutes=minutes))
    arrive(make_conversation(link.channel), at=NOW - timedelta(hours=3))
    follow()
    page = browser.get(list_of(link.channel)).text
    url = "https://tiktok.me/kopi.corner?ref=bio&amp;message=Hi%2C%20I%27d%20like%20a%20table"
    assert f'<code class="address">{url}</code>' in page
    assert f'data-copy="{url}"' in page
    assert "Copy message link" in page
    assert ">Bio</a>" in page
    assert '<span class="chip">bio</span>' in page
    assert "5 min ago" in page
    figure = re.search(r'<a class="figure" href="([^"]+)">(\d+)<', page)
    assert figure.groups() == (f"/inbox/?q=came%3Alink-{link.pk}%2Fstarted", "2")


def test_who_may_not_see_conversations_sees_numbers_without_links(client, django_user_model, link):
    conversation = make_conversation(link.channel)
    arrive(conversation)
    write(conversation)
    follow()
    person = django_user_model.objects.create_user("marketing", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename="view_messagelink"))
    client.force_login(person)
    assert '<span class="figure">1</span>' in client.get(list_of(link.channel)).text


def test_a_rejected_text_a_shared_tag_and_a_changed_username_are_said_in_the_row(browser, link):
    make_link(link.channel, "Flyer", message="Another")
    arrive(make_conversation(link.channel), review="REJECT")
    follow()
    Channel.objects.update(username="kopi.new")
    page = browser.get(list_of(link.channel)).text
    assert "TikTok rejected this text" in page
    assert "Its tag is also that of Flyer." in page
    assert "The account is called @kopi.new now" in page
    assert "https://tiktok.me/kopi.corner?" in page
    assert "https://tiktok.me/kopi.new?" in page
    back = browser.post(f"{LINKS}{link.pk}/username/")
    assert told(back) == ["Noted: its copies lead to @kopi.new now."]


def test_the_list_costs_the_same_for_any_number_of_links(browser, channel):
    def cost(number: int) -> int:
        for _ in range(number):
            n = MessageLink.objects.count()
            make_link(channel, f"Link {n}", ref=f"r{n}")
            arrive(make_conversation(channel), ref=f"r{n}")
        follow()
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(list_of(channel)).text.count('class="channel link-row"') == min(n + 1, 50)
        return len(captured)

    cost(1)
    assert cost(2) == cost(20) <= 12


def test_long_lists_go_on_on_a_next_page(browser, channel):
    for n in range(53):
        make_link(channel, f"Link {n}", ref=f"r{n}")
    page = browser.get(list_of(channel)).text
    following = re.search(r'href="(\?before=\d+)"', page)[1]
    older = browser.get(list_of(channel) + following).text
    assert (page.count("link-row"), older.count("link-row")) == (50, 3)
    assert "Link 0<" in older
    assert 'href="?before=' not in older


def test_words_of_staff_are_text_and_not_markup(browser, channel):
    make_link(channel, "<b>Bold</b>", message='"><script>alert(1)</script>')
    page = browser.get(list_of(channel)).text
    assert "<b>Bold" not in page
    assert "<script>alert" not in page


# ── Creating ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_form_has_the_fields_that_people_know(browser, channel):
    page = browser.get(f"{list_of(channel)}create/").text
    for words in ("Message link title", "Referral source tag (optional)", "Prefilled message", "/500"):
        assert words in page
    assert '<button class="button button-primary">Create</button>' in page
    assert 'data-username="kopi.corner"' in page


@pytest.mark.parametrize("headers", [{}, BY_SCRIPT])
def test_creating_makes_a_link_and_leads_to_its_row(browser, channel, staff, headers):
    back = browser.post(f"{list_of(channel)}create/", GIVEN, headers=headers)
    link = MessageLink.objects.get()
    assert back.headers.get("Location", back.headers.get("HX-Redirect")) == f"{list_of(channel)}#menu-{link.pk}"
    version = linking.current_version(link)
    assert (link.title, version.ref, version.message) == tuple(GIVEN.values())
    assert (link.created_by, version.made_by) == (staff, staff)
    assert told(back) == ["“Spring promo” was created. Copy its link and share it."]
    assert LogEntry.objects.get().get_change_message() == "Created."


@pytest.mark.parametrize("headers", [{}, BY_SCRIPT])
def test_what_is_wrong_is_shown_at_its_field_with_what_was_typed(browser, channel, headers):
    answer = browser.post(f"{list_of(channel)}create/", GIVEN | {"title": " ", "ref": "a b"}, headers=headers)
    assert answer.status_code == 422
    assert "A link needs a title." in answer.text
    assert "no spaces" in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert "Hi! 10 % off?" in answer.text
    assert not MessageLink.objects.exists()
    assert not LogEntry.objects.exists()


def test_a_tag_that_another_link_has_is_a_warning_and_no_wall(browser, link):
    form = browser.get(f"{list_of(link.channel)}create/").text
    assert '<li data-ref="bio">Bio</li>' in form
    back = browser.post(f"{list_of(link.channel)}create/", GIVEN | {"ref": "bio"})
    assert MessageLink.objects.count() == 2
    assert told(back)[1] == "The tag “bio” is also that of “Bio”. Figures by tag count them together."


def test_a_message_that_begins_with_a_line_break_keeps_it_in_the_form(browser, link):
    linking.edit(link=link, message="\nHi", actor=None, at=NOW)
    assert "\n\nHi</textarea>" in browser.get(f"{LINKS}{link.pk}/edit/").text


# ── Editing ───────────────────────────────────────────────────────────────────────────────────────────


def test_before_saving_the_form_says_that_shared_copies_go_on_showing_the_old_text(browser, link):
    page = browser.get(f"{LINKS}{link.pk}/edit/").text
    assert "go on showing the old text" in page
    assert 'value="Bio"' in page
    assert '<button class="button button-primary">Save</button>' in page


def test_another_message_leads_to_old_and_new_side_by_side(browser, link):
    back = browser.post(f"{LINKS}{link.pk}/edit/", {"title": "Bio", "ref": "bio", "message": "Hello"})
    assert back["Location"] == f"{LINKS}{link.pk}/replaced/1/"
    page = browser.get(back["Location"]).text
    assert page.index("Old link, version 1") < page.index("New link, version 2")
    assert "Copy new link" in page
    assert "message=Hello" in page
    assert "message=Hi%2C%20I%27d" in page
    assert "Where it was shared" in page
    assert LogEntry.objects.get().get_change_message() == "Version 1 was replaced by version 2."


def test_another_title_alone_keeps_the_link(browser, link):
    given = {"title": "Instagram", "ref": "bio", "message": "Hi, I'd like a table"}
    back = browser.post(f"{LINKS}{link.pk}/edit/", given)
    assert back["Location"] == f"{list_of(link.channel)}#menu-{link.pk}"
    assert told(back) == ["“Instagram” was saved. Its link is the same."]
    assert LogEntry.objects.get().get_change_message() == "Renamed from “Bio” to “Instagram”."


def test_places_are_kept_on_the_link(browser, link):
    back = browser.post(f"{LINKS}{link.pk}/places/", {"places": "Instagram bio"})
    assert back["Location"] == f"{LINKS}{link.pk}/#places"
    assert "Instagram bio</textarea>" in browser.get(f"{LINKS}{link.pk}/").text
    refused = browser.post(f"{LINKS}{link.pk}/places/", {"places": "x" * 5001})
    assert refused.status_code == 422
    assert "At most 5000 characters" in refused.text


# ── Removing ──────────────────────────────────────────────────────────────────────────────────────────


def test_removing_says_what_it_means_first(browser, link):
    page = browser.get(f"{LINKS}{link.pk}/remove/").text
    assert "they go on working, with the original message" in page
    assert "This can&#x27;t be undone." in page or "This can't be undone." in page
    assert "no longer edit" in page
    assert "no longer tracked" in page
    assert MessageLink.objects.exists()
    back = browser.post(f"{LINKS}{link.pk}/remove/")
    assert back["Location"] == list_of(link.channel)
    assert told(back) == ["“Bio” was removed."]
    assert not MessageLink.objects.exists()
    assert LogEntry.objects.get().is_deletion()
    assert browser.post(f"{LINKS}{link.pk}/remove/").status_code == 404


# ── One link, figures, QR codes ───────────────────────────────────────────────────────────────────────


def test_a_links_page_shows_its_versions_as_a_family_with_own_figures(browser, link):
    linking.edit(link=link, message="Hello", actor=None, at=NOW - timedelta(days=2))
    for text in ("Hello", "Hello", "Hi, I'd like a table"):
        conversation = make_conversation(link.channel)
        arrive(conversation, message=text)
        write(conversation)
    follow()
    page = browser.get(f"{LINKS}{link.pk}/").text
    numbers = dict(re.findall(rf"came%3Alink-{link.pk}\.(\d)%2Fstarted%2F[\d.-]+\">(\d)", page))
    assert numbers == {"2": "2", "1": "1"}
    assert 'role="img"' in page
    assert "As a table" in page


def test_figures_can_be_asked_for_by_day_touch_and_kind_and_wrong_days_are_said(browser, link):
    address = f"{list_of(link.channel)}figures/"
    page = browser.get(address, {"by": "ref", "touch": "first", "from": "2026-07-01", "until": "2026-07-31"}).text
    assert '<option value="ref" selected>' in page
    assert '<option value="first" selected>' in page
    assert 'value="2026-07-01"' in page
    assert "by=ref&amp;from=2026-07-01&until=2026-07-31&touch=first" in page.replace(
        "&amp;until", "&until"
    ).replace("&amp;touch", "&touch")
    assert "are no days" in browser.get(address, {"from": "yesterday"}).text


def test_the_csv_is_a_file_of_the_same_days(browser, link):
    arrive(make_conversation(link.channel), at=NOW - timedelta(days=40))
    follow()
    address = f"{list_of(link.channel)}figures.csv"
    answer = browser.get(address, {"by": "ref", "from": "", "until": ""})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    assert "bio,Bio,1,0,0,0,,2026-06-22" in answer.content.decode("utf-8-sig")
    assert "bio" not in browser.get(address, {"by": "ref"}).text


def test_the_code_is_shown_and_can_be_had_as_a_file(browser, link):
    page = browser.get(f"{LINKS}{link.pk}/qr/", {"size": "100", "caption": "Bar & <b>"}).text
    assert f'src="{LINKS}{link.pk}/qr.svg?size=100&amp;caption=Bar%20%26%20%3Cb%3E"' in page
    svg = browser.get(f"{LINKS}{link.pk}/qr.svg?size=100")
    assert (svg["Content-Type"], "Content-Disposition" in svg) == ("image/svg+xml", False)
    png = browser.get(f"{LINKS}{link.pk}/qr.png?size=25&download")
    assert png.content.startswith(b"\x89PNG")
    assert png["Content-Disposition"] == f'attachment; filename="message-link-{link.pk}.png"'
    assert browser.get(f"{LINKS}{link.pk}/qr.gif").status_code == 404
    assert browser.get(f"{LINKS}{link.pk}/qr.png?caption=%D8%B7").status_code == 422


def test_a_link_that_is_too_long_for_a_code_says_so(browser, channel):
    link = make_link(channel, message="🎉" * 500)
    assert "too long for a QR code" in browser.get(f"{LINKS}{link.pk}/qr/").text
    assert browser.get(f"{LINKS}{link.pk}/qr.svg").status_code == 422


def test_a_sheet_has_as_many_codes_as_were_asked_for(browser, link):
    other = make_link(link.channel, "Flyer", ref="flyer")
    address = f"{list_of(link.channel)}sheet/"
    assert "<li><img" not in browser.get(address).text
    page = browser.get(address, {"link": [link.pk, other.pk], "copies": "3", "size": "25", "titles": "on"}).text
    assert page.count("<li><img") == 6
    assert 'class="sheet sheet-25"' in page
    assert "caption=Flyer" in page
    assert browser.get(address, {"link": [link.pk, "x"], "copies": "1000"}).text.count("<li><img") == 60


# ── Who may do which ──────────────────────────────────────────────────────────────────────────────────

READS = {"list", "link", "replaced", "qr", "svg", "sheet", "figures", "csv"}
MAY = {
    "view": READS,
    "add": READS | {"create"},
    "change": READS | {"edit"},
    "delete": READS | {"remove"},
}


@pytest.mark.parametrize("verb", [*MAY, None])
def test_each_permission_opens_its_own_steps_and_no_other(client, django_user_model, link, verb):
    person = django_user_model.objects.create_user("person", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename=f"{verb}_messagelink"))
    client.force_login(person)
    pages = {
        "list": list_of(link.channel),
        "create": f"{list_of(link.channel)}create/",
        "figures": f"{list_of(link.channel)}figures/",
        "csv": f"{list_of(link.channel)}figures.csv",
        "sheet": f"{list_of(link.channel)}sheet/",
        "link": f"{LINKS}{link.pk}/",
        "edit": f"{LINKS}{link.pk}/edit/",
        "replaced": f"{LINKS}{link.pk}/replaced/1/",
        "remove": f"{LINKS}{link.pk}/remove/",
        "qr": f"{LINKS}{link.pk}/qr/",
        "svg": f"{LINKS}{link.pk}/qr.svg",
    }
    allowed = MAY.get(verb, set())
    assert {name for name, url in pages.items() if client.get(url).status_code == 200} == allowed
    page = client.get(pages["list"]).text
    for name in ("create", "edit", "remove"):
        assert (f'href="{pages[name]}"' in page) == (name in allowed)
    posts = {
        "create": (pages["create"], {"title": ""}),
        "edit": (pages["edit"], {"title": ""}),
        "places": (f"{LINKS}{link.pk}/places/", {"places": ""}),
        "username": (f"{LINKS}{link.pk}/username/", {}),
        "remove": (pages["remove"], {}),
    }
    taken = {name for name, (url, body) in posts.items() if client.post(url, body).status_code != 403}
    expected = allowed & {"create", "edit", "remove"}
    assert taken == (expected | {"places", "username"} if verb == "change" else expected)


def test_strangers_are_sent_to_the_log_in_page(client, link):
    for path in (list_of(link.channel), f"{LINKS}{link.pk}/", f"{LINKS}{link.pk}/qr.svg"):
        assert client.get(path)["Location"].startswith("/admin/login/")


def test_what_does_not_exist_is_not_found(browser, link):
    for path in ("999/", "999/edit/", "999/qr/", "channel/999/", "channel/999/create/", f"{link.pk}/replaced/9/"):
        assert browser.get(LINKS + path).status_code == 404


def test_djangos_own_pages_lead_to_ours(browser, link):
    assert browser.get(f"{LINKS}{link.pk}/change/")["Location"] == f"{LINKS}{link.pk}/"
    assert browser.get(f"{LINKS}{link.pk}/delete/")["Location"] == f"{LINKS}{link.pk}/remove/"
    assert browser.get(f"{LINKS}add/")["Location"] == list_of(link.channel)
    assert browser.get(f"{LINKS}{link.pk}/history/").status_code == 200
