"""Clear away the pictures of replies that were cancelled or failed long ago.

Guarantee: a file goes only when the last row that names it is one of those. A second attempt shares the file of
the first (`inbox/sending.py`), so rows are counted while their conversation is locked, the row forgets the file in
that transaction, and the file is deleted after it; a crash in between leaves a file that nobody names.
"""

from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils.translation import gettext_noop

from config.tasks import ring
from inbox import access
from inbox.models import Attachment, Message

KEPT_FOR = timedelta(days=30)  # as long as an agent may want to send it after all
BATCH = 100
NOT_KEPT = gettext_noop("It was not sent, so it was kept here for 30 days only.")
NOT_SENT = (Message.State.FAILED, Message.State.CANCELLED)


def clear_pictures(*, at: datetime) -> int:
    """Clear away pictures that were not sent, up to a hundred, and ring for more; give how many there were."""
    old = Attachment.objects.filter(
        message__kind=Message.Kind.IMAGE,
        message__source=Message.Source.AGENT,
        message__state__in=NOT_SENT,
        message__queued_at__lt=at - KEPT_FOR,
        state=Attachment.State.STORED,
    )
    found = list(old.order_by("message__queued_at", "id").values_list("pk", "message__conversation")[:BATCH])
    for attachment_id, conversation_id in found:
        with transaction.atomic():
            access.lock_conversation(conversation_id)
            _clear(attachment_id)
    if len(found) == BATCH:
        ring("inbox.tasks.clear_pictures_not_sent")
    return len(found)


def _clear(attachment_id: int) -> None:
    attachment = Attachment.objects.select_related("message").get(pk=attachment_id)
    if attachment.message.state not in NOT_SENT:  # its echo came after all
        return
    others = Attachment.objects.exclude(pk=attachment_id)
    for field in ("file", "thumbnail"):
        kept = getattr(attachment, field)
        if kept and not others.filter(**{field: kept.name}).exists():
            transaction.on_commit(partial(kept.storage.delete, kept.name))
    Attachment.objects.filter(pk=attachment_id).update(
        file="", thumbnail="", state=Attachment.State.FAILED, error=NOT_KEPT
    )
