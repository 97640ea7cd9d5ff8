"""Tell staff by e-mail that a channel's permission ends, before it does.

Guarantee: one e-mail per channel and period, however many workers look. `warned_at` is claimed by a conditional
update before the e-mail leaves, and put back when it could not leave. A crash in between costs the e-mail; the
admin and the inbox go on saying it.
"""

import logging
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import F, Q
from django.utils.translation import gettext as _

from channels_tiktok.connecting import who_may_connect
from channels_tiktok.models import Channel, Credential
from channels_tiktok.tokens import WARN_AHEAD, consent_ends_soon, with_consent_end

logger = logging.getLogger(__name__)


def remind_of_ending_consents(*, at: datetime) -> int:
    """Write to whoever may reconnect, for each channel whose permission ends within 30 days; give how many."""
    ending = with_consent_end().filter(
        status=Channel.Status.CONNECTED, credential__refresh_expires_at__lte=at + WARN_AHEAD
    )
    return sum(_remind(channel, at=at) for channel in ending.filter(_not_warned("credential__")))


def _not_warned(prefix: str = "") -> Q:
    """Not warned since the last 30 days began: TikTok may have moved the end after an earlier warning."""
    began = {f"{prefix}warned_at__lt": F(f"{prefix}refresh_expires_at") - WARN_AHEAD}
    return Q(**{f"{prefix}warned_at__isnull": True}) | Q(**began)


def _remind(channel: Channel, *, at: datetime) -> bool:
    people = who_may_connect().exclude(email="").values_list("email", flat=True)
    if not people:
        logger.warning(
            "channel %s: its permission ends soon, and nobody who may reconnect has an e-mail", channel.pk
        )
        return False
    credential = Credential.objects.filter(pk=channel.credential_id)
    before = credential.values_list("warned_at", flat=True).first()
    if not credential.filter(_not_warned()).update(warned_at=at):
        return False
    sentence = consent_ends_soon(channel, at)
    address = f"{settings.PUBLIC_URL}/channels/tiktok/"
    try:
        send_mail(
            subject=_("Connect %(channel)s again: its permission ends soon") % {"channel": channel.name},
            message=f"{sentence}\n\n{_('It takes a minute, and nothing is lost by it:')}\n{address}\n",
            from_email=None,
            recipient_list=sorted(set(people)),
        )
    except OSError as error:  # smtplib's errors are among them
        credential.filter(warned_at=at).update(warned_at=before)
        logger.error("channel %s: the e-mail about its permission could not be sent: %s", channel.pk, error)
        return False
    return True
