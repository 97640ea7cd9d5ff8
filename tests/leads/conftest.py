import pytest
import time_machine

from tests.factories import NOW


@pytest.fixture(autouse=True)
def _now(clock):
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def shop(tiktok):
    """A channel that is connected."""
    return tiktok.connect()


@pytest.fixture
def account(tiktok, shop):
    """An ad account that serves the shop's channel, with lower funnel events on."""
    return tiktok.connect_ads(shop)
