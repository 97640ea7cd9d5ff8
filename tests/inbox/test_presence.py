"""Who is seen where: told by the live question, gone soon after it stops, and never where they may not look."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from inbox import presence, timeline
from inbox.models import Presence
from inbox.presence import Sign
from tests.factories import NOW, make_agent, make_conversation

pytestmark = pytest.mark.django_db


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.fixture
def ana(db):
    return make_agent("ana", first_name="Ana")


@pytest.fixture
def ben(db):
    return make_agent("ben", first_name="Ben")


@pytest.fixture
def conversation(db):
    return make_conversation()


def seen_by(user, *, at) -> list[tuple[str, bool]]:
    return [(one.agent.username, one.is_typing) for one in presence.others(user=user, at=at)]


def test_a_colleague_sees_who_looks_and_who_types(ana, ben, conversation):
    presence.tell(user=ana, sign=Sign(conversation.pk), at=NOW)
    assert seen_by(ben, at=NOW) == [("ana", False)]
    presence.tell(user=ana, sign=Sign(conversation.pk, is_typing=True), at=NOW + seconds(1))
    assert seen_by(ben, at=NOW + seconds(2)) == [("ana", True)]
    assert seen_by(ana, at=NOW + seconds(2)) == []


def test_who_stops_typing_is_seen_viewing_and_who_stops_asking_is_not_seen_within_20_seconds(
    ana, ben, conversation
):
    presence.tell(user=ana, sign=Sign(conversation.pk, is_typing=True), at=NOW)
    assert seen_by(ben, at=NOW + seconds(7)) == [("ana", False)]
    assert seen_by(ben, at=NOW + seconds(20)) == []


def test_another_page_of_the_same_person_does_not_end_their_typing(ana, ben, conversation):
    presence.tell(user=ana, sign=Sign(conversation.pk, is_typing=True), at=NOW)
    presence.tell(user=ana, sign=Sign(conversation.pk), at=NOW + seconds(1))
    assert seen_by(ben, at=NOW + seconds(1)) == [("ana", True)]
    presence.stop_typing(user=ana, conversation_id=conversation.pk)
    assert seen_by(ben, at=NOW + seconds(1)) == [("ana", False)]


def test_news_changes_with_what_others_do_and_not_with_what_i_do(ana, ben, conversation):
    def version(at):
        return presence.news(agent_id=ben.pk, sign=Sign(conversation.pk), at=at).version

    assert version(NOW) == ""
    presence.tell(user=ben, sign=Sign(conversation.pk), at=NOW)
    assert version(NOW) == ""
    presence.tell(user=ana, sign=Sign(conversation.pk), at=NOW)
    looking = version(NOW)
    presence.tell(user=ana, sign=Sign(conversation.pk), at=NOW + seconds(9))
    assert looking == version(NOW + seconds(9)) != ""
    presence.tell(user=ana, sign=Sign(conversation.pk, is_typing=True), at=NOW + seconds(9))
    assert version(NOW + seconds(9)) not in (looking, "")
    presence.leave(user=ana)
    assert version(NOW + seconds(9)) == ""


def test_a_sign_is_told_again_only_every_few_seconds(ana, conversation):
    def is_told(sign, at):
        return presence.news(agent_id=ana.pk, sign=sign, at=at).is_told

    looking, typing = Sign(conversation.pk), Sign(conversation.pk, is_typing=True)
    assert is_told(Sign(), NOW)
    assert not is_told(looking, NOW)
    presence.tell(user=ana, sign=looking, at=NOW)
    assert is_told(looking, NOW + seconds(7))
    assert not is_told(typing, NOW + seconds(1))
    assert not is_told(looking, NOW + seconds(9))


def test_nobody_is_seen_where_they_may_not_look_and_nobody_sees_more_than_they_may(ana, conversation):
    stranger = make_agent("stranger", permissions=("inbox.view_label",))
    presence.tell(user=stranger, sign=Sign(conversation.pk), at=NOW)
    assert not Presence.objects.exists()
    presence.tell(user=ana, sign=Sign(conversation.pk), at=NOW)
    assert presence.others(user=stranger, at=NOW) == []


def test_old_signs_are_forgotten(ana, conversation):
    presence.tell(user=ana, sign=Sign(conversation.pk), at=NOW)
    assert presence.forget_old(at=NOW + timedelta(minutes=9)) == 0
    assert presence.forget_old(at=NOW + timedelta(minutes=11)) == 1


# ── On the live question ──────────────────────────────────────────────────────────────────────────────


def browser_of(user) -> Client:
    client = Client(headers={"HX-Request": "true"})
    client.force_login(user)
    return client


def ask(client: Client, conversation, **asked):
    after = asked.pop("after") if "after" in asked else timeline.cursor_now()
    asked = {"after": after, "conversation": conversation.pk, "looking": 1, "presence": ""} | asked
    return client.get("/inbox/live/", {name: value for name, value in asked.items() if value is not None})


def version_in(answer) -> str:
    return answer.text.split('data-version="')[1].split('"')[0]


def test_the_page_is_told_who_came_and_then_there_is_nothing_new(ana, ben, conversation):
    theirs, mine = browser_of(ben), browser_of(ana)
    assert ask(mine, conversation).status_code == 204
    answer = ask(theirs, conversation)
    assert "Ana is viewing" in answer.text
    assert ask(theirs, conversation, presence=version_in(answer)).status_code == 204
    ask(mine, conversation, typing=1)
    assert "Ana is typing a reply" in ask(theirs, conversation, presence=version_in(answer)).text


def test_a_page_that_stays_writes_nothing_and_costs_one_query(ana, conversation, django_assert_num_queries):
    mine = browser_of(ana)
    ask(mine, conversation)
    cursor = timeline.cursor_now()
    with django_assert_num_queries(1):
        assert ask(mine, conversation, after=cursor).status_code == 204


def test_a_page_that_nobody_looks_at_says_so(ana, conversation):
    ask(browser_of(ana), conversation, looking=None)
    assert not Presence.objects.exists()


def test_leaving_and_logging_out_are_seen_at_once(ana, conversation):
    mine = browser_of(ana)
    ask(mine, conversation)
    assert mine.post(f"/inbox/{conversation.pk}/leave/").status_code == 204
    assert not Presence.objects.exists()
    ask(mine, conversation)
    assert Presence.objects.count() == 1
    mine.post("/logout/")
    assert not Presence.objects.exists()
    assert ask(mine, conversation).status_code == 401  # and no sign comes from a page that is still open
    assert not Presence.objects.exists()


def test_what_is_known_for_a_moment_tells_nobody_anything(ana, ben, conversation):
    mine = browser_of(ana)
    ask(mine, conversation)
    cursor = timeline.cursor_now()
    ana.is_active = False
    ana.save()
    timeline.record([timeline.about(conversation, "contact_changed", at=timezone.now())])
    assert ask(mine, conversation, after=cursor).status_code == 401
