"""Followers of the timeline: each line once and in order, also after a crash."""

import pytest
from django.utils import timezone

from inbox import timeline, timeline_readers
from inbox.models import ConversationEvent, TimelineReader
from tests.factories import make_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture
def tell():
    """Write a line to the timeline."""
    conversation = make_conversation()

    def tell(word: str) -> None:
        kind = ConversationEvent.Kind.CONTACT_CHANGED
        timeline.record([timeline.about(conversation, kind, at=timezone.now(), word=word)])

    return tell


def read(reader: str, words: list[str]) -> int:
    return timeline_readers.follow(reader, take=lambda lines: words.extend(line.data["word"] for line in lines))


def test_a_new_reader_begins_with_what_happens_from_then_on(tell):
    words: list[str] = []
    tell("before")
    assert read("rules", words) == 0
    tell("after")
    assert read("rules", words) == 1
    assert read("rules", words) == 0
    assert words == ["after"]


def test_each_reader_has_a_cursor_of_its_own(tell):
    one: list[str] = []
    other: list[str] = []
    read("one", one)
    read("other", other)
    tell("first")
    read("one", one)
    tell("second")
    read("one", one)
    read("other", other)
    assert one == other == ["first", "second"]


def test_what_failed_is_read_again_and_nothing_of_it_has_happened(tell):
    read("rules", [])
    tell("first")
    before = TimelineReader.objects.get().line

    def fail(lines):
        tell("undone")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        timeline_readers.follow("rules", take=fail)
    assert TimelineReader.objects.get().line == before
    words: list[str] = []
    read("rules", words)
    assert words == ["first"]


def test_a_reader_may_write_to_the_timeline_and_reads_that_later(tell):
    read("rules", [])
    tell("first")
    timeline_readers.follow("rules", take=lambda lines: tell("second"))
    words: list[str] = []
    read("rules", words)
    assert words == ["second"]
