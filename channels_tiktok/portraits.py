"""Copies of the pictures that people and accounts show on TikTok.

Guarantee: what is kept is a square JPEG of ours, made from whatever TikTok's address gave (`media.portrait`). One
worker fetches a picture at a time; its row keeps the former one until the new one is stored. TikTok's addresses
end after a time (docs/tiktok-api.md 2, 3.3), so a picture is fetched soon after its address was told.

The rows are the queue: any model with `picture`, `picture_url` and `picture_fetch_at`.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Model, QuerySet

from channels_tiktok import errors, files
from channels_tiktok.client import tiktok
from channels_tiktok.media import NotShowable, portrait

logger = logging.getLogger(__name__)

URL_LENGTH = 2083  # characters
LEASE = timedelta(minutes=2)  # longer than the worker lets a task run
PAUSE = timedelta(hours=1)  # after trouble at TikTok
LIMIT = 5 * 1024 * 1024  # bytes


def news(row: Any, url: str, *, at: datetime) -> dict[str, Any]:
    """What to write into `row` when TikTok shows its picture at `url`; empty if that picture is here already.

    The same picture comes with another `x-expires` each time: only the path tells another one.
    """
    is_other = urlsplit(url).path != urlsplit(row.picture_url).path
    if not url or len(url) > URL_LENGTH or not (is_other or not (row.picture or row.picture_fetch_at)):
        return {}
    return {"picture_url": url, "picture_fetch_at": at}


def due(model: type[Model], *, at: datetime) -> QuerySet[Any]:
    """The rows whose picture is to be fetched."""
    return model._default_manager.filter(picture_fetch_at__lte=at)


def fetch(model: type[Model], pk: int, *, at: datetime, tell: Callable[[Any], None] = lambda row: None) -> bool:
    """Claim one row's picture, copy it, settle it; False if somebody else was faster.

    `tell` is called in the transaction that keeps the picture.
    """
    if not due(model, at=at).filter(pk=pk).update(picture_fetch_at=at + LEASE):
        return False
    row: Any = model._default_manager.get(pk=pk)
    mine = model._default_manager.filter(pk=pk, picture_url=row.picture_url, picture_fetch_at=at + LEASE)
    try:
        picture = portrait(tiktok().fetch_media(row.picture_url, limit=LIMIT).content)
    except (errors.Refused, NotShowable) as reason:
        logger.info("the picture of %s %s can't be had: %s", model._meta.model_name, pk, reason)
        mine.update(picture_fetch_at=None)  # TikTok's next word brings another address, and another attempt
        return True
    except errors.TikTokError:
        mine.update(picture_fetch_at=at + PAUSE)
        return True
    except Exception:  # whatever one picture does to its decoder, the others go on
        logger.exception("the picture of %s %s could not be examined", model._meta.model_name, pk)
        mine.update(picture_fetch_at=None)
        return True
    storage, former = row.picture.storage, row.picture.name
    files.write(row.picture, picture)
    with transaction.atomic():
        kept = mine.update(picture=row.picture.name, picture_fetch_at=None)
        if kept:
            tell(row)
    unwanted = former if kept else row.picture.name
    if unwanted:
        storage.delete(unwanted)
    return True
