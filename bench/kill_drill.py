"""Kill the worker again and again while TikTok misbehaves, and count what must never happen.

    python bench/kill_drill.py 50              # rounds; on SQLite in a temporary directory
    DATABASE_URL=postgres://… python bench/kill_drill.py 50 --seed 7     # an empty database

Everything is real: a web process that takes TikTok's webhooks, a worker process that is ended by SIGKILL in
every round, and the local TikTok with random faults. Only patience is shorter than in production (leases, time
limits, pauses between looks), so that a round takes a second. Exits with 1 unless every count is 0.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CUSTOMERS = ("Dian", "Eko", "Fitri")
FAULTS: list[dict[str, Any]] = [
    {"kind": "code", "code": 40100},
    {"kind": "code", "code": 50000},
    {"kind": "code", "code": 50002, "after": True},
    {"kind": "code", "code": 40002},
    {"kind": "http_status", "http_status": 502},
    {"kind": "http_status", "http_status": 502, "after": True},
    {"kind": "hang_before", "seconds": 1},
    {"kind": "hang_after", "seconds": 1},
    {"kind": "slow", "seconds": 0.3},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "empty_message_id"},
    {"kind": "garbage"},
]
COUNTS = ("replies twice", "lost", "out of order", "over quota")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Drill:
    """One installation, and what is done to it."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home, self.chance = home, random.Random(seed)
        self.web, self.tiktok = free_port(), free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.worker: subprocess.Popen[bytes] | None = None
        self.queued: dict[int, list[str]] = {}
        self.kills = 0
        os.environ.update(
            DJANGO_SETTINGS_MODULE="config.settings",
            DEBUG="true",
            SECRET_KEY="only-for-the-drill",
            TOKEN_ENCRYPTION_KEYS="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            DATABASE_URL=os.environ.get("DATABASE_URL") or f"sqlite:///{home / 'drill.sqlite3'}",
            PUBLIC_URL=f"http://127.0.0.1:{self.web}",
            TIKTOK_APP_ID="sandbox-app",
            TIKTOK_APP_SECRET="sandbox-secret",
            TIKTOK_API_URL=f"http://127.0.0.1:{self.tiktok}/open_api/v1.3",
            TIKTOK_QPS="100",
            MEDIA_ROOT=str(home / "media"),
        )

    # ── Processes ─────────────────────────────────────────────────────────────────────────────────────

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def start_worker(self) -> None:
        self.worker = self.start("worker", str(Path(__file__).resolve()), "--worker")

    def kill_worker(self) -> None:
        if self.worker:
            self.worker.kill()
            self.worker.wait()
            self.kills += 1

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def ask(self, path: str, /, **body: Any) -> Any:
        """Use the local TikTok's control API: POST with a body, else GET."""
        url = f"http://127.0.0.1:{self.tiktok}/sandbox/api{path}"
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def set_up(self) -> None:
        import django

        django.setup()
        from django.contrib.auth.models import User
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        self.start(
            "tiktok", "manage.py", "sandbox", "--port", str(self.tiktok), "--database", str(self.home / "t")
        )
        self.start("web", "-m", "gunicorn", "config.wsgi", "--threads", "4", "--bind", f"127.0.0.1:{self.web}")
        self.wait_for(lambda: self.answers(f"http://127.0.0.1:{self.tiktok}/phone/"), "the local TikTok")
        self.wait_for(lambda: self.answers(f"http://127.0.0.1:{self.web}/healthz"), "the web process")
        self.ask("/settings", qps=0)
        self.connect()
        self.customers = [self.ask("/customers", display_name=name)["id"] for name in CUSTOMERS]
        self.agent = User.objects.create_superuser("drill", "drill@example.com", "drill")
        self.start_worker()

    def connect(self) -> None:
        from django.utils import timezone

        from channels_tiktok.models import Channel, Credential

        tokens = self.ask("/accounts/kopi.corner/tokens", scope=None)
        self.ask("/webhooks", callback_url=f"{os.environ['PUBLIC_URL']}/webhooks/tiktok/")
        at = timezone.now()
        credential = Credential.objects.create(
            business_id=tokens["open_id"],
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            access_expires_at=at + timedelta(days=1),
            refresh_expires_at=at + timedelta(days=365),
            scopes=tokens["scope"],
            refreshed_at=at,
        )
        Channel.objects.create(
            business_id=tokens["open_id"],
            username="kopi.corner",
            name="Kopi Corner",
            status=Channel.Status.CONNECTED,
            credential=credential,
            connected_at=at,
        )

    @staticmethod
    def answers(url: str) -> bool:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def wait_for(self, true: Any, what: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                logs = "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in self.home.glob("*.log"))
                raise SystemExit(f"Waited in vain for {what}.\n{logs}")
            time.sleep(0.05)

    # ── A round ───────────────────────────────────────────────────────────────────────────────────────

    def round(self, number: int) -> None:
        from inbox.models import Message

        for customer in self.customers:
            self.ask(f"/customers/{customer}/messages", account="kopi.corner", text=f"question {number}")
        said = Message.objects.filter(text=f"question {number}")
        self.wait_for(lambda: said.count() == len(CUSTOMERS), "the customers' messages")
        for _ in range(self.chance.randint(1, 4)):
            self.ask("/faults", path="business/message/send", **self.chance.choice(FAULTS))
        knobs = {"twice": self.chance.random() < 0.3, "echo_first": self.chance.random() < 0.3}
        self.ask("/webhooks", **knobs)
        for message in said:
            self.reply(message.conversation_id, number)
        time.sleep(self.chance.uniform(0.02, 0.8))
        self.kill_worker()
        self.start_worker()

    def reply(self, conversation_id: int, number: int) -> None:
        """Queue some replies, now and then more than the window allows."""
        from django.utils import timezone

        from inbox import sending
        from inbox.windows import ReplyRefused

        many = 12 if self.chance.random() < 0.1 else self.chance.randint(1, 3)
        for place in range(many):
            text = f"reply {conversation_id}-{number}-{place}"
            with suppress(ReplyRefused):
                sending.queue_reply(user=self.agent, conversation_id=conversation_id, text=text, at=timezone.now())
                self.queued.setdefault(conversation_id, []).append(text)

    # ── What must never happen ────────────────────────────────────────────────────────────────────────

    def settle(self) -> None:
        from inbox.models import Message

        ask = urllib.request.Request(f"http://127.0.0.1:{self.tiktok}/sandbox/api/faults", method="DELETE")
        urllib.request.urlopen(ask, timeout=10).close()
        State = Message.State
        open_ended = Message.objects.filter(source="agent").exclude(
            state__in=[State.SENT, State.READ, State.FAILED, State.CANCELLED]
        )
        under_way = open_ended.exclude(state=State.UNCONFIRMED, try_again_at__isnull=True)
        self.wait_for(lambda: not under_way.exists(), "every reply to be settled", seconds=90 + self.kills)

    def count(self) -> dict[str, int]:
        from inbox.models import Message

        calls = self.ask("/calls?path=business/message/send")["calls"]
        carried_out = [call["text"] for call in calls if call["done"] and call["code"] == 0]
        there = set(carried_out)
        twice = len(carried_out) - len(there)
        lost = out_of_order = 0
        for texts in self.queued.values():
            for message in Message.objects.filter(text__in=texts):
                is_sent = message.state in (Message.State.SENT, Message.State.READ)
                lost += is_sent != (message.text in there)
            lost += len(texts) - Message.objects.filter(text__in=texts).count()
            arrived = [text for text in carried_out if text in texts]
            out_of_order += arrived != [text for text in texts if text in there]
        refused_by_tiktok = sum(call["code"] == 40064 for call in calls)
        return dict(zip(COUNTS, (twice, lost, out_of_order, refused_by_tiktok), strict=True))


def work() -> None:
    """The worker: what its tasks do, in a loop, with less patience."""
    import django

    django.setup()
    from django.utils import timezone

    from channels_tiktok import client
    from inbox import delivering, receiving, reconciling

    client.TIMEOUT = (0.5, 0.8)
    delivering.LEASE = timedelta(seconds=2.5)
    delivering.SOON = timedelta(seconds=0.5)
    delivering.FIRST_LOOK = timedelta(seconds=0.3)
    delivering.LONGEST_PAUSE = timedelta(seconds=1)
    reconciling.PAUSES = [timedelta(seconds=seconds) for seconds in (0.5, 1, 1.5)]

    def receive() -> None:
        receiving.drain(clock=timezone.now)

    while True:
        receive()
        delivering.deliver_due(clock=timezone.now, meanwhile=receive)
        reconciling.reconcile_due(clock=timezone.now)
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", type=int, nargs="?", default=20)
    parser.add_argument("--seed", type=int, default=None, help="for the same faults once more")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work()
    seed = random.randrange(10**6) if asked.seed is None else asked.seed
    with tempfile.TemporaryDirectory(prefix="kill-drill-") as home:
        drill = Drill(Path(home), seed)
        try:
            drill.set_up()
            for number in range(asked.rounds):
                drill.round(number)
            drill.settle()
            counts = drill.count()
        finally:
            drill.stop()
    replies = sum(map(len, drill.queued.values()))
    print(f"{asked.rounds} rounds, {drill.kills} workers killed, {replies} replies queued (seed {seed})")
    for name, number in counts.items():
        print(f"  {name}: {number}")
    return int(any(counts.values()))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
