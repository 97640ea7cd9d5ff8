"""What the first visit costs: everything that the page loads, compressed."""

import gzip
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

from tests.pages.rows import make_conversation, write

pytestmark = pytest.mark.django_db
MOST = 100 * 1024


def test_the_first_load_of_a_full_page_takes_at_most_100_kb(agent):
    for number in range(30):
        conversation = make_conversation(f"Customer {number}")
        write(conversation, f"Is number {number} in stock?")
    html = agent.get(f"/inbox/{conversation.pk}/").text
    loaded = re.findall(r'(?:src|href)="/static/([^"?]+\.(?:js|css|svg))', html)
    assert len(loaded) > 10
    files = [Path(str(finders.find(name))).read_bytes() for name in loaded]
    assert sum(len(gzip.compress(content)) for content in [html.encode(), *files]) <= MOST
