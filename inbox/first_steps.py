"""What is to be done on a new installation before the inbox is of use, and what of it is done.

An app above the inbox registers its own step in its AppConfig.ready, so that nothing is imported upwards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from channels_tiktok.models import Channel
from inbox import access
from inbox.models import Message


@dataclass(frozen=True)
class Step:
    """One thing to do. It is done as soon as `done` finds a row; `permission` is needed for the link."""

    name: str
    title: Any
    hint: Any
    done: Callable[[User], QuerySet[Any]]
    address: str = ""
    permission: str = ""


@dataclass(frozen=True)
class Told:
    """A step as one person is told of it."""

    step: Step
    is_done: bool
    address: str


_steps: list[Step] = []


def register_step(step: Step) -> None:
    """Have one more thing on the list, after those that are there."""
    _steps[:] = [one for one in _steps if one.name != step.name] + [step]


def steps_for(user: User) -> list[Told]:
    """What is to be done, in one query; nothing for those who can't do it, and once a customer has written."""
    if not user.has_perm(access.CONNECT):
        return []
    found = {step.name: Exists(step.done(user)) for step in _steps}
    done: dict[str, bool] = User.objects.filter(pk=user.pk).values(**found).get()  # type: ignore[assignment]
    if done["message"]:
        return []
    return [Told(step, done[step.name], _address(step, user)) for step in _steps]


def _address(step: Step, user: User) -> str:
    may = user.is_staff and user.has_perm(step.permission) if step.address.startswith("admin:") else True
    return reverse(step.address) if step.address and may else ""


register_step(
    Step(
        "connect",
        _("Connect a TikTok account"),
        _("It must be a Business Account to which everyone may write."),
        lambda user: Channel.objects.filter(status=Channel.Status.CONNECTED),
        "admin:channels_tiktok_channel_changelist",
        "channels_tiktok.view_channel",
    )
)
register_step(
    Step(
        "message",
        _("Send yourself a message"),
        _("Write to the account from another TikTok account. The conversation appears here by itself."),
        lambda user: Message.objects.filter(direction=Message.Direction.INBOUND),
    )
)
register_step(
    Step(
        "people",
        _("Invite the team"),
        _("Each colleague gets a letter with a link to choose a password."),
        lambda user: User.objects.filter(is_active=True).exclude(pk=OuterRef("pk")),
        "admin:auth_user_add",
        "auth.add_user",
    )
)
