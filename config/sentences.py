"""Sentences that are kept in the database: written in English, shown in the language of whoever reads them.

A worker writes why a reply failed long before somebody reads it, and two people may read it in two languages. So
what is stored is the English sentence with its facts filled in (logs and commands say the same), and
`translated` puts it into another language where it is shown (docs/translating.md).
"""

import functools
import re

from django.utils.translation import get_language, gettext

SENTENCE = "sentence"  # the fact that is itself a stored sentence

_stored: set[str] = set()


def stored(sentence: str) -> str:
    """Mark a sentence for translation that will be stored, and give it back; `{facts}` are filled in with format.

    To be called when a module is loaded, with the sentence itself: `make messages` reads it there.
    """
    _stored.add(sentence)
    return sentence


def translated(text: str) -> str:
    """Give what was stored, a sentence a line, in the reader's language; what nobody translated as it is."""
    if not text or (get_language() or "en").startswith("en"):
        return text
    return "\n".join(_translated(line) for line in text.split("\n"))


def _translated(line: str) -> str:
    words = gettext(line) if line else ""
    if words != line:
        return words
    for sentence, pattern in _patterns(frozenset(_stored)):
        if found := pattern.fullmatch(line):
            facts = {
                name: _translated(fact) if name == SENTENCE else _names(fact)
                for name, fact in found.groupdict().items()
            }
            return gettext(sentence).format(**facts)
    return line


def _names(fact: str) -> str:
    """A fact with what it quotes of ours translated: the names of permissions. TikTok's own words stay."""
    return re.sub(
        "“([^”]+)”", lambda quoted: f"“{gettext(quoted[1])}”" if quoted[1] in _stored else quoted[0], fact
    )


@functools.lru_cache(maxsize=1)
def _patterns(sentences: frozenset[str]) -> list[tuple[str, re.Pattern[str]]]:
    """How each sentence with facts looks when it is filled in; the one with the most words of its own first."""
    with_facts = [sentence for sentence in sentences if "{" in sentence]
    with_facts.sort(key=lambda sentence: len(re.sub(r"\{\w+\}", "", sentence)), reverse=True)
    return [(sentence, _pattern(sentence)) for sentence in with_facts]


def _pattern(sentence: str) -> re.Pattern[str]:
    """`{name}` stands for anything; where it comes again, for the same."""
    expression, seen = "", set[str]()
    for words, fact in re.findall(r"([^{]*)(?:\{(\w+)\})?", sentence):
        expression += re.escape(words)
        if fact:
            expression += f"(?P={fact})" if fact in seen else f"(?P<{fact}>.*)"
            seen.add(fact)
    return re.compile(expression, re.DOTALL)
