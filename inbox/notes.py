"""What happens when a colleague writes a note.

Guarantee: a note, the colleagues whom it names and its timeline line commit together. It becomes no message and
rings no delivery, so it never leaves to TikTok; no window, quota or disconnected channel stands in its way.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inbox import access, drafts, timeline
from inbox.models import ConversationEvent, Note, NoteMention
from inbox.people import assignable
from inbox.search_operators import register_operator
from inbox.working import BadChange

LONGEST = 10_000  # characters
# A word of what Django allows in a username, after a space or a bracket: an address isn't one.
MENTION = re.compile(r"""(?<![^\s(\["'“‘,;:])@([\w.@+-]+)""")


def add(*, user: Any, conversation_id: int, text: str, at: datetime, ends_draft: bool = False) -> Note:
    """Write a note of `user` into the conversation, and tell who is named in it.

    Raises BadChange, PermissionDenied or Conversation.DoesNotExist.
    """
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise BadChange("text", _("Write something first."))
    if "\x00" in text:
        raise BadChange("text", _("The text holds a character that can't be stored."))
    if len(text) > LONGEST:
        raise BadChange(
            "text", _("A note has at most 10,000 characters; this has %(n)s.") % {"n": f"{len(text):,}"}
        )
    with transaction.atomic():
        conversation = access.lock_conversation_for(user, conversation_id, permission=access.CHANGE)
        note = Note.objects.create(conversation=conversation, author=user, text=text, created_at=at)
        named = list(mentioned_in(text))
        NoteMention.objects.bulk_create(NoteMention(note=note, person=person) for person in named)
        if ends_draft:
            drafts.drop_note(user=user, conversation_id=conversation_id)
        more = {"mentioned": [person.pk for person in named]} if named else {}
        line = timeline.about(conversation, ConversationEvent.Kind.NOTE_ADDED, at=at, **more)
        line.actor, line.note = user, note
        timeline.record([line])
    return note


def mentioned_in(text: str) -> Iterable[User]:
    """The colleagues whom `@username` names, whatever its case. The end of a sentence is no part of a name."""
    names = {spelling for word in MENTION.findall(text) for spelling in spellings(word)}
    if not names:
        return []
    return assignable().alias(lower=Lower("username")).filter(lower__in=names)


def spellings(word: str) -> Iterable[str]:
    """The usernames that `word`, as it follows an @, may mean: itself, and without what ends a sentence."""
    while word:
        yield word.lower()
        shorter = word.rstrip(".@+-")
        word = shorter if shorter != word else ""


def _has_note(value: str, user: Any) -> Q:
    return Q(Exists(Note.objects.filter(conversation=OuterRef("pk"))))


def _is_mentioned(value: str, user: Any) -> Q:
    named = NoteMention.objects.filter(person_id=user.pk, note__conversation=OuterRef("pk"))
    return Q(Exists(named))


register_operator("has:note", condition=_has_note, explain=gettext_lazy("with a note"))
register_operator("is:mentioned", condition=_is_mentioned, explain=gettext_lazy("in which a note names you"))
