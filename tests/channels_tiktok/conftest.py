from datetime import UTC, datetime, timedelta

import pytest
import requests

from channels_tiktok.connecting import free_name
from channels_tiktok.models import Channel, Credential
from tests.channels_tiktok.fake_tiktok import GRANT, FakeTikTok

NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def at():
    return NOW


@pytest.fixture
def fake(monkeypatch):
    """A TikTok that says what the test tells it to, mounted for every host."""
    fake = FakeTikTok()

    def session():
        session = requests.Session()
        session.mount("http://", fake)
        session.mount("https://", fake)
        return session

    monkeypatch.setattr("channels_tiktok.client.new_session", session)
    return fake


@pytest.fixture
def make_channel(db):
    def make(business_id="biz-1", *, access_left=timedelta(hours=20), **kwargs):
        credential = Credential.objects.create(
            business_id=business_id,
            access_token=f"act.secret.{business_id}",
            refresh_token=f"rft.secret.{business_id}",
            access_expires_at=NOW + access_left,
            refresh_expires_at=NOW + timedelta(days=300),
            scopes=GRANT["scope"],
            refreshed_at=NOW,
        )
        told = {
            "username": "kopi.corner",
            "display_name": "Kopi Corner",
            "name": free_name("Front desk"),
            "status": Channel.Status.CONNECTED,
            "connected_at": NOW,
        }
        return Channel.objects.create(business_id=business_id, credential=credential, **{**told, **kwargs})

    return make


@pytest.fixture
def channel(make_channel):
    return make_channel()


@pytest.fixture
def staff(django_user_model):
    return django_user_model.objects.create_superuser("amira", password="x")


@pytest.fixture
def colleague(django_user_model):
    return django_user_model.objects.create_superuser("budi", password="x")
