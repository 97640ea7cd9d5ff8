"""What TikTok and the browser ask of us about ad accounts."""

import logging
from typing import cast

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, UnreadablePostError
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from channels_tiktok import connecting_ads, journal, lead_journal
from channels_tiktok.client import tiktok
from channels_tiktok.connecting import ConnectingFailed
from channels_tiktok.signing import is_signed_openly
from channels_tiktok.views import CHALLENGE_LIMIT, read_body

logger = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def lead_webhook(request: HttpRequest) -> HttpResponse:
    """Take a delivery of leads: 200 means that it is stored (docs/tiktok-api.md 6.2).

    The answers are those of the webhook for messages (`channels_tiktok.views.webhook`).
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
    header = request.headers.get("X-Open-Signature", "")
    if not is_signed_openly(header=header, body=body, secret=tiktok().app_secret):
        journal.refusals.count(at=at)
        return HttpResponse(status=401)
    try:
        lead_journal.store(body=body, at=at)
    except (OperationalError, InterfaceError) as error:
        logger.error("a delivery of leads could not be stored: %s", error)
        return HttpResponse(status=503)
    return HttpResponse()


@login_required
@permission_required("channels_tiktok.connect_adaccount", raise_exception=True)
@require_GET
def connect(request: HttpRequest) -> HttpResponse:
    """Send the browser to TikTok's page for advertisers."""
    try:
        return HttpResponseRedirect(connecting_ads.begin(user=cast(User, request.user), at=timezone.now()))
    except ConnectingFailed as failure:
        messages.error(request, failure.sentence)
        return redirect("admin:channels_tiktok_adaccount_changelist")


@login_required
@permission_required("channels_tiktok.connect_adaccount", raise_exception=True)
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Finish what `connect` began: one advertiser is connected at once, of several one is chosen next."""
    user = cast(User, request.user)
    try:
        grant = connecting_ads.finish(
            state=request.GET.get("state", ""),
            code=request.GET.get("auth_code", "") or request.GET.get("code", ""),
            user=user,
            at=timezone.now(),
        )
    except ConnectingFailed as failure:
        messages.error(request, failure.sentence)
        return redirect("admin:channels_tiktok_adaccount_changelist")
    if len(grant.advertisers) > 1:
        return redirect("admin:channels_tiktok_adaccount_choose", grant.pk)
    account = connecting_ads.connect(
        grant=grant, advertiser_id=grant.advertisers[0]["id"], user=user, at=timezone.now()
    )
    messages.success(request, _("%(name)s is connected.") % {"name": account.name})
    LogEntry.objects.log_actions(user.pk, [account], CHANGE, _("Connected."))
    return redirect("admin:channels_tiktok_adaccount_set_up", account.pk)
