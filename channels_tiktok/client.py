"""TikTok's Business Messaging API over HTTP: a method per endpoint (docs/tiktok-api.md 1 to 3).

Guarantee: whatever happens on the wire ends as an answer or as one `TikTokError`. `Busy` is raised only
where TikTok surely did not carry out the request, or where asking again does no harm because the request
only reads; every other doubt is `OutcomeUnknown`. Nothing is tried twice here: retries live in tables.
Tokens and secrets appear in no error, no log line and no repr.
"""

import functools
import json
import logging
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
import urllib3
from django.conf import settings
from django.utils.translation import gettext_noop

from channels_tiktok import answers, app_credentials
from channels_tiktok.answers import (
    BusinessProfile,
    ConversationPage,
    Media,
    PostPage,
    Receipt,
    Thread,
    TokenGrant,
    TokenInfo,
)
from channels_tiktok.errors import Busy, OutcomeUnknown, Refused, TikTokError, error_for
from config.sentences import stored

logger = logging.getLogger(__name__)

TIMEOUT = (5, 20)  # seconds to connect, seconds to wait for each piece of the answer
PARTLY_DONE = 20001
DONE = (0, PARTLY_DONE)  # docs/tiktok-api.md: success, partial success
MEDIA_LIMIT = 50 * 1024 * 1024  # bytes
_DOMAINS = ["tiktok", "tiktokcdn", "tiktokcdn-us", "tiktokcdn-eu", "ibytedtos", "byteoversea", "muscdn"]
MEDIA_DOMAINS = tuple(f"{name}.com" for name in _DOMAINS)
POST_FIELDS = ["item_id", "caption", "thumbnail_url", "share_url", "embed_url", "create_time"]
AWAY = stored("TikTok can't be reached just now. It will be tried again.")
UNKNOWN = stored("TikTok's answer did not arrive, so it is not known whether this was carried out.")
NOT_OURS = stored("TikTok did not take this request (HTTP {status}). Check TIKTOK_API_URL.")
NO_LONGER_GIVEN = stored("TikTok no longer gives this file (HTTP {status}).")
FILE_TOO_LARGE = stored("This file is larger than {size} MB, so it was not fetched.")

ConversationType = Literal["SINGLE", "STRANGER"]


def new_session() -> requests.Session:
    """Make the session that one thread keeps: connections are reused, nothing is repeated by itself."""
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=4, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def tiktok() -> "TikTok":
    """Give the process-wide client of the app as it is now."""
    app = app_credentials.current()
    return _client(settings.TIKTOK_API_URL, app.id, app.secret, new_session)


