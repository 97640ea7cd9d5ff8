"""What the tests of the pages may ask for."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import make_agent

SCRIPT = {"HX-Request": "true"}


@pytest.fixture
def ana(db) -> User:
    """An agent who may do everything in the inbox."""
    return make_agent("ana", first_name="Ana", last_name="Wibowo")


@pytest.fixture
def ben(db) -> User:
    """A colleague of Ana."""
    return make_agent("ben", first_name="Ben", last_name="Okafor")


@pytest.fixture
def agent(ana) -> Client:
    """Ana's browser."""
    client = Client()
    client.force_login(ana)
    return client


@pytest.fixture
def script(ana) -> Client:
    """The script in Ana's page: it asks for pieces."""
    client = Client(headers=SCRIPT)
    client.force_login(ana)
    return client
