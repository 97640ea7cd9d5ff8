"""The dialogs that ask a question and share a post, as pages and as pieces."""

import pytest
from django.utils import timezone

from inbox import posts, questions
from inbox.models import Message, Post, PostList
from tests.factories import make_agent, make_channel, make_conversation, make_inbound, make_reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def ayu():
    at = timezone.now()
    channel = make_channel("Coffee shop", at=at)
    channel.credential.scopes = "message.list.send,video.list"
    channel.credential.save()
    conversation = make_conversation(channel, at=at)
    make_inbound(conversation, at=at)
    return conversation


def our_replies():
    return Message.objects.filter(source="agent").order_by("id")


def make_posts(channel, number):
    at = timezone.now()
    PostList.objects.create(channel=channel, asked_at=at, read_at=at)
    for place in range(number):
        Post.objects.create(
            channel=channel, item_id=f"70000{place}", caption=f"Post {place:02}", posted_at=at, seen_at=at
        )


# ── A question ────────────────────────────────────────────────────────────────────────────────────────


def test_the_composer_leads_to_both_dialogs(agent, ayu):
    page = agent.get(f"/inbox/{ayu.pk}/").content.decode()
    assert f'href="/inbox/{ayu.pk}/question/' in page
    assert f'href="/inbox/{ayu.pk}/post/' in page


def test_without_a_script_the_dialog_is_a_page_that_leads_back_to_the_thread(agent, ayu):
    page = agent.get(f"/inbox/{ayu.pk}/question/").content.decode()
    assert "Ask Ayu a question" in page
    assert "0/40" in page
    assert "Uses 1 of 10 replies." in page
    answer = agent.post(f"/inbox/{ayu.pk}/question/", {"title": "Which?", "button": ["Blue", "", "Red"]})
    assert (answer.status_code, answer["Location"]) == (302, f"/inbox/{ayu.pk}/")
    [reply] = our_replies()
    assert questions.read(reply.content) == [questions.Question("Which?", ("Blue", "Red"))]
    assert reply.deliver_at > reply.queued_at, "there is time for an undo"
    thread = agent.get(f"/inbox/{ayu.pk}/").content.decode()
    assert '<p class="card-title">Which?</p>' in thread
    assert "Red</li>" in thread
    assert "Which?" in agent.get("/inbox/").content.decode(), "the list tells what was asked"


def test_without_a_script_a_refusal_keeps_what_was_typed(agent, ayu):
    answer = agent.post(f"/inbox/{ayu.pk}/question/", {"title": "Q" * 41, "button": ["Blue", "Green"]})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "this has 41." in page
    assert "Q" * 41 in page
    assert 'value="Green"' in page


def test_with_the_script_the_dialog_hears_why_not(script, ayu):
    answer = script.post(
        f"/inbox/{ayu.pk}/question/", {"title": "Which?", "button": [], "conversation": ayu.pk, "after": 0}
    )
    assert answer.status_code == 422
    assert b'id="dialog-error"' in answer.content
    assert b"at least one button" in answer.content
    assert not our_replies()


def test_a_closed_window_is_said_in_the_dialog_and_by_the_server(agent, script, ayu):
    Message.objects.filter(conversation=ayu).update(occurred_at=timezone.now())
    ayu.channel.status = "disconnected"
    ayu.channel.save()
    assert "disconnected" in agent.get(f"/inbox/{ayu.pk}/question/").content.decode()
    answer = script.post(f"/inbox/{ayu.pk}/question/", {"title": "Which?", "button": ["Blue"]})
    assert answer.status_code == 409
    assert not our_replies()


def test_a_question_that_a_colleague_overtook_is_held_and_goes_anyway(script, ayu, ben):
    newest = ayu.messages.get().pk
    make_reply(ayu, ben, "I have it.", at=timezone.now())
    asked = {"title": "Which?", "button": ["Blue"], "newest": newest}
    held = script.post(f"/inbox/{ayu.pk}/question/", asked)
    assert held.status_code == 409
    assert b"Ben Okafor answered" in held.content
    assert b'name="anyway"' in held.content
    assert script.post(f"/inbox/{ayu.pk}/question/", {**asked, "anyway": "1"}).status_code == 200
    assert our_replies().count() == 2


def test_what_was_taken_back_can_be_changed_and_asked_again(agent, script, ayu):
    agent.post(f"/inbox/{ayu.pk}/question/", {"title": "Which?", "button": ["Blue", "Red"]})
    reply = our_replies().get()
    script.post(f"/inbox/messages/{reply.pk}/cancel/")
    page = agent.get(f"/inbox/{ayu.pk}/").content.decode()
    assert f"/inbox/{ayu.pk}/question/?from={reply.pk}" in page
    form = agent.get(f"/inbox/{ayu.pk}/question/?from={reply.pk}").content.decode()
    assert 'value="Which?"' in form
    assert 'value="Red"' in form


