"""Every address × every role × whether their team sees the channel.

An address that is added without a line here fails `test_every_address_has_a_rule`; so does an admin page.
"""

import re
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

from channels_tiktok.models import AdAccount, AdGrant
from config.roles import ROLES
from inbox.models import Attachment, Label, Post, SavedReply, SavedView, Team
from leads.models import Lead
from spamreports import reporting
from spamreports.models import SpamReport
from tests.factories import make_agent, make_channel
from tests.messagelinks.making import make_link
from tests.pages.rows import make_conversation, write
from tests.pictures import picture

pytestmark = pytest.mark.django_db
PUBLIC = "everyone"
SIGNED_IN = "whoever is logged in"
NOBODY = "nobody"
VIEW, CHANGE, REPLY = (f"inbox.{verb}_conversation" for verb in ("view", "change", "reply"))
ASSIGN, LABEL = "inbox.assign_conversation", "inbox.label_conversation"
VIEW_CHANNEL = "channels_tiktok.view_channel"
CONNECT, RENAME, REMOVE = (f"channels_tiktok.{verb}_channel" for verb in ("connect", "rename", "remove"))
SEE_CHANNEL = (VIEW_CHANNEL, CONNECT, RENAME, REMOVE)
CONNECT_ADS = "channels_tiktok.connect_adaccount"
SHARE = "inbox.share_savedview"
ADD_LABEL, CHANGE_LABEL, DELETE_LABEL = (f"inbox.{verb}_label" for verb in ("add", "change", "delete"))
CHANGE_REPLY, DELETE_REPLY = "inbox.change_savedreply", "inbox.delete_savedreply"
VIEW_LINK, ADD_LINK, CHANGE_LINK, DELETE_LINK = SEE_LINK = tuple(
    f"messagelinks.{verb}_messagelink" for verb in ("view", "add", "change", "delete")
)
VIEW_LEAD, CHANGE_LEAD = "leads.view_lead", "leads.change_lead"
VIEW_REPORT, REPORT = "spamreports.view_spamreport", "spamreports.report_contact"
REFUSED = {401, 403, 404}


@dataclass(frozen=True)
class Rule:
    """Who may call an address by a method: whoever holds one of `needs`. `of_channel`: and sees the channel.

    Names in `data` stand for ids as they do in the address.
    """

    method: str
    needs: tuple[str, ...]
    of_channel: bool = False
    data: Any = None


def rule(method: str, *needs: str, of: bool = False, **data: Any) -> Rule:
    return Rule(method, needs, of, data)


