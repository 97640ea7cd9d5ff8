"""How gunicorn serves Reply48: plain HTTP/1.1 behind a proxy that ends TLS. See docs/operations.md."""

from pathlib import Path

import environ

env = environ.FileAwareEnv()
environ.Env.read_env(Path(__file__).resolve().parent / ".env")

wsgi_app = "config.wsgi"
bind = f"{env.str('HOST', default='127.0.0.1')}:{env.int('PORT', default=8000)}"
workers = env.int("WEB_CONCURRENCY", default=2)
worker_class = "gthread"
threads = env.int("WEB_THREADS", default=4)
timeout = 60
graceful_timeout = 30
keepalive = 75  # longer than a proxy keeps an idle connection, so that the proxy is the one that closes it
# No max_requests: a thread's open connections are reset when its process is renewed.
accesslog = env.str("ACCESS_LOG", default="") or None
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms'
loglevel = "warning"
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (a heartbeat file, in memory)


def when_ready(server):  # type: ignore[no-untyped-def]
    """Say that it serves, and warn when errors would be shown to strangers."""
    server.log.warning("Reply48 answers on %s (processes: %s).", bind, workers)
    if env.bool("DEBUG", default=False):
        server.log.warning("DEBUG is on: errors are shown to everyone. Never serve customers like this.")
