"""Letters to the people who work here: the invitation, and the link to a new password.

Guarantee: a link is made when its letter is written, by the worker, and stands nowhere else: not in the queue,
not in the log. It leads to PUBLIC_URL, whatever host a request named. It works once, and for three days.
"""

import logging
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from inbox.models import Preferences
from inbox.people import name_of

logger = logging.getLogger(__name__)


def send_invitation(*, person_id: int) -> bool:
    """Write to somebody who was added: how to choose a password. False if they can't be written to."""
    return _send_link(person_id, "inbox/mail/invitation.txt", lambda: _("Your account in Reply48"))


def send_password_link(*, person_id: int) -> bool:
    """Write to somebody who forgot their password. False if they can't be written to."""
    return _send_link(person_id, "inbox/mail/password.txt", lambda: _("Choose a new password for Reply48"))


def _send_link(person_id: int, template: str, subject: Callable[[], str]) -> bool:
    person = User.objects.filter(pk=person_id, is_active=True).exclude(email="").first()
    if person is None:
        return False
    uid = urlsafe_base64_encode(force_bytes(person.pk))
    path = reverse("password-set", args=[uid, default_token_generator.make_token(person)])
    context = {
        "name": name_of(person),
        "username": person.get_username(),
        "link": f"{settings.PUBLIC_URL}{path}",
        "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
    }
    with translation.override(Preferences.of(person).language or settings.LANGUAGE_CODE):
        try:
            send_mail(subject(), render_to_string(template, context), None, [person.email])
        except OSError as error:  # smtplib's errors are among them
            logger.error("person %s: the letter could not be sent: %s", person.pk, type(error).__name__)
            raise
    return True