# Keys are Django's own routes, as `test_every_address_has_a_rule` finds them.
RULES: dict[str, list[Rule]] = {
    # Logging in, and what servers ask
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
    "webhooks/tiktok/leads/": [rule("get", PUBLIC)],
    # The inbox: its list
    "inbox/": [rule("get", VIEW)],
    "inbox/rows/": [rule("get", VIEW)],
    "inbox/live/": [rule("get", VIEW)],
    "inbox/search-help/": [rule("get", VIEW)],
    "inbox/colleagues/": [rule("get", VIEW)],
    "inbox/several/": [
        rule("post", CHANGE, do="close", row="<conversation_id>"),
        rule("post", ASSIGN, do="assign", row="<conversation_id>", person="nobody"),
        rule("post", LABEL, do="label", row="<conversation_id>", label="<label_id>"),
    ],
    "inbox/several/ask/": [
        rule("post", CHANGE, do="snooze", row="<conversation_id>"),
        rule("post", ASSIGN, do="assign", row="<conversation_id>"),
        rule("post", LABEL, do="label", row="<conversation_id>"),
    ],
    "inbox/several/undo/": [rule("post", CHANGE)],
    "inbox/views/new/": [rule("get", VIEW), rule("post", VIEW, name="Mine", query="is:unread")],
    "inbox/views/<int:view_id>/": [rule("get", SHARE), rule("post", SHARE, name="Ours", query="is:unread")],
    "inbox/views/<int:view_id>/remove/": [rule("post", SHARE)],
    # The inbox: one conversation
    "inbox/<int:conversation_id>/": [rule("get", VIEW, of=True)],
    "inbox/<int:conversation_id>/earlier/": [rule("get", VIEW, of=True)],
    "inbox/<int:conversation_id>/others/": [rule("get", VIEW, of=True)],
    "inbox/<int:conversation_id>/seen/": [rule("post", VIEW, of=True, inbound="0")],
    "inbox/<int:conversation_id>/unread/": [rule("post", VIEW, of=True)],
    "inbox/<int:conversation_id>/leave/": [rule("post", SIGNED_IN)],  # takes away one's own mark, if any
    "inbox/<int:conversation_id>/reply/": [rule("post", REPLY, of=True, text="Hello")],
    "inbox/<int:conversation_id>/draft/": [rule("post", REPLY, of=True, text="Hello")],
    "inbox/<int:conversation_id>/saved-replies/": [rule("get", REPLY, of=True)],
    "inbox/<int:conversation_id>/question/": [
        rule("get", REPLY, of=True),
        rule("post", REPLY, of=True, title="Which one?", button="The blue one"),
    ],
    "inbox/<int:conversation_id>/post/": [
        rule("get", REPLY, of=True),
        rule("post", REPLY, of=True, post="<post_id>"),
    ],
    "inbox/<int:conversation_id>/posts/": [rule("get", REPLY, of=True)],
    "inbox/<int:conversation_id>/posts/state/": [rule("get", REPLY, of=True)],
    "inbox/<int:conversation_id>/status/": [rule("post", CHANGE, of=True, status="closed")],
    "inbox/<int:conversation_id>/snooze/": [
        rule("get", CHANGE, of=True),
        rule("post", CHANGE, of=True, until="2099-01-01T09:00"),
    ],
    "inbox/<int:conversation_id>/notes/": [rule("post", CHANGE, of=True, text="Hello")],
    "inbox/<int:conversation_id>/note-draft/": [rule("post", CHANGE, of=True, text="Hello")],
    "inbox/<int:conversation_id>/assign/": [
        rule("get", ASSIGN, of=True),
        rule("post", ASSIGN, of=True, assignee=""),
    ],
    "inbox/<int:conversation_id>/labels/": [
        rule("get", LABEL, of=True),
        rule("post", LABEL, of=True, labels="<label_id>"),
    ],
    "inbox/messages/<int:message_id>/cancel/": [rule("post", REPLY, of=True)],
    "inbox/messages/<int:message_id>/again/": [rule("post", REPLY, of=True)],
    # The inbox: pictures
    "inbox/attachments/<int:attachment_id>/": [rule("get", VIEW, of=True)],
    "inbox/attachments/<int:attachment_id>/thumbnail/": [rule("get", VIEW, of=True)],
    "inbox/contacts/<int:contact_id>/picture/": [rule("get", VIEW, of=True)],
    "inbox/posts/<int:post_id>/picture/": [rule("get", VIEW, of=True)],
    "inbox/people/<int:person_id>/picture/": [],  # colleagues' pictures: see tests/pages/test_profile.py
    # The inbox: what each person has for themselves
    "inbox/profile/": [rule("get", SIGNED_IN)],
    "inbox/profile/token/": [rule("post", SIGNED_IN)],
    "inbox/preferences/": [rule("get", SIGNED_IN)],
    "inbox/preferences/keys/": [rule("get", SIGNED_IN), rule("post", SIGNED_IN, reset="")],
    "inbox/preferences/notifications/": [rule("get", SIGNED_IN), rule("post", SIGNED_IN)],
    "inbox/keys/": [rule("get", SIGNED_IN)],
    "inbox/duty/": [rule("post", SIGNED_IN, on_duty="yes")],
    "inbox/saved-replies/": [rule("get", REPLY)],
    "inbox/saved-replies/new/": [rule("get", REPLY), rule("post", REPLY, title="Mine", text="Hello")],
    "inbox/saved-replies/<int:reply_id>/": [rule("get", NOBODY), rule("post", NOBODY)],  # it is everybody's
    "inbox/saved-replies/<int:reply_id>/delete/": [rule("post", NOBODY)],
    # Leads
    "inbox/leads/": [rule("get", VIEW_LEAD)],
    "inbox/leads/<int:lead_id>/": [rule("get", VIEW_LEAD, of=True)],
    "inbox/leads/<int:lead_id>/choose/": [rule("get", CHANGE_LEAD, of=True)],
    "inbox/leads/<int:lead_id>/join/": [rule("post", CHANGE_LEAD, of=True, conversation="<conversation_id>")],
    "inbox/leads/<int:lead_id>/part/": [rule("post", CHANGE_LEAD, of=True)],
    "inbox/leads/<int:lead_id>/stage/": [rule("post", CHANGE_LEAD, of=True, stage="contacted")],
    # Spam reports
    "inbox/reported/": [rule("get", VIEW_REPORT)],
    "inbox/reported/exclusions.csv": [rule("get", VIEW_REPORT)],
    "inbox/<int:conversation_id>/spam-report/": [
        rule("get", REPORT, of=True),
        rule("post", REPORT, of=True, reason="fake"),
    ],
    # Channels
    "channels/tiktok/": [rule("get", PUBLIC)],  # leads to the admin, which asks
    "channels/tiktok/connect/": [rule("get", CONNECT)],
    "channels/tiktok/callback/": [rule("get", CONNECT)],
    "channels/tiktok/<int:channel_id>/picture/": [rule("get", VIEW, *SEE_CHANNEL, of=True)],
    "admin/channels_tiktok/channel/<int:channel_id>/rename/": [rule("get", RENAME, of=True)],
    "admin/channels_tiktok/channel/<int:channel_id>/remove/": [rule("get", REMOVE, of=True)],
    "admin/channels_tiktok/channel/<int:channel_id>/check/": [rule("get", CONNECT, of=True)],
    "admin/channels_tiktok/channel/<int:channel_id>/connected/": [rule("get", CONNECT, of=True)],
    # Ad accounts
    "channels/tiktok/ads/connect/": [rule("get", CONNECT_ADS)],
    "channels/tiktok/ads/callback/": [rule("get", CONNECT_ADS)],
    "admin/channels_tiktok/adaccount/choose/<int:grant_id>/": [rule("get", CONNECT_ADS)],
    "admin/channels_tiktok/adaccount/<int:account_id>/set-up/": [rule("get", CONNECT_ADS, of=True)],
    "admin/channels_tiktok/adaccount/<int:account_id>/check/": [rule("get", CONNECT_ADS, of=True)],
    "admin/channels_tiktok/adaccount/<int:account_id>/disconnect/": [rule("get", CONNECT_ADS, of=True)],
    # Message links
    "admin/messagelinks/messagelink/channel/<int:channel_id>/": [rule("get", *SEE_LINK, of=True)],
    "admin/messagelinks/messagelink/channel/<int:channel_id>/create/": [
        rule("get", ADD_LINK, of=True),
        rule("post", ADD_LINK, of=True, title="Menu", ref="menu", message="Hello"),
    ],
    "admin/messagelinks/messagelink/channel/<int:channel_id>/figures/": [rule("get", *SEE_LINK, of=True)],
    "admin/messagelinks/messagelink/channel/<int:channel_id>/figures.csv": [rule("get", *SEE_LINK, of=True)],
    "admin/messagelinks/messagelink/channel/<int:channel_id>/sheet/": [rule("get", *SEE_LINK, of=True)],
    "admin/messagelinks/messagelink/<int:link_id>/": [rule("get", *SEE_LINK, of=True)],
    "admin/messagelinks/messagelink/<int:link_id>/edit/": [
        rule("get", CHANGE_LINK, of=True),
        rule("post", CHANGE_LINK, of=True, message="Hello"),
    ],
    "admin/messagelinks/messagelink/<int:link_id>/replaced/<int:number>/": [rule("get", *SEE_LINK, of=True)],
    "admin/messagelinks/messagelink/<int:link_id>/places/": [rule("post", CHANGE_LINK, of=True, places="Door")],
    "admin/messagelinks/messagelink/<int:link_id>/username/": [rule("post", CHANGE_LINK, of=True)],
    "admin/messagelinks/messagelink/<int:link_id>/remove/": [
        rule("get", DELETE_LINK, of=True),
        rule("post", DELETE_LINK, of=True),
    ],
    "admin/messagelinks/messagelink/<int:link_id>/qr/": [rule("get", *SEE_LINK, of=True)],
    "admin/messagelinks/messagelink/<int:link_id>/qr.<str:kind>": [rule("get", *SEE_LINK, of=True)],
    # The API
    "api/v1/schema/": [rule("get", SIGNED_IN)],
    "api/v1/docs/": [rule("get", SIGNED_IN)],
    "api/v1/channels/": [rule("get", VIEW, VIEW_CHANNEL)],
    "api/v1/channels/<int:channel_id>/": [
        rule("get", VIEW, VIEW_CHANNEL, of=True),
        rule("patch", RENAME, of=True),
        rule("delete", REMOVE, of=True),
    ],
    "api/v1/channels/<int:channel_id>/posts/": [rule("get", VIEW, of=True)],
    "api/v1/conversations/": [rule("get", VIEW)],
    "api/v1/conversations/<int:conversation_id>/": [
        rule("get", VIEW, of=True),
        rule("patch", CHANGE, of=True, status="closed"),
        rule("patch", ASSIGN, of=True, assignee=None),
        rule("patch", ASSIGN, of=True, team=None),
        rule("patch", LABEL, of=True, labels=[]),
    ],
    "api/v1/conversations/<int:conversation_id>/seen/": [rule("post", VIEW, of=True)],
    "api/v1/conversations/<int:conversation_id>/unread/": [rule("post", VIEW, of=True)],
    "api/v1/conversations/<int:conversation_id>/messages/": [
        rule("get", VIEW, of=True),
        rule("post", REPLY, of=True, text="Hello"),
    ],
    "api/v1/conversations/<int:conversation_id>/messages/<int:message_id>/": [rule("get", VIEW, of=True)],
    "api/v1/conversations/<int:conversation_id>/notes/": [
        rule("get", VIEW, of=True),
        rule("post", CHANGE, of=True, text="Hello"),
    ],
    "api/v1/conversations/<int:conversation_id>/spam-report/": [
        rule("get", VIEW_REPORT, of=True),
        rule("post", REPORT, of=True, reason="fake"),
    ],
    "api/v1/spam-reports/": [rule("get", VIEW_REPORT)],
    "api/v1/attachments/<int:attachment_id>/": [rule("get", VIEW, of=True)],
    "api/v1/attachments/<int:attachment_id>/thumbnail/": [rule("get", VIEW, of=True)],
    "api/v1/labels/": [rule("get", VIEW), rule("post", ADD_LABEL, name="New", colour="green")],
    "api/v1/labels/<int:label_id>/": [
        rule("get", VIEW),
        rule("patch", CHANGE_LABEL, name="Other"),
        rule("delete", DELETE_LABEL),
    ],
    "api/v1/saved-replies/": [
        rule("get", REPLY),
        rule("post", REPLY, title="Mine", text="Hello"),
        rule("post", "inbox.add_savedreply", title="Ours", text="Hello", shared=True),
    ],
    "api/v1/saved-replies/<int:reply_id>/": [
        rule("get", REPLY),
        rule("patch", CHANGE_REPLY, title="Other"),
        rule("delete", DELETE_REPLY),
    ],
    "api/v1/saved-views/": [
        rule("get", VIEW),
        rule("post", VIEW, name="Mine", query="is:unread"),
        rule("post", SHARE, name="Ours", query="is:unread", shared=True),
    ],
    "api/v1/saved-views/<int:view_id>/": [
        rule("get", VIEW),
        rule("patch", SHARE, name="Other"),
        rule("delete", SHARE),
    ],
    "api/v1/leads/": [rule("get", VIEW_LEAD)],
    "api/v1/leads/<int:lead_id>/": [
        rule("get", VIEW_LEAD, of=True),
        rule("patch", CHANGE_LEAD, of=True, stage="contacted"),
    ],
    "api/v1/message-links/": [
        rule("get", VIEW_LINK),
        rule("post", ADD_LINK, of=True, channel="<channel_id>", title="Menu", ref="menu", message="Hello"),
    ],
    "api/v1/message-links/<int:link_id>/": [
        rule("get", VIEW_LINK, of=True),
        rule("patch", CHANGE_LINK, of=True, message="Hello"),
        rule("delete", DELETE_LINK, of=True),
    ],
    "api/v1/": [],  # what leads nowhere: 404 in JSON
}
# Who sees an admin list; Django's pages to add, change and delete need Django's own permissions beside.
ADMIN = {
    "auth.user": ("auth.view_user", "auth.change_user"),
    "auth.group": ("auth.view_group", "auth.change_group"),
    "channels_tiktok.adaccount": ("channels_tiktok.view_adaccount", CONNECT_ADS),
    "channels_tiktok.appcredentials": ("channels_tiktok.view_appcredentials",),
    "channels_tiktok.channel": SEE_CHANNEL,
    "channels_tiktok.leaddelivery": ("channels_tiktok.view_leaddelivery",),
    "channels_tiktok.refuseddeliveries": ("channels_tiktok.view_refuseddeliveries",),
    "channels_tiktok.webhookevent": ("channels_tiktok.view_webhookevent",),
    "django_q.failure": ("django_q.view_failure",),
    "django_q.ormq": ("django_q.view_ormq",),
    "django_q.schedule": ("django_q.view_schedule",),
    "django_q.success": ("django_q.view_success",),
    "inbox.label": ("inbox.view_label", CHANGE_LABEL),
    "inbox.message": ("inbox.view_message",),
    "inbox.savedreply": ("inbox.view_savedreply", CHANGE_REPLY),
    "inbox.team": ("inbox.view_team",),
    "inbox.workspacesettings": ("inbox.view_workspacesettings",),
    "messagelinks.messagelink": SEE_LINK,
    "spamreports.eventmapping": ("spamreports.view_eventmapping", "spamreports.change_eventmapping"),
    "spamreports.lowerfunnelevent": ("spamreports.view_lowerfunnelevent",),
}
# Whose deleting in the admin is something else than Django's, with a permission of its own.
DELETES = {"channels_tiktok.channel": REMOVE}
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

    def named(self, words: str) -> str:
        """With its ids in the place of their names."""
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda name: str(self.ids[name[1]]), words)

    def address(self, route: str) -> str:
        return f"/{self.named(route)}"

    def data(self, one: Rule) -> Any:
        return {name: self.named(value) if isinstance(value, str) else value for name, value in one.data.items()}


