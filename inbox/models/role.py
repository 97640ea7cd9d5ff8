"""Which group is which of our roles, and what it was given. `config/roles.py` says what a role may do."""

from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import models


class Role(models.Model):
    """One of our roles and the group that stands for it, whatever staff call that; none once they deleted it."""

    name = models.CharField(max_length=60, unique=True)
    group = models.OneToOneField(Group, null=True, on_delete=models.SET_NULL, related_name="role")
    opens_admin = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class RoleGrant(models.Model):
    """A permission that a role was given once, so that it is not given again after staff took it away."""

    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="grants")
    permission_name = models.CharField(max_length=200, help_text="app.codename")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["role", "permission_name"], name="a_role_is_given_a_permission_once"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.permission_name}"
