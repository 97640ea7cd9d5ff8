"""The workspace's settings: edited in the admin, in force at once, limited by the database."""

from datetime import time, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from inbox import workspace
from inbox.models import Message, Preferences, WorkingHours, WorkspaceSettings
from tests.factories import NOW, make_agent, make_conversation, make_inbound

pytestmark = pytest.mark.django_db
ADDRESS = "/admin/inbox/workspacesettings/1/change/"
FORM = {
    "time_zone": "Asia/Jakarta",
    "assign_on_first_reply": "on",
    "undo_seconds": "9",
    "closing_soon_hours": "12",
    "automation_reserve": "3",
    "working_hours-TOTAL_FORMS": "1",
    "working_hours-INITIAL_FORMS": "0",
    "working_hours-0-weekday": "5",
    "working_hours-0-begins": "09:00",
    "working_hours-0-ends": "17:30",
}


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def agent() -> Client:
    client = Client()
    client.force_login(make_agent("ana"))
    return client


def test_without_a_row_the_defaults_apply():
    assert workspace.current().time_zone == "UTC"
    assert workspace.current().assign_on_first_reply is False
    assert workspace.closing_soon() == timedelta(hours=6)


def test_staff_change_everything_on_one_page(root):
    assert root.get("/admin/inbox/workspacesettings/")["Location"] == ADDRESS
    assert root.get(ADDRESS).status_code == 200
    assert root.post(ADDRESS, FORM).status_code == 302
    now = workspace.current()
    assert (now.time_zone, now.assign_on_first_reply, now.undo_seconds) == ("Asia/Jakarta", True, 9)
    assert (now.closing_soon_hours, now.automation_reserve) == (12, 3)
    assert str(now.working_hours.get()) == "Saturday 09:00–17:30"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Mars/Olympus"),
        ("undo_seconds", "31"),
        ("closing_soon_hours", "0"),
        ("closing_soon_hours", "48"),
        ("automation_reserve", "11"),
        ("working_hours-0-ends", "08:00"),
        ("working_hours-0-weekday", "7"),
    ],
)
def test_the_form_refuses_in_words_what_cant_be(root, field, value):
    answer = root.post(ADDRESS, {**FORM, field: value})
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not WorkspaceSettings.objects.exists()


def test_the_settings_need_their_permission(agent):
    person = User.objects.get(username="ana")
    person.is_staff = True
    person.save()
    assert agent.get(ADDRESS).status_code == 403
    assert agent.post(ADDRESS, FORM).status_code == 403


def test_a_change_holds_from_the_next_request_on(agent):
    conversation = make_conversation(at=timezone.now())
    make_inbound(conversation, at=timezone.now() - timedelta(hours=40))
    assert 'id="conversation-' not in agent.get("/inbox/?view=closing").content.decode()
    WorkspaceSettings.objects.create(closing_soon_hours=9)
    assert f'id="conversation-{conversation.pk}"' in agent.get("/inbox/?view=closing").content.decode()


def test_a_request_reads_the_settings_at_most_once(agent, django_assert_num_queries):
    workspace_queries = []

    def note(execute, sql, params, many, context):
        if "inbox_workspacesettings" in sql:
            workspace_queries.append(sql)
        return execute(sql, params, many, context)

    make_inbound(make_conversation(at=timezone.now()), at=timezone.now())
    with connection.execute_wrapper(note):
        agent.get("/inbox/?view=closing")
    assert len(workspace_queries) == 1


def test_a_reply_waits_as_the_workspace_says_unless_its_author_chose(agent):
    person = User.objects.get(username="ana")
    WorkspaceSettings.objects.create(undo_seconds=12)
    conversation = make_conversation(at=timezone.now())
    make_inbound(conversation, at=timezone.now())
    agent.post(f"/inbox/{conversation.pk}/reply/", {"text": "One"})
    first = Message.objects.get(text="One")
    assert first.deliver_at - first.queued_at == timedelta(seconds=12)
    Preferences.objects.create(user=person, undo_seconds=20)
    agent.post(f"/inbox/{conversation.pk}/reply/", {"text": "Two"})
    second = Message.objects.get(text="Two")
    assert second.deliver_at - second.queued_at == timedelta(seconds=20)


def test_working_hours_are_those_of_the_workspaces_zone():
    settings = WorkspaceSettings.objects.create(time_zone="Asia/Jakarta")  # UTC+7; NOW is a Saturday, 19:00 there
    assert workspace.is_working_time(at=NOW), "no hours are set: somebody always works"
    WorkingHours.objects.create(workspace=settings, weekday=5, begins=time(9), ends=time(19, 30))
    assert workspace.is_working_time(at=NOW)
    assert not workspace.is_working_time(at=NOW + timedelta(minutes=30))
    assert not workspace.is_working_time(at=NOW + timedelta(days=1)), "a day without a line is free"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("id = 2", "there_is_one_workspace"),
        ("time_zone = ''", "workspace_has_a_time_zone"),
        ("undo_seconds = 31", "workspace_undo_takes_at_most_30_seconds"),
        ("closing_soon_hours = 0", "closing_soon_is_1_to_47_hours"),
        ("closing_soon_hours = 48", "closing_soon_is_1_to_47_hours"),
        ("automation_reserve = 11", "automation_leaves_at_most_ten_replies"),
    ],
)
def test_the_database_refuses_settings_that_cant_be(change, constraint):
    WorkspaceSettings.objects.create()
    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE inbox_workspacesettings SET {change}")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("weekday = 7", "weekday_is_one_of_seven"),
        ("ends = begins", "working_day_ends_after_it_begins"),
        ("weekday = 1", "one_line_of_working_hours_per_weekday|inbox_workinghours.weekday"),
    ],
)
def test_the_database_refuses_working_hours_that_cant_be(change, constraint):
    settings = WorkspaceSettings.objects.create()
    for day in (0, 1):
        WorkingHours.objects.create(workspace=settings, weekday=day, begins=time(9), ends=time(17))
    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE inbox_workinghours SET {change} WHERE weekday = 0")
