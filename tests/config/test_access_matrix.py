"""Every address × every role × whether their team sees the channel.

An address that is added without a line here fails `test_every_address_has_a_rule`; so does an admin page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from config.roles import ROLES
from inbox.models import Attachment, Team
from tests.factories import make_channel
from tests.pages.rows import make_conversation, write
from tests.pictures import picture

pytestmark = pytest.mark.django_db
PUBLIC = "everyone"
SIGNED_IN = "whoever is logged in"
VIEW, CHANGE, REPLY = (f"inbox.{verb}_conversation" for verb in ("view", "change", "reply"))
ASSIGN, LABEL = "inbox.assign_conversation", "inbox.label_conversation"
VIEW_CHANNEL = "channels_tiktok.view_channel"
CONNECT, RENAME, REMOVE = (f"channels_tiktok.{verb}_channel" for verb in ("connect", "rename", "remove"))
REFUSED = {401, 403, 404}


@dataclass(frozen=True)
class Rule:
    """Who may call an address by a method: whoever holds one of `needs`. `of_channel`: and sees the channel."""

    method: str
    needs: tuple[str, ...]
    of_channel: bool = False
    data: Any = None


def rule(method: str, *needs: str, of: bool = False, **data: Any) -> Rule:
    return Rule(method, needs, of, data)


# Keys are Django's own routes, as `test_every_address_has_a_rule` finds them.
RULES: dict[str, list[Rule]] = {
    "": [rule("get", PUBLIC)],
    "login/": [rule("get", PUBLIC)],
    "logout/": [rule("post", PUBLIC)],
    "password/": [rule("get", SIGNED_IN)],
    "password/forgotten/": [rule("get", PUBLIC)],
    "password/sent/": [rule("get", PUBLIC)],
    "password/set/<uidb64>/<token>/": [rule("get", PUBLIC)],
    "favicon.ico": [rule("get", PUBLIC)],
    "healthz": [rule("get", PUBLIC)],
    "readyz": [rule("get", PUBLIC)],
    "webhooks/tiktok/": [rule("get", PUBLIC)],
    "inbox/": [rule("get", VIEW)],
    "inbox/rows/": [rule("get", VIEW)],
    "inbox/live/": [rule("get", VIEW)],
    "inbox/attachments/<int:attachment_id>/": [rule("get", VIEW, of=True)],
    "inbox/attachments/<int:attachment_id>/thumbnail/": [rule("get", VIEW, of=True)],
    "inbox/contacts/<int:contact_id>/picture/": [rule("get", VIEW, of=True)],
    "inbox/people/<int:person_id>/picture/": [],  # colleagues' pictures: see tests/pages/test_profile.py
    "inbox/<int:conversation_id>/": [rule("get", VIEW, of=True)],
    "inbox/<int:conversation_id>/earlier/": [rule("get", VIEW, of=True)],
    "inbox/<int:conversation_id>/seen/": [rule("post", VIEW, of=True, inbound="0")],
    "inbox/<int:conversation_id>/reply/": [rule("post", REPLY, of=True, text="Hello")],
    "inbox/<int:conversation_id>/draft/": [rule("post", REPLY, of=True, text="Hello")],
    "inbox/<int:conversation_id>/status/": [rule("post", CHANGE, of=True, status="closed")],
    "inbox/<int:conversation_id>/assign/": [
        rule("get", ASSIGN, of=True),
        rule("post", ASSIGN, of=True, assignee=""),
    ],
    "inbox/messages/<int:message_id>/cancel/": [rule("post", REPLY, of=True)],
    "inbox/messages/<int:message_id>/again/": [rule("post", REPLY, of=True)],
    "inbox/profile/": [rule("get", SIGNED_IN)],
    "inbox/profile/token/": [rule("post", SIGNED_IN)],
    "inbox/preferences/": [rule("get", SIGNED_IN)],
    "channels/tiktok/": [rule("get", PUBLIC)],  # leads to the admin, which asks
    "channels/tiktok/connect/": [rule("get", CONNECT)],
    "channels/tiktok/callback/": [rule("get", CONNECT)],
    "admin/channels_tiktok/channel/<int:channel_id>/rename/": [rule("get", RENAME, of=True)],
    "admin/channels_tiktok/channel/<int:channel_id>/remove/": [rule("get", REMOVE, of=True)],
    "admin/channels_tiktok/channel/<int:channel_id>/check/": [rule("get", CONNECT, of=True)],
    "admin/channels_tiktok/channel/<int:channel_id>/connected/": [rule("get", CONNECT, of=True)],
    "api/v1/schema/": [rule("get", SIGNED_IN)],
    "api/v1/docs/": [rule("get", SIGNED_IN)],
    "api/v1/channels/": [rule("get", VIEW, VIEW_CHANNEL)],
    "api/v1/channels/<int:channel_id>/": [
        rule("get", VIEW, VIEW_CHANNEL, of=True),
        rule("patch", RENAME, of=True),
        rule("delete", REMOVE, of=True),
    ],
    "api/v1/conversations/": [rule("get", VIEW)],
    "api/v1/conversations/<int:conversation_id>/": [
        rule("get", VIEW, of=True),
        rule("patch", CHANGE, of=True, status="closed"),
        rule("patch", ASSIGN, of=True, assignee=None),
        rule("patch", ASSIGN, of=True, team=None),
        rule("patch", LABEL, of=True, labels=[]),
    ],
    "api/v1/conversations/<int:conversation_id>/messages/": [
        rule("get", VIEW, of=True),
        rule("post", REPLY, of=True, text="Hello"),
    ],
    "api/v1/conversations/<int:conversation_id>/messages/<int:message_id>/": [rule("get", VIEW, of=True)],
    "api/v1/attachments/<int:attachment_id>/": [rule("get", VIEW, of=True)],
    "api/v1/attachments/<int:attachment_id>/thumbnail/": [rule("get", VIEW, of=True)],
    "api/v1/": [],  # what leads nowhere: 404 in JSON
}
# Who sees an admin list; Django's pages to add, change and delete need Django's own permissions beside.
ADMIN = {
    "auth.user": ("auth.view_user", "auth.change_user"),
    "auth.group": ("auth.view_group", "auth.change_group"),
    "channels_tiktok.appcredentials": ("channels_tiktok.view_appcredentials",),
    "channels_tiktok.channel": (VIEW_CHANNEL, CONNECT, RENAME, REMOVE),
    "channels_tiktok.refuseddeliveries": ("channels_tiktok.view_refuseddeliveries",),
    "channels_tiktok.webhookevent": ("channels_tiktok.view_webhookevent",),
    "django_q.failure": ("django_q.view_failure",),
    "django_q.ormq": ("django_q.view_ormq",),
    "django_q.schedule": ("django_q.view_schedule",),
    "django_q.success": ("django_q.view_success",),
    "inbox.message": ("inbox.view_message",),
    "inbox.team": ("inbox.view_team",),
    "inbox.workspacesettings": ("inbox.view_workspacesettings",),
}
OF_THE_ADMIN_ITSELF = ("_changelist", "_add", "_history", "_delete", "_change", "auth_user_password_change")
PEOPLE = ["nobody", "stranger", *(role.name for role in ROLES), "superuser"]


# ── What there is ─────────────────────────────────────────────────────────────────────────────────────


def addresses(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, route)
        else:
            yield route, pattern


def ours() -> set[str]:
    """Every address but those that Django's admin makes for each model and for itself."""
    found = set()
    for route, pattern in addresses(get_resolver()):
        is_djangos = route.startswith("admin/") and (
            not pattern.name or pattern.name.endswith(OF_THE_ADMIN_ITSELF) or route.count("/") < 3
        )
        if not is_djangos and not route.startswith(("admin/password_change", "admin/r/", "admin/(?P")):
            found.add(route)
    return found


