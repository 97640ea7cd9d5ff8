"""Saved views through the API."""

import pytest
from django.contrib.auth.models import Permission

from inbox import saved_views
from inbox.models import SavedView

pytestmark = pytest.mark.django_db

URL = "/api/v1/saved-views/"


def test_a_view_is_saved_listed_changed_and_removed(api, agent):
    made = api.post(URL, {"name": "Free", "query": "assignee:none", "sort": "newest"})
    assert made.status_code == 201
    view = made.json()
    assert view == {
        "id": SavedView.objects.get().pk,
        "name": "Free",
        "query": "assignee:none",
        "sort": "newest",
        "shared": False,
        "owner": view["owner"],
    }
    assert view["owner"]["id"] == agent.pk
    assert api.get(URL).json()["results"] == [view]
    address = f"{URL}{view['id']}/"
    assert api.patch(address, {"name": "Nobody's"}).json()["name"] == "Nobody's"
    assert api.get(address).json()["query"] == "assignee:none"
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "", "query": "a"}, "name"),
        ({"name": "N", "query": ""}, "query"),
        ({"name": "N", "query": "colour:red"}, "query"),
        ({"name": "N", "query": "a", "sort": "sideways"}, "sort"),
        ({"query": "a"}, "name"),
    ],
)
def test_what_cannot_be_saved_is_answered_400(api, given, field):
    answer = api.post(URL, given)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]


def test_sharing_needs_its_permission_and_others_views_are_not_there(api, agent, teammate):
    private = saved_views.save(user=teammate, name="Private", query="a")
    assert api.get(f"{URL}{private.pk}/").status_code == 404
    assert api.post(URL, {"name": "Ours", "query": "a", "shared": True}).status_code == 403
    agent.user_permissions.add(Permission.objects.get(codename="share_savedview"))
    made = api.post(URL, {"name": "Ours", "query": "a", "shared": True})
    assert (made.status_code, made.json()["shared"]) == (201, True)
