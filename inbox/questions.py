"""A question with one to three buttons: TikTok's question card (docs/tiktok-api.md 3.1, 4.4).

The customer's tap comes back as a text of theirs that names the card and the button. The limits are TikTok's;
the database holds them, too (`reply_question_has_one_to_three_buttons`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from inbox.models.message import BUTTON_LIMIT, MOST_BUTTONS, QUESTION_LIMIT
from inbox.refusals import BadReply


@dataclass(frozen=True)
class Question:
    """What a card asks, and the answers that it offers."""

    title: str
    buttons: tuple[str, ...]

    def as_template(self) -> dict[str, Any]:
        """The card as TikTok takes it, and as its message keeps it. A button's id says which one was tapped."""
        return {
            "type": "QA_BUTTON_CARD",
            "title": self.title,
            "buttons": [
                {"type": "REPLY", "title": title, "id": f"choice_{number}"}
                for number, title in enumerate(self.buttons, start=1)
            ],
        }


def checked(title: str, buttons: Iterable[str]) -> Question:
    """Make a question of what was filled in; empty buttons are left out. Raises BadReply."""
    question = Question(_tidy(title), tuple(label for label in map(_tidy, buttons) if label))
    if not question.title:
        raise BadReply("question", _("Write the question first."))
    if len(question.title) > QUESTION_LIMIT:
        raise BadReply(
            "question",
            _("TikTok takes a question of at most %(limit)s characters; this has %(length)s.")
            % {"limit": QUESTION_LIMIT, "length": len(question.title)},
        )
    _check_buttons(question.buttons)
    return question


def _check_buttons(buttons: tuple[str, ...]) -> None:
    if not buttons:
        raise BadReply("buttons", _("A question needs at least one button to tap."))
    if len(buttons) > MOST_BUTTONS:
        raise BadReply("buttons", _("A question has at most three buttons."))
    for label in buttons:
        if len(label) > BUTTON_LIMIT:
            raise BadReply(
                "buttons",
                _("A button has at most %(limit)s characters; “%(label)s” has %(length)s.")
                % {"limit": BUTTON_LIMIT, "label": label, "length": len(label)},
            )
    if len(set(buttons)) < len(buttons):
        raise BadReply("buttons", _("Two buttons say the same. Let each say something else."))


def _tidy(text: str) -> str:
    """One line without what can't be sent."""
    return " ".join(text.replace("\x00", "").split())


def read(content: Any) -> list[Question]:
    """The questions of a card, in either of TikTok's two dialects (docs/tiktok-api.md 3.3, 4.4)."""
    if not isinstance(content, Mapping):
        return []
    elements = content.get("elements")
    cards = elements if isinstance(elements, list) else [content]
    return [_read(card) for card in cards if isinstance(card, Mapping) and card.get("title")]


def _read(card: Mapping[str, Any]) -> Question:
    buttons = card.get("buttons")
    found = [one for one in buttons if isinstance(one, Mapping)] if isinstance(buttons, list) else []
    labels = (str(one.get("text") or one.get("title") or "") for one in found)
    return Question(str(card["title"]), tuple(label for label in labels if label))
