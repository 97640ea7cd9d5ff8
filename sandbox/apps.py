"""Django sees this package only so that `manage.py sandbox` is found."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "sandbox"
    verbose_name = "Local TikTok"
