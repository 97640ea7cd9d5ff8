from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django_q.models import OrmQ

from channels_tiktok import journal
from channels_tiktok.connecting import disconnect
from channels_tiktok.models import Channel, Polling, RefusedDeliveries, WebhookEvent

pytestmark = pytest.mark.django_db
CHANNELS = "/admin/channels_tiktok/channel/"
EVENTS = "/admin/channels_tiktok/webhookevent/"


@pytest.fixture
def browser(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def viewer(client, django_user_model):
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    wanted = ["view_channel", "view_channelevent", "view_webhookevent"]
    viewer.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.force_login(viewer)
    return client


def test_without_channels_the_page_says_what_an_account_needs(browser):
    page = browser.get(CHANNELS).content.decode()
    assert "TikTok Business Messaging settings" in page
    assert "No TikTok account is connected yet" in page
    assert "Business Account" in page
    assert 'href="/channels/tiktok/connect/"' in page


def test_the_list_shows_the_state_of_each_channel_with_its_reason(browser, channel, make_channel, at):
    disconnect(channel=channel, reason="The owner withdrew it.", at=at)
    make_channel("biz-2", name="Tea", username="teh.corner")
    page = browser.get(CHANNELS).content.decode()
    assert "@teh.corner" in page
    assert "The owner withdrew it." in page
    assert f'href="/channels/tiktok/connect/?channel={channel.pk}"' in page
    assert "No TikTok account is connected yet" not in page
    assert CHANNELS + "add/" not in page


def test_who_may_not_connect_sees_no_button_and_can_change_nothing(viewer, channel):
    assert "connect/" not in viewer.get(CHANNELS).content.decode()
    page = viewer.get(f"{CHANNELS}{channel.pk}/change/").content.decode()
    assert 'name="name"' not in page
    assert viewer.post(f"{CHANNELS}{channel.pk}/change/", {"name": "Bar"}).status_code == 403


def test_the_page_of_a_channel_changes_the_read_marks_and_nothing_else(browser, channel, at):
    told = {"name": "Bar", "status": "removed", "sends_read_marks": ""}
    assert browser.post(f"{CHANNELS}{channel.pk}/change/", told).status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.status, channel.sends_read_marks) == ("Front desk", "connected", False)


def test_saving_the_page_takes_back_nothing_that_happened_meanwhile(browser, channel, at):
    stale = Channel.objects.get(pk=channel.pk)
    disconnect(channel=channel, reason="The owner withdrew it.", at=at)
    admin.site.get_model_admin(Channel).save_model(None, stale, None, change=True)
    assert Channel.objects.get().status == "disconnected"


def test_channels_are_not_added_here(browser, channel):
    assert browser.get(CHANNELS + "add/").status_code == 403


def test_no_page_shows_a_token(browser, channel, at):
    journal.store_delivery(body=b"{}", log_id="", at=at)
    event = WebhookEvent.objects.get()
    pages = [CHANNELS, f"{CHANNELS}{channel.pk}/change/", EVENTS, f"{EVENTS}{event.pk}/change/", "/admin/"]
    for page in pages:
        response = browser.get(page)
        assert response.status_code == 200
        assert "secret" not in response.content.decode()
    assert browser.get("/admin/channels_tiktok/credential/").status_code == 404


def test_the_journal_can_be_read_but_not_written(browser, at):
    event = journal.store_delivery(body=b'{"event": "im_receive_msg"}', log_id="", at=at)
    page = browser.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert "im_receive_msg" in page
    assert "_save" not in page
    assert browser.get(EVENTS + "add/").status_code == 403
    assert browser.post(f"{EVENTS}{event.pk}/delete/", {"post": "yes"}).status_code == 403


def again(browser, *events):
    return browser.post(EVENTS, {"action": "try_again", "_selected_action": [event.pk for event in events]})


def test_failed_events_are_tried_again_from_the_list(browser, at):
    failed = journal.store_delivery(body=b"{", log_id="", at=at)
    waiting = journal.store_delivery(body=b"{}", log_id="", at=at)
    response = again(browser, failed, waiting)
    assert response.status_code == 302
    failed.refresh_from_db()
    assert (failed.state, failed.attempts, failed.error) == ("pending", 0, "")
    assert OrmQ.objects.count() == 1
    page = browser.get(EVENTS + "?state__exact=pending").content.decode()
    assert "1 put back to be processed" in page


def test_who_may_only_look_can_not_try_again(viewer, at):
    failed = journal.store_delivery(body=b"{", log_id="", at=at)
    again(viewer, failed)
    failed.refresh_from_db()
    assert failed.state == "failed"


def test_days_with_forged_deliveries_are_listed(browser, at):
    RefusedDeliveries.objects.create(day=at.date(), count=17, last_at=at)
    page = browser.get("/admin/channels_tiktok/refuseddeliveries/").content.decode()
    assert "17" in page


def test_a_channels_page_says_how_far_its_conversations_are_read(browser, channel, at):
    address = f"{CHANNELS}{channel.pk}/change/"
    assert "Not looked for yet" in browser.get(address).content.decode()
    pause = timedelta(minutes=2)
    Polling.objects.create(channel=channel, next_run_at=at, pause=pause, listed_at=at, to_read=40, were_read=12)
    assert "Read 12 of 40 conversations from TikTok" in browser.get(address).content.decode()
