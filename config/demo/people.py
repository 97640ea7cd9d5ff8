"""The people of the demo: an administrator and two agents."""

from django.contrib.auth.models import Group, User
from django.db import transaction

PASSWORD = "reply48-demo"  # noqa: S105 (printed on purpose; the demo runs with DEBUG only)
AGENTS = [("ana", "Ana", "Lopes"), ("ben", "Ben", "Carter")]
ROLE = "Agent"


@transaction.atomic
def make_people() -> None:
    """Make the demo's people, where they are missing; whoever is there stays as they are."""
    if not User.objects.filter(username="admin").exists():
        User.objects.create_superuser("admin", "admin@example.com", PASSWORD)
    group = Group.objects.get(role__name=ROLE)
    for username, first_name, last_name in AGENTS:
        if not User.objects.filter(username=username).exists():
            names = {"first_name": first_name, "last_name": last_name}
            User.objects.create_user(username, f"{username}@example.com", PASSWORD, **names).groups.add(group)


def admin_has_demo_password() -> bool:
    """Whether `admin` can still log in with the password that the demo gave."""
    return User.objects.get(username="admin").check_password(PASSWORD)
