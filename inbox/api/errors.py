"""What the inbox's own refusals are called in HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework.exceptions import ValidationError

from config.rest import Conflict
from inbox.saved_views import BadView
from inbox.sending import BadReply
from inbox.windows import ReplyRefused
from inbox.working import BadChange


@contextmanager
def refusals_answered() -> Iterator[None]:
    """Answer 409 to what the rules don't allow, and 400 to what can't be."""
    try:
        yield
    except ReplyRefused as refusal:
        raise Conflict(refusal.code, refusal.sentence) from refusal
    except (BadReply, BadChange, BadView) as error:
        raise ValidationError({error.field: [error.sentence]}) from error
