"""The channels page: what a row tells, renaming, removing, checking, and who may do which."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages

from channels_tiktok import connecting
from channels_tiktok.models import Channel, ChannelEvent
from tests.factories import make_conversation

pytestmark = pytest.mark.django_db
CHANNELS = "/admin/channels_tiktok/channel/"
BY_SCRIPT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _now(at):
    with time_machine.travel(at, tick=False):
        yield


@pytest.fixture
def browser(client, staff):
    client.force_login(staff)
    return client


def step(channel, name):
    return f"{CHANNELS}{channel.pk}/{name}/"


def page(browser, url=CHANNELS):
    return browser.get(url).content.decode()


def told(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


# ── The rows ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_tells_what_staff_need_to_know(browser, make_channel, at):
    channel = make_channel(last_event_at=at - timedelta(minutes=5))
    make_conversation(channel)
    make_conversation(channel, status="closed")
    html = page(browser)
    assert "Front desk" in html
    assert 'href="https://www.tiktok.com/@kopi.corner"' in html
    assert "5 min ago" in html
    assert 'title="1 August 2026, 11:55 UTC"' in html
    assert "Renews by itself" in html
    assert "Consent until 28 May 2027" in html
    assert 'data-label="Open conversations">1<' in html
    assert "secret" not in html


def test_a_disconnected_channel_says_why_and_has_one_button_that_repairs_it(browser, channel, at):
    connecting.disconnect(channel=channel, reason="The owner withdrew it.", at=at)
    html = page(browser)
    assert "Disconnected" in html
    assert "The owner withdrew it." in html
    assert html.count('aria-label="Reconnect Front desk"') == 1


def test_consent_that_ends_soon_is_marked(browser, channel, at):
    channel.credential.refresh_expires_at = at + timedelta(days=29)
    channel.credential.save()
    assert "Reconnect before that." in page(browser)


def test_what_is_wrong_while_it_is_connected_is_told_in_the_row(browser, make_channel):
    make_channel(webhook_error="TikTok does not deliver messages here yet.", trouble="A permission is missing.")
    assert "TikTok does not deliver messages here yet." in page(browser)
    assert "A permission is missing." in page(browser)


def test_the_list_costs_the_same_for_any_number_of_channels(browser, make_channel, django_assert_max_num_queries):
    for number in (2, 20):
        for one in range(number):
            make_conversation(make_channel(f"biz-{number}-{one}"))
        with django_assert_max_num_queries(7):
            assert page(browser).count('class="channel is-connected"') == Channel.objects.count()


def test_without_an_app_the_page_says_so_instead_of_offering_to_connect(browser, settings):
    settings.TIKTOK_APP_ID = ""
    html = page(browser)
    assert "TIKTOK_APP_ID" in html
    assert "docs/connecting.md" in html
    assert "/connect/" not in html


def test_a_customers_or_owners_words_are_text_and_not_markup(browser, make_channel):
    make_channel(name="<b>Shop</b>", username="a/../b", reason="<script>", status="disconnected")
    html = page(browser)
    assert "<b>Shop" not in html
    assert "<script>alert" not in html
    assert "https://www.tiktok.com/@a%2F..%2Fb" in html


# ── Renaming ──────────────────────────────────────────────────────────────────────────────────────────


def test_renaming_changes_our_name_and_is_kept_in_both_histories(browser, channel, staff):
    html = page(browser, step(channel, "rename"))
    assert "The TikTok account @kopi.corner keeps its own" in html
    assert 'class="rail"' in html
    back = browser.post(step(channel, "rename"), {"name": "  Bar "})
    assert (back.status_code, back["Location"]) == (302, f"{CHANNELS}#menu-{channel.pk}")
    assert told(back) == ["“Front desk” is now called “Bar” here."]
    channel.refresh_from_db()
    assert (channel.name, channel.display_name) == ("Bar", "Kopi Corner")
    assert ChannelEvent.objects.get().actor == staff
    entry = LogEntry.objects.get()
    assert (entry.user, entry.get_edited_object()) == (staff, channel)
    assert entry.get_change_message() == "Renamed from “Front desk” to “Bar”."
    assert "Renamed from" in page(browser, step(channel, "history"))


def test_a_script_gets_the_piece_for_its_dialog_and_an_address_to_go_on_to(browser, channel):
    piece = browser.get(step(channel, "rename"), headers=BY_SCRIPT).content.decode()
    assert "<html" not in piece
    assert 'value="Front desk"' in piece
    done = browser.post(step(channel, "rename"), {"name": "Bar"}, headers=BY_SCRIPT)
    assert (done.status_code, done["HX-Redirect"]) == (200, f"{CHANNELS}#menu-{channel.pk}")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("  ", "A channel needs a name."),
        ("x" * 81, "this one has 81"),
        ("tea", "Another channel is called “tea”."),
        ("\0", "A channel needs a name."),
    ],
)
@pytest.mark.parametrize("headers", [{}, BY_SCRIPT])
def test_a_refused_name_is_shown_again_with_the_reason(browser, channel, make_channel, name, why, headers):
    make_channel("biz-2", name="Tea")
    answer = browser.post(step(channel, "rename"), {"name": name}, headers=headers)
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    assert Channel.objects.get(pk=channel.pk).name == "Front desk"
    assert not LogEntry.objects.exists()


def test_a_name_may_change_its_case_or_be_that_of_a_removed_channel(browser, channel, make_channel):
    make_channel("biz-2", name="Tea", status="removed")
    for name in ("FRONT desk", "Tea"):
        assert browser.post(step(channel, "rename"), {"name": name}).status_code == 302
        assert Channel.objects.get(pk=channel.pk).name == name


# ── Removing ──────────────────────────────────────────────────────────────────────────────────────────


def test_removing_says_what_stops_and_what_stays_and_keeps_the_history(browser, channel, staff, fake):
    make_conversation(channel)
    html = page(browser, step(channel, "remove"))
    assert "What stops" in html
    assert "open conversation" in html
    assert "The TikTok account itself, untouched" in html
    back = browser.post(step(channel, "remove"))
    assert back["Location"] == f"{CHANNELS}#menu-{channel.pk}"
    channel.refresh_from_db()
    assert (channel.status, channel.conversations.count()) == ("removed", 1)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.get_change_message()) == (staff, "Removed.")
    assert "Connect again" in page(browser)


@pytest.mark.parametrize("way", ["the object's page", "the selected ones"])
def test_the_admins_own_delete_means_to_remove_and_deletes_no_row(browser, channel, staff, fake, way):
    waiting = make_conversation(channel)
    delete = {
        "the object's page": (f"{CHANNELS}{channel.pk}/delete/", {"post": "yes"}),
        "the selected ones": (CHANNELS, {"action": "delete_selected", "_selected_action": [channel.pk]}),
    }
    url, told_by_form = delete[way]
    asked = browser.get(url) if way == "the object's page" else browser.post(url, told_by_form)
    asked = asked.content.decode()
    for words in ("What stops", "1 open conversation", "What stays", "The TikTok account itself, untouched"):
        assert words in asked
    assert Channel.objects.get().status == "connected", "asking removes nothing"
    assert browser.post(url, {**told_by_form, "post": "yes"}).status_code == 302
    channel.refresh_from_db()
    assert (channel.status, channel.credential) == ("removed", None)
    assert waiting.channel.contacts.count() == 1
    assert fake.bodies("/tt_user/oauth2/revoke/")[0]["access_token"] == "act.secret.biz-1"
    assert ChannelEvent.objects.get(channel=channel, kind="removed").actor == staff
    assert LogEntry.objects.get().change_message == "Removed."


def test_several_channels_are_removed_after_one_question_that_names_each(browser, make_channel, fake):
    for number in range(3):
        make_conversation(make_channel(f"biz-{number}", name=f"Shop {number}"))
    chosen = list(Channel.objects.order_by("pk")[:2].values_list("pk", flat=True))
    assert "Remove several channels" in page(browser)
    asked = browser.post(CHANNELS, {"action": "delete_selected", "index": "0", "_selected_action": chosen})
    html = asked.content.decode()
    assert html.count("1 open conversation") == 2
    assert "Shop 2" not in html
    browser.post(CHANNELS, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    assert list(Channel.objects.order_by("pk").values_list("status", flat=True)) == [
        "removed",
        "removed",
        "connected",
    ]
    assert LogEntry.objects.count() == 2
    assert "Remove several channels" not in page(browser), "one is left, with its own menu"


@pytest.mark.parametrize("verb", ["view", "rename", "connect"])
def test_who_may_not_remove_may_not_delete_either(client, django_user_model, make_channel, verb):
    channel = make_channel()
    make_channel("biz-2", name="Tea")
    person = django_user_model.objects.create_user("person", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=[f"{verb}_channel", "delete_channel"]))
    client.force_login(person)
    assert client.get(f"{CHANNELS}{channel.pk}/delete/").status_code == 403
    assert client.post(f"{CHANNELS}{channel.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(CHANNELS, {"action": "delete_selected", "_selected_action": [channel.pk], "post": "yes"})
    assert set(Channel.objects.values_list("status", flat=True)) == {"connected"}
    assert "Remove several channels" not in page(client)


def test_removing_twice_is_logged_once(browser, channel, fake):
    for _ in range(2):
        assert browser.post(step(channel, "remove")).status_code == 302
    assert LogEntry.objects.count() == 1


# ── Checking ──────────────────────────────────────────────────────────────────────────────────────────


def test_checking_now_tells_what_is_wrong(browser, channel, at):
    assert "Check now" in page(browser, step(channel, "check"))
    connecting.disconnect(channel=channel, reason="The owner withdrew it.", at=at)
    back = browser.post(step(channel, "check"))
    assert back["Location"] == f"{CHANNELS}#menu-{channel.pk}"
    assert told(back)
    assert all(line.startswith("Front desk: ") for line in told(back))


# ── After connecting ──────────────────────────────────────────────────────────────────────────────────


def test_after_connecting_the_page_says_what_was_allowed_and_what_to_do_next(browser, channel, at):
    Channel.objects.update(connected_at=at)
    channel.credential.scopes = "message.list.read,message.list.send,message.list.manage,user.info.basic"
    channel.credential.save()
    html = page(browser, step(channel, "connected"))
    assert html.count('class="is-granted"') == 4
    assert html.count('class="is-missing"') == 2
    assert "Send yourself a message" in html
    assert "Waiting for the first message" in html
    Channel.objects.update(last_event_at=at)
    piece = browser.get(step(channel, "connected"), headers=BY_SCRIPT).content.decode()
    assert "It arrived." in piece
    assert 'data-poll=""' in piece


# ── Who may do which ──────────────────────────────────────────────────────────────────────────────────

STEPS = {
    "view": {"list", "change"},
    "rename": {"list", "change", "rename"},
    "connect": {"list", "change", "check", "connected"},
    "remove": {"list", "change", "remove"},
}


@pytest.mark.parametrize("verb", STEPS)
def test_each_permission_opens_its_own_steps_and_no_other(client, django_user_model, channel, verb):
    person = django_user_model.objects.create_user("person", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename=f"{verb}_channel"))
    client.force_login(person)
    steps = {"list": CHANNELS} | {
        name: step(channel, name) for name in ("change", "rename", "check", "connected", "remove")
    }
    assert {name for name, url in steps.items() if client.get(url).status_code == 200} == STEPS[verb]
    posts = {name for name in ("rename", "remove", "check") if client.post(steps[name]).status_code != 403}
    assert posts == STEPS[verb] & {"rename", "remove", "check"}


@pytest.mark.parametrize("verb", STEPS)
def test_the_list_offers_what_the_person_may_do_and_nothing_else(client, django_user_model, channel, verb):
    person = django_user_model.objects.create_user("person", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename=f"{verb}_channel"))
    client.force_login(person)
    html = page(client)
    for one in ("rename", "remove", "check"):
        assert (step(channel, one) in html) == (one in STEPS[verb])
    assert ("/channels/tiktok/connect/" in html) == (verb == "connect")


def test_who_may_nothing_sees_nothing_and_strangers_are_sent_to_the_one_log_in_page(
    client, django_user_model, channel
):
    assert client.get(CHANNELS)["Location"] == f"/admin/login/?next={CHANNELS}"
    assert client.get(f"/admin/login/?next={CHANNELS}")["Location"] == f"/login/?next={CHANNELS}"
    client.force_login(django_user_model.objects.create_user("person", is_staff=True))
    assert client.get(CHANNELS).status_code == 403
    client.force_login(django_user_model.objects.create_user("agent"))
    assert client.get(CHANNELS, follow=True).status_code == 403


def test_a_channel_that_does_not_exist_is_not_found(browser):
    for name in ("rename", "remove", "check", "connected"):
        assert browser.get(f"{CHANNELS}999/{name}/").status_code == 404


# ── Names when accounts are connected ─────────────────────────────────────────────────────────────────


def test_a_name_that_is_taken_gets_a_number(make_channel):
    make_channel(name="Kopi Corner")
    assert connecting.free_name("kopi corner") == "kopi corner 2"
    make_channel("biz-2", name="Kopi Corner 2", status="disconnected")
    assert connecting.free_name("Kopi Corner") == "Kopi Corner 3"
    assert connecting.free_name("Tea") == "Tea"
    make_channel("biz-3", name="x" * 80)
    assert connecting.free_name("x" * 80) == "x" * 78 + " 2"
