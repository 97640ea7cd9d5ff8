"""Deliver events while the worker is killed and the database restarted, and count what must never happen.

    python bench/receive_drill.py 2000 --kills 20       # events; a PostgreSQL server of its own

Everything is real: TikTok's deliveries over HTTP, signed, in random order, every fifth twice; the web process;
the worker (`manage.py qcluster`), whose processes are all ended by SIGKILL again and again while they work; and a
database server that is ended as by a crash in the middle and started again. What is not answered 200 is delivered
again, as TikTok does. The first deliveries come while there is no worker at all, and their answers are timed.
Exits with 1 unless every count is 0 and the median answer took less than 50 ms.
"""

import argparse
import hashlib
import hmac
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT), str(ROOT / "bin")]

from scratch_postgresql import NotInstalled, Server, free_port, scratch_server  # noqa: E402

SECRET = "only-for-the-drill"
BUSINESS = "-000BIZdrill"
CONVERSATIONS = 25
# What a crash of the server must not lose: each commit is written before it is answered (not to the disk: the
# machine does not crash).
SETTINGS = ["fsync=off", "full_page_writes=off", "synchronous_commit=on", "jit=off"]
LONGEST_ANSWER = 0.05  # seconds, the median
COUNTS = ("lost", "doubled", "windows wrong", "timeline wrong", "left in the journal", "refused for good")


