"""What TikTok and the browser ask of us about channels."""

import logging
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, UnreadablePostError
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from channels_tiktok import app_credentials, connecting, files, journal, visibility
from channels_tiktok.signing import is_signed_by_tiktok
from config.sentences import translated

logger = logging.getLogger(__name__)

BODY_LIMIT = 1_000_000  # bytes
CHALLENGE_LIMIT = 500  # characters
# Any one of them: agents read the conversations, staff do something with channels.
MAY_SEE = (
    "inbox.view_conversation",
    *(f"channels_tiktok.{verb}_channel" for verb in ("view", "rename", "connect", "remove")),
)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: HttpRequest) -> HttpResponse:
    """Take a delivery of TikTok's: 200 means that it is stored (docs/tiktok-api.md 4.1).

    401 the signature is missing or wrong, 413 over 1 MB, 503 it could not be stored: TikTok delivers again.
    """
    if request.method != "POST":
        challenge = request.GET.get("challenge", "")[:CHALLENGE_LIMIT]
        return HttpResponse(challenge, content_type="text/plain; charset=utf-8")
    try:
        body = read_body(request)
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except (UnreadablePostError, OSError):
        return HttpResponse(status=400)
    at = timezone.now()
    try:
        if not is_signed_by_tiktok(
            header=request.headers.get("Tiktok-Signature", ""),
            body=body,
            secret=app_credentials.current().secret,
            at=at,
            tolerance=settings.TIKTOK_WEBHOOK_TOLERANCE,
        ):
            journal.refusals.count(at=at)
            return HttpResponse(status=401)
        event = journal.store_delivery(body=body, log_id=request.headers.get("X-Tt-Logid", ""), at=at)
        journal.ring_unless_rung(event=event, at=at)
    except (OperationalError, InterfaceError) as error:
        logger.error("a delivery could not be stored: %s", error)
        return HttpResponse(status=503)
    return HttpResponse()


def read_body(request: HttpRequest) -> bytes:
    """The raw body; raises RequestDataTooBig. Django takes one without Content-Length for empty: sent in chunks,
    it isn't."""
    if _announced_size(request) > BODY_LIMIT:
        raise RequestDataTooBig
    if not request.META.get("wsgi.input_terminated") or "CONTENT_LENGTH" in request.META:
        return request.body
    body: bytes = request.META["wsgi.input"].read(BODY_LIMIT + 1)
    if len(body) > BODY_LIMIT:
        raise RequestDataTooBig
    return body


def _announced_size(request: HttpRequest) -> int:
    size = request.META.get("CONTENT_LENGTH") or "0"
    return int(size) if size.isascii() and size.isdigit() and len(size) < 19 else BODY_LIMIT + 1


@login_required
@require_safe
def picture(request: HttpRequest, channel_id: int) -> HttpResponse:
    """An account's profile picture, for whoever may see channels or their conversations."""
    if not any(request.user.has_perm(permission) for permission in MAY_SEE):
        raise PermissionDenied
    shown = get_object_or_404(visibility.channels_for(request.user), pk=channel_id).picture
    return cast(
        HttpResponse,
        files.answer(request, shown, content_type="image/jpeg", name=f"channel-{channel_id}.jpg"),
    )


@login_required
@permission_required("channels_tiktok.connect_channel", raise_exception=True)
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest) -> HttpResponse:
    """Send the browser to TikTok's consent page; `?channel=<id>` reconnects that one."""
    wanted = request.GET.get("channel", "")
    seen = visibility.channels_for(request.user)
    channel = seen.filter(pk=wanted).first() if wanted.isascii() and wanted.isdigit() else None
    try:
        return HttpResponseRedirect(
            connecting.begin(user=cast(User, request.user), channel=channel, at=timezone.now())
        )
    except connecting.ConnectingFailed as failure:
        messages.error(request, failure.sentence)
        return redirect("channels_tiktok:channels")


@login_required
@permission_required("channels_tiktok.connect_channel", raise_exception=True)
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Finish what `connect` began: TikTok sent the browser back."""
    try:
        channel = connecting.finish(
            state=request.GET.get("state", ""),
            code=request.GET.get("code", ""),
            error=request.GET.get("error", ""),
            error_description=request.GET.get("error_description", ""),
            user=cast(User, request.user),
            at=timezone.now(),
        )
    except connecting.ConnectingFailed as failure:
        messages.error(request, failure.sentence)
        return redirect("channels_tiktok:channels")
    words = {"name": channel.name, "username": channel.username}
    messages.success(request, _("%(name)s (@%(username)s) is connected.") % words)
    if channel.webhook_error:
        messages.warning(request, translated(channel.webhook_error))
    LogEntry.objects.log_actions(
        cast(User, request.user).pk, [channel], CHANGE, _("Connected as @%(username)s.") % words
    )
    return redirect("admin:channels_tiktok_channel_connected", channel.pk)
