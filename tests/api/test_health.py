"""/healthz and /readyz."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config import health


def test_healthz_answers_without_the_database():
    answer = Client().get("/healthz")  # no database is allowed in this test
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_readyz_says_that_all_is_well():
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"database": "ok", "migrations": "ok", "broker": "ok"}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_readyz_knows_of_migrations_that_wait():
    ((app, newest),) = MigrationLoader(connection).graph.leaf_nodes("inbox")
    MigrationRecorder(connection).record_unapplied(app, newest)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"database": "ok", "migrations": "pending", "broker": "ok"}


@pytest.mark.parametrize("name", ["database", "migrations", "broker"])
@pytest.mark.django_db
def test_readyz_says_what_failed_and_nothing_more(name, monkeypatch):
    def fail():
        raise RuntimeError("could not connect to postgres://user:secret@host")

    monkeypatch.setitem(health.CHECKS, name, fail)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"database": "ok", "migrations": "ok", "broker": "ok"} | {name: "failed"}
    assert b"secret" not in answer.content


@pytest.mark.parametrize("url", ["/healthz", "/readyz"])
def test_only_reading_is_allowed(url):
    assert Client().post(url).status_code == 405
