"""Making, editing and removing links: what is refused, and what an edit does to the addresses that were shared."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels_tiktok import connecting, dependents
from channels_tiktok.models import Channel
from inbox import following
from messagelinks import linking, listing
from messagelinks.linking import LinkRefused
from messagelinks.models import LinkVersion, MessageLink
from tests.factories import NOW, make_channel, make_conversation
from tests.messagelinks.making import arrive, follow, make_link

pytestmark = pytest.mark.django_db


def refusal_of(**fields) -> dict[str, str]:
    values = {"title": "Bio", "ref": "", "message": "Hi"} | fields
    with pytest.raises(LinkRefused) as refused:
        linking.create(channel=make_channel(), actor=None, at=NOW, **values)
    assert not MessageLink.objects.exists()
    return refused.value.errors


@pytest.mark.parametrize("title", ["", "  ", "\0"])
def test_a_title_is_required(title):
    assert refusal_of(title=title) == {"title": "A link needs a title. Customers never see it."}


@pytest.mark.parametrize("ref", ["two words", "caf\u00e9", "a&b", "a+b", "a.b", "a/b", "a%3Db", "\u0661"])
def test_a_tag_has_only_characters_that_tiktok_takes(ref):
    assert "no spaces" in refusal_of(ref=ref)["ref"]


def test_a_tag_has_at_most_60_characters():
    assert refusal_of(ref="x" * 61)["ref"].endswith("this one has 61.")
    assert linking.current_version(make_link(ref="x" * 60)).ref == "x" * 60


@pytest.mark.parametrize("message", ["", "   ", "\n"])
def test_a_message_is_required(message):
    assert "message" in refusal_of(message=message)


def test_a_message_has_at_most_500_characters():
    assert refusal_of(message="x" * 501)["message"].endswith("this one has 501.")
    assert "500 are possible" in refusal_of(message="👩‍👩‍👧" * 101)["message"]
    make_link(message="🎉" * 500)


def test_what_is_no_character_is_refused_in_words():
    assert "message" in refusal_of(message="half \ud83c")
    assert "title" in refusal_of(title="half \ud83c")


def test_a_browsers_line_breaks_are_one_character_each():
    version = linking.current_version(make_link(message="one\r\ntwo\rthree"))
    assert version.message == "one\ntwo\nthree"


def test_every_wrong_field_is_told_at_once():
    assert set(refusal_of(title="", ref="a b", message="")) == {"title", "ref", "message"}


def test_a_tag_may_stay_blank_and_may_be_used_twice():
    channel = make_channel()
    first = make_link(channel, "One", ref="", message="a")
    second = make_link(channel, "Two", ref="", message="b")
    assert not linking.others_with_ref(channel_id=channel.pk, ref="", besides=first)
    for link, text in ((first, "a"), (second, "b")):
        linking.edit(link=link, ref="same", message=text, actor=None, at=NOW)
    assert list(linking.others_with_ref(channel_id=channel.pk, ref="same", besides=first)) == [second]


def test_one_address_twice_is_refused_and_says_whose_it_is():
    channel = make_channel()
    make_link(channel, "Bio")
    with pytest.raises(LinkRefused, match="“Bio” has this address already"):
        make_link(channel, "Again")
    make_link(make_channel(), "Elsewhere")


def test_an_edit_of_the_title_alone_keeps_the_address():
    link = make_link()
    edited = linking.edit(link=link, title="Instagram bio", actor=None, at=NOW)
    assert (edited.has_changed, edited.former) == (True, None)
    assert link.versions.count() == 1
    link.refresh_from_db()
    assert link.title == "Instagram bio"


@pytest.mark.parametrize("change", [{"ref": "bio2"}, {"message": "Hello"}])
def test_an_edit_of_tag_or_message_makes_a_new_version_and_keeps_the_old_one(change):
    link = make_link()
    old = linking.current_version(link)
    edited = linking.edit(link=link, actor=None, at=NOW, **change)
    new = linking.current_version(link)
    assert (edited.former, new.number, new.made_at) == (old, 2, NOW)
    assert linking.address(new) != linking.address(old)
    old.refresh_from_db()
    assert (old.is_current, old.ref, old.message) == (False, "bio", "Hi, I'd like a table")


def test_editing_back_makes_the_earlier_version_current_again():
    link = make_link()
    linking.edit(link=link, message="Hello", actor=None, at=NOW)
    linking.edit(link=link, message="Hi, I'd like a table", actor=None, at=NOW)
    assert list(link.versions.values_list("number", "is_current")) == [(2, False), (1, True)]
    linking.edit(link=link, message="Third", actor=None, at=NOW)
    assert linking.current_version(link).number == 3


def test_nothing_changed_is_nothing_done():
    link = make_link()
    assert not linking.edit(link=link, title="Bio", actor=None, at=NOW).has_changed


def test_a_changed_username_marks_the_address_as_changed_until_staff_have_replaced_it():
    link = make_link()
    Channel.objects.update(username="kopi.new")
    [listed] = listing.listed(listing.with_versions(MessageLink.objects.all()))
    assert listed.current.url.startswith("https://tiktok.me/kopi.new?")
    assert listed.current.former_url.startswith("https://tiktok.me/kopi.corner?")
    link = MessageLink.objects.select_related("channel").get()
    assert linking.follow_username(link=link)
    [listed] = listing.listed(listing.with_versions(MessageLink.objects.all()))
    assert listed.current.former_url == ""
    assert not linking.follow_username(link=link)


def test_a_channel_that_was_removed_gets_no_links():
    channel = make_channel()
    Channel.objects.update(status="removed")
    with pytest.raises(LinkRefused, match="connect it again"):
        make_link(channel)


def test_removing_a_channel_says_how_many_links_go_and_deletes_them_and_their_arrivals_stay(tiktok):
    channel = make_channel(at=timezone.now())
    make_link(channel, "One")
    make_link(channel, "Two", ref="two")
    kept = make_link(make_channel(at=timezone.now()))
    conversation = make_conversation(channel)
    arrive(conversation)
    assert "2 message links, deleted here" in dependents.what_stops(channel)
    connecting.remove(channel=channel, actor=None, at=timezone.now())
    following.follow_channels(at=timezone.now())
    follow()
    assert list(MessageLink.objects.all()) == [kept]
    conversation.refresh_from_db()
    assert conversation.referral.ref == "bio"
    assert linking.what_stops(channel) == []


def test_links_that_were_made_after_the_account_came_back_stay(tiktok):
    at = timezone.now()
    channel = make_channel(at=at)
    make_link(channel, "Before", at=at - timedelta(days=1))
    connecting.remove(channel=channel, actor=None, at=at)
    following.follow_channels(at=at)
    Channel.objects.update(status="disconnected")
    make_link(channel, "After", ref="after", at=at + timedelta(minutes=1))
    follow()
    assert list(MessageLink.objects.values_list("title", flat=True)) == ["After"]


def test_a_removed_link_is_gone_with_its_versions_and_arrivals_keep_the_raw_ref():
    link = make_link()
    conversation = make_conversation(link.channel)
    arrive(conversation)
    follow()
    assert conversation.arrivals.get().version.link == link
    assert linking.remove(link=link)
    assert not linking.remove(link=link)
    assert not LinkVersion.objects.exists()
    arrive(conversation, at=NOW + timedelta(hours=1))
    follow()
    assert list(conversation.arrivals.values_list("version", "ref")) == [(None, "bio")] * 2
    conversation.refresh_from_db()
    assert conversation.referral.ref == "bio"


def test_a_link_made_anew_does_not_inherit_what_the_removed_one_brought():
    link = make_link()
    conversation = make_conversation(link.channel)
    arrive(conversation, at=NOW - timedelta(hours=1))
    follow()
    linking.remove(link=link)
    make_link(link.channel, at=NOW)
    arrive(conversation, at=NOW + timedelta(hours=1))
    follow()
    numbers = conversation.arrivals.order_by("arrived_at").values_list("version__number", flat=True)
    assert list(numbers) == [None, 1]


def test_places_are_kept_as_they_were_written():
    link = make_link()
    assert linking.note_places(link=link, places=" Instagram bio\r\nTable cards ")
    assert not linking.note_places(link=link, places="Instagram bio\nTable cards")
    link.refresh_from_db()
    assert link.places == "Instagram bio\nTable cards"
    with pytest.raises(LinkRefused):
        linking.note_places(link=link, places="x" * 5001)
