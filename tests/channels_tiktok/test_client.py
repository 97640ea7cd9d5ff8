import json
import logging
import socket
import threading
import traceback
from contextlib import contextmanager

import pytest
import requests

from channels_tiktok import client as client_module
from channels_tiktok.client import TikTok, tiktok
from channels_tiktok.error_sentences import SENTENCES
from channels_tiktok.errors import (
    AccessExpired,
    AppMisconfigured,
    Busy,
    DirectMessageRefused,
    OutcomeUnknown,
    ReconnectNeeded,
    Refused,
    error_for,
)
from tests.channels_tiktok.fake_tiktok import GRANT, ok, refusal

SEND = "/business/message/send/"
THREAD = "/business/message/content/list/"
TOKEN = "act.secret.1"
CONVERSATION = "u5Jhp0example+conv/01kg=="


def send(**content):
    who = {"token": TOKEN, "business_id": "biz-1", "conversation_id": CONVERSATION}
    return tiktok().send_message(**who, **(content or {"text": "Hi"}))


def read():
    return tiktok().messages(token=TOKEN, business_id="biz-1", conversation_id=CONVERSATION)


# ── Every code ────────────────────────────────────────────────────────────────────────────────────────

BY_CLASS = {
    DirectMessageRefused: [40064],
    Busy: [40016, 40100, 40132, 40133, 40202, 50000, 50002, 51000, 51065, 51305, 60001, 61000],
    AccessExpired: [40102, 40104, 40105],
    ReconnectNeeded: [40001, 40103, 40107, 40110, 40130],
    AppMisconfigured: [40101, 40113, 40118, 40124, 40125, 41000],
    Refused: [40000, 40002, 40003, 40007, 40117, 40904, 40905, 40906, 40907, 40908, 40910, 40915, 49999, 12],
}


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in BY_CLASS.items() for code in codes])
def test_each_code_is_the_error_that_says_what_to_do_next(fake, kind, code):
    fake.on(SEND, refusal(code, "TikTok's words"))
    with pytest.raises(kind) as raised:
        send()
    error = raised.value
    assert type(error) is kind
    assert (error.code, error.tiktok_message) == (code, "TikTok's words")
    assert (error.request_id, error.log_id) == ("REQ1", "LOG1")
    assert error.sentence.endswith((".", "”"))
    assert str(code) in str(error)


def test_every_code_of_the_reference_has_plain_words():
    for code, sentence in SENTENCES.items():
        assert sentence[0].isupper(), code
        assert sentence.endswith("."), code
        assert str(code) not in sentence


def test_a_code_that_nobody_documented_quotes_tiktok():
    assert error_for(49999, message="Odd.").sentence == "TikTok refused this and says: “Odd.”"
    assert "49999" in error_for(49999).sentence


@pytest.mark.parametrize(
    ("message", "wait"), [("App reaches the QPS limit.", None), ("You are Temporarily Restricted.", 300)]
)
def test_a_temporary_restriction_asks_for_five_minutes(message, wait):
    error = error_for(40100, message=message)
    assert isinstance(error, Busy)
    assert error.retry_after == wait


# ── Odd answers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reply", "when_sending", "when_reading"),
    [
        ((404, b"404 page not found"), Refused, Refused),
        ((403, b"<html>"), Refused, Refused),
        ((429, b""), Busy, Busy),
        ((500, b"<html>"), OutcomeUnknown, Busy),
        ((502, b""), OutcomeUnknown, Busy),
        ((503, refusal(51065)), OutcomeUnknown, Busy),
        ((500, refusal(40064)), DirectMessageRefused, DirectMessageRefused),
        ((400, refusal(40105)), AccessExpired, AccessExpired),
        ((500, ok(message={"message_id": "m1"})), OutcomeUnknown, Busy),
        ((302, b""), OutcomeUnknown, Busy),
        ((200, b"<html>"), OutcomeUnknown, Busy),
        ((200, b""), OutcomeUnknown, Busy),
        ((200, b"[]"), OutcomeUnknown, Busy),
        ((200, b"{}"), OutcomeUnknown, Busy),
        ((200, b'{"code": "soon"}'), OutcomeUnknown, Busy),
        (refusal("40105"), AccessExpired, AccessExpired),
        ({"code": 40002}, Refused, Refused),
    ],
)
def test_an_odd_answer_is_judged_by_what_it_leaves_open(fake, reply, when_sending, when_reading):
    fake.on(SEND, reply)
    fake.on(THREAD, reply)
    for call, kind in ((send, when_sending), (read, when_reading)):
        with pytest.raises(kind) as raised:
            call()
        assert type(raised.value) is kind


