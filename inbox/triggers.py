# ruff: noqa: S608  # all of this SQL is written here: nothing from outside is in it
"""What the database itself keeps right, in the statement that changes what it follows from.

Guarantee: whoever writes a message, a note, a name or a referral, and however (`bulk_create`, plain SQL), the
search finds it as soon as it is committed, and `Conversation.waiting_since` is right whenever the copy of the last
message is.

The triggers are written after each migration. On SQLite they are taken away before: there a migration remakes
tables, which drops their triggers, and stops at another table's trigger that names a table just being remade.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections

# What SQLite compares as a space. PostgreSQL does so with all that is neither letter nor digit.
MARKS = "\t\n\r!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# Scripts that are written without spaces, and symbols: PostgreSQL indexes each of these characters as a word.
WIDE = (
    r"[\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u2300-\u27BF\u2E80-\uA4CF\uAC00-\uD7FF\uF900-\uFAFF"
    r"\U0001F000-\U0003FFFF]"
)


@dataclass(frozen=True)
class Source:
    """A table whose rows belong to a conversation, and the words by which a row is found."""

    kind: str
    table: str
    columns: tuple[str, ...]
    copied: bool = True  # whether the entry keeps the words as they were

    def words(self, row: str) -> str:
        """The words of `row`, in SQL."""
        return " || ' ' || ".join(f"{row}.{column}" for column in self.columns)


SOURCES = [
    Source("message", "inbox_message", ("text",), copied=False),
    Source("referral", "inbox_referral", ("ref", "ad_name", "ad_id", "prefilled_message")),
    Source("note", "inbox_note", ("text",)),
]

# The names of a contact, and the customer's oldest message after our last answer, in SQL.
NAMES = (
    "(SELECT display_name || ' ' || username FROM inbox_contact WHERE id = {contact})"
    " || coalesce((SELECT {joined} FROM inbox_contactusername WHERE contact_id = {contact}), '')"
)
WAITING = """(
    SELECT theirs.occurred_at FROM inbox_message theirs
    WHERE theirs.conversation_id = {conversation} AND theirs.direction = 'inbound'
      AND theirs.occurred_at > coalesce((
        SELECT ours.occurred_at FROM inbox_message ours
        WHERE ours.conversation_id = {conversation} AND ours.direction = 'outbound'
          AND ours.source <> 'automatic' AND ours.state NOT IN ('failed', 'cancelled')
        ORDER BY ours.occurred_at DESC, ours.id DESC LIMIT 1), {never})
    ORDER BY theirs.occurred_at, theirs.id LIMIT 1)"""
ANSWERS_OR_NOT = (
    "new.direction = 'outbound'"
    " AND (old.state IN ('failed', 'cancelled')) <> (new.state IN ('failed', 'cancelled'))"
)


def write_after_migrating(sender: Any, using: str, **_: Any) -> None:
    """Receives `post_migrate`: write the triggers, unless the migrations stopped before them."""
    connection = connections[using]
    if "inbox_searchentry" in connection.introspection.table_names():
        write(connection)


def drop_before_migrating(sender: Any, using: str, **_: Any) -> None:
    """Receives `pre_migrate`: take the triggers away, on SQLite."""
    connection = connections[using]
    if connection.vendor == "sqlite":
        drop(connection)


def drop(connection: Any) -> None:
    """Take the triggers away."""
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgresql:
            cursor.execute(
                "SELECT tgname, tgrelid::regclass FROM pg_trigger WHERE starts_with(tgname, 'reply48_')"
            )
        else:
            cursor.execute(
                "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'reply48_*'"
            )
        for name, table in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {name}{f' ON {table}' if is_postgresql else ''}")


def write(connection: Any) -> None:
    """Make the triggers as they are described here; safe to run any number of times."""
    statements = _for_postgresql if connection.vendor == "postgresql" else _for_sqlite
    with connection.cursor() as cursor:
        for statement in statements(_sources(connection)):
            cursor.execute(statement)


def fill(connection: Any) -> None:
    """Write what the triggers would have written for the rows that are there already."""
    is_postgresql = connection.vendor == "postgresql"
    compared = _compared_on_postgresql if is_postgresql else _compared_on_sqlite
    with connection.cursor() as cursor:
        for source in _sources(connection):
            cursor.execute(_entries(source, f"{source.table} source", compared))
        names = _names("source.contact_id", is_postgresql=is_postgresql)
        cursor.execute(_contact_entries("inbox_conversation source", names, compared(names)))
        never = "'-infinity'" if is_postgresql else "''"
        waiting = WAITING.format(conversation="inbox_conversation.id", never=never)
        cursor.execute(f"UPDATE inbox_conversation SET waiting_since = {waiting}")


def _sources(connection: Any) -> list[Source]:
    """The sources whose tables there are: an early migration has fewer."""
    tables = connection.introspection.table_names()
    return [source for source in SOURCES if source.table in tables]


def _entries(source: Source, rows: str, compared: Any) -> str:
    """INSERT the entries of `rows`, each called `source`."""
    words = source.words("source")
    said = words if source.copied else "''"
    return (
        "INSERT INTO inbox_searchentry (conversation_id, kind, source_id, said, text) "
        f"SELECT source.conversation_id, '{source.kind}', source.id, {said}, {compared(words)} "
        f"FROM {rows} WHERE trim({words}) <> '' ORDER BY source.id"
    )


def _contact_entries(rows: str, names: str, compared: str) -> str:
    return (
        "INSERT INTO inbox_searchentry (conversation_id, kind, source_id, said, text) "
        f"SELECT source.id, 'contact', source.contact_id, {names}, {compared} FROM {rows} ORDER BY source.id"
    )


def _names(contact: str, *, is_postgresql: bool) -> str:
    joined = (
        "string_agg(' ' || username, '' ORDER BY id)" if is_postgresql else "group_concat(' ' || username, '')"
    )
    return "(" + NAMES.format(contact=contact, joined=joined) + ")"


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────


def _compared_on_postgresql(words: str) -> str:
    return f"inbox_search_text({words})"


def _for_postgresql(sources: list[Source]) -> Iterator[str]:
    yield from functions_of_postgresql()
    for source in sources:
        yield from _source_on_postgresql(source)
    names = _names("source.contact_id", is_postgresql=True)
    body = _contact_entries("added source", names, _compared_on_postgresql(names))
    yield _function("inbox_index_conversations", f"{body}; RETURN NULL;")
    yield _trigger(
        "reply48_index_conversations",
        "AFTER INSERT ON inbox_conversation REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        "inbox_index_conversations",
    )
    for table, event, contact in (
        ("inbox_contact", "UPDATE OF display_name, username", "NEW.id"),
        ("inbox_contactusername", "INSERT", "NEW.contact_id"),
    ):
        names = _names(contact, is_postgresql=True)
        update = (
            f"UPDATE inbox_searchentry SET said = {names}, text = {_compared_on_postgresql(names)} "
            f"WHERE kind = 'contact' AND source_id = {contact}"
        )
        changed = "WHEN ((OLD.display_name, OLD.username) IS DISTINCT FROM (NEW.display_name, NEW.username))"
        yield _function(f"{table}_names", f"{update}; RETURN NULL;")
        when = changed if table == "inbox_contact" else ""
        yield _trigger("reply48_names", f"AFTER {event} ON {table} FOR EACH ROW {when}", f"{table}_names")
    waiting = WAITING.format(conversation="NEW.id", never="'-infinity'")
    yield _function("inbox_copy_waiting", f"NEW.waiting_since := {waiting}; RETURN NEW;")
    yield _trigger(
        "reply48_waiting",
        "BEFORE UPDATE OF last_message_id ON inbox_conversation FOR EACH ROW",
        "inbox_copy_waiting",
    )
    waiting = WAITING.format(conversation="NEW.conversation_id", never="'-infinity'")
    update = f"UPDATE inbox_conversation SET waiting_since = {waiting} WHERE id = NEW.conversation_id"
    yield _function("inbox_copy_waiting_of_message", f"{update}; RETURN NULL;")
    yield _trigger(
        "reply48_waiting",
        f"AFTER UPDATE OF state ON inbox_message FOR EACH ROW WHEN ({ANSWERS_OR_NOT})",
        "inbox_copy_waiting_of_message",
    )


def _source_on_postgresql(source: Source) -> Iterator[str]:
    name = f"inbox_index_{source.kind}"
    yield _function(f"{name}_added", f"{_entries(source, 'added source', _compared_on_postgresql)}; RETURN NULL;")
    yield _trigger(
        "reply48_index_added",
        f"AFTER INSERT ON {source.table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        f"{name}_added",
    )
    gone = "DELETE FROM inbox_searchentry WHERE kind = '{kind}' AND source_id {those}"
    yield _function(
        f"{name}_gone",
        gone.format(kind=source.kind, those="IN (SELECT id FROM gone)") + "; RETURN NULL;",
    )
    yield _trigger(
        "reply48_index_gone",
        f"AFTER DELETE ON {source.table} REFERENCING OLD TABLE AS gone FOR EACH STATEMENT",
        f"{name}_gone",
    )
    again = _entries(source, "(SELECT NEW.*) source", _compared_on_postgresql)
    yield _function(
        f"{name}_changed",
        gone.format(kind=source.kind, those="= NEW.id") + f"; {again}; RETURN NULL;",
    )
    yield _trigger(
        "reply48_index_changed",
        f"AFTER UPDATE OF {', '.join(source.columns)} ON {source.table} FOR EACH ROW "
        f"WHEN ({source.words('OLD')} IS DISTINCT FROM {source.words('NEW')})",
        f"{name}_changed",
    )


def functions_of_postgresql() -> Iterator[str]:
    """How PostgreSQL makes the text that is compared, and the pattern that looks for words in such a text.

    Words of one or two letters are looked for as whole words, all others also inside of words: an index of three
    letters each serves both.
    """
    yield f"""
        CREATE OR REPLACE FUNCTION inbox_search_spaced(said text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT string_agg(CASE
                WHEN letter !~ '{WIDE}' THEN letter
                WHEN letter ~ '[[:alnum:]]' THEN ' ' || letter || ' '
                WHEN ascii(letter) >= 8960 THEN ' u' || to_hex(ascii(letter)) || ' '
                ELSE ' ' END, '' ORDER BY place)
            FROM unnest(string_to_array(said, NULL)) WITH ORDINALITY AS each(letter, place)
        $$"""
    yield f"""
        CREATE OR REPLACE FUNCTION inbox_search_text(said text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT ' ' || btrim(regexp_replace(lower(
                CASE WHEN said ~ '{WIDE}' THEN inbox_search_spaced(said) ELSE said END
            ), '[^[:alnum:]]+', ' ', 'g')) || ' '
        $$"""
    yield """
        CREATE OR REPLACE FUNCTION inbox_search_pattern(wanted text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT '%' || CASE WHEN words ~ '^[^ ]{1,2}( |$)' THEN ' ' ELSE '' END || words
                || CASE WHEN words ~ '(^| )[^ ]{1,2}$' THEN ' ' ELSE '' END || '%'
            FROM (SELECT btrim(inbox_search_text(wanted)) AS words) AS compared
        $$"""


def _function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _trigger(name: str, when: str, function: str) -> str:
    return f"CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION {function}()"


# ── SQLite ────────────────────────────────────────────────────────────────────────────────────────────


def _compared_on_sqlite(words: str) -> str:
    # In steps of eight, each a SELECT of its own: SQLite's parser doesn't go deeper.
    compared = f"SELECT lower({words}) AS said"
    replaced = [*MARKS, "  ", "  ", "  "]
    for step in range(0, len(replaced), 8):
        part = "said"
        for mark in replaced[step : step + 8]:
            written = f"char({ord(mark)})" if mark in "\t\n\r'" else f"'{mark}'"
            part = f"replace({part}, {written}, ' ')"
        compared = f"SELECT {part} AS said FROM ({compared})"
    return f"(SELECT ' ' || trim(said) || ' ' FROM ({compared}))"


def _for_sqlite(sources: list[Source]) -> Iterator[str]:
    for source in sources:
        yield from _source_on_sqlite(source)
    names = _names("new.contact_id", is_postgresql=False)
    entry = _contact_entries("(SELECT new.id, new.contact_id) source", names, _compared_on_sqlite(names))
    yield _trigger_on_sqlite("index_conversation", "AFTER INSERT ON inbox_conversation", entry)
    for table, event, contact in (
        ("inbox_contact", "UPDATE OF display_name, username", "new.id"),
        ("inbox_contactusername", "INSERT", "new.contact_id"),
    ):
        names = _names(contact, is_postgresql=False)
        update = (
            f"UPDATE inbox_searchentry SET said = {names}, text = {_compared_on_sqlite(names)} "
            f"WHERE kind = 'contact' AND source_id = {contact}"
        )
        yield _trigger_on_sqlite(f"names_of_{table}", f"AFTER {event} ON {table}", update)
    update = "UPDATE inbox_conversation SET waiting_since = {waiting} WHERE id = {conversation}"
    for name, event, conversation in (
        ("waiting", "AFTER UPDATE OF last_message_id ON inbox_conversation", "new.id"),
        (
            "waiting_of_message",
            f"AFTER UPDATE OF state ON inbox_message WHEN {ANSWERS_OR_NOT}",
            "new.conversation_id",
        ),
    ):
        waiting = WAITING.format(conversation=conversation, never="''")
        yield _trigger_on_sqlite(name, event, update.format(waiting=waiting, conversation=conversation))
    indexed = "INSERT INTO inbox_searchentry_text (rowid, text) VALUES (new.id, new.text)"
    forgotten = (
        "INSERT INTO inbox_searchentry_text (inbox_searchentry_text, rowid, text) "
        "VALUES ('delete', old.id, old.text)"
    )
    yield _trigger_on_sqlite("entry_added", "AFTER INSERT ON inbox_searchentry", indexed)
    yield _trigger_on_sqlite("entry_gone", "AFTER DELETE ON inbox_searchentry", forgotten)
    yield _trigger_on_sqlite(
        "entry_changed", "AFTER UPDATE OF text ON inbox_searchentry", f"{forgotten}; {indexed}"
    )


def _source_on_sqlite(source: Source) -> Iterator[str]:
    columns = ", ".join(("id", "conversation_id", *source.columns))
    row = ", ".join(f"new.{column} AS {column}" for column in columns.split(", "))
    added = _entries(source, f"(SELECT {row}) source", _compared_on_sqlite)
    gone = f"DELETE FROM inbox_searchentry WHERE kind = '{source.kind}' AND source_id = old.id"
    yield _trigger_on_sqlite(f"{source.kind}_added", f"AFTER INSERT ON {source.table}", added)
    yield _trigger_on_sqlite(f"{source.kind}_gone", f"AFTER DELETE ON {source.table}", gone)
    changed = f"{source.words('old')} <> {source.words('new')}"
    yield _trigger_on_sqlite(
        f"{source.kind}_changed",
        f"AFTER UPDATE OF {', '.join(source.columns)} ON {source.table} WHEN {changed}",
        f"{gone}; {added}",
    )


def _trigger_on_sqlite(name: str, event: str, body: str) -> str:
    return f"CREATE TRIGGER IF NOT EXISTS reply48_{name} {event} BEGIN {body}; END"
