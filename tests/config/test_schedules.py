"""What runs by the clock."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.utils.module_loading import import_string
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule

from channels_tiktok import files, journal
from channels_tiktok.tasks import delete_orphaned_files, purge_old_events
from config.schedules import SCHEDULES, ring_every_sweep, write_schedules
from config.tasks import Task, ring

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
OURS = [Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == ROOT]
CODE = [code for app in OURS for code in app.rglob("*.py")]


def test_after_migrating_every_schedule_is_in_the_database_and_none_else():
    assert set(Schedule.objects.values_list("name", flat=True)) == {every.path for every in SCHEDULES}


def test_writing_schedules_again_changes_only_what_is_wrong():
    Schedule.objects.create(name="long gone", func="nowhere")
    Schedule.objects.filter(name=SCHEDULES[0].path).update(minutes=99)
    write_schedules()
    write_schedules()
    assert Schedule.objects.count() == len(SCHEDULES)
    assert Schedule.objects.get(name=SCHEDULES[0].path).minutes == SCHEDULES[0].minutes


@pytest.mark.parametrize("every", SCHEDULES, ids=lambda every: every.path)
def test_every_schedule_names_a_task_that_exists(every):
    assert isinstance(import_string(every.path), Task)


def test_every_task_that_is_rung_by_its_path_exists():
    rung = {path for code in CODE for path in re.findall(r'"(\w+\.tasks\.[a-z]\w+)"', code.read_text())}
    assert "inbox.tasks.deliver_replies" in rung
    assert [path for path in rung if not isinstance(import_string(path), Task)] == []


def test_only_the_wrapper_knows_the_task_library_and_nobody_imports_tasks_to_ring_them():
    importing = re.compile(r"^\s*(from \w+\.tasks import (?!task$|ring)|.*\basync_task\b)", re.MULTILINE)
    found = {str(code.relative_to(ROOT)) for code in CODE if importing.search(code.read_text())}
    assert found == {"config/tasks.py"}


def test_a_worker_that_starts_rings_every_sweep():
    ring_every_sweep()
    assert OrmQ.objects.count() == sum(every.sweep for every in SCHEDULES)


def test_first_come_first_served_so_that_a_long_clean_up_lets_live_messages_pass_after_each_batch():
    queue = get_broker()
    ring("channels_tiktok.tasks.purge_old_events")
    [(number, _)] = queue.dequeue()
    ring("inbox.tasks.drain_journal")  # a customer writes while the first batch is worked on
    ring("channels_tiktok.tasks.purge_old_events")  # the batch ends and rings for the next one
    queue.acknowledge(number)
    # The database would give its rows in any order: as if the last one had taken the place of the first.
    last = OrmQ.objects.latest("pk")
    OrmQ.objects.filter(pk=last.pk).delete()
    last.pk = number
    last.save(force_insert=True)
    order = []
    while taken := queue.dequeue():
        order.append(OrmQ.objects.get(pk=taken[0][0]).func())
    assert order == ["inbox.tasks.drain_journal", "channels_tiktok.tasks.purge_old_events"]


def test_each_long_clean_up_ends_after_one_small_batch_and_rings_for_the_next(monkeypatch):
    monkeypatch.setattr(journal, "purge", lambda **given: given["at_most"])
    purge_old_events()
    monkeypatch.setattr(files, "delete_orphans", lambda **given: (0, "somewhere"))
    delete_orphaned_files()
    rung = [row.func() for row in OrmQ.objects.order_by("id")]
    assert rung == ["channels_tiktok.tasks.purge_old_events", "channels_tiktok.tasks.delete_orphaned_files"]
    assert journal.PURGED_AT_ONCE <= 1_000
    assert timedelta(seconds=5) >= files.SLICE
