"""Every role as data: a Django group, and what its people may do. `give_roles` fills the groups after migrations.

Why after migrations and not in one: Django makes permissions only once all migrations have run, and an app that
is added later brings permissions that an early migration can't know. Why it never overrides staff: each
permission is given to a role once and noted (`inbox.RoleGrant`). What staff take away stays away, what they add
stays, a group that they rename keeps its role, and one that they delete is not made again.

A new permission needs one line here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from inbox.models import Role, RoleGrant


@dataclass(frozen=True)
class RoleData:
    """A role: its name, whether its people open the admin, and their permissions as "app.codename"."""

    name: str
    opens_admin: bool
    permissions: tuple[str, ...]


READ = (
    "inbox.view_conversation",
    "inbox.view_contact",
    "channels_tiktok.view_channel",
)
WORK = (
    *READ,
    "inbox.change_conversation",
    "inbox.reply_conversation",
    "inbox.assign_conversation",
    "inbox.label_conversation",
    "leads.view_lead",
    "leads.change_lead",
    "leads.view_personal_data",
    "messagelinks.view_messagelink",
    "spamreports.view_spamreport",
    "spamreports.report_contact",
)
MARKET = (
    *READ,
    "leads.view_lead",
    "messagelinks.view_messagelink",
    "messagelinks.add_messagelink",
    "messagelinks.change_messagelink",
    "messagelinks.delete_messagelink",
    "spamreports.view_spamreport",
    "channels_tiktok.view_adaccount",
)
SUPERVISE = (
    *WORK,
    "inbox.view_all_channels",
    "inbox.view_message",
    "inbox.view_team",
    "inbox.add_team",
    "inbox.change_team",
    "inbox.delete_team",
    "inbox.view_label",
    "inbox.add_label",
    "inbox.change_label",
    "inbox.delete_label",
    "inbox.view_savedreply",
    "inbox.add_savedreply",
    "inbox.change_savedreply",
    "inbox.delete_savedreply",
    "inbox.share_savedview",
    "messagelinks.add_messagelink",
    "messagelinks.change_messagelink",
    "messagelinks.delete_messagelink",
    "channels_tiktok.rename_channel",
    "channels_tiktok.view_adaccount",
    "spamreports.view_eventmapping",
    "spamreports.view_lowerfunnelevent",
    "auth.view_user",
)
ADMINISTER = (
    *SUPERVISE,
    "channels_tiktok.connect_channel",
    "channels_tiktok.remove_channel",
    "channels_tiktok.connect_adaccount",
    "channels_tiktok.change_adaccount",
    "spamreports.add_eventmapping",
    "spamreports.change_eventmapping",
    "spamreports.delete_eventmapping",
    "channels_tiktok.view_webhookevent",
    "channels_tiktok.change_webhookevent",
    "channels_tiktok.view_refuseddeliveries",
    "channels_tiktok.view_appcredentials",
    "channels_tiktok.change_appcredentials",
    "inbox.view_workspacesettings",
    "inbox.change_workspacesettings",
    "inbox.add_workinghours",
    "inbox.change_workinghours",
    "inbox.delete_workinghours",
    "inbox.view_workinghours",
    "auth.add_user",
    "auth.change_user",
    "auth.view_group",
    "django_q.view_schedule",
    "django_q.view_ormq",
    "django_q.view_failure",
    "django_q.view_success",
)
AUDIT = (
    *READ,
    "inbox.view_all_channels",
    "inbox.view_message",
    "inbox.view_team",
    "inbox.view_workspacesettings",
    "inbox.view_workinghours",
    "channels_tiktok.view_adaccount",
    "channels_tiktok.view_webhookevent",
    "channels_tiktok.view_refuseddeliveries",
    "leads.view_lead",
    "messagelinks.view_messagelink",
    "spamreports.view_spamreport",
    "spamreports.view_eventmapping",
    "spamreports.view_lowerfunnelevent",
    "auth.view_user",
    "auth.view_group",
)
ROLES = (
    RoleData("Administrator", True, ADMINISTER),
    RoleData("Supervisor", True, SUPERVISE),
    RoleData("Agent", False, WORK),
    RoleData("Marketing", True, MARKET),
    RoleData("Auditor", True, AUDIT),
)


@transaction.atomic
def give_roles() -> None:
    """Make the groups that were never made, and give them what they were never given."""
    existing = _permissions({name for role in ROLES for name in role.permissions})
    for data in ROLES:
        role, is_new = Role.objects.get_or_create(name=data.name)
        if is_new:
            role.group = Group.objects.get_or_create(name=data.name)[0]
            role.opens_admin = data.opens_admin
            role.save()
        given = set(role.grants.values_list("permission_name", flat=True))
        new = [name for name in data.permissions if name in existing and name not in given]
        RoleGrant.objects.bulk_create(RoleGrant(role=role, permission_name=name) for name in new)
        if role.group:
            role.group.permissions.add(*(existing[name] for name in new))


def _permissions(names: Iterable[str]) -> dict[str, Permission]:
    """The permissions of these names, made where Django has not come to them yet."""
    wanted = set(names)
    for app in {name.split(".")[0] for name in wanted - set(_stored())}:
        create_permissions(apps.get_app_config(app), verbosity=0)
    return {name: permission for name, permission in _stored().items() if name in wanted}


def _stored() -> dict[str, Permission]:
    permissions = Permission.objects.select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}": one for one in permissions}
