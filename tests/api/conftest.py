"""People who call the API, and a conversation for them to work on."""

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from inbox.models import Conversation
from tests.api.making import client_of, make_conversation, make_user, receive

VIEW, CHANGE, REPLY = (f"inbox.{verb}_conversation" for verb in ("view", "change", "reply"))
ASSIGN, LABEL = "inbox.assign_conversation", "inbox.label_conversation"


@pytest.fixture
def agent(db: None) -> User:
    """Someone who does everything an agent does."""
    return make_user("agent", VIEW, CHANGE, REPLY, ASSIGN, LABEL, first_name="Ada", last_name="Agent")


@pytest.fixture
def teammate(db: None) -> User:
    return make_user("teammate", VIEW, CHANGE, REPLY, ASSIGN, LABEL)


@pytest.fixture
def stranger(db: None) -> User:
    """Someone with an account and no permission."""
    return make_user("stranger")


@pytest.fixture
def api(agent: User) -> APIClient:
    return client_of(agent)


@pytest.fixture
def conversation(db: None) -> Conversation:
    """A customer wrote five minutes ago."""
    conversation = make_conversation()
    receive(conversation)
    return conversation