def test_every_address_has_a_rule():
    assert ours() == set(RULES)


def test_every_list_of_the_admin_has_a_rule():
    assert {model._meta.label_lower for model in admin.site._registry} == set(ADMIN)


# ── Who gets where ────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Place:
    """A channel with everything that an address can name."""

    ids: dict[str, Any]
    channel: Any

    def address(self, route: str) -> str:
        for name, value in self.ids.items():
            route = route.replace(f"<int:{name}>", str(value)).replace(f"<{name}>", str(value))
        return f"/{route}"


def make_place(name: str) -> Place:
    channel = make_channel(name, at=timezone.now())
    conversation = make_conversation(f"Customer of {name}", channel=channel)
    message = write(conversation, "", kind="image")
    attachment = Attachment(
        message=message, kind="image", state="stored", content_type="image/jpeg", width=1, height=1
    )
    attachment.file.save("a.jpg", ContentFile(picture()), save=False)
    attachment.thumbnail.save("b.jpg", ContentFile(picture()), save=False)
    attachment.save()
    conversation.contact.picture.save("c.jpg", ContentFile(picture()))
    ids = {"conversation_id": conversation.pk, "message_id": message.pk, "attachment_id": attachment.pk}
    ids |= {"contact_id": conversation.contact_id, "channel_id": channel.pk, "uidb64": "x", "token": "y"}
    return Place(ids, channel)


