"""`make messages`: gather the texts that are marked for translation, keep locale/ in step, compile it.

What is new in the sources comes into each `django.po` untranslated, what is gone leaves it; nothing is guessed.
Needs Babel, not GNU gettext (docs/translating.md).
"""

import io
from collections.abc import Iterator
from pathlib import Path

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("config", "channels_tiktok", "inbox", "messagelinks", "leads", "spamreports")
ONE: tuple[int, ...] | None = None
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop", "stored"), ONE),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}


def gather() -> Catalog:
    """Every text that is marked for translation in the sources and the templates."""
    catalog = Catalog(project="Reply48", fuzzy=False)
    for code in _python():
        for _line, words, _comments, context in extract("python", code, keywords=KEYWORDS):
            catalog.add(words, context=context)
    return catalog


def _python() -> Iterator[io.BytesIO]:
    """The Python sources, and the templates as Django makes Python of them for this purpose."""
    for source in sorted(path for name in SOURCES for path in (ROOT / name).rglob("*.py")):
        if "migrations" not in source.parts:
            yield io.BytesIO(source.read_bytes())
    for template in sorted([*(ROOT / "templates").rglob("*.html"), *(ROOT / "templates").rglob("*.txt")]):
        yield io.BytesIO(f"(\n{templatize(template.read_text())}\n)".encode())


def read(path: Path) -> Catalog:
    """A catalogue of locale/."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name)


def compiled(catalog: Catalog) -> bytes:
    """The bytes of its `django.mo`."""
    into = io.BytesIO()
    write_mo(into, catalog)
    return into.getvalue()


def update(path: Path, texts: Catalog) -> int:
    """Bring one catalogue in step with the sources, compile it; give how many of its texts lack a translation."""
    catalog = read(path)
    texts.creation_date = catalog.creation_date  # a catalogue changes when a text does
    catalog.update(texts, no_fuzzy_matching=True, update_header_comment=False)
    with path.open("wb") as file:
        write_po(file, catalog, width=115, no_location=True, sort_output=True, ignore_obsolete=True)
    path.with_suffix(".mo").write_bytes(compiled(read(path)))
    return sum(not all(one.string if one.pluralizable else [one.string]) for one in catalog if one.id)


def main() -> None:
    settings.configure()
    django.setup()
    texts = gather()
    for path in sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po")):
        missing = update(path, texts)
        print(f"{path.relative_to(ROOT)}: {len(texts)} texts, {missing} to translate")


if __name__ == "__main__":
    main()
