"""Who is told what: decided from who is assigned, who acted, and what the person has chosen."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone

from inbox import notes, notifying, timeline, warning, working
from inbox.models import ConversationEvent, Preferences
from inbox.notifications import Choice, Event, check_notifications, choices_of, differing
from inbox.sending import line
from tests.factories import make_agent
from tests.pages.rows import make_conversation, reply, write

pytestmark = pytest.mark.django_db
EVERYTHING = {event.value: {"shows": True, "rings": True} for event in Event}


@pytest.fixture
def ana():
    return make_agent("ana", first_name="Ana")


@pytest.fixture
def ben():
    return make_agent("ben", first_name="Ben")


@pytest.fixture
def ayu():
    return make_conversation("Ayu")


def told(user, act) -> list[str]:
    """What `user` is told of what `act` does."""
    before = timeline.cursor_now()
    act()
    notices = notifying.notices_for(user, timeline.lines_after(before), at=timezone.now())
    return [notice.event.value for notice in notices]


def assign(conversation, to, by):
    working.assign(user=by, conversation_id=conversation.pk, assignee=to, at=timezone.now())


def prefer(user, **chosen) -> None:
    Preferences.objects.update_or_create(user_id=user.pk, defaults=chosen)


def test_a_customers_message_is_told_to_the_assignee_or_while_unassigned_to_everyone(ana, ben, ayu):
    assert told(ana, lambda: write(ayu)) == ["message_unassigned"]
    assign(ayu, ana, ben)
    assert told(ana, lambda: write(ayu)) == ["message_mine"]
    assert told(ben, lambda: write(ayu)) == []
    prefer(ben, notifications=EVERYTHING)
    assert told(ben, lambda: write(ayu)) == ["message_any"]


def test_what_lists_bring_of_earlier_days_is_no_news(ana, ayu):
    assert told(ana, lambda: write(ayu, at=timezone.now() - timedelta(hours=3))) == []


def test_being_given_a_conversation_is_told_and_taking_one_is_not(ana, ben, ayu):
    assert told(ana, lambda: assign(ayu, ana, ben)) == ["assigned"]
    assert told(ben, lambda: assign(ayu, ben, ben)) == []


def test_a_reply_that_failed_or_was_never_confirmed_is_told_to_its_author(ana, ben, ayu):
    write(ayu)
    message = reply(ayu, ana)
    for kind in ("reply_failed", "reply_unconfirmed"):

        def fail(kind=kind):
            timeline.record([line(message, kind, at=timezone.now())])

        assert told(ana, fail) == ["trouble"]
        assert told(ben, fail) == []


def test_a_note_that_names_somebody_is_told_to_them_alone(ana, ben, ayu):
    def mention(text="Can you look, @ana?", by=ben):
        notes.add(user=by, conversation_id=ayu.pk, text=text, at=timezone.now())

    assert told(ana, mention) == ["mentioned"]
    assert told(ben, mention) == []
    assert told(make_agent("cem"), mention) == []
    assert told(ana, lambda: mention("Nothing for anybody")) == []
    assert told(ana, lambda: mention("Note to self, @ana", by=ana)) == []


def test_a_window_that_closes_is_told_to_the_assignee_else_to_everyone_on_duty(ana, ben, ayu):
    def close_to_its_end():
        write(ayu, at=timezone.now() - timedelta(hours=47, minutes=30))
        warning.warn_of_closing(at=timezone.now())

    assert told(ana, close_to_its_end) == ["closing"]
    assign(ayu, ana, ben)
    before = timeline.cursor_now()
    close_to_its_end_again = make_conversation("Budi", assignee=ana)
    write(close_to_its_end_again, at=timezone.now() - timedelta(hours=47, minutes=30))
    warning.warn_of_closing(at=timezone.now())
    lines = timeline.lines_after(before)

    def events(user):
        return [one.event.value for one in notifying.notices_for(user, lines, at=timezone.now())]

    assert (events(ana), events(ben)) == (["closing"], [])
    prefer(ana, on_duty=False)
    assert (events(ana), events(ben)) == ([], ["closing"])


def test_nobody_is_told_of_what_they_may_not_see(ayu):
    stranger = make_agent("stranger", permissions=("inbox.view_label",))
    assert told(stranger, lambda: write(ayu)) == []


def test_showing_and_ringing_are_chosen_apart(ana, ayu):
    prefer(ana, notifications={"message_unassigned": {"shows": False, "rings": True}})
    before = timeline.cursor_now()
    write(ayu, "Is it in stock?")
    (notice,) = notifying.notices_for(ana, timeline.lines_after(before), at=timezone.now())
    assert (notice.shows, notice.rings) == (False, True)
    assert (notice.title, notice.text, notice.conversation_id) == ("Ayu", "Is it in stock?", ayu.pk)
    prefer(ana, notifications={"message_unassigned": {"shows": False, "rings": False}})
    assert told(ana, lambda: write(ayu)) == []


def test_of_a_flood_only_the_newest_few_are_told(ana, ayu):
    assert len(told(ana, lambda: [write(ayu, f"line {number}") for number in range(20)])) == notifying.AT_ONCE


@pytest.mark.parametrize(
    ("begins", "ends", "hour", "is_quiet"),
    [
        (22, 7, 23, True),
        (22, 7, 6, True),
        (22, 7, 7, False),
        (22, 7, 12, False),
        (12, 13, 12, True),
        (9, 9, 9, False),
    ],
)
def test_quiet_hours_also_reach_across_midnight(ana, begins, ends, hour, is_quiet):
    preferences = Preferences(user=ana, quiet_from=time(begins), quiet_until=time(ends))
    at = datetime(2026, 8, 1, hour, tzinfo=UTC)
    assert notifying.is_quiet(preferences, at=at) is is_quiet
    with timezone.override("Asia/Jakarta"):  # seven hours later: the person's own clock counts
        assert notifying.is_quiet(preferences, at=at - timedelta(hours=7)) is is_quiet


def test_in_quiet_hours_nothing_is_told(ana, ayu):
    now = timezone.localtime()
    prefer(ana, quiet_from=(now - timedelta(hours=1)).time(), quiet_until=(now + timedelta(hours=1)).time())
    assert told(ana, lambda: write(ayu)) == []


def test_the_live_answer_brings_the_notices(client, ana, ayu):
    client.force_login(ana)
    before = timeline.cursor_now()
    write(ayu, "Hello <b>")
    answer = client.get("/inbox/live/", {"after": before}, headers={"HX-Request": "true"}).text
    number = ConversationEvent.objects.latest("id").pk
    assert f'<li data-number="{number}" data-event="message_unassigned"' in answer
    assert "data-shows>Hello &lt;b&gt;</li>" in answer


@pytest.mark.parametrize(
    "chosen",
    [
        [],
        {"rain": {"shows": True, "rings": True}},
        {"assigned": {"shows": True}},
        {"assigned": {"shows": 1, "rings": 0}},
    ],
)
def test_nothing_else_is_stored(chosen):
    with pytest.raises(Exception, match="Notifications are events"):
        check_notifications(chosen)


def test_only_what_differs_is_remembered():
    assert differing(choices_of({})) == {}
    assert differing(choices_of({}) | {Event.ASSIGNED: Choice(shows=True, rings=False)}) == {
        "assigned": {"shows": True, "rings": False}
    }


class TestPage:
    @pytest.fixture(autouse=True)
    def _logged_in(self, client, ana):
        client.force_login(ana)

    def test_choices_quiet_hours_and_duty_are_kept(self, client, ana):
        asked = {"assigned-shows": "on", "quiet_from": "22:00", "quiet_until": "07:00"}
        assert client.post("/inbox/preferences/notifications/", asked).status_code == 302
        kept = Preferences.objects.get(user=ana)
        assert kept.notifications["assigned"] == {"shows": True, "rings": False}
        assert (kept.on_duty, kept.quiet_from, kept.quiet_until) == (False, time(22), time(7))

    def test_half_of_quiet_hours_is_refused_in_words(self, client):
        answer = client.post("/inbox/preferences/notifications/", {"quiet_from": "22:00"})
        assert (answer.status_code, "Give both times" in answer.text) == (422, True)
        assert not Preferences.objects.exists()

    def test_the_switch_in_the_account_menu_leads_back(self, client, ana):
        answer = client.post("/inbox/duty/", {"on_duty": "no", "next": "/inbox/?view=mine"})
        assert answer["Location"] == "/inbox/?view=mine"
        assert not Preferences.objects.get(user=ana).on_duty
        assert "off duty" in client.get("/inbox/").text
        assert (
            client.post("/inbox/duty/", {"on_duty": "yes", "next": "https://elsewhere.test/"})["Location"]
            == "/inbox/"
        )
        assert Preferences.objects.get(user=ana).on_duty