def make_place(name: str) -> Place:
    channel = make_channel(name, at=timezone.now())
    channel.picture.save("d.jpg", ContentFile(picture()))
    conversation = make_conversation(f"Customer of {name}", channel=channel)
    message = write(conversation, "", kind="image")
    attachment = Attachment(
        message=message, kind="image", state="stored", content_type="image/jpeg", width=1, height=1
    )
    attachment.file.save("a.jpg", ContentFile(picture()), save=False)
    attachment.thumbnail.save("b.jpg", ContentFile(picture()), save=False)
    attachment.save()
    conversation.contact.picture.save("c.jpg", ContentFile(picture()))
    post = Post(channel=channel, item_id="1", posted_at=timezone.now(), seen_at=timezone.now())
    post.thumbnail.save("e.jpg", ContentFile(picture()))
    ids = {"conversation_id": conversation.pk, "message_id": message.pk, "attachment_id": attachment.pk}
    ids |= {"contact_id": conversation.contact_id, "channel_id": channel.pk, "post_id": post.pk}
    ids |= {"link_id": make_link(channel, title=f"Link of {name}").pk, "number": 1, "kind": "svg"}
    ids |= {"uidb64": "x", "token": "y", **_of_ads(name, conversation), **_of_everybody(name)}
    return Place(ids, channel)


