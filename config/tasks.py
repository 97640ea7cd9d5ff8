"""The one wrapper over django-q2.

Guarantee: none, and none is needed. Tables are the queues; a task is only a wake-up that says "look at
your table". A task that is lost, doubled or late costs seconds, never data: the sweep in
`config/schedules.py` rings every drain again, and so does every worker that starts.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, ParamSpec

from django_q.brokers.orm import ORM
from django_q.models import OrmQ
from django_q.tasks import async_task

P = ParamSpec("P")


def ring(path: str, *args: Any) -> None:
    """Wake a worker up to run the task at the dotted `path`, once the current transaction has committed.

    The queue row is written in the caller's transaction (ORM broker), so it is never seen before the rows that
    it speaks of. A path and not a function: who does the work is imported by its task, and rings it.
    """
    async_task(path, *args)


def ring_at(at: datetime, path: str, *args: Any) -> None:
    """Wake a worker up to run the task at `path` at a time: the queue row is there at once, locked until then."""
    async_task(path, *args, broker=_Later(at))


class Task(Generic[P]):
    """A function that a worker can run later. Calling it runs it here and now."""

    def __init__(self, function: Callable[P, Any]) -> None:
        self.function = function
        self.path = f"{function.__module__}.{function.__qualname__}"
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        return self.function(*args, **kwargs)

    def ring(self, *args: Any) -> None:
        """Have it run again, from inside a task; everybody else rings by its path."""
        ring(self.path, *args)


class Queue(ORM):  # type: ignore[misc]  # django-q2 has no types
    """django-q2's queue in our database, first come, first served.

    Long work is done in small batches that ring for the next one. That one stands at the end of the queue: so
    whatever waits by then, live messages first of all, is done before it.
    """

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        """The rows in the order in which they became due; left to itself, the database gives them in any."""
        return ORM.get_connection(list_key).order_by("lock", "id")


class _Later(Queue):
    """The same queue, for tasks that no worker may take before a time."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def enqueue(self, task: str) -> Any:
        row = OrmQ.objects.get(pk=super().enqueue(task))
        OrmQ.objects.filter(pk=row.pk).update(lock=max(row.lock, self.at))
        return row.pk


def task(function: Callable[P, Any]) -> Task[P]:
    """Make `function` a task. Its arguments must be ids and other plain values."""
    return Task(function)