class TikTok:
    """TikTok's API for one app. Safe to share between threads: each gets a session of its own."""

    def __init__(
        self,
        api_url: str,
        app_id: str,
        app_secret: str,
        session: requests.Session | None = None,
        make_session: Callable[[], requests.Session] | None = None,
    ) -> None:
        self.api_url = api_url
        self.app_id = app_id
        self._app_secret = app_secret
        self._given_session = session
        self._make_session = make_session or new_session
        self._per_thread = threading.local()

    @property
    def session(self) -> requests.Session:
        """The session of the calling thread (requests' sessions are not thread-safe)."""
        if self._given_session is not None:
            return self._given_session
        if not hasattr(self._per_thread, "session"):
            self._per_thread.session = self._make_session()
        session: requests.Session = self._per_thread.session
        return session

    # ── Permission of an account: docs/tiktok-api.md 1 and 2 ──────────────────────────────────────────

    def exchange_code(self, *, code: str, redirect_uri: str) -> TokenGrant:
        """Turn the consent page's code into tokens; the grant is complete or OutcomeUnknown is raised."""
        body = {"grant_type": "authorization_code", "auth_code": code, "redirect_uri": redirect_uri}
        grant = answers.token_grant(self._post("/tt_user/oauth2/token/", {**self._app(), **body}))
        if not (grant.access_token and grant.refresh_token and grant.business_id):
            raise OutcomeUnknown(gettext_noop("TikTok's answer to the consent was incomplete. Start again."))
        return grant

    def refresh(self, *, refresh_token: str) -> TokenGrant:
        """Get new tokens for a refresh token; in the answer only the access token is sure to be there."""
        body = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        grant = answers.token_grant(self._post("/tt_user/oauth2/refresh_token/", {**self._app(), **body}))
        if not grant.access_token:
            raise OutcomeUnknown(gettext_noop("TikTok's answer to the renewal of an access was incomplete."))
        return grant

    def revoke(self, *, access_token: str) -> None:
        """Give the access back to TikTok."""
        self._post("/tt_user/oauth2/revoke/", {**self._app(), "access_token": access_token})

    def token_info(self, *, access_token: str) -> TokenInfo:
        """Ask whose token it is: the probe whether a connection still lives."""
        data = self._post("/tt_user/token_info/get/", {"app_id": self.app_id, "access_token": access_token})
        return TokenInfo(
            app_id=answers.text_in(data, "app_id"),
            business_id=answers.text_in(data, "creator_id"),
            scopes=answers.scopes_in(data),
        )

    def business(self, *, token: str, business_id: str, fields: list[str]) -> BusinessProfile:
        """Read the account's profile; TikTok refuses `fields` that the scopes don't cover."""
        params = {"business_id": business_id, "fields": json.dumps(fields)}
        return answers.business_profile(self._get("/business/get/", params, token))

    def posts(self, *, token: str, business_id: str, cursor: int = 0, count: int = 20) -> PostPage:
        """List the account's own posts, newest first; needs the scope `video.list`."""
        params = {
            "business_id": business_id,
            "fields": json.dumps(POST_FIELDS),
            "cursor": str(cursor),
            "max_count": str(count),
        }
        data = self._get("/business/video/list/", params, token)
        return PostPage(
            posts=answers.objects_in(data, "videos"),
            has_more=data.get("has_more") is True,
            cursor=answers.number_in(data, "cursor") or 0,
        )

    # ── Messages: docs/tiktok-api.md 3.1 to 3.6 ───────────────────────────────────────────────────────

    def send_message(
        self,
        *,
        token: str,
        business_id: str,
        conversation_id: str,
        text: str | None = None,
        image_media_id: str | None = None,
        post_id: str | None = None,
        template: Mapping[str, Any] | None = None,
        quoted_message_id: str | None = None,
    ) -> str:
        """Send one of: a text, an uploaded image, a post of the account, a card; give TikTok's id of the message.

        This is not idempotent. OutcomeUnknown means that the customer may have got the message.
        """
        kinds: dict[str, dict[str, Any] | None] = {
            "TEXT": None if text is None else {"text": {"body": text}},
            "IMAGE": None if image_media_id is None else {"image": {"media_id": image_media_id}},
            "SHARE_POST": None if post_id is None else {"share_post": {"item_id": post_id}},
            "TEMPLATE": None if template is None else {"template": dict(template)},
        }
        given = [{"message_type": kind, **content} for kind, content in kinds.items() if content]
        if len(given) != 1:
            raise ValueError("A message is one of a text, an image, a post and a card.")
        [content] = given
        if quoted_message_id:
            content["referenced_message_info"] = {"referenced_message_id": quoted_message_id}
        message_id = self._send(token, business_id, conversation_id, content)
        if not message_id:
            raise OutcomeUnknown(gettext_noop("TikTok took the message but did not name it."))
        return message_id

    def send_typing(self, *, token: str, business_id: str, conversation_id: str) -> None:
        """Show the customer that somebody types; TikTok hides it again after 5 seconds."""
        self._act(token, business_id, conversation_id, "TYPING")

    def mark_read(self, *, token: str, business_id: str, conversation_id: str) -> None:
        """Show the customer that everything in the conversation has been seen."""
        self._act(token, business_id, conversation_id, "MARK_READ")

    def conversations(
        self,
        *,
        token: str,
        business_id: str,
        conversation_type: ConversationType,
        limit: int = 100,
        cursor: int = 0,
    ) -> ConversationPage:
        """List conversations of the last 90 days, at most 100 in all."""
        params = {
            "business_id": business_id,
            "conversation_type": conversation_type,
            "limit": str(limit),
            "cursor": str(cursor),
        }
        data = self._get("/business/message/conversation/list/", params, token)
        return ConversationPage(
            conversations=answers.objects_in(data, "conversations"),
            has_more=data.get("has_more") is True,
            cursor=answers.number_in(data, "cursor") or 0,
        )

    def messages(self, *, token: str, business_id: str, conversation_id: str) -> Thread:
        """Read the newest messages of a conversation, at most 20, in no promised order."""
        params = {"business_id": business_id, "conversation_id": conversation_id}
        data = self._get("/business/message/content/list/", params, token)
        return Thread(
            messages=answers.objects_in(data, "messages"),
            participants=answers.objects_in(data, "participants"),
        )

    def upload_image(
        self, *, token: str, business_id: str, content: bytes, filename: str, content_type: str
    ) -> str:
        """Upload a JPEG or PNG of at most 3 MB; give its media id, good for 30 days."""
        data = self._call(
            "POST",
            "/business/message/media/upload/",
            token,
            data={"business_id": business_id, "media_type": "IMAGE"},
            files={"file": (filename, content, content_type)},
        )
        return _required(data, "media_id")

    def download_url(
        self,
        *,
        token: str,
        business_id: str,
        conversation_id: str,
        message_id: str,
        media_id: str,
        media_type: Literal["IMAGE", "VIDEO"],
    ) -> str:
        """Ask where a customer's file is; the URL is good for 24 h and is read with `fetch_media`."""
        body = {
            "business_id": business_id,
            "conversation_id": conversation_id,
            "message_id": message_id,
            "media_id": media_id,
            "media_type": media_type,
        }
        return _required(self._post("/business/message/media/download/", body, token), "download_url")

    def can_send_images(
        self, *, token: str, business_id: str, conversation_id: str, conversation_type: ConversationType
    ) -> bool:
        """Ask whether images may be sent in this conversation; it depends on both sides' countries."""
        params = {
            "business_id": business_id,
            "capability_types": json.dumps(["IMAGE_SEND"]),
            "conversation_id": conversation_id,
            "conversation_type": conversation_type,
        }
        data = self._get("/business/message/capabilities/get/", params, token)
        told = answers.objects_in(data, "capability_infos")
        return any(
            info.get("capability_type") == "IMAGE_SEND" and info.get("capability_result") is True for info in told
        )

    # ── Files: docs/tiktok-api.md 3.5 ─────────────────────────────────────────────────────────────────

    def fetch_media(self, url: str, token: str | None = None, *, limit: int = MEDIA_LIMIT) -> Media:
        """Fetch a file that TikTok pointed at, up to `limit` bytes; Refused for any other address.

        The addresses come out of messages, so only TikTok's own hosts are asked, and only they see `token`.
        """
        if not self.is_tiktok_address(url):
            raise Refused(gettext_noop("This file is not kept at TikTok, so it was not fetched."))
        headers = {"x-user": token} if token else {}
        try:
            with self.session.get(
                url, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as response:
                return _media(response, limit)
        except requests.RequestException as error:
            logger.debug("fetching a file failed: %s", type(error).__name__)
            raise Busy(AWAY) from None

    def is_tiktok_address(self, url: str) -> bool:
        """Say whether `url` is the API's own host or, over https, one of TikTok's domains."""
        try:
            address, api = urlsplit(url), urlsplit(self.api_url)
            host, port = address.hostname or "", address.port
        except ValueError:
            return False
        if (address.scheme, address.netloc) == (api.scheme, api.netloc):
            return True
        known = any(host == domain or host.endswith(f".{domain}") for domain in MEDIA_DOMAINS)
        return known and address.scheme == "https" and port in (None, 443) and "@" not in address.netloc

    # ── Webhook of the app: docs/tiktok-api.md 3.9 ────────────────────────────────────────────────────

    def set_webhook(self, *, callback_url: str) -> None:
        """Have every direct-message event of every account of this app delivered to `callback_url`."""
        body = {"event_type": "DIRECT_MESSAGE", "callback_url": callback_url}
        self._post("/business/webhook/update/", {"app_id": self.app_id, "secret": self._app_secret, **body})

    def webhook_url(self) -> str | None:
        """Ask where direct-message events are delivered to; None when nowhere."""
        params = {"app_id": self.app_id, "secret": self._app_secret, "event_type": "DIRECT_MESSAGE"}
        return answers.text_in(self._get("/business/webhook/list/", params), "callback_url") or None

    # ── For the API of ads, which has methods of its own: `channels_tiktok.ads_client` ─────────────────

    @property
    def app_secret(self) -> str:
        """What TikTok signs with, too."""
        return self._app_secret

    def get(self, path: str, params: Mapping[str, str], token: str | None = None) -> dict[str, Any]:
        """Read from any endpoint; give the answer's data."""
        return self._get(path, params, token)

    def post(self, path: str, body: Mapping[str, Any], token: str | None = None) -> dict[str, Any]:
        """Write to any endpoint; give the answer's data."""
        return self._post(path, body, token)

    def post_for_receipt(self, path: str, body: Mapping[str, Any], token: str) -> Receipt:
        """Write, and give what proves that TikTok took it."""
        envelope = self._answered("POST", path, token, json=body)
        code = answers.number_in(envelope, "code")
        return Receipt(answers.text_in(envelope, "request_id"), is_partial=code == PARTLY_DONE)

    def download(self, path: str, params: Mapping[str, str], token: str, *, limit: int) -> Media:
        """Fetch a file that an endpoint answers with; one that is JSON is the endpoint's refusal."""
        try:
            with self.session.get(
                self.api_url + path,
                params=params,
                headers={"Access-Token": token},
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as response:
                if "json" not in response.headers.get("Content-Type", ""):
                    return _media(response, limit)
                _opened(response, reading=True, path=path)  # raises, unless TikTok calls JSON a success
        except requests.RequestException as error:
            logger.debug("downloading from %s failed: %s", path, type(error).__name__)
            raise Busy(AWAY) from None
        raise Busy(gettext_noop("TikTok answered without the file. It will be tried again."))

    # ── The wire ──────────────────────────────────────────────────────────────────────────────────────

    def _app(self) -> dict[str, str]:
        return {"client_id": self.app_id, "client_secret": self._app_secret}

    def _act(self, token: str, business_id: str, conversation_id: str, action: str) -> None:
        content = {"message_type": "SENDER_ACTION", "sender_action": action}
        self._send(token, business_id, conversation_id, content)

    def _send(self, token: str, business_id: str, conversation_id: str, content: dict[str, Any]) -> str:
        addressed = {
            "business_id": business_id,
            "recipient_type": "CONVERSATION",
            "recipient": conversation_id,
        }
        data = self._post("/business/message/send/", {**addressed, **content}, token)
        return answers.text_in(answers.object_in(data, "message"), "message_id")

    def _get(self, path: str, params: Mapping[str, str], token: str | None = None) -> dict[str, Any]:
        return self._call("GET", path, token, params=params)

    def _post(self, path: str, body: Mapping[str, Any], token: str | None = None) -> dict[str, Any]:
        return self._call("POST", path, token, json=body)

    def _call(self, method: str, path: str, token: str | None, **payload: Any) -> dict[str, Any]:
        """Make one request and give the answer's `data`; raise the TikTokError that says what to do next."""
        return answers.object_in(self._answered(method, path, token, **payload), "data")

    def _answered(self, method: str, path: str, token: str | None, **payload: Any) -> dict[str, Any]:
        """Make one request and give the envelope of its success."""
        headers = {"Access-Token": token} if token else {}
        try:
            response = self.session.request(
                method,
                self.api_url + path,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                **payload,
            )
        except requests.RequestException as error:
            # Neither chained nor quoted: requests' text holds the URL, and that may hold the secret.
            logger.debug("%s %s failed: %s", method, path, type(error).__name__)
            raise (Busy(AWAY) if method == "GET" or _was_not_sent(error) else OutcomeUnknown(UNKNOWN)) from None
        return _opened(response, reading=method == "GET", path=path)


@functools.lru_cache(maxsize=8)
def _client(api_url: str, app_id: str, app_secret: str, make_session: Callable[[], requests.Session]) -> TikTok:
    return TikTok(api_url, app_id, app_secret, make_session=make_session)


# A forked worker must not write into the sockets of its parent.
os.register_at_fork(after_in_child=_client.cache_clear)


def _opened(response: requests.Response, *, reading: bool, path: str) -> dict[str, Any]:
    """Open TikTok's envelope: `code` counts, HTTP's status only where there is none (docs/tiktok-api.md)."""
    envelope = _envelope(response)
    code = answers.number_in(envelope, "code")
    log_id = response.headers.get("X-TT-LOGID", "")
    request_id = answers.text_in(envelope, "request_id")
    status = response.status_code
    logger.debug("%s: HTTP %s, code %s, request %s, log %s", path, status, code, request_id, log_id)
    if status < 300 and code in DONE:
        return envelope
    error = _error(status, code, answers.text_in(envelope, "message"), reading=reading)
    error.request_id, error.log_id = request_id, log_id
    raise error


def _envelope(response: requests.Response) -> dict[str, Any]:
    try:
        envelope = answers.cleaned(response.json())
    except (ValueError, RecursionError):
        return {}
    return envelope if isinstance(envelope, dict) else {}


def _error(status: int, code: int | None, message: str, *, reading: bool) -> TikTokError:
    """Judge an answer that is no success. A server fault leaves open what became of a request that writes."""
    if code is not None and code not in DONE:
        error = error_for(code, message=message)
        lost = isinstance(error, Busy) and status >= 500 and not reading
        return OutcomeUnknown(UNKNOWN, code=code, tiktok_message=message) if lost else error
    if status == 429:
        return Busy(AWAY)
    if 400 <= status < 500:
        return Refused(NOT_OURS.format(status=status))
    return Busy(AWAY) if reading else OutcomeUnknown(UNKNOWN)


def _was_not_sent(error: requests.RequestException) -> bool:
    """Say whether the request surely never left: no connection came about."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(reason, urllib3.exceptions.SSLError):
        return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in reason.args)
    return isinstance(reason, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ProxyError))


def _required(data: Mapping[str, Any], key: str) -> str:
    value = answers.text_in(data, key)
    if not value:
        raise OutcomeUnknown(gettext_noop("TikTok's answer lacked what was asked for. It will be tried again."))
    return value


def _media(response: requests.Response, limit: int) -> Media:
    if response.status_code == 429 or response.status_code >= 500:
        raise Busy(AWAY)
    if response.status_code != 200:
        raise Refused(NO_LONGER_GIVEN.format(status=response.status_code))
    content = bytearray()
    for piece in response.iter_content(64 * 1024):
        content += piece
        if len(content) > limit:
            raise Refused(FILE_TOO_LARGE.format(size=limit // 1024 // 1024))
    return Media(bytes(content), response.headers.get("Content-Type", ""))
