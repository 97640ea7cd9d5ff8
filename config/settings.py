"""Every setting of Reply48, read from the environment. `docs/configuration.md` explains each variable.

The environment holds only what must be known before the database is there; what staff change while the
product runs is a row that they edit in the admin.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = BASE_DIR / "data"

env = environ.FileAwareEnv()  # SECRET_KEY_FILE=/run/secrets/… works for every variable
environ.Env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="development-only-key-never-used-in-production" if DEBUG else "")


def origin(url: str) -> str:
    """The scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


# ── Where we are reached ──────────────────────────────────────────────────────────────────────────────
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
_public = urlsplit(PUBLIC_URL)
BEHIND_TLS = _public.scheme == "https"
_local_hosts = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[_public.hostname or "localhost", *_local_hosts])
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    # The proxy in front ends TLS and may probe /healthz in plain HTTP; it is the one that redirects people.
    SECURE_SSL_REDIRECT = False
    SILENCED_SYSTEM_CHECKS = ["security.W008"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = False  # live.js reads it to post drafts and presence

# ── Apps ──────────────────────────────────────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "channels_tiktok",
    "inbox",
    "leads",
    "messagelinks",
    "spamreports",
    "sandbox",
    "config.apps.OurAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "csp",
    "axes",
    "django_q",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "inbox.middleware.Personal",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# ── Database: SQLite on one machine, PostgreSQL for more ──────────────────────────────────────────────
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'reply48.sqlite3'}")
}
DATABASES["default"]["CONN_MAX_AGE"] = 300
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASE_IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if DATABASE_IS_SQLITE:
    # IMMEDIATE: a transaction that will write waits for its turn at the start, instead of failing half-way
    # with "database is locked" (which ignores the timeout). WAL: readers never wait for the writer.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=67108864;"
            "PRAGMA mmap_size=134217728; PRAGMA cache_size=-16000;"
        ),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # django-q2 writes its heartbeat here twice a second: never into the shared cache or the database.
    "worker_heartbeat": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DATA_DIR / "heartbeat",
    },
}

# ── Background work (libraries: django-q2 on its ORM broker, so a task is enqueued in the transaction
#    that needs it). Tables are the queues; these tasks are only wake-ups. ─────────────────────────────
Q_CLUSTER = {
    "name": "reply48",
    "orm": "default",
    "broker_class": "config.tasks.Queue",
    "workers": env.int("WORKERS", default=2),
    "queue_limit": env.int("WORKERS", default=2),
    "bulk": 1,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 3,
    "ack_failures": True,  # the rows stay; the sweep rings again
    "save_limit": -1,
    "catch_up": False,
    "recycle": 200,
    "poll": 0.2,
    "cache": "worker_heartbeat",
    "log_level": "WARNING",
    "label": "Background tasks",
}

# ── TikTok ────────────────────────────────────────────────────────────────────────────────────────────
TIKTOK_APP_ID = env.str("TIKTOK_APP_ID", default="")
TIKTOK_APP_SECRET = env.str("TIKTOK_APP_SECRET", default="")
TIKTOK_API_URL = env.str("TIKTOK_API_URL", default="https://business-api.tiktok.com/open_api/v1.3").rstrip("/")
TIKTOK_AUTH_URL = env.str("TIKTOK_AUTH_URL", default="https://www.tiktok.com/v2/auth/authorize")
TIKTOK_WEBHOOK_TOLERANCE = env.int("TIKTOK_WEBHOOK_TOLERANCE", default=300)  # seconds
TIKTOK_QPS = env.float("TIKTOK_QPS", default=10.0)  # calls per second that count against TikTok's limit
TIKTOK_OPTIONAL_SCOPES = env.list("TIKTOK_OPTIONAL_SCOPES", default=[])
JOURNAL_DRAIN_TASK = "inbox.tasks.drain_journal"  # rung when TikTok has delivered something
LEAD_DRAIN_TASK = "leads.tasks.drain_leads"  # rung when TikTok has delivered leads
AD_ACCOUNT_CONNECTED_TASK = "leads.tasks.pull_leads"  # rung when an ad account was connected
CHANNEL_CONNECTED_TASK = "inbox.tasks.poll_channels"  # rung when an account was connected
TOKEN_ENCRYPTION_KEYS = env.list("TOKEN_ENCRYPTION_KEYS", default=[])  # Fernet keys; the first one encrypts

# ── People ────────────────────────────────────────────────────────────────────────────────────────────
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "inbox.backends.PeopleBackend"]
# Five wrong passwords for one name from one address: that pair waits a quarter of an hour. Not the name alone,
# or anybody could lock a colleague out; not the address alone, or an office could lock itself out.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "config.client_address.client_address"
AXES_LOCKOUT_CALLABLE = "inbox.views.passwords.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
PASSWORD_RESET_TIMEOUT = 3 * 24 * 60 * 60
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "inbox:list"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTH_PASSWORD_VALIDATORS[1]["OPTIONS"] = {"min_length": 10}
EMAIL_URL = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_URL)
EMAIL_TIMEOUT = 10  # seconds: a mail server that hangs must not keep a worker
DEFAULT_FROM_EMAIL = f"Reply48 <reply48@{_public.hostname or 'localhost'}>"

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("es", "Español"),
]  # each by its own name; those that locale/ translates completely
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "media/"
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(DATA_DIR / "media"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# ── Browser policy: everything from ourselves, no inline script or style ──────────────────────────────
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        # Chrome applies this to redirects too: a log-in may lead on to TikTok's consent pages.
        "form-action": list(dict.fromkeys(["'self'", origin(TIKTOK_AUTH_URL), origin(TIKTOK_API_URL)])),
        "frame-ancestors": ["'none'"],
    }
}

# ── Error reports: no local variables, because tokens are among them ──────────────────────────────────
DEFAULT_EXCEPTION_REPORTER_FILTER = "config.error_reports.WithoutVariables"

# ── REST ──────────────────────────────────────────────────────────────────────────────────────────────
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Reply48",
    "DESCRIPTION": "Channels, conversations and messages of a self-hosted inbox for TikTok direct messages.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # It would name these after three letters of a hash.
    "ENUM_NAME_OVERRIDES": {
        "ChannelStatus": "channels_tiktok.models.Channel.Status",
        "ConversationStatus": "inbox.models.Conversation.Status",
        "MessageSource": "inbox.models.Message.Source",
        "MessageState": "inbox.models.Message.State",
        "MessageKind": "inbox.models.Message.Kind",
        "AttachmentState": "inbox.models.Attachment.State",
        "ReferralSource": "inbox.models.Referral.Source",
        "LeadStage": "leads.models.Lead.Stage",
        "LeadSource": "channels_tiktok.models.LeadSubscription.Source",
        "LeadGround": "leads.models.Lead.Ground",
        "SpamReportReason": "spamreports.models.SpamReport.Reason",
        "SpamReportState": "spamreports.models.LowerFunnelEvent.State",
    },
}

# ── Logs ──────────────────────────────────────────────────────────────────────────────────────────────
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "urllib3": {"level": "WARNING"},
    },
}
