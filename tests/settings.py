"""The product's settings for its tests: the same code, with keys, a database and a TikTok of its own."""

import os

os.environ.update(
    # Playwright's own event loop runs in the thread of whatever test comes after a browser test.
    DJANGO_ALLOW_ASYNC_UNSAFE="true",
    DEBUG="false",
    SECRET_KEY="only-for-tests",
    TOKEN_ENCRYPTION_KEYS="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    TIKTOK_APP_ID="7400000000000000001",
    TIKTOK_APP_SECRET="example_app_secret_0001",
    TIKTOK_API_URL="http://tiktok.test/open_api/v1.3",
    TIKTOK_AUTH_URL="http://tiktok.test/v2/auth/authorize",
    TIKTOK_QPS="10000",
    PUBLIC_URL="http://testserver",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL") or "sqlite:///data/test.sqlite3",
    EMAIL_URL="memorymail://",
)

from config.settings import *  # noqa: E402, F403
from config.settings import BASE_DIR, DATABASE_IS_SQLITE, DATABASES, STORAGES  # noqa: E402

# Two runs at once must not share a database. (xdist's workers inherit the name and add their own suffix.)
TEST_RUN = os.environ.setdefault("TEST_RUN", str(os.getpid()))
# A file, not memory: then locking and WAL are those of production.
(BASE_DIR / "data").mkdir(exist_ok=True)
SQLITE_FILE = str(BASE_DIR / "data" / f"test-{TEST_RUN}.sqlite3")
DATABASES["default"]["TEST"] = {"NAME": SQLITE_FILE if DATABASE_IS_SQLITE else f"test_reply48_{TEST_RUN}"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
LOGGING = {"version": 1, "disable_existing_loggers": False}
# Static files straight from their folders: tests need no collectstatic.
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
