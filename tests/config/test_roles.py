"""Roles: groups that are there after migrating, and that stay as staff change them."""

import pytest
from django.contrib.auth.models import Group, Permission, User

from config.demo import people
from config.roles import ROLES, give_roles
from inbox.models import Role, RoleGrant

pytestmark = pytest.mark.django_db


def held(name: str) -> set[str]:
    permissions = Group.objects.get(name=name).permissions.select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}" for one in permissions}


def permission(name: str) -> Permission:
    app, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_each_role_is_a_group_with_the_permissions_of_the_table(role):
    assert held(role.name) == set(role.permissions), "a name that is no permission would be missing"


def test_what_sets_the_roles_apart():
    assert "inbox.reply_conversation" not in held("Auditor") | held("Marketing")
    assert "channels_tiktok.remove_channel" in held("Administrator") - held("Supervisor")
    assert "inbox.view_all_channels" in held("Supervisor") - held("Agent")


def test_giving_them_again_overrides_nothing_that_staff_changed():
    agents = Group.objects.get(name="Agent")
    agents.permissions.remove(permission("inbox.assign_conversation"))
    agents.permissions.add(permission("inbox.view_message"))
    agents.name = "Front desk"
    agents.save()
    Group.objects.get(name="Marketing").delete()
    give_roles()
    assert "inbox.assign_conversation" not in held("Front desk")
    assert "inbox.view_message" in held("Front desk")
    assert not Group.objects.filter(name__in=["Agent", "Marketing"]).exists()


def test_a_permission_that_comes_later_is_given_once():
    agents = Group.objects.get(name="Agent")
    agents.permissions.remove(permission("inbox.label_conversation"))
    RoleGrant.objects.filter(role__name="Agent", permission_name="inbox.label_conversation").delete()
    give_roles()
    assert "inbox.label_conversation" in held("Agent")
    agents.permissions.remove(permission("inbox.label_conversation"))
    give_roles()
    assert "inbox.label_conversation" not in held("Agent")


def test_a_group_that_was_there_before_takes_the_role_and_keeps_what_it_had():
    Role.objects.filter(name="Agent").delete()
    Group.objects.get(name="Agent").permissions.set([permission("inbox.view_message")])
    give_roles()
    assert held("Agent") > {"inbox.view_message", "inbox.reply_conversation"}


def test_the_demos_agents_have_the_role():
    people.make_people()
    ana = User.objects.get(username="ana")
    assert ana.has_perm("inbox.reply_conversation")
    assert not ana.has_perm("channels_tiktok.remove_channel")