def _of_ads(name: str, conversation: Any) -> dict[str, int]:
    """An ad account of the conversation's channel with a lead; the conversation's contact is reported on it."""
    at = timezone.now()
    grant = AdGrant.objects.create(access_token="ads", granted_at=at, advertisers=[{"id": "1", "name": "One"}])
    values = {"status": "connected", "grant": grant, "lower_funnel_events": True, "event_set_id": "1"}
    account = AdAccount.objects.create(advertiser_id=name, name=f"Ads of {name}", **values)
    account.channels.add(conversation.channel)
    lead = Lead.objects.create(
        ad_account=account,
        tiktok_lead_id=str(conversation.pk),
        source="INSTANT_FORM",
        name=f"Lead of {name}",
        submitted_at=at,
        received_at=at,
    )
    keeper = User.objects.create_superuser(f"ads-keeper-{name[:1]}")
    reporting.report(
        user=keeper, conversation_id=conversation.pk, reason=SpamReport.Reason.FAKE, comment="", at=at
    )
    return {"account_id": account.pk, "grant_id": grant.pk, "lead_id": lead.pk}


def _of_everybody(name: str) -> dict[str, int]:
    """What no team limits."""
    keeper = User.objects.create_superuser(f"views-keeper-{name[:1]}")
    label = Label.objects.create(name=f"Label {name[:1]}", colour="green")
    reply = SavedReply.objects.create(title=f"Reply {name[:1]}", text="Hello")
    view = SavedView.objects.create(owner=keeper, name=f"View {name[:1]}", query="is:unread", is_shared=True)
    return {"label_id": label.pk, "reply_id": reply.pk, "view_id": view.pk}


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


