"""How fast queued replies leave, against a bare `requests.Session` loop to the same local TikTok.

    DATABASE_URL=postgres://… python bench/delivering.py 10000        # an empty database; how many replies
    python bench/delivering.py 1000 --parallel 8 --queries            # on SQLite in a temporary directory

Both send texts to the same local TikTok process, ten to each conversation, in turns of one tenth of all, so that
whatever else the machine does hits both alike. Ours does everything that it does in production: it claims, takes
its turn at the rate limiter, reads the token, writes states and the timeline. Only TIKTOK_QPS is raised.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PER_CONVERSATION = 10
TURNS = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("replies", type=int, nargs="?", default=1000)
    parser.add_argument("--parallel", type=int, default=None, help="conversations at a time (as in production)")
    parser.add_argument("--queries", action="store_true", help="print the statements that one reply costs")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="delivering-") as home:
        from bench.kill_drill import Drill

        drill = Drill(Path(home), seed=1)
        try:
            start_tiktok(drill)
            os.environ.update(TIKTOK_QPS="100000", DEBUG="false", ALLOWED_HOSTS="127.0.0.1")
            measure(drill, asked)
        finally:
            drill.stop()
    return 0


def measure(drill: Any, asked: argparse.Namespace) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    many = max(asked.replies // PER_CONVERSATION, TURNS)
    ids = begin_conversations(drill, many * 2)
    conversations = store(ids[:many])
    bare_ids = ids[many:]
    if asked.queries:
        tell_queries(conversations)
        return
    ours = bare = 0.0
    step = many // TURNS
    for turn in range(TURNS):
        bare += send_bare(drill, bare_ids[turn * step : (turn + 1) * step])
        ours += send_ours(conversations[turn * step : (turn + 1) * step], asked.parallel)
    sent = step * TURNS * PER_CONVERSATION
    print(f"{sent} replies each: bare {sent / bare:.0f}/s, delivered {sent / ours:.0f}/s")
    print(f"ratio {bare / ours:.2f} (bar: 0.80)")


def start_tiktok(drill: Any) -> None:
    drill.start("tiktok", "manage.py", "sandbox", "--port", str(drill.tiktok), "--database", str(drill.home / "t"))
    drill.wait_for(lambda: drill.answers(f"http://127.0.0.1:{drill.tiktok}/phone/"), "the local TikTok")
    drill.ask("/settings", qps=0)


def begin_conversations(drill: Any, many: int) -> list[str]:
    """Customers write to the account; give the conversations' ids."""
    tokens = drill.ask("/accounts/kopi.corner/tokens", scope=None)
    store_channel(tokens)
    ids = []
    for number in range(many):
        customer = drill.ask("/customers", display_name=f"Customer {number}")["id"]
        written = drill.ask(f"/customers/{customer}/messages", account="kopi.corner", text="Hi")
        ids.append(written["conversation_id"])
    return ids


def store_channel(tokens: dict[str, str]) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from channels_tiktok.models import Channel, Credential

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


def store(ids: list[str]) -> list[Any]:
    """Our rows of those conversations, each with an open window."""
    from django.utils import timezone

    from channels_tiktok.models import Channel
    from tests import factories

    at, channel = timezone.now(), Channel.objects.get()
    made = []
    for place, tiktok_id in enumerate(ids):
        contact = factories.make_contact(channel, username=f"c{place}", display_name=f"Customer {place}")
        conversation = factories.make_conversation(channel, contact=contact, at=at)
        conversation.tiktok_conversation_id = tiktok_id
        conversation.save()
        factories.make_inbound(conversation, "Hi", at=at)
        made.append(conversation)
    factories.make_agent("bench", is_superuser=True)
    return made


def queue(conversations: list[Any]) -> None:
    from django.contrib.auth.models import User
    from django.utils import timezone

    from inbox import sending

    agent = User.objects.get(username="bench")
    for conversation in conversations:
        for number in range(PER_CONVERSATION):
            text = f"Reply {number}, {conversation.pk}"
            sending.queue_reply(user=agent, conversation_id=conversation.pk, text=text, at=timezone.now())


def send_ours(conversations: list[Any], parallel: int | None) -> float:
    from django.utils import timezone

    from inbox import delivering
    from inbox.models import Message

    queue(conversations)
    wanted = {} if parallel is None else {"parallel": parallel}
    began = time.perf_counter()
    while delivering.deliver_due(clock=timezone.now, **wanted):
        pass
    passed = time.perf_counter() - began
    ids = [conversation.pk for conversation in conversations]
    unsent = Message.objects.filter(conversation__in=ids, source="agent").exclude(state="sent")
    if unsent.exists():
        raise SystemExit(f"{unsent.count()} replies were not sent: {unsent.first().error_detail}")
    return passed


def send_bare(drill: Any, ids: list[str]) -> float:
    from channels_tiktok.models import Credential

    credential = Credential.objects.get()
    url = f"http://127.0.0.1:{drill.tiktok}/open_api/v1.3/business/message/send/"
    headers = {"Access-Token": str(credential.access_token)}
    began = time.perf_counter()
    with requests.Session() as session:
        for conversation_id in ids:
            for number in range(PER_CONVERSATION):
                body = {
                    "business_id": credential.business_id,
                    "recipient_type": "CONVERSATION",
                    "recipient": conversation_id,
                    "message_type": "TEXT",
                    "text": {"body": f"Reply {number}"},
                }
                answer = session.post(url, json=body, headers=headers, timeout=20).json()
                if answer["code"] != 0:
                    raise SystemExit(f"The bare loop was refused: {answer}")
    return time.perf_counter() - began


def tell_queries(conversations: list[Any]) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from inbox import delivering

    queue(conversations[:1])
    clock = timezone.now
    for _ in range(2):
        delivering.deliver(delivering.claim_next(at=clock()), clock=clock)
    with CaptureQueriesContext(connection) as captured:
        delivering.deliver(delivering.claim_next(at=clock()), clock=clock)
    for number, query in enumerate(captured.captured_queries, start=1):
        print(number, f"{float(query['time']) * 1000:.0f} ms", query["sql"][:400])


if __name__ == "__main__":
    sys.exit(main())
