"""Secrets at rest: a text field that is stored encrypted with Fernet and readable only with the key.

Guarantee: a value that can't be decrypted raises; ciphertext is never handed on as if it were the secret,
and nothing is stored in the clear. Keys come from `TOKEN_ENCRYPTION_KEYS`; the first one encrypts, all of
them decrypt, so a key is rotated by putting a new one in front.
"""

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

NEW_KEY_COMMAND = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'


class SecretUnreadable(Exception):
    """A stored secret can't be decrypted with any key of `TOKEN_ENCRYPTION_KEYS`."""


def cipher() -> MultiFernet:
    """Give the cipher made of `TOKEN_ENCRYPTION_KEYS`; raise ImproperlyConfigured when there is no key."""
    if not settings.TOKEN_ENCRYPTION_KEYS:
        raise ImproperlyConfigured(f"TOKEN_ENCRYPTION_KEYS is empty. Make a key with: {NEW_KEY_COMMAND}")
    return MultiFernet([Fernet(key) for key in settings.TOKEN_ENCRYPTION_KEYS])


def encrypt(secret: str) -> str:
    """Encrypt `secret` with the first key."""
    return cipher().encrypt(secret.encode()).decode()


def encrypted_anew(stored: str) -> str | None:
    """Encrypt what is stored with the first key; None if it already is. Raises SecretUnreadable."""
    try:
        Fernet(settings.TOKEN_ENCRYPTION_KEYS[0]).decrypt(stored.encode())
    except InvalidToken:
        return encrypt(decrypt(stored))
    return None


def decrypt(stored: str) -> str:
    """Give back the secret; raise SecretUnreadable when no key fits."""
    try:
        return cipher().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable(
            "A stored secret can't be decrypted: TOKEN_ENCRYPTION_KEYS lacks the key it was written with."
        ) from error


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is encrypted in the database. An empty string stays empty."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return decrypt(value) if value else value

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(value) if value else value