def call(client: Client, place: Place, route: str, one: Rule) -> tuple[int, str, bytes]:
    """The answer's status, where it leads and what it says; nothing that it changed stays."""
    cookies = client.cookies.copy()
    is_json = route.startswith("api/") and one.method != "get"
    options = {"content_type": "application/json"} if is_json else {}
    with transaction.atomic():
        answer = getattr(client, one.method)(place.address(route), place.data(one), **options)
        said = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    client.cookies = cookies
    return answer.status_code, answer.headers.get("Location", ""), said


def expected(person: Any, route: str, one: Rule, *, sees: bool) -> str:
    if PUBLIC in one.needs:
        return "let in"
    if not person.is_authenticated:
        return "sent to log in"
    if NOBODY in one.needs or (route.startswith("admin/") and not person.is_staff):
        return "refused"
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
                wanted = expected(person, route, one, sees=place is own or sees_all)
                status, leads_to, said = call(client, place, route, one)
                if PUBLIC not in one.needs and happened(person, status, leads_to) != wanted:
                    wrong.append((one.method, place.address(route), one.data, status, "wanted:", wanted))
                if place is own and not sees_all and b"Foreign" in said:
                    wrong.append((one.method, place.address(route), "tells of another team's channel"))
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
                needed = f"{options.app_label}.{verb}_{options.model_name}"
                if verb == "delete":
                    needed = DELETES.get(options.label_lower, needed)
                assert person.has_perm(needed), address


