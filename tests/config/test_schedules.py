"""What runs by the clock."""

import pytest
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule

from config.schedules import SCHEDULES, ring_every_sweep, write_schedules
from config.tasks import Task

pytestmark = pytest.mark.django_db


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


def test_a_worker_that_starts_rings_every_sweep():
    ring_every_sweep()
    assert OrmQ.objects.count() == sum(every.sweep for every in SCHEDULES)