def make_person(name: str, seen: Place) -> User | AnonymousUser:
    """Somebody of that role whose team sees one place."""
    if name == "nobody":
        return AnonymousUser()
    if name == "superuser":
        return User.objects.create_superuser("root")
    person = User.objects.create_user(
        "somebody", is_staff=any(one.opens_admin for one in ROLES if one.name == name)
    )
    if name != "stranger":
        person.groups.add(Group.objects.get(name=name))
    team = Team.objects.create(name="Theirs")
    team.members.add(person)
    team.channels.add(seen.channel)
    return User.objects.get(pk=person.pk)


def call(client: Client, address: str, one: Rule) -> tuple[int, str]:
    """The answer's status and where it leads; nothing that it changed stays."""
    cookies = client.cookies.copy()
    options = {"content_type": "application/json"} if address.startswith("/api/") and one.method != "get" else {}
    with transaction.atomic():
        answer = getattr(client, one.method)(address, one.data, **options)
        if answer.streaming:
            b"".join(answer.streaming_content)
        transaction.set_rollback(True)
    client.cookies = cookies
    return answer.status_code, answer.headers.get("Location", "")


def expected(person: Any, one: Rule, *, sees: bool) -> str:
    if PUBLIC in one.needs:
        return "let in"
    if not person.is_authenticated:
        return "sent to log in"
    if SIGNED_IN not in one.needs and not any(person.has_perm(permission) for permission in one.needs):
        return "refused"
    return "refused" if one.of_channel and not sees else "let in"


def happened(person: Any, status: int, leads_to: str) -> str:
    if leads_to.startswith("/admin/login/"):  # which refuses who is logged in
        return "refused" if person.is_authenticated else "sent to log in"
    if status == 401 or leads_to.startswith("/login/"):
        return "sent to log in"
    return "refused" if status in REFUSED else "let in"


@pytest.mark.parametrize("name", PEOPLE)
def test_who_gets_where(name, tiktok):
    own, foreign = make_place("Own"), make_place("Foreign")
    person = make_person(name, own)
    sees_all = person.is_authenticated and person.has_perm("inbox.view_all_channels")
    client = Client()
    if person.is_authenticated:
        client.force_login(person)
    wrong = []
    for route, rules in RULES.items():
        for one in rules:
            for place in (own, foreign) if one.of_channel else (own,):
                wanted = expected(person, one, sees=place is own or sees_all)
                status, leads_to = call(client, place.address(route), one)
                if PUBLIC not in one.needs and happened(person, status, leads_to) != wanted:
                    wrong.append((one.method, place.address(route), one.data, status, "wanted:", wanted))
                assert status < 500, route
    assert wrong == []


@pytest.mark.parametrize("name", PEOPLE)
def test_who_opens_which_list_of_the_admin(name):
    person = make_person(name, make_place("Own"))
    client = Client()
    if person.is_authenticated:
        client.force_login(person)
    wrong = []
    for model in admin.site._registry:
        label = model._meta.label_lower
        address = reverse(f"admin:{label.replace('.', '_')}_changelist")
        may = person.is_staff and any(person.has_perm(permission) for permission in ADMIN[label])
        answer = client.get(address)
        is_in = answer.status_code == 200 or (answer.status_code == 302 and "/login/" not in answer["Location"])
        if is_in != may:
            wrong.append((address, answer.status_code, may))
    assert wrong == []


@pytest.mark.parametrize("name", PEOPLE)
def test_nobody_adds_or_deletes_in_the_admin_without_djangos_permission(name):
    person = make_person(name, make_place("Own"))
    client = Client()
    if person.is_authenticated:
        client.force_login(person)
    for model in admin.site._registry:
        options = model._meta
        row = model._default_manager.first()
        for verb, ids in (("add", []), ("delete", [row.pk] if row else None)):
            if ids is None:
                continue
            try:
                address = reverse(f"admin:{options.app_label}_{options.model_name}_{verb}", args=ids)
            except NoReverseMatch:
                continue
            if client.get(address).status_code == 200:
                assert person.has_perm(f"{options.app_label}.{verb}_{options.model_name}"), address