# ── What reaches beyond its channel ───────────────────────────────────────────────────────────────────


def test_a_lead_that_may_be_another_teams_conversation_is_that_teams():
    own, foreign = make_place("Own"), make_place("Foreign")
    lead = Lead.objects.get(pk=own.ids["lead_id"])
    lead.ad_account.channels.add(foreign.channel)
    lead.suggested_id, lead.ground = foreign.ids["conversation_id"], Lead.Ground.PHONE
    lead.save()
    client = Client()
    client.force_login(make_person("Agent", own))
    assert client.get(own.address("inbox/leads/<lead_id>/")).status_code == 404
    assert client.get(own.address("api/v1/leads/<lead_id>/")).status_code == 404


def test_a_search_by_another_teams_link_does_not_tell_its_title():
    own, foreign = make_place("Own"), make_place("Foreign")
    client = Client()
    client.force_login(make_person("Agent", own))
    for query in ("link:<link_id>", "came:link-<link_id>"):
        assert "Link of Own" in client.get("/inbox/", {"q": own.named(query)}).content.decode()
        assert "Link of Foreign" not in client.get("/inbox/", {"q": foreign.named(query)}).content.decode()


@pytest.mark.parametrize("needed", [ASSIGN, LABEL])
def test_who_may_only_change_conversations_neither_assigns_nor_labels_several(needed):
    own = make_place("Own")
    client = Client()
    client.force_login(make_agent(permissions=(VIEW, CHANGE)))
    for route in ("inbox/several/", "inbox/several/ask/"):
        for one in RULES[route]:
            if needed in one.needs:
                assert call(client, own, route, one)[0] == 403


def test_who_connects_ad_accounts_sees_those_of_their_teams_channels():
    own, foreign = make_place("Own"), make_place("Foreign")
    person = make_agent(permissions=(CONNECT_ADS,), is_staff=True)
    Team.objects.create(name="Theirs").members.add(person)
    Team.objects.get(name="Theirs").channels.add(own.channel)
    client = Client()
    client.force_login(person)
    listed = client.get(reverse("admin:channels_tiktok_adaccount_changelist")).content.decode()
    assert "Ads of Own" in listed
    assert "Foreign" not in listed
    for step in ("check", "disconnect"):
        route = f"admin/channels_tiktok/adaccount/<account_id>/{step}/"
        assert client.get(own.address(route)).status_code == 200
        assert client.get(foreign.address(route)).status_code == 404
