"""The tokens that TikTok really gave are looked for everywhere: database, logs, pages, API, errors, reprs."""

import io
import logging
import sys
from datetime import timedelta

import pytest
import time_machine
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.views.debug import ExceptionReporter
from django_q.models import OrmQ

from channels_tiktok import health, tokens
from channels_tiktok.client import tiktok as client
from channels_tiktok.models import Channel, Credential
from inbox import delivering, receiving
from inbox.models import Conversation
from tests.factories import NOW, make_reply

pytestmark = pytest.mark.django_db
API = ["channels/", "channels/{channel}/", "conversations/", "conversations/{conversation}/", "schema/", "docs/"]
HOUR = timedelta(hours=1)


@pytest.fixture
def admin_user() -> User:
    return User.objects.create_superuser("root", email="root@shop.test")


@pytest.fixture
def root(admin_user) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


@pytest.fixture
def written():
    """All that is logged, down to DEBUG, and all that commands print."""
    written, everything = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(written), everything.level
    everything.addHandler(handler)
    everything.setLevel(logging.DEBUG)
    yield written
    everything.removeHandler(handler)
    everything.setLevel(level)


@pytest.fixture
def lived(tiktok, clock, admin_user, written) -> set[str]:
    """A channel has lived through everything that touches a token; gives the tokens and the app's secret."""
    with time_machine.travel(NOW, tick=False) as now:
        account = tiktok.look("/accounts")["accounts"][0]["business_id"]
        channel = tiktok.consent(account, at=NOW, user=admin_user)
        tiktok.write(tiktok.customer(), "Hello")
        while tiktok.deliver():
            pass
        receiving.drain(clock=clock)
        conversation = Conversation.objects.get()
        make_reply(conversation, admin_user, "Good day")
        tiktok.fault("code", code=40102)
        delivering.deliver_due(clock=clock)
        for kind in ("http_status", "hang_after", "garbage", "reset_before"):
            tiktok.fault(kind, path="tt_user/*", seconds=0)
            health.check_channel(channel=channel, at=NOW)
        clock.at += 23 * HOUR
        now.move_to(clock.at)
        call_command("refresh_tokens", stdout=written, stderr=written)
        call_command("check_channels", stdout=written, stderr=written)
        call_command("rotate_token_key", stdout=written, stderr=written)
        tiktok.control("/accounts/kopi.corner/revoke")
        make_reply(conversation, admin_user, "Are you there?", at=clock())
        delivering.deliver_due(clock=clock)
        channel.refresh_from_db()
        assert channel.status == "disconnected"
        tiktok.consent(account, at=clock.at, user=admin_user)
        call_command("check_channels", stdout=written, stderr=written)
        receiving.drain(clock=clock)
    given = tiktok.tokens()
    assert len(given) >= 6
    return {*given, django_settings.TIKTOK_APP_SECRET}


def leaks(secrets: set[str], text: str) -> list[str]:
    return [secret[:12] for secret in secrets if secret in text]


def everything_in_the_database() -> str:
    """Every column of every row of every table, as it lies there; and what is packed in some, unpacked."""
    told = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                told += [
                    bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)
                    for value in row
                ]
    told += [str(session.get_decoded()) for session in Session.objects.all()]
    told += [str(row.task) for row in OrmQ.objects.all()]
    return "\n".join(told)


def test_no_table_holds_a_token_in_the_clear(lived, root):
    root.get("/inbox/")
    stored = everything_in_the_database()
    assert "Good day" in stored, "the search does look into the rows"
    assert leaks(lived, stored) == []
    assert Credential.objects.get().access_token in lived, "and the tokens are there, encrypted"


def test_no_log_line_and_no_output_holds_one(lived, written):
    assert "tt_user/oauth2/refresh_token" in written.getvalue(), "the log does go down to the wire"
    assert leaks(lived, written.getvalue()) == []


def pages() -> list[str]:
    """The address of each page of the admin, each agent's page and each answer of the API."""
    channel, conversation = Channel.objects.get().pk, Conversation.objects.get().pk
    found = ["/inbox/", f"/inbox/{conversation}/", "/inbox/live/?after=0", "/admin/", "/channels/tiktok/"]
    found += [f"/api/v1/{path.format(channel=channel, conversation=conversation)}" for path in API]
    found.append(f"/api/v1/conversations/{conversation}/messages/")
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found += [reverse(f"{name}_changelist"), f"{reverse(f'{name}_changelist')}?q=a"]
        for row in model._default_manager.all()[:3]:
            for page in ("change", "history", "delete"):
                try:
                    found.append(reverse(f"{name}_{page}", args=[row.pk]))
                except NoReverseMatch:
                    continue
    return found


def test_no_page_form_or_answer_of_the_api_holds_one(lived, root):
    seen = {}
    for page in pages():
        answer = root.get(page, follow=True)
        seen[page] = answer.status_code
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert leaks(lived, content.decode() + str(answer.headers)) == [], page
    assert seen["/inbox/"] == seen["/admin/channels_tiktok/channel/"] == seen["/api/v1/channels/"] == 200
    assert sum(status == 200 for status in seen.values()) > 20


def test_the_credential_is_in_no_admin_and_in_no_serializer():
    assert not admin.site.is_registered(apps.get_model("channels_tiktok", "Credential"))


def test_no_repr_and_no_error_holds_one(lived, tiktok, clock):
    credential, channel = Credential.objects.get(), Channel.objects.get()
    shown = [repr(credential), str(credential), repr(channel), repr(client()), repr(vars(channel))]
    for path, kind in (("tt_user/*", "hang_after"), ("tt_user/*", "http_status"), ("tt_user/*", "code")):
        tiktok.fault(kind, path=path, seconds=0, code=40105)
        try:
            tokens._renewed(channel, stale=credential.access_token, at=clock())
        except Exception as error:
            shown += [repr(error), str(error), repr(error.__cause__), repr(error.__context__)]
    assert leaks(lived | tiktok.tokens(), "\n".join(shown)) == []


def test_an_error_report_shows_no_variable(lived, rf):
    credential = Credential.objects.get()

    def breaks(token: str) -> None:
        raise ZeroDivisionError("on purpose")

    try:
        breaks(credential.access_token)
    except ZeroDivisionError:
        reporter = ExceptionReporter(rf.get("/"), *sys.exc_info(), is_email=True)
    report = reporter.get_traceback_html() + reporter.get_traceback_text()
    assert "ZeroDivisionError" in report
    assert leaks(lived, report) == []


def test_tokens_are_in_no_dump(lived, capsys):
    capsys.readouterr()
    call_command("dumpdata", "--exclude=channels_tiktok.credential")
    assert leaks(lived, capsys.readouterr().out) == []
