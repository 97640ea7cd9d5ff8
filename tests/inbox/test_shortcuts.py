"""Keys: the defaults agree with each other, and what people choose instead can't lock anything out."""

import pytest
from django.core.exceptions import ValidationError

from inbox import shortcuts
from inbox.models import Preferences
from inbox.shortcuts import ACTIONS, check_shortcuts, complaints, keys_of
from tests.factories import make_agent


def test_the_defaults_are_the_ones_that_hands_know():
    wanted = {
        "next": "j",
        "previous": "k",
        "open": "o",
        "back": "u",
        "reply": "r",
        "note": "n",
        "assign": "a",
        "assign-me": "i",
        "close": "e",
        "close-next": "Shift+e",
        "snooze": "z",
        "unread": "Shift+u",
        "select": "x",
        "select-all": "* a",
        "label": "l",
        "report": "!",
        "search": "/",
        "palette": "Mod+k",
        "help": "?",
        "undo": "Mod+z",
        "go-inbox": "g i",
        "go-mine": "g m",
        "go-unassigned": "g u",
        "go-channels": "g c",
        "go-reports": "g r",
    }
    assert keys_of({}) == wanted
    assert complaints(wanted) == {}


@pytest.mark.parametrize("keys", ["b", "Shift+b", "g x", "* b", "Mod+j", "Mod+Shift+j", "ł", "ж", "ö", "", "]"])
def test_what_can_be_chosen(keys):
    assert complaints(keys_of({"close": keys})) == {}


@pytest.mark.parametrize(
    "keys", ["Alt+e", "Mod+Alt+e", "Shift+Enter", "Enter", "b c d", " ", "Mod+t", "Mod+c", "Mod+x y", "bb"]
)
def test_what_can_not(keys):
    assert list(complaints(keys_of({"close": keys}))) == ["close"]


@pytest.mark.parametrize("keys", ["j", "g", "g i", "* a", "*", "Mod+k"])
def test_no_two_actions_share_keys_and_none_waits_behind_another(keys):
    assert {"close"} < set(complaints(keys_of({"close": keys})))


def test_who_swaps_two_keys_may():
    assert complaints(keys_of({"close": "a", "assign": "e"})) == {}


@pytest.mark.parametrize("chosen", [[], "j", {"fly": "f"}, {"close": 1}, {"close": "j"}, {"close": "Alt+e"}])
def test_nothing_else_is_stored(chosen):
    with pytest.raises(ValidationError):
        check_shortcuts(chosen)


def test_keys_in_words_and_for_the_ear():
    assert [shortcuts.spoken(keys) for keys in ("j", "Shift+u", "g i", "Mod+k")] == [
        "J",
        "Shift + U",
        "G then I",
        "Ctrl/⌘ + K",
    ]
    assert [shortcuts.for_aria(keys) for keys in ("j", "Shift+u", "g i", "Mod+k", "")] == [
        "J",
        "Shift+U",
        "",
        "Control+K Meta+K",
        "",
    ]


@pytest.mark.django_db
class TestPage:
    @pytest.fixture
    def ana(self, client):
        user = make_agent("ana")
        client.force_login(user)
        return user

    def chosen(self, ana) -> Preferences:
        return Preferences.objects.get(user=ana)

    def test_keys_are_chosen_and_the_page_listens_to_them(self, client, ana):
        wanted = keys_of({}) | {"close": "Shift+d", "note": "", "shortcuts_on": "on"}
        assert client.post("/inbox/preferences/keys/", wanted).status_code == 302
        assert self.chosen(ana).shortcuts == {"close": "Shift+d", "note": ""}
        html = client.get("/inbox/").text
        assert "&quot;keys&quot;: &quot;Shift+d&quot;" in html
        assert "<kbd>Shift + D</kbd>" in client.get("/inbox/keys/").text

    def test_a_clash_is_said_at_the_field_and_nothing_is_stored(self, client, ana):
        wanted = keys_of({}) | {"close": "j", "shortcuts_on": "on"}
        answer = client.post("/inbox/preferences/keys/", wanted)
        assert answer.status_code == 422
        assert "“Next conversation” has these keys." in answer.text
        assert not Preferences.objects.exists()

    def test_all_can_be_switched_off_and_reset(self, client, ana):
        client.post("/inbox/preferences/keys/", keys_of({"close": "d"}))
        assert not self.chosen(ana).shortcuts_on
        assert 'data-on="no"' in client.get("/inbox/").text
        client.post("/inbox/preferences/keys/", {"reset": "1"})
        assert self.chosen(ana).shortcuts == {}

    def test_the_help_names_every_action(self, client, ana):
        html = client.get("/inbox/keys/").text
        assert all(str(action.label) in html for action in ACTIONS.values())
        assert "<html" not in client.get("/inbox/keys/", headers={"HX-Request": "true"}).text