class Drill:
    """One installation, and what is delivered to it."""

    def __init__(self, home: Path, server: Server, events: int, seed: int) -> None:
        self.home, self.server, self.chance = home, server, random.Random(seed)
        self.web = free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.worker: subprocess.Popen[bytes] | None = None
        self.is_supervised = False
        self.kills = self.refused = 0
        self.expected: set[str] = set()
        self.inbound = 0
        self.events = events
        os.environ.update(
            DJANGO_SETTINGS_MODULE="config.settings",
            DEBUG="false",
            SECRET_KEY="only-for-the-drill",
            TOKEN_ENCRYPTION_KEYS="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            DATABASE_URL=server.url,
            PUBLIC_URL=f"http://127.0.0.1:{self.web}",
            TIKTOK_APP_ID="drill-app",
            TIKTOK_APP_SECRET=SECRET,
            TIKTOK_API_URL=f"http://127.0.0.1:{free_port()}/open_api/v1.3",  # nobody answers there
            MEDIA_ROOT=str(home / "media"),
            EMAIL_URL="memorymail://",
        )

    # ── Processes ─────────────────────────────────────────────────────────────────────────────────────

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def supervise(self) -> None:
        """Start the worker if it isn't running: one that finds no database when it starts ends by itself."""
        if self.worker is None or self.worker.poll() is not None:
            self.worker = self.start("worker", "manage.py", "qcluster")

    def kill_worker(self) -> None:
        """The cluster's main process and every child of it, at one moment."""
        if self.worker:
            with suppress(ProcessLookupError):
                os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()
            self.worker = None
            self.kills += 1

    def stop(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def set_up(self) -> None:
        import django

        django.setup()
        from django.core.management import call_command
        from django.utils import timezone

        from channels_tiktok.models import Channel, Credential

        call_command("migrate", verbosity=0)
        at = timezone.now()
        credential = Credential.objects.create(
            business_id=BUSINESS,
            access_token="act.drill",
            refresh_token="rft.drill",
            access_expires_at=at + timedelta(days=1),
            refresh_expires_at=at + timedelta(days=365),
            refreshed_at=at,
        )
        Channel.objects.create(
            business_id=BUSINESS,
            username="kopi.corner",
            name="Kopi Corner",
            status=Channel.Status.CONNECTED,
            credential=credential,
            connected_at=at - timedelta(days=1),
        )
        self.start("web", "-m", "gunicorn", "config.wsgi", "--threads", "4", "--bind", f"127.0.0.1:{self.web}")
        self.wait_for(lambda: self.post("/healthz", b"", method="GET") == 200, "the web process")

    def wait_for(self, true: Any, what: str, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while not true():
            if self.is_supervised:
                self.supervise()
            if time.monotonic() > end:
                logs = "\n".join(f"{log.name}: {log.read_text()[-3000:]}" for log in self.home.glob("*.log"))
                raise SystemExit(f"Waited in vain for {what}.\n{logs}")
            time.sleep(0.02)

    def look(self, ask: Any) -> Any:
        """The answer of a query, or None while the database is away."""
        from django.db import InterfaceError, OperationalError, connection

        try:
            return ask()
        except (OperationalError, InterfaceError):
            connection.close()
            return None

    # ── Deliveries ────────────────────────────────────────────────────────────────────────────────────

    def bodies(self) -> list[bytes]:
        """What TikTok delivers, in random order, every fifth twice and every tenth in another envelope too."""
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        made = []
        for number in range(self.events):
            at = began + timedelta(seconds=number)
            customer = {"id": f"+USER{number % CONVERSATIONS}", "role": "personal_account"}
            business = {"id": BUSINESS, "role": "business_account"}
            is_echo = number % 10 == 7
            content = {
                "from_user": business if is_echo else customer,
                "to_user": customer if is_echo else business,
                "unique_identifier": customer["id"],
                "conversation_id": f"conv/{number % CONVERSATIONS}+==",
                "message_id": f"m{number}==",
                "timestamp": int(at.timestamp() * 1000),
                "type": "text",
                "text": {"body": f"message {number}"},
                "message_tag": {"source": "APP"},
            }
            self.expected.add(f"m{number}==")
            self.inbound += not is_echo
            event = "im_send_msg" if is_echo else "im_receive_msg"
            made.append(self.envelope(event, content, at))
            if number % 10 == 4:
                made.append(self.envelope(event, content, at + timedelta(seconds=30)))
        made += made[::5]
        self.chance.shuffle(made)
        return made

    @staticmethod
    def envelope(event: str, content: dict[str, Any], at: datetime) -> bytes:
        told = {"client_key": "drill-app", "event": event, "create_time": int(at.timestamp())}
        return json.dumps({**told, "user_openid": BUSINESS, "content": json.dumps(content)}).encode()

    def post(self, path: str, body: bytes, method: str = "POST") -> int:
        """Deliver once; 0 when nobody answered."""
        stamp = int(time.time())
        signed = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "Tiktok-Signature": f"t={stamp},s={signed}"}
        web = http.client.HTTPConnection("127.0.0.1", self.web, timeout=30)
        try:
            web.request(method, path, body, headers)
            return web.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            web.close()

    def deliver(self, body: bytes) -> None:
        """Deliver until it is answered 200, as TikTok does for three days."""
        for _ in range(600):
            status = self.post("/webhooks/tiktok/", body)
            if status == 200:
                return
            self.refused += status not in (0, 502, 503)
            time.sleep(0.1)
        self.refused += 1

    def timed(self, bodies: list[bytes]) -> list[float]:
        """Deliver one after the other while no worker runs; give the seconds until each answer."""
        taken = []
        for body in bodies:
            began = time.perf_counter()
            self.deliver(body)
            taken.append(time.perf_counter() - began)
        return taken

    def run(self, bodies: list[bytes], kills: int) -> None:
        """Deliver from four sides, killing the worker and crashing the database meanwhile."""
        from channels_tiktok.models import WebhookEvent

        self.is_supervised = True
        settled = WebhookEvent.objects.exclude(state="pending")
        chunk, crash_at = -(-len(bodies) // (kills + 1)), kills // 2
        with ThreadPoolExecutor(4) as sides:
            for number in range(kills + 1):
                before = self.look(settled.count) or 0
                under_way = [
                    sides.submit(self.deliver, body) for body in bodies[number * chunk : (number + 1) * chunk]
                ]
                self.supervise()
                if number == crash_at:
                    time.sleep(self.chance.uniform(0.1, 0.5))
                    self.crash()
                for one in under_way:
                    one.result()
                if number < kills:
                    self.wait_for(
                        lambda before=before: (self.look(settled.count) or 0) > before, "the worker to begin"
                    )
                    time.sleep(self.chance.uniform(0, 0.2))
                    self.kill_worker()

    def crash(self) -> None:
        self.server.stop(signal.SIGQUIT)
        time.sleep(self.chance.uniform(0, 1))
        self.server.start()

    # ── What must never happen ────────────────────────────────────────────────────────────────────────

    def settle(self) -> float:
        """Wait until a worker that nobody kills has emptied the journal; give how long that took."""
        from channels_tiktok.models import WebhookEvent

        began = time.monotonic()
        pending = WebhookEvent.objects.filter(state="pending")
        self.wait_for(lambda: self.look(pending.exists) is False, "the journal to be empty", seconds=150)
        return time.monotonic() - began

    def count(self) -> dict[str, int]:
        from channels_tiktok.models import WebhookEvent
        from inbox.models import Conversation, ConversationEvent, Message, ReplyWindow

        arrived = Counter(Message.objects.values_list("tiktok_message_id", flat=True))
        unread = sum(Conversation.objects.values_list("inbound_count", flat=True))
        lines = ConversationEvent.objects.filter(kind__in=["message_received", "message_sent_outside"]).count()
        numbers = (
            len(self.expected - set(arrived)),
            sum(arrived.values()) - len(arrived) + len(set(arrived) - self.expected),
            abs(ReplyWindow.objects.count() - self.inbound) + abs(unread - self.inbound),
            abs(lines - len(self.expected)),
            WebhookEvent.objects.exclude(state="processed").count(),
            self.refused,
        )
        return dict(zip(COUNTS, numbers, strict=True))


def drill(events: int, kills: int, seed: int) -> int:
    with tempfile.TemporaryDirectory(prefix="receive-drill-") as home, scratch_server(SETTINGS) as server:
        it = Drill(Path(home), server, events, seed)
        try:
            it.set_up()
            bodies = it.bodies()
            alone = len(bodies) // 5
            answers = it.timed(bodies[:alone])
            it.run(bodies[alone:], kills)
            seconds = it.settle()
            counts = it.count()
        finally:
            it.stop()
            from django.db import connection

            connection.close()
    median = statistics.median(answers)
    print(
        f"{events} events in {len(bodies)} deliveries, {it.kills} workers killed, 1 database crash (seed {seed})"
    )
    print(f"  answered without a worker: median {1000 * median:.0f} ms, slowest {1000 * max(answers):.0f} ms")
    print(f"  journal empty {seconds:.1f} s after the last delivery")
    for name, number in counts.items():
        print(f"  {name}: {number}")
    return int(any(counts.values()) or median >= LONGEST_ANSWER)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=int, nargs="?", default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="for the same order once more")
    asked = parser.parse_args()
    seed = random.randrange(10**6) if asked.seed is None else asked.seed
    try:
        return drill(asked.events, asked.kills, seed)
    except NotInstalled as reason:
        sys.exit(f"{reason}.")


if __name__ == "__main__":
    sys.exit(main())
