"""Encrypt every stored secret with the first key of `TOKEN_ENCRYPTION_KEYS`.

Guarantee: safe beside running workers, and after a break it goes on where it stopped. Each secret is replaced
by an update of its own that applies only while the old ciphertext is still there, so a token that is renewed at
the same moment is never overwritten with its predecessor.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db.models import F, Model, QuerySet, TextField, Value
from django.db.models.functions import Cast

from config.encryption import EncryptedTextField, SecretUnreadable, cipher, encrypted_anew

BATCH = 200
CHANGED, CURRENT, UNREADABLE = "changed", "current", "unreadable"


def rotate(*, progress: Callable[[str, int], None]) -> Counter[str]:
    """Encrypt all secrets with the first key; give how many were changed, current and unreadable.

    `progress` is called after each batch, with the column's name and how many of its rows were looked at.
    """
    cipher()  # says in words what is wrong with the keys before anything is touched
    counts: Counter[str] = Counter()
    for model, name in encrypted_columns():
        looked_at, last = 0, None
        while batch := _ciphertexts(model, name, after=last):
            counts.update(_rotate_one(model, name, pk, stored) for pk, stored in batch)
            looked_at, last = looked_at + len(batch), batch[-1][0]
            progress(f"{model._meta.label}.{name}", looked_at)
    return counts


def encrypted_columns() -> Iterator[tuple[type[Model], str]]:
    """Every column of every model that holds secrets."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield model, field.name


def _raw(model: type[Model], name: str) -> QuerySet[Any]:
    """All rows with `stored`, what stands in the column: the cast leaves the field out, and its decryption."""
    return model._default_manager.annotate(stored=Cast(F(name), TextField()))


def _ciphertexts(model: type[Model], name: str, *, after: Any) -> list[tuple[Any, str]]:
    rows = _raw(model, name).exclude(stored="").exclude(stored__isnull=True)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.order_by("pk").values_list("pk", "stored")[:BATCH])


def _rotate_one(model: type[Model], name: str, pk: Any, stored: str) -> str:
    try:
        fresh = encrypted_anew(stored)
    except SecretUnreadable:
        return UNREADABLE
    if fresh is None:
        return CURRENT
    unchanged = _raw(model, name).filter(pk=pk, stored=stored)
    if unchanged.update(**{name: Value(fresh, output_field=TextField())}):
        return CHANGED
    # It was renewed or deleted meanwhile; who renewed it may have been started with the old keys.
    newer = _raw(model, name).filter(pk=pk).values_list("stored", flat=True).first()
    return _rotate_one(model, name, pk, newer) if newer else CURRENT
