"""The API's description: true, complete, and shown under our browser policy."""

import re
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from rest_framework.test import APIClient

from inbox.models import Conversation, Message
from tests.api.making import client_of

COMMITTED = Path("docs/openapi.yaml")


def test_the_committed_description_is_what_the_code_says(tmp_path, db):
    """Write it anew with the command that docs/api.md names."""
    fresh = tmp_path / "openapi.yaml"
    call_command(
        "spectacular",
        "--validate",
        "--fail-on-warn",
        f"--file={fresh}",
    )
    assert fresh.read_text() == COMMITTED.read_text(), "docs/openapi.yaml is out of date"


def test_every_path_of_the_design_is_described():
    paths = yaml.safe_load(COMMITTED.read_text())["paths"]
    assert {path.removeprefix("/api/v1"): sorted(methods) for path, methods in paths.items()} == {
        "/attachments/{attachment_id}/": ["get"],
        "/attachments/{attachment_id}/thumbnail/": ["get"],
        "/channels/": ["get"],
        "/channels/{channel_id}/": ["delete", "get", "patch"],
        "/channels/{channel_id}/posts/": ["get"],
        "/conversations/": ["get"],
        "/conversations/{conversation_id}/": ["get", "patch"],
        "/conversations/{conversation_id}/messages/": ["get", "post"],
        "/conversations/{conversation_id}/messages/{message_id}/": ["get"],
        "/conversations/{conversation_id}/seen/": ["post"],
        "/conversations/{conversation_id}/unread/": ["post"],
        "/message-links/": ["get", "post"],
        "/message-links/{link_id}/": ["delete", "get", "patch"],
        "/conversations/{conversation_id}/notes/": ["get", "post"],
        "/labels/": ["get", "post"],
        "/labels/{label_id}/": ["delete", "get", "patch"],
        "/saved-replies/": ["get", "post"],
        "/saved-replies/{reply_id}/": ["delete", "get", "patch"],
        "/conversations/{conversation_id}/spam-report/": ["get", "post"],
        "/leads/": ["get"],
        "/leads/{lead_id}/": ["get", "patch"],
        "/spam-reports/": ["get"],
        "/saved-views/": ["get", "post"],
        "/saved-views/{view_id}/": ["delete", "get", "patch"],
    }


def test_answers_have_just_the_fields_that_are_described(api, conversation):
    schemas = yaml.safe_load(COMMITTED.read_text())["components"]["schemas"]
    shown = api.get(f"/api/v1/conversations/{conversation.pk}/").json()
    for name, part in {
        "Conversation": shown,
        "Contact": shown["contact"],
        "Window": shown["window"],
        "MessageSummary": shown["last_message"],
        "Message": api.get(f"/api/v1/conversations/{conversation.pk}/messages/").json()["results"][0],
        "Channel": api.get(f"/api/v1/channels/{conversation.channel_id}/").json(),
    }.items():
        assert set(schemas[name]["properties"]) == set(part) == set(schemas[name]["required"]), name
    assert schemas["ConversationStatus"]["enum"] == Conversation.Status.values
    assert schemas["MessageState"]["enum"] == Message.State.values


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_description_is_served_to_whoever_is_known(form, stranger, conversation):
    answer = client_of(stranger).get(f"/api/v1/schema/?format={form}")
    assert answer.status_code == 200
    described = yaml.safe_load(answer.content)
    assert "MessageKind" in described["components"]["schemas"]
    assert list(described["paths"]) == list(yaml.safe_load(COMMITTED.read_text())["paths"])


def test_the_description_is_refused_to_strangers(db):
    answer = APIClient().get("/api/v1/schema/")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Token")


def test_the_docs_page_asks_people_to_log_in_and_brings_them_back(db, settings):
    settings.LOGIN_URL = "/login/"
    answer = APIClient().get("/api/v1/docs/")
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/api/v1/docs/")


def test_the_docs_page_keeps_to_our_browser_policy(stranger):
    client = APIClient()
    client.force_login(stranger)
    page = client.get("/api/v1/docs/")
    html = page.content.decode()
    assert page.status_code == 200
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert "<style" not in html
    assert not re.search(r"\son\w+=|\sstyle=", html)
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(addresses) == 4
    assert all(address.startswith("/") and not address.startswith("//") for address in addresses)


def test_the_docs_pages_script_points_at_our_description(stranger):
    client = APIClient()
    client.force_login(stranger)
    html = client.get("/api/v1/docs/").content.decode()
    script_address = re.findall(r'<script src="([^"]+)"', html)[-1]
    script = client.get(script_address)
    assert script["Content-Type"].startswith("application/javascript")
    assert "/api/v1/schema/" in script.content.decode().encode().decode("unicode_escape")
    assert "{{" not in script.content.decode()
