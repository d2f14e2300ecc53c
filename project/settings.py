"""The site's settings. The environment is read here and nowhere else; ``.env.example`` lists what it may say."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import environ

from tasks.schedule import schedule

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(os.environ.get("ENV_FILE", str(BASE_DIR / ".env")))

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="only-for-this-machine" if DEBUG else environ.Env.NOTSET)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- applications ----------------------------------------------------------------------------------------------------

BEAT_INSTALLED = importlib.util.find_spec("django_celery_beat") is not None
WHITENOISE_INSTALLED = importlib.util.find_spec("whitenoise") is not None
CORS_INSTALLED = importlib.util.find_spec("corsheaders") is not None
API_APPS = ["rest_framework", "django_filters", "drf_spectacular", "drf_spectacular_sidecar", "drf_standardized_errors"]
API_INSTALLED = all(importlib.util.find_spec(name) is not None for name in API_APPS)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_results",
    *(["django_celery_beat"] if BEAT_INSTALLED else []),
    *([*API_APPS, "rest_framework.authtoken"] if API_INSTALLED else []),
    *(["corsheaders"] if CORS_INSTALLED else []),
    "sync",
    "examples.shop",
]

MIDDLEWARE = [
    "sync.correlation.middleware.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "project.csp.content_security_policy",
    *(["whitenoise.middleware.WhiteNoiseMiddleware"] if WHITENOISE_INSTALLED else []),
    "django.contrib.sessions.middleware.SessionMiddleware",
    *(["corsheaders.middleware.CorsMiddleware"] if CORS_INSTALLED else []),
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "sync.capture.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / ".static"
WHITENOISE_USE_FINDERS = True  # no collectstatic step is needed
WHITENOISE_AUTOREFRESH = DEBUG

# --- database --------------------------------------------------------------------------------------------------------

SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",  # a reader that turns into a writer would fail at once
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL",
}
POSTGRES_OPTIONS = {"connect_timeout": 5}


def database() -> dict[str, object]:
    """Return the database that ``DATABASE_URL`` names, with the options that its kind needs."""
    settings: dict[str, object] = env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}")
    if str(settings["ENGINE"]).endswith("sqlite3"):
        return {**settings, "OPTIONS": {**SQLITE_OPTIONS, **settings.get("OPTIONS", {})}}  # type: ignore[dict-item]
    options = {**POSTGRES_OPTIONS, **settings.get("OPTIONS", {})}  # type: ignore[dict-item]
    return {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, **settings, "OPTIONS": options}


DATABASES = {"default": database()}

# --- Celery ----------------------------------------------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # the default gives up after 100 tries, and the worker ends
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_TASK_ACKS_LATE = False  # a message is a doorbell: losing one is harmless, running one three times is not
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_DB_REUSE_MAX = 1_000  # else every task makes its own database connection; project/celery.py looks at them
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
CELERY_RESULT_EXPIRES = 7 * 24 * 3600
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
if BEAT_INSTALLED:
    CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

# --- crudsync --------------------------------------------------------------------------------------------------------

CRUDSYNC = {
    "enabled": env.bool("CRUDSYNC_ENABLED", default=True),
    "redis_url": REDIS_URL,
    "queue": env.str("CRUDSYNC_QUEUE", default=""),
    "encryption_keys": env.list("CRUDSYNC_ENCRYPTION_KEYS", default=[]),
    "limiter_when_down": env.str("CRUDSYNC_LIMITER_WHEN_DOWN", default="closed"),
    # This site's remote is the sandbox on the same machine. A site that calls remotes elsewhere needs none of these.
    "allow_networks": env.list("CRUDSYNC_ALLOW_NETWORKS", default=["127.0.0.0/8", "::1/128"]),
}
for _name, _read in {
    "limiter_local_share": env.float,
    "limiter_slack_s": env.float,
    "default_rpm": env.int,
    "threads": env.int,
    "claim_size": env.int,
    "slice_s": env.float,
    "window_s": env.float,
    "settle_s": env.float,
    "sweep_s": env.float,
    "roll_up_s": env.float,
    "timeout_s": env.float,
    "connect_s": env.float,
    "rest_s": env.float,
    "lookup_lag_s": env.float,
    "wait_s": env.float,
    "ping_pong_limit": env.int,
    "ping_pong_window_s": env.float,
    "correlation_header": env.str,
    "traces": env.bool,
    "traceparent": env.bool,
}.items():
    if (_variable := f"CRUDSYNC_{_name.upper()}") in os.environ:
        CRUDSYNC[_name] = _read(_variable)

if "CRUDSYNC_MONITOR_TOKEN" in os.environ:
    CRUDSYNC["monitor_token"] = "env:CRUDSYNC_MONITOR_TOKEN"  # noqa: S105 - a reference, read when it is asked for

CELERY_BEAT_SCHEDULE = schedule(sweep_s=CRUDSYNC.get("sweep_s"))

# --- the API ---------------------------------------------------------------------------------------------------------

CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])  # none: no other site's page may call the API
CORS_URLS_REGEX = r"^/api/"
CORS_EXPOSE_HEADERS = ["ETag", "Link", "Location", "Retry-After", "X-Correlation-ID"]
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "if-none-match", "x-correlation-id"]

if API_INSTALLED:
    REST_FRAMEWORK = {
        # The token first: whoever is not signed in is told how (401).
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "rest_framework.authentication.TokenAuthentication",
            "rest_framework.authentication.SessionAuthentication",
        ],
        "DEFAULT_PERMISSION_CLASSES": ["sync.api.permissions.ModelPermissions"],
        "DEFAULT_PARSER_CLASSES": ["sync.api.parsing.JsonBody"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_CONTENT_NEGOTIATION_CLASS": "sync.api.parsing.AlwaysJson",
        "DEFAULT_SCHEMA_CLASS": "sync.api.schema.Schema",
        "EXCEPTION_HANDLER": "sync.api.errors.exception_handler",
    }
    SPECTACULAR_SETTINGS = {
        "TITLE": "Example shop",
        "DESCRIPTION": "What is sold, and how it is synced.",
        "VERSION": "1",
        "SWAGGER_UI_DIST": "SIDECAR",
        "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
        "SERVE_INCLUDE_SCHEMA": False,
        "COMPONENT_SPLIT_REQUEST": True,
        "ENUM_NAME_OVERRIDES": {},
    }

# --- the example shop ------------------------------------------------------------------------------------------------

SANDBOX_URL = env.str("SANDBOX_URL", default="http://127.0.0.1:8100/")

# --- logging ---------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "sync.monitoring.logs.ContextFilter"}},
    "formatters": {
        "text": {
            "()": "sync.monitoring.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(context)s%(message)s",
        },
        "json": {"()": "sync.monitoring.logs.JsonFormatter"},
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": env.str("LOG_FORMAT", default="text"),
            "filters": ["context"],
        }
    },
    "root": {"handlers": ["stdout"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"crudsync.http": {"level": env.str("LOG_CALLS", default="INFO")}},  # DEBUG: a line for each call
}

# --- a site behind TLS -----------------------------------------------------------------------------------------------

if env.bool("BEHIND_TLS", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$"]  # asked without TLS, from beside: a redirect would pass for well
    SECURE_HSTS_SECONDS = 3600
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
