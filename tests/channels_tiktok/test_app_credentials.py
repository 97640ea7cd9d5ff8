"""The TikTok app: from the environment, or else from a row that staff edit; its secret is shown nowhere."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.test import Client

from channels_tiktok import app_credentials, connecting
from channels_tiktok.client import tiktok
from channels_tiktok.models import AppCredentials

pytestmark = pytest.mark.django_db
ADDRESS = "/admin/channels_tiktok/appcredentials/1/change/"
SECRET = "a-secret-of-the-row-0042"


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def bare_environment(settings):
    settings.TIKTOK_APP_ID = settings.TIKTOK_APP_SECRET = ""
    settings.TIKTOK_OPTIONAL_SCOPES = []


@pytest.fixture
def entered(bare_environment, root):
    form = {"app_id": "7411111111111111111", "new_secret": SECRET, "optional_scopes": "video.list user.info.stats"}
    assert root.post(ADDRESS, form).status_code == 302


def test_what_staff_enter_holds_at_once(entered, at, django_user_model):
    app = app_credentials.current()
    assert (app.id, app.secret, app.is_complete) == ("7411111111111111111", SECRET, True)
    address = connecting.begin(user=None, at=at)
    assert "client_key=7411111111111111111" in address
    assert "video.list%2Cuser.info.stats" in address
    assert tiktok().app_id == "7411111111111111111"


def test_the_secret_is_encrypted_and_shown_nowhere(entered, root):
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_secret FROM channels_tiktok_appcredentials")
        stored = cursor.fetchone()[0]
    assert stored
    assert SECRET not in stored
    pages = [ADDRESS, "/admin/", "/admin/channels_tiktok/channel/", ADDRESS.replace("change", "history")]
    for page in pages:
        assert SECRET not in root.get(page).content.decode()
    assert "A secret is stored" in root.get(ADDRESS).content.decode()
    assert not [entry for entry in LogEntry.objects.all() if SECRET in entry.change_message]
    assert SECRET not in repr(app_credentials.current())


def test_saving_the_page_again_keeps_the_secret(entered, root):
    root.post(ADDRESS, {"app_id": "74222", "new_secret": "", "optional_scopes": ""})
    assert app_credentials.current() == app_credentials.App(id="74222", secret=SECRET)
    root.post(ADDRESS, {"app_id": "74222", "new_secret": "another", "optional_scopes": ""})
    assert app_credentials.current().secret == "another"


def test_the_environment_wins_and_is_shown_read_only(entered, root, settings, django_assert_num_queries):
    settings.TIKTOK_APP_ID, settings.TIKTOK_APP_SECRET = "from-environment", "secret-of-environment"
    with django_assert_num_queries(0):
        assert app_credentials.current().id == "from-environment"
    page = root.get(ADDRESS).content.decode()
    assert "from-environment, set by TIKTOK_APP_ID" in page
    assert "secret-of-environment" not in page
    assert 'name="app_id"' not in page
    assert 'name="new_secret"' not in page
    root.post(ADDRESS, {"app_id": "forged", "new_secret": "forged", "optional_scopes": ""})
    assert AppCredentials.objects.get().app_id == "7411111111111111111"
    assert AppCredentials.objects.get().app_secret == SECRET


def test_each_value_of_the_environment_wins_by_itself(entered, settings):
    settings.TIKTOK_APP_ID = "from-environment"
    assert app_credentials.current() == app_credentials.App(id="from-environment", secret=SECRET)


def test_scopes_that_are_none_are_refused(bare_environment, root):
    answer = root.post(ADDRESS, {"app_id": "7", "new_secret": "", "optional_scopes": "video.list, x;y"})
    assert "Write scopes with a space between them" in answer.content.decode()


def test_the_page_needs_its_permission(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))
    assert client.get(ADDRESS).status_code == 403


def test_a_new_key_reaches_the_stored_secret(entered, settings, capsys):
    old = settings.TOKEN_ENCRYPTION_KEYS[0]
    settings.TOKEN_ENCRYPTION_KEYS = ["bmV3a2V5bmV3a2V5bmV3a2V5bmV3a2V5bmV3a2V5bmU=", old]
    call_command("rotate_token_key")
    settings.TOKEN_ENCRYPTION_KEYS = settings.TOKEN_ENCRYPTION_KEYS[:1]
    assert app_credentials.current().secret == SECRET


def test_there_is_one_app():
    with pytest.raises(IntegrityError, match="there_is_one_tiktok_app"):
        AppCredentials.objects.bulk_create([AppCredentials(id=2)])
