"""Whether this process is up, and whether it can do its work: for load balancers and people on call."""

import logging
from collections.abc import Callable

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_q.models import OrmQ

log = logging.getLogger(__name__)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Looks at nothing else: a database that is away is no reason to restart it."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether requests should be sent here: 200 when all is well, 503 and what is not otherwise."""
    found = {name: _outcome(name, check) for name, check in CHECKS.items()}
    return JsonResponse(found, status=200 if set(found.values()) == {"ok"} else 503)


def _outcome(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception:
        # Whatever it is belongs in the log: its words may name hosts, users and passwords.
        log.exception("Not ready: the check of %s failed", name)
        return "failed"


def _check_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _check_migrations() -> str:
    executor = MigrationExecutor(connection)
    return "pending" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"


def _check_broker() -> str:
    OrmQ.objects.exists()
    return "ok"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _check_database,
    "migrations": _check_migrations,
    "broker": _check_broker,
}