@pytest.mark.parametrize(
    "data", [{}, {"message": {}}, {"message": {"message_id": ""}}, {"message": None}, {"message_id": "m1"}]
)
def test_a_send_that_tiktok_took_without_naming_it_is_unknown(fake, data):
    fake.on(SEND, ok(**data))
    with pytest.raises(OutcomeUnknown):
        send()


@pytest.mark.parametrize("reply", [{"code": 0}, {"code": "0", "data": None}, {"code": 0, "data": []}])
def test_missing_data_is_no_error_where_nothing_was_asked_for(fake, reply):
    fake.on(SEND, reply)
    fake.on(THREAD, reply)
    tiktok().mark_read(token=TOKEN, business_id="biz-1", conversation_id=CONVERSATION)
    assert (read().messages, read().participants) == ([], [])


# ── The wire itself ───────────────────────────────────────────────────────────────────────────────────


@contextmanager
def server(behave):
    """A socket that does `behave(connection)` with each connection and then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    behave(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield TikTok(f"http://127.0.0.1:{listener.getsockname()[1]}", "app", "s3cr3t")
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def attempt(api, kind):
    who = {"token": TOKEN, "business_id": "biz-1", "conversation_id": "c1"}
    with pytest.raises(kind) as sending:
        api.send_message(**who, text="Hi")
    with pytest.raises(Busy) as reading:
        api.webhook_url()
    api.session.close()
    for raised in (sending, reading):
        assert "s3cr3t" not in "".join(traceback.format_exception(raised.value))


def test_where_nobody_listens_the_request_was_surely_not_carried_out():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    attempt(TikTok(f"http://127.0.0.1:{port}", "app", "s3cr3t"), Busy)


def test_a_name_that_does_not_resolve_is_busy():
    attempt(TikTok("http://nowhere.invalid", "app", "s3cr3t"), Busy)


def test_a_connection_that_is_closed_after_writing_leaves_the_outcome_unknown():
    with server(lambda connection: connection.recv(65536)) as api:
        attempt(api, OutcomeUnknown)


def test_an_answer_that_breaks_off_leaves_the_outcome_unknown():
    def half(connection):
        connection.recv(65536)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code"')

    with server(half) as api:
        attempt(api, OutcomeUnknown)


def test_an_answer_that_does_not_come_in_time_leaves_the_outcome_unknown(monkeypatch):
    monkeypatch.setattr(client_module, "TIMEOUT", (2, 0.05))
    with server(lambda connection: (connection.recv(65536), connection.recv(65536))) as api:
        attempt(api, OutcomeUnknown)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests.ConnectTimeout("s3cr3t"), Busy),
        (requests.ReadTimeout("s3cr3t"), OutcomeUnknown),
        (
            requests.ConnectionError(("Connection aborted.", ConnectionResetError(104, "reset"))),
            OutcomeUnknown,
        ),
        (requests.exceptions.ChunkedEncodingError("s3cr3t"), OutcomeUnknown),
        (requests.exceptions.SSLError("s3cr3t"), OutcomeUnknown),
        (requests.exceptions.InvalidHeader("s3cr3t"), OutcomeUnknown),
    ],
)
def test_only_a_connection_that_never_came_about_is_surely_harmless(fake, error, kind):
    fake.on(SEND, error)
    with pytest.raises(kind) as raised:
        send()
    assert type(raised.value) is kind
    assert "s3cr3t" not in str(raised.value)


# ── Requests ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_text_is_sent_as_the_reference_says(fake):
    fake.on(SEND, ok(message={"message_id": "mOut0001=="}))
    assert send(text="Hi", quoted_message_id="mIn1") == "mOut0001=="
    assert fake.bodies(SEND) == [
        {
            "business_id": "biz-1",
            "recipient_type": "CONVERSATION",
            "recipient": CONVERSATION,
            "message_type": "TEXT",
            "text": {"body": "Hi"},
            "referenced_message_info": {"referenced_message_id": "mIn1"},
        }
    ]
    assert fake.asked(SEND)[0].headers["Access-Token"] == TOKEN
    assert fake.asked(SEND)[0].url.endswith("/")


def test_an_image_is_sent_without_text(fake):
    fake.on(SEND, ok(message={"message_id": 12}))
    assert send(image_media_id="v0med") == "12"
    body = fake.bodies(SEND)[0]
    assert (body["message_type"], body["image"]) == ("IMAGE", {"media_id": "v0med"})
    assert "text" not in body


@pytest.mark.parametrize("content", [{"text": None}, {"text": "Hi", "image_media_id": "v0med"}])
def test_a_message_is_either_a_text_or_an_image(fake, content):
    with pytest.raises(ValueError, match="one of"):
        send(**content)
    assert fake.requests == []


def test_typing_and_read_marks_answer_with_an_empty_id(fake):
    fake.on(SEND, ok(message={"message_id": ""}))
    who = {"token": TOKEN, "business_id": "biz-1", "conversation_id": CONVERSATION}
    tiktok().send_typing(**who)
    tiktok().mark_read(**who)
    assert [body["sender_action"] for body in fake.bodies(SEND)] == ["TYPING", "MARK_READ"]


def test_plus_signs_in_conversation_ids_are_encoded(fake):
    fake.on(THREAD, ok(messages=[{"message_id": "m1"}, "odd"], participants=[{"id": "u1"}]))
    thread = read()
    assert "%2B" in fake.asked(THREAD)[0].url
    assert fake.query(THREAD)["conversation_id"] == CONVERSATION
    assert (thread.messages, thread.participants) == ([{"message_id": "m1"}], [{"id": "u1"}])


def test_conversations_come_by_the_page(fake):
    path = "/business/message/conversation/list/"
    fake.on(path, ok(conversations=[{"conversation_id": "c1"}], has_more=True, cursor="3"))
    page = tiktok().conversations(token=TOKEN, business_id="biz-1", conversation_type="STRANGER", cursor=2)
    assert (page.conversations, page.has_more, page.cursor) == ([{"conversation_id": "c1"}], True, 3)
    assert fake.query(path) == {
        "business_id": "biz-1",
        "conversation_type": "STRANGER",
        "limit": "100",
        "cursor": "2",
    }


@pytest.mark.parametrize(("result", "may"), [(True, True), (False, False), ("true", False), (None, False)])
def test_images_may_be_sent_only_where_tiktok_says_so(fake, result, may):
    path = "/business/message/capabilities/get/"
    fake.on(path, ok(capability_infos=[{"capability_type": "IMAGE_SEND", "capability_result": result}]))
    who = {"token": TOKEN, "business_id": "biz-1", "conversation_id": "c1"}
    assert tiktok().can_send_images(**who, conversation_type="SINGLE") is may
    assert json.loads(fake.query(path)["capability_types"]) == ["IMAGE_SEND"]


def test_an_image_is_uploaded_in_parts(fake):
    path = "/business/message/media/upload/"
    fake.on(path, ok(media_id="v0med"))
    who = {"token": TOKEN, "business_id": "biz-1"}
    assert tiktok().upload_image(**who, content=b"PNG!", filename="a.png", content_type="image/png") == "v0med"
    body = fake.asked(path)[0].body
    assert b"PNG!" in body
    assert b'name="media_type"\r\n\r\nIMAGE' in body


def test_an_upload_without_an_id_in_the_answer_is_unknown(fake):
    fake.on("/business/message/media/upload/", ok())
    with pytest.raises(OutcomeUnknown):
        tiktok().upload_image(token=TOKEN, business_id="b", content=b"", filename="a", content_type="image/png")


def test_the_place_of_a_file_is_asked_for(fake):
    fake.on("/business/message/media/download/", ok(download_url="https://business-api.tiktok.com/dl/abc"))
    url = tiktok().download_url(
        token=TOKEN, business_id="b", conversation_id="c", message_id="m", media_id="v", media_type="IMAGE"
    )
    assert url == "https://business-api.tiktok.com/dl/abc"


def test_a_token_says_whose_it_is_and_what_it_may_do(fake):
    fake.on("/tt_user/token_info/get/", ok(app_id=7400, creator_id="biz-1", scope="a,b"))
    info = tiktok().token_info(access_token=TOKEN)
    assert (info.app_id, info.business_id, info.scopes) == ("7400", "biz-1", ("a", "b"))
    assert "Access-Token" not in fake.requests[0].headers


def test_the_webhook_of_the_app_is_read_and_set(fake):
    fake.on("/business/webhook/list/", ok(callback_url="https://a.example/w/"), ok())
    assert tiktok().webhook_url() == "https://a.example/w/"
    assert tiktok().webhook_url() is None
    tiktok().set_webhook(callback_url="https://b.example/w/")
    assert fake.bodies("/business/webhook/update/")[0]["event_type"] == "DIRECT_MESSAGE"


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "open_id"])
def test_an_incomplete_answer_to_a_code_is_no_grant(fake, missing):
    fake.on("/tt_user/oauth2/token/", ok(**{**GRANT, missing: ""}))
    with pytest.raises(OutcomeUnknown):
        tiktok().exchange_code(code="c", redirect_uri="https://a.example/")


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "https://business-api.tiktok.com/dl/a",
        "https://p16.tiktokcdn-us.com/a.jpeg?x-expires=1",
        "https://tiktokcdn.com:443/a",
        "http://tiktok.test/dl/a",
    ],
)
def test_files_are_fetched_from_tiktok_with_the_token(fake, url):
    host = url.split("/")[2]
    fake.on(f"https://{host}" + url.split(host)[1].split("?")[0], (200, b"JPEG"))
    fake.replies.setdefault("/dl/a", [(200, b"JPEG")])
    media = tiktok().fetch_media(url, TOKEN)
    assert media.content == b"JPEG"
    assert fake.requests[0].headers["x-user"] == TOKEN
    assert "JPEG" not in repr(media)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a",
        "https://tiktok.com.example.com/a",
        "https://eviltiktok.com/a",
        "http://p16.tiktokcdn.com/a",
        "https://tiktok.test/a",
        "http://tiktok.test:8080/a",
        "http://tiktok.test@example.com/a",
        "https://user@p16.tiktokcdn.com/a",
        "https://p16.tiktokcdn.com:22/a",
        "https://p16.tiktokcdn.com:x/a",
        "http://127.0.0.1/a",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "//p16.tiktokcdn.com/a",
        "https://[::1/a",
        "",
    ],
)
def test_files_anywhere_else_are_not_asked_for(fake, url):
    with pytest.raises(Refused):
        tiktok().fetch_media(url, TOKEN)
    assert fake.requests == []


def test_a_file_over_the_limit_is_dropped(fake):
    fake.replies["/dl/a"] = [(200, b"x" * 2_000_000)]
    with pytest.raises(Refused, match="larger than 1 MB"):
        tiktok().fetch_media("http://tiktok.test/dl/a", limit=1024 * 1024)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Refused), (403, Refused), (302, Refused), (500, Busy), (429, Busy)]
)
def test_a_file_that_does_not_come_is_gone_or_tried_again(fake, status, kind):
    fake.replies["/dl/a"] = [(status, b"")]
    with pytest.raises(kind):
        tiktok().fetch_media("http://tiktok.test/dl/a", TOKEN)


def test_a_file_that_breaks_off_is_tried_again(fake):
    fake.replies["/dl/a"] = [requests.ReadTimeout()]
    with pytest.raises(Busy):
        tiktok().fetch_media("http://tiktok.test/dl/a", TOKEN)


# ── One client, a session per thread, no secrets shown ────────────────────────────────────────────────


def test_the_client_follows_the_settings_and_each_thread_has_its_session(fake, settings):
    assert tiktok() is tiktok()
    sessions = [tiktok().session]
    thread = threading.Thread(target=lambda: sessions.append(tiktok().session))
    thread.start()
    thread.join()
    assert sessions[0] is tiktok().session
    assert sessions[0] is not sessions[1]
    before = tiktok()
    settings.TIKTOK_API_URL = "http://other.test"
    assert tiktok() is not before


def test_nothing_is_repeated_and_no_redirect_is_followed():
    session = client_module.new_session()
    for address in ("https://a.example", "http://a.example"):
        retries = session.get_adapter(address).max_retries
        assert (retries.total, retries.read) == (0, False)


def test_tokens_and_secrets_show_in_no_log_and_no_repr(fake, caplog):
    caplog.set_level(logging.DEBUG)
    grant = tiktok().exchange_code(code="code-secret", redirect_uri="https://a.example/")
    fake.on("/business/webhook/list/", ok(), refusal(40105), (500, b""))
    tiktok().webhook_url()
    for _ in range(2):
        with pytest.raises((AccessExpired, Busy)) as raised:
            tiktok().webhook_url()
        assert "secret" not in str(raised.value)
    assert "secret" not in caplog.text
    assert "request REQ1, log LOG1" in caplog.text
    assert "secret" not in f"{grant!r} {tiktok()!r}"
