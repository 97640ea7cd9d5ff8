"""Who may call what, and what everyone else hears."""

from io import StringIO

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from inbox.models import Message
from tests.api.conftest import CHANGE, REPLY, VIEW
from tests.api.making import client_of, make_user

CALLS = {
    "channels": ("get", "/api/v1/channels/", None),
    "channel": ("get", "/api/v1/channels/{channel}/", None),
    "rename": ("patch", "/api/v1/channels/{channel}/", {}),
    "conversations": ("get", "/api/v1/conversations/", None),
    "conversation": ("get", "/api/v1/conversations/{conversation}/", None),
    "change": ("patch", "/api/v1/conversations/{conversation}/", {"status": "closed"}),
    "messages": ("get", "/api/v1/conversations/{conversation}/messages/", None),
    "message": ("get", "/api/v1/conversations/{conversation}/messages/{message}/", None),
    "reply": ("post", "/api/v1/conversations/{conversation}/messages/", {"text": "Hi"}),
}
READS = {
    "channels": 200,
    "channel": 200,
    "conversations": 200,
    "conversation": 200,
    "messages": 200,
    "message": 200,
}
NOTHING = dict.fromkeys(CALLS, 403)
PEOPLE = {
    "nobody in particular": ((), NOTHING),
    "viewer": ((VIEW,), NOTHING | READS),
    "replier": ((VIEW, REPLY), NOTHING | READS | {"reply": 201}),
    "changer": ((VIEW, CHANGE), NOTHING | READS | {"change": 200}),
    "replier who may not see": ((REPLY,), NOTHING | {"reply": 404}),
    "changer who may not see": ((CHANGE,), NOTHING | {"change": 404}),
    "keeper of channels": (
        ("channels_tiktok.view_channel", "channels_tiktok.rename_channel"),
        NOTHING | {"channels": 200, "channel": 200, "rename": 200},
    ),
}


def call(client, name, conversation, **headers):
    method, url, body = CALLS[name]
    url = url.format(
        channel=conversation.channel_id, conversation=conversation.pk, message=conversation.last_message_id
    )
    return getattr(client, method)(url, body, format="json", headers=headers or None)


@pytest.mark.parametrize("person", PEOPLE)
def test_each_call_needs_its_permission(person, conversation):
    permissions, expected = PEOPLE[person]
    client = client_of(make_user("someone", *permissions))
    answers = {name: call(client, name, conversation) for name in CALLS}
    assert {name: answer.status_code for name, answer in answers.items()} == expected
    for answer in answers.values():
        if answer.status_code in (403, 404):
            assert set(answer.json()) == {"code", "detail"}


@pytest.mark.parametrize("name", CALLS)
def test_without_credentials_the_answer_is_401_and_names_the_scheme(name, conversation):
    answer = call(APIClient(), name, conversation)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Token"
    assert answer.json() == {
        "code": "not_authenticated",
        "detail": "Authentication credentials were not provided.",
    }


def test_a_wrong_token_and_one_of_someone_who_left_are_401(conversation, agent, api):
    answer = call(APIClient(), "conversation", conversation, Authorization="Token wrong")
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")
    agent.is_active = False
    agent.save()
    assert call(api, "conversation", conversation).status_code == 401


def test_the_refusal_names_the_permission(conversation, stranger):
    answer = call(client_of(stranger), "reply", conversation)
    assert answer.json() == {
        "code": "permission_denied",
        "detail": "This needs the permission inbox.reply_conversation.",
    }
    assert not Message.objects.filter(direction="outbound").exists()


def test_a_token_of_the_command_works(conversation, agent):
    out = StringIO()
    call_command("drf_create_token", "agent", stdout=out)
    token = out.getvalue().split()[2]
    answer = call(APIClient(), "conversation", conversation, Authorization=f"Token {token}")
    assert answer.status_code == 200


def test_a_session_reads_and_writes_only_with_its_csrf_token(conversation, agent):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(agent)
    assert call(client, "conversation", conversation).status_code == 200
    refused = call(client, "reply", conversation)
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]
    client.cookies["csrftoken"] = "a" * 32
    assert call(client, "reply", conversation, **{"X-CSRFToken": "a" * 32}).status_code == 201


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/channels/999/",
        "/api/v1/conversations/999/",
        "/api/v1/conversations/99999999999999999999999999/",
        "/api/v1/conversations/999/messages/",
        "/api/v1/conversations/999/messages/1/",
    ],
)
def test_what_is_not_there_is_404_in_json(url, api):
    answer = api.get(url)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_a_message_is_not_found_in_another_conversation(conversation, api):
    from tests.api.making import make_conversation

    other = make_conversation()
    answer = api.get(f"/api/v1/conversations/{other.pk}/messages/{conversation.last_message_id}/")
    assert answer.status_code == 404


@pytest.mark.parametrize("url", ["/api/v1/nowhere/", "/api/v1/", "/api/v1/channels", "/api/v1/conversations/x/"])
def test_a_mistyped_address_is_404_in_json(url, api):
    answer = api.get(url)
    assert answer.status_code == 404
    assert answer.json() == {
        "code": "not_found",
        "detail": "There is nothing at this address. Addresses end with a slash.",
    }


def test_json_that_is_none_is_400_in_the_same_shape_as_other_bad_input(conversation, api):
    url = f"/api/v1/conversations/{conversation.pk}/messages/"
    answer = api.generic("POST", url, '{"text": ', content_type="application/json")
    assert answer.status_code == 400
    assert list(answer.json()) == ["non_field_errors"]
    answer = api.post(url, ["text"], format="json")
    assert answer.status_code == 400
    assert list(answer.json()) == ["non_field_errors"]


def test_a_body_of_another_kind_is_415(conversation, api):
    url = f"/api/v1/conversations/{conversation.pk}/messages/"
    answer = api.generic("POST", url, "<text/>", content_type="application/xml")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("form", ["json", "multipart"])
def test_a_body_that_is_too_long_is_413_and_not_read(form, conversation, api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    url = f"/api/v1/conversations/{conversation.pk}/messages/"
    answer = api.post(url, {"text": "x" * 1001}, format=form)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_fault_of_ours_is_500_in_json_and_tells_nothing(conversation, api, monkeypatch):
    from inbox import access

    def fail(*args):
        raise RuntimeError("password=secret")

    monkeypatch.setattr(access, "conversations_for", fail)
    api.raise_request_exception = False
    answer = api.get("/api/v1/conversations/")
    assert answer.status_code == 500
    assert answer.json() == {"code": "server_error", "detail": "Something went wrong on our side."}


def test_a_fault_of_ours_reaches_whoever_listens(conversation, api, monkeypatch):
    from inbox import access

    monkeypatch.setattr(access, "conversations_for", lambda user: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        api.get("/api/v1/conversations/")
