"""A worker that is killed over and over, as a process: `python -m tests.races.killing <kills> <seed>`.

It forks a child that drains the journal, ends it by SIGKILL at a random moment, and forks the next one; it
says how many it killed at work. With no kills it drains the journal itself, to its end. (Before it forks it
never touches the database: a connection must not be shared.)
"""

import os
import random
import signal
import sys
import time

import django
from django.conf import settings


def drain() -> None:
    """What the worker does; the child's whole life."""
    from django.utils import timezone

    from inbox import receiving

    receiving.drain(clock=timezone.now)


def main(kills: int, seed: int) -> None:
    """Kill `kills` children at work."""
    chance = random.Random(seed)
    killed = 0
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            try:
                drain()
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0.005, 0.5))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    settings.DATABASES["default"]["NAME"] = os.environ["KILLED_DATABASE"]
    django.setup()
    if sys.argv[1] == "0":
        drain()
    else:
        main(int(sys.argv[1]), int(sys.argv[2]))
