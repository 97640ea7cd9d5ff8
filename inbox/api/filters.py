"""How a list of conversations is narrowed down. A value that means nothing is refused, never ignored."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError

from inbox import access, search, workspace
from inbox.api.changes import find_person, find_team
from inbox.models import Conversation, Label
from inbox.search_language import LONGEST

Conversations = QuerySet[Any]  # with the columns that `access.conversations_for` adds


class ConversationFilters(filters.FilterSet):  # type: ignore[misc]
    """The query parameters of `conversations/`."""

    status = filters.ChoiceFilter(choices=Conversation.Status.choices)
    channel = filters.ModelChoiceFilter(
        queryset=lambda request: access.channels_for(request.user), help_text="A channel's id"
    )
    assignee = filters.CharFilter(method="of_assignee", help_text="User id, username, `me` or `none`")
    team = filters.CharFilter(method="of_team", max_length=60, help_text="A team's id or name, `mine` or `none`")
    label = filters.CharFilter(method="with_label", max_length=40, help_text="A label's name or id")
    unread = filters.ChoiceFilter(
        choices=[("true", "true"), ("false", "false")],
        method="that_are_unread",
        help_text="Whether the customer wrote something that you haven't seen",
    )
    window = filters.ChoiceFilter(
        choices=[("open", "open"), ("closing", "closing"), ("closed", "closed")],
        method="by_window",
        help_text="`closing`: open, and closes as soon as the workspace's settings say. `closed`: the others",
    )
    q = filters.CharFilter(
        method="that_are_found",
        max_length=LONGEST,
        help_text='A search as in the inbox: words, `"a phrase"`, `-not`, `OR`, brackets and operators such as '
        "`is:unread`. Of a word that thousands of conversations hold, the newest count",
    )

    def of_assignee(self, rows: Conversations, name: str, value: str) -> Conversations:
        if value == "none":
            return rows.filter(assignee=None)
        person: Any = self.request.user if value == "me" else find_person(value)
        if person is None:
            raise ValidationError(
                {name: [_("Nobody here has the id or username “%(value)s”.") % {"value": value}]}
            )
        return rows.filter(assignee=person)

    def of_team(self, rows: Conversations, name: str, value: str) -> Conversations:
        if value in ("none", "mine"):
            return rows.filter(team=None) if value == "none" else rows.filter(team__members=self.request.user)
        team = find_team(value)
        if team is None:
            raise ValidationError({name: [_("There is no team “%(value)s”.") % {"value": value}]})
        return rows.filter(team=team)

    def with_label(self, rows: Conversations, name: str, value: str) -> Conversations:
        label = Label.objects.filter(name=value).first()
        if label is None and value.isascii() and value.isdigit():
            label = Label.objects.filter(pk=int(value)).first()
        if label is None:
            raise ValidationError({name: [_("There is no label “%(value)s”.") % {"value": value}]})
        return rows.filter(labels=label)

    def that_are_unread(self, rows: Conversations, name: str, value: str) -> Conversations:
        return rows.filter(unread_count__gt=0) if value in ("true", "1") else rows.filter(unread_count=0)

    def by_window(self, rows: Conversations, name: str, value: str) -> Conversations:
        """TikTok's own refusal closes a window as much as the clock does."""
        now = timezone.now()
        if value == "closed":
            return rows.filter(Q(window=None) | Q(window_closes_at__lte=now) | Q(window__refused_at__isnull=False))
        rows = rows.filter(window_closes_at__gt=now, window__refused_at=None)
        return rows.filter(window_closes_at__lte=now + workspace.closing_soon()) if value == "closing" else rows

    def that_are_found(self, rows: Conversations, name: str, value: str) -> Conversations:
        wanted, error = search.understood(value, self.request.user)
        if wanted is None:
            raise ValidationError({name: [error]})
        return rows.filter(wanted.known_condition)
