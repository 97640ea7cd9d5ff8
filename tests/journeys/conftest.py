"""The whole product as its users meet it: web server, worker and local TikTok as processes, and a real browser."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

PASSWORD = "a-long-enough-passphrase"
CHROMIUM = "/usr/bin/chromium"


@dataclass
class Product:
    """A running installation of its own."""

    url: str
    phone_url: str
    environment: dict[str, str]
    logs: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, *command: str) -> None:
        """Start one of its processes, in a session of its own so that it can be ended with its children."""
        with (self.logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def phone(self, path: str, **body: Any) -> Any:
        """POST to the local TikTok's control API."""
        request = urllib.request.Request(
            f"{self.phone_url}/sandbox/api{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def look(self, path: str) -> Any:
        """GET from the local TikTok's control API."""
        with urllib.request.urlopen(f"{self.phone_url}/sandbox/api{path}", timeout=10) as answer:
            return json.load(answer)

    def wait_until_up(self, url: str) -> None:
        """Wait for an address to answer; the logs explain when it doesn't."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(url, timeout=2).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        pytest.fail("\n".join(f"{log.name}:\n{log.read_text()[-3000:]}" for log in self.logs.glob("*.log")))

    def stop(self) -> None:
        """End every process with its children."""
        for process in self.processes:
            process.terminate()  # the parent alone: django-q2's cluster hangs when its children are told too
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def database_url(tmp_path_factory) -> Iterator[str]:
    """An empty database on the engine that this run of the tests is for."""
    if settings.DATABASE_IS_SQLITE:
        yield f"sqlite:///{tmp_path_factory.mktemp('database') / 'reply48.sqlite3'}"
        return
    import psycopg
    from django.db import connections

    options = connections["default"].settings_dict
    name = f"journey_{os.getpid()}_{secrets.token_hex(4)}"
    server = {"host": options["HOST"], "port": options["PORT"], "user": options["USER"]}
    server["password"] = options["PASSWORD"]
    with psycopg.connect(dbname="postgres", autocommit=True, **server) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    login = options["USER"] + (f":{options['PASSWORD']}" if options["PASSWORD"] else "")
    yield f"postgres://{login}@{options['HOST']}:{options['PORT'] or 5432}/{name}"
    with psycopg.connect(dbname="postgres", autocommit=True, **server) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def product(tmp_path_factory, database_url) -> Iterator[Product]:
    """Web, worker and local TikTok, with one superuser `admin`; nothing is connected yet."""
    home = tmp_path_factory.mktemp("product")
    web, phone = free_port(), free_port()
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "true",
        "SECRET_KEY": "only-for-this-journey",
        "TOKEN_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "DATABASE_URL": database_url,
        "PUBLIC_URL": f"http://127.0.0.1:{web}",
        "TIKTOK_APP_ID": "sandbox-app",
        "TIKTOK_APP_SECRET": "sandbox-secret",
        "TIKTOK_API_URL": f"http://127.0.0.1:{phone}/open_api/v1.3",
        "TIKTOK_AUTH_URL": f"http://127.0.0.1:{phone}/v2/auth/authorize",
        "MEDIA_ROOT": str(home / "media"),
        "PORT": str(web),
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    product = Product(f"http://127.0.0.1:{web}", f"http://127.0.0.1:{phone}", environment, home)
    product.manage("migrate", "--verbosity", "0")
    product.manage("createsuperuser", "--noinput", "--username", "admin", "--email", "admin@shop.test")
    product.start("web", "-m", "gunicorn", "config.wsgi", "--threads", "8", "--bind", f"127.0.0.1:{web}")
    product.start("worker", "manage.py", "qcluster")
    sandbox = ("--port", str(phone), "--database", str(home / "sandbox.sqlite3"))
    product.start("sandbox", "manage.py", "sandbox", *sandbox)
    try:
        product.wait_until_up(f"{product.url}/healthz")
        product.wait_until_up(f"{product.phone_url}/phone/")
        yield product
    finally:
        product.stop()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args) -> dict[str, Any]:
    """Debian's Chromium; it runs as root in CI, and must not call home."""
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": quiet}


@pytest.fixture(autouse=True)
def _pages_are_closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """A page that stays open goes on asking for news."""
    yield
    if "browser" in request.fixturenames:
        for context in request.getfixturevalue("browser").contexts:
            context.close()
