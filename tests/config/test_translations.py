"""Every text that people read is marked for translation, and Spanish has them all."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from bin import messages
from channels_tiktok import error_sentences, health
from channels_tiktok.connecting import SCOPES, ConnectingFailed
from channels_tiktok.errors import TikTokError
from channels_tiktok.tokens import permission_missing
from config.sentences import translated
from inbox import delivering

CATALOGUES = sorted((settings.BASE_DIR / "locale").glob("*/LC_MESSAGES/django.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{\w*(?::[^}]*)?\}|<[^>]+>|\b[a-z]+:[a-z]+\b")
# What a reader of any language finds as it is.
BARE = {"Reply48"}
REFUSALS = {
    *("BadReply", "BadChange", "BadView", "BadNote", "ReplyRefused", "Overtaken", "NameRefused", "Conflict"),
    *("ValidationError", "PermissionDenied", "NotFound", "ParseError", "Ignored", "Unreadable", "NotShowable"),
    *(one.__name__ for one in [*TikTokError.__subclasses__(), *ConnectingFailed.__subclasses__()]),
}


@pytest.fixture(params=CATALOGUES, ids=lambda path: path.parent.parent.name)
def path(request) -> Path:
    return request.param


def of(catalogue: Any) -> list[Any]:
    return [one for one in catalogue if one.id]


def strings(one: Any) -> list[str]:
    return list(one.string) if one.pluralizable else [one.string]


def test_each_language_that_can_be_chosen_besides_english_has_a_catalogue():
    translations = [path.parent.parent.name for path in CATALOGUES]
    assert [code for code, _name in settings.LANGUAGES if code != "en"] == translations


def test_a_catalogue_has_the_texts_of_the_sources_and_no_others(path):
    told = lambda catalogue: {(one.context, one.id) for one in of(catalogue)}  # noqa: E731
    assert told(messages.read(path)) == told(messages.gather()), "`make messages` brings it in step"


def test_every_text_is_translated_and_no_translation_is_a_guess(path):
    catalogue = messages.read(path)
    assert [one.id for one in of(catalogue) if one.fuzzy or not all(strings(one))] == []
    forms = [one.id for one in of(catalogue) if one.pluralizable and len(one.string) != catalogue.num_plurals]
    assert forms == []


def test_every_translation_has_the_placeholders_of_its_text(path):
    wrong = []
    for one in of(messages.read(path)):
        texts = one.id if one.pluralizable else [one.id]
        given = [sorted(PLACEHOLDER.findall(text)) for text in texts]
        wrong += [one.id for string in strings(one) if sorted(PLACEHOLDER.findall(string)) not in given]
    assert wrong == []


def test_every_translation_begins_and_ends_with_the_space_and_the_stop_of_its_text(path):
    def edges(text: str) -> tuple[bool, bool, bool]:
        return text[:1] == " ", text[-1:] == " ", text[-1:] in ".:"

    ones = [(one.id[0] if one.pluralizable else one.id, one) for one in of(messages.read(path))]
    assert [text for text, one in ones if any(edges(string) != edges(text) for string in strings(one))] == []


def test_what_is_compiled_is_what_is_written(path):
    assert path.with_suffix(".mo").read_bytes() == messages.compiled(messages.read(path)), "run `make messages`"


def test_templates_hold_no_words_that_are_not_marked():
    found = []
    for template in sorted((settings.BASE_DIR / "templates").rglob("*.html")):
        text = template.read_text()
        for hidden in (r"\{#.*?#\}", r"\{% blocktrans.*?endblocktrans\w* %\}"):
            text = re.sub(hidden, " ", text, flags=re.DOTALL)
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "·", text, flags=re.DOTALL)
        texts = re.findall(r'\b(?:aria-label|title|placeholder|alt)="([^"]*)"', text)
        texts = [words for words in texts if not re.fullmatch(r"(Ctrl|Shift|Enter|\+)+", words)]
        body = "" if template.name == "swagger_ui.html" else re.sub(r"<[^>]*>", " ", text)
        texts += re.findall(r"[A-Za-z][A-Za-z0-9’' ]*[A-Za-z0-9]", body)
        found += [
            f"{template.name}: {words}" for words in texts if re.search("[A-Z][a-z]", words) and words not in BARE
        ]
    assert found == []


def test_no_refusal_is_raised_with_a_bare_sentence():
    bare = []
    for source in [path for name in messages.SOURCES for path in (settings.BASE_DIR / name).rglob("*.py")]:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = getattr(node.exc.func, "attr", getattr(node.exc.func, "id", ""))
                parts = [part for given in node.exc.args for part in (given, *getattr(given, "values", []))]
                said = [getattr(part, "value", "") for part in parts if isinstance(part, ast.Constant)]
                if name in REFUSALS and any(isinstance(words, str) and " " in words for words in said):
                    bare.append(f"{source.name}:{node.lineno}")
    assert bare == []


@pytest.mark.parametrize("sentence", sorted({*error_sentences.SENTENCES.values(), delivering.TOO_LATE}))
def test_what_was_stored_is_read_in_the_readers_language(sentence):
    with translation.override("es"):
        assert translated(sentence) not in ("", sentence)
    with translation.override("en"):
        assert translated(sentence) == sentence


def test_a_stored_sentence_keeps_its_facts_and_tiktoks_own_words():
    refused = health.AND_SAYS.format(sentence=error_sentences.SENTENCES[40003], said="No permission for this.")
    missing = permission_missing(["message.list.send"])
    assert SCOPES["message.list.send"] in missing
    with translation.override("es"):
        told = translated(f"{refused}\n{missing}\nSomething that nobody wrote here.")
    assert told.splitlines() == [
        "TikTok no permite esto. TikTok dice: «No permission for this.»",
        "En TikTok se retiró este permiso: “Enviar mensajes directos”. Conecta la cuenta de nuevo con todas las "
        "casillas marcadas.",
        "Something that nobody wrote here.",
    ]