def test_who_may_not_reply_may_not_ask(client, ayu):
    client.force_login(make_agent("eve", permissions=("inbox.view_conversation",)))
    for address in ("question", "post", "posts", "posts/state"):
        assert client.get(f"/inbox/{ayu.pk}/{address}/").status_code == 403


# ── A post ────────────────────────────────────────────────────────────────────────────────────────────


def test_posts_are_chosen_searched_and_loaded_page_by_page(agent, script, ayu):
    make_posts(ayu.channel, 14)
    page = agent.get(f"/inbox/{ayu.pk}/post/").content.decode()
    assert page.count('type="radio"') == 12
    assert "Load more" in page
    after = posts.page_of(ayu.channel, words="", after="", size=12)[1]
    more = script.get(f"/inbox/{ayu.pk}/posts/?after={after}").content.decode()
    assert more.count('type="radio"') == 2
    assert "<fieldset" not in more
    found = script.get(f"/inbox/{ayu.pk}/posts/?q=post 03").content.decode()
    assert found.count('type="radio"') == 1
    assert "No caption has these words." in script.get(f"/inbox/{ayu.pk}/posts/?q=zebra").content.decode()


def test_a_chosen_post_is_queued_and_shown(agent, ayu):
    make_posts(ayu.channel, 2)
    agent.post(f"/inbox/{ayu.pk}/post/", {"post": "700001"})
    [reply] = our_replies()
    assert (reply.kind, reply.content["item_id"]) == ("share_post", "700001")
    assert "Post 01" in agent.get(f"/inbox/{ayu.pk}/").content.decode()


def test_nothing_chosen_is_said(script, ayu):
    make_posts(ayu.channel, 2)
    assert script.post(f"/inbox/{ayu.pk}/post/", {}).status_code == 422
    assert not our_replies()


def test_while_the_list_is_read_for_the_first_time_the_dialog_waits_by_itself(script, ayu):
    dialog = script.get(f"/inbox/{ayu.pk}/post/").content.decode()
    assert "Reading the account’s posts from TikTok…" in dialog
    assert f'hx-get="/inbox/{ayu.pk}/posts/state/' in dialog
    make_posts_after(ayu.channel)
    state = script.get(f"/inbox/{ayu.pk}/posts/state/?shown=").content.decode()
    assert 'hx-trigger="load"' in state, "now they are there: it fetches them"


def make_posts_after(channel):
    at = timezone.now()
    Post.objects.create(channel=channel, item_id="7", caption="Newest", posted_at=at, seen_at=at)
    PostList.objects.update(read_at=at)


def test_newer_posts_are_offered_and_not_pushed_under_the_agents_hand(script, ayu):
    make_posts(ayu.channel, 2)
    shown = posts.page_of(ayu.channel, words="", after="", size=1)[0][0].pk
    make_posts_after(ayu.channel)
    assert "Show newer posts" in script.get(f"/inbox/{ayu.pk}/posts/state/?shown={shown}").content.decode()


def test_a_missing_permission_is_said_with_who_can_give_it(agent, ayu):
    ayu.channel.credential.scopes = "message.list.send"
    ayu.channel.credential.save()
    page = agent.get(f"/inbox/{ayu.pk}/post/").content.decode()
    assert "the permission “video.list” is missing" in page
    assert 'name="post"' not in page
    assert not PostList.objects.exists(), "nobody is asked in vain"


def test_a_posts_picture_is_for_those_who_may_see_the_channel(agent, client, ayu):
    make_posts(ayu.channel, 1)
    post = Post.objects.get()
    assert agent.get(f"/inbox/posts/{post.pk}/picture/").status_code == 404, "it is not there yet"
    client.force_login(make_agent("eve", permissions=()))
    assert client.get(f"/inbox/posts/{post.pk}/picture/").status_code == 403


def test_the_dialog_costs_the_same_for_any_number_of_posts(agent, ayu, django_assert_num_queries):
    make_posts(ayu.channel, 3)
    agent.get(f"/inbox/{ayu.pk}/post/")
    with django_assert_num_queries(11):
        agent.get(f"/inbox/{ayu.pk}/post/")
    for place in range(9):
        at = timezone.now()
        Post.objects.create(channel=ayu.channel, item_id=f"8{place}", posted_at=at, seen_at=at)
    with django_assert_num_queries(11):
        agent.get(f"/inbox/{ayu.pk}/post/")
