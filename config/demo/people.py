"""The people of the demo: an administrator and two agents."""

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q

PASSWORD = "reply48-demo"  # noqa: S105 (printed on purpose; the demo runs with DEBUG only)
AGENTS = [("ana", "Ana", "Lopes"), ("ben", "Ben", "Carter")]
AGENT_PERMISSIONS = {
    "inbox": ["view_conversation", "change_conversation", "reply_conversation", "view_contact"],
    "channels_tiktok": ["view_channel"],
    "leads": ["view_lead", "change_lead", "view_personal_data"],
    "spamreports": ["report_contact", "view_spamreport"],
}


@transaction.atomic
def make_people() -> None:
    """Make the demo's people, where they are missing; whoever is there stays as they are."""
    if not User.objects.filter(username="admin").exists():
        User.objects.create_superuser("admin", "admin@example.com", PASSWORD)
    group, _ = Group.objects.get_or_create(name="Agent")
    group.permissions.add(*_permissions())
    for username, first_name, last_name in AGENTS:
        if not User.objects.filter(username=username).exists():
            names = {"first_name": first_name, "last_name": last_name}
            User.objects.create_user(username, f"{username}@example.com", PASSWORD, **names).groups.add(group)


def admin_has_demo_password() -> bool:
    """Whether `admin` can still log in with the password that the demo gave."""
    return User.objects.get(username="admin").check_password(PASSWORD)


def _permissions() -> list[Permission]:
    wanted = Q()
    for app, codenames in AGENT_PERMISSIONS.items():
        wanted |= Q(content_type__app_label=app, codename__in=codenames)
    return list(Permission.objects.filter(wanted))
