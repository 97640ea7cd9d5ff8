from typing import Any

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class ConfigConfig(AppConfig):
    """Joins the parts: checks, schedules and roles in the database, a wake-up from each worker that starts."""

    name = "config"

    def ready(self) -> None:
        from django_q.signals import post_spawn

        from config import checks  # noqa: F401  (importing registers the checks)

        # Not `sender=self`: apps without models, like this one, are never told.
        post_migrate.connect(_write_schedules, sender=apps.get_app_config("django_q"))
        post_migrate.connect(_give_roles, sender=apps.get_app_config("django_q"))
        post_spawn.connect(_ring_everything, dispatch_uid="ring_everything")


class OurAdminConfig(AdminConfig):
    """Django's admin, with our front."""

    default_site = "config.admin_site.AdminSite"


def _write_schedules(**kwargs: Any) -> None:
    from config.schedules import write_schedules

    write_schedules()


def _give_roles(**kwargs: Any) -> None:
    from config.roles import give_roles

    give_roles()


def _ring_everything(**kwargs: Any) -> None:
    """A worker was killed or the queue was emptied while work was waiting: whoever starts looks at once."""
    from config.schedules import ring_every_sweep

    ring_every_sweep()
