"""Every template can be read, and so can those that it names."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

FOLDER = Path(settings.BASE_DIR) / "templates"
NAMES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html"))


@pytest.mark.parametrize("name", NAMES)
def test_a_template_and_what_it_includes_can_be_read(name):
    get_template(name)
    for named in re.findall(r'{% (?:include|extends) "([^"]+)"', (FOLDER / name).read_text()):
        get_template(named)
