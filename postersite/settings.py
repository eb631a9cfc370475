"""Django settings. Those that an operator may change come from the environment: see docs/settings.md."""

from __future__ import annotations

import logging
import os
import tomllib
from typing import Any

from csp.constants import SELF
from django.core.exceptions import ImproperlyConfigured

from .env import (
    BASE_DIR,
    broker_url,
    choice,
    cron,
    database,
    decimal,
    decimals_by_name,
    env,
    flag,
    folder,
    listed,
    secret_key,
    socket_path,
    var_dir,
    whole_number,
)
from .logs import FORMATS
from .object_storage import object_storage

# Files are for this user only: the database has sessions and password hashes.
os.umask(0o077)
VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]
VAR_DIR = var_dir()
SECRET_KEY = secret_key(VAR_DIR)
DEBUG = flag("DEBUG", False)
ALLOWED_HOSTS = listed("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = listed("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "catalog",
    "catalog.admin_site.PostersiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "axes",
    "csp",
]
MIDDLEWARE = [
    "postersite.middleware.RequestIdMiddleware",
    "postersite.middleware.HealthMiddleware",
    "postersite.request_metrics.measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "postersite.middleware.CompressionMiddleware",
    "csp.middleware.CSPMiddleware",
    "catalog.web.http_methods.http_methods",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "catalog.accounts.sessions.SessionLimitsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "postersite.urls"
WSGI_APPLICATION = "postersite.wsgi.application"
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
                "catalog.web.context_processors.site",
            ],
        },
    },
]

# Data ---
DATABASES: dict[str, Any] = {"default": database(f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
# Opening a connection for each request took a sixth of the time of most pages.
DATABASES["default"]["CONN_MAX_AGE"] = 60
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock when a transaction opens: a read that later turns into a write can
    # otherwise fail at once with "database is locked", whatever the timeout (https://www.sqlite.org/isolation.html).
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# How long visitors wait for the database (postersite/wsgi.py); workers and commands wait without limit.
WEB_DATABASE_WAIT_S = whole_number("POSTERSITE_WEB_DATABASE_WAIT", 5, 1, 60)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Each process has its own, for what pages may show a few seconds late (catalog/web/brief_cache.py).
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

MEDIA_ROOT = VAR_DIR / "media"
MEDIA_URL = "media/"
FILE_UPLOAD_PERMISSIONS = 0o600
STATIC_ROOT = VAR_DIR / "static"
STATIC_URL = "static/"
OBJECT_STORAGE = object_storage()
STORAGES = {
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    **OBJECT_STORAGE.storages,
}

# People ---
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "catalog.accounts.passwords.ProductNameValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_S = 2 * 3600
# Failed attempts to sign in within AXES_COOLOFF_TIME: after so many by name and address, or by address (of
# IPv6 a /64), it is locked for that time; after so many by name, each attempt has to wait up to 30 s.
AXES_HANDLER = "catalog.accounts.login_throttle.LoginThrottle"
AXES_LOCKOUT_CALLABLE = "catalog.accounts.login_throttle.refusal"
AXES_USERNAME_CALLABLE = "catalog.accounts.login_throttle.attempted_name"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
LOGIN_FAILURES_PER_ADDRESS = 30
LOGIN_FAILURES_PER_NAME = 10
AXES_COOLOFF_TIME = 0.25  # hours
# Attempts during a lock do not lengthen it.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_VERBOSE = False
AXES_CLIENT_IP_CALLABLE = "postersite.client_address.client_address"

LANGUAGE_CODE = "en"
# The pages are in English alone: looking up translations that do not exist was a tenth of a page's time.
USE_I18N = False
FORMAT_MODULE_PATH = "postersite.formats"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

# Safety ---
BEHIND_HTTPS = flag("BEHIND_HTTPS", False)
if BEHIND_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_HTTPS
SESSION_COOKIE_NAME = "postersite_session"
CSRF_FAILURE_VIEW = "catalog.web.views.errors.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Not with `env`, as in secret_key. Programs on this machine need no token.
METRICS_TOKEN = os.environ.get("POSTERSITE_METRICS_TOKEN", "").strip()
if 0 < len(METRICS_TOKEN) < 16:
    raise ImproperlyConfigured("POSTERSITE_METRICS_TOKEN must have at least 16 characters.")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", *OBJECT_STORAGE.picture_origins],
        "object-src": ["'none'"],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": ["'none'"],
    }
}
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

# The work queue ---
BROKER_SOCKET = socket_path(VAR_DIR)
REDIS_URL = broker_url()
EMBEDDED_BROKER = not REDIS_URL
if EMBEDDED_BROKER:
    REDIS_URL = f"unix://{BROKER_SOCKET}"
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
# Redelivery only matters for the tasks of a worker that was killed. Runs are recovered from the database, and
# a task that arrives twice finds its items leased, so this timeout can be long.
VISIBILITY_TIMEOUT_S = whole_number("CELERY_VISIBILITY_TIMEOUT", 900, 5, 86_400)
# By default kombu looks for lost tasks only every 10 intervals of 10 s.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_keepalive": not EMBEDDED_BROKER,
    "socket_connect_timeout": 5,
    # A broker that accepts connections and never responds must not block a page.
    "socket_timeout": 15,
}
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 3,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 1,
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "io"
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 570
SWEEP_EVERY_S = whole_number("POSTERSITE_SWEEP_EVERY", 15, 1, 3_600)
# A lease older than this belongs to a worker that was killed: the slowest item, a fetch, takes 60 s at most.
CLAIM_LEASE_S = whole_number("POSTERSITE_CLAIM_LEASE", 120, 2, 3_600)
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    name: {"task": f"catalog.tasks.{task}", "schedule": seconds, "options": {"expires": seconds}}
    for name, task, seconds in (
        ("sweep", "sweep", SWEEP_EVERY_S),
        ("duplicates", "start_finding_duplicates", 60),
        ("training", "start_training", 60),
        ("indexes", "build_indexes", 30),
    )
}
# Scheduled tasks; times are in TIME_ZONE.
for _task, _when in (
    ("start_new_arrivals", cron("POSTERSITE_NEW_ARRIVALS_AT", "*/15 * * * *")),
    ("start_refresh", cron("POSTERSITE_REFRESH_AT", "15 3 * * *")),
    ("start_nightly_training", cron("POSTERSITE_TRAIN_AT", "15 2 * * *")),
    ("start_check", cron("POSTERSITE_CHECK_AT", "45 4 * * 0")),
    ("delete_expired_sessions", cron("POSTERSITE_DELETE_SESSIONS_AT", "30 * * * *")),
):
    if _when is not None:
        CELERY_BEAT_SCHEDULE[_task] = {"task": f"catalog.tasks.{_task}", "schedule": _when}
CELERY_TIMEZONE = TIME_ZONE
TRAIN_AFTER_DECISIONS = whole_number("POSTERSITE_TRAIN_AFTER_DECISIONS", 50, 0, 1_000_000)
CHECK_MENDS = flag("POSTERSITE_CHECK_MENDS", False)
CELERY_BEAT_SCHEDULER = "postersite.beat.Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "run" / "beat-schedule")

# The catalogue ---
WEIGHTS_DIR = folder("POSTERSITE_WEIGHTS", VAR_DIR / "weights")
CACHE_DIR = folder("POSTERSITE_CACHE", VAR_DIR / "cache")
EXPORTS_DIR = OBJECT_STORAGE.folder("extractors", VAR_DIR, CACHE_DIR)
MODELS_DIR = OBJECT_STORAGE.folder("models", VAR_DIR, CACHE_DIR)
INDEX_DIR = OBJECT_STORAGE.folder("index", VAR_DIR, CACHE_DIR)
HEAT_MAPS_DIR = VAR_DIR / "heat_maps"
SAMPLE_DIR = VAR_DIR / "sample"
# An empty catalogue is filled with invented films, so that a new user sees everything work.
SAMPLE = flag("POSTERSITE_SAMPLE", True)
LOGS_DIR = VAR_DIR / "logs"
REPORTS_DIR = OBJECT_STORAGE.folder("reports", VAR_DIR, CACHE_DIR)
# Empty means `postersite` alone.
EXTRACTORS = listed("POSTERSITE_EXTRACTORS")
# What genre models may read of a movie: "all", or some of poster, title, year and overview. A system check
# reports other values.
GENRE_EVIDENCE = env.str("POSTERSITE_GENRE_EVIDENCE", default="").strip() or "all"
INFERENCE_THREADS = whole_number("POSTERSITE_THREADS", 0, 0, 256) or None
# Sites differ in what they permit, so nothing is fetched until the operator has switched a source on.
POSTER_SOURCES = listed("POSTERSITE_POSTER_SOURCES")
# The operator's API keys by the name of the setting; never shown, and sent to their own site only.
SOURCE_KEYS = {"POSTERSITE_TMDB_KEY": env.str("POSTERSITE_TMDB_KEY", default="").strip()}
# Codes such as de or pt-BR, preferred ones first; empty: the poster that a site itself shows.
POSTER_LANGUAGES = listed("POSTERSITE_POSTER_LANGUAGES")
# How many posters of a movie are fetched; all but the first are alternatives to choose from.
POSTERS_PER_MOVIE = whole_number("POSTERSITE_POSTERS_PER_MOVIE", 1, 1, 12)
# Days until a source is checked for changed posters, for all or by source; otherwise each source's default.
REFRESH_AFTER_DAYS, REFRESH_AFTER_DAYS_OF = decimals_by_name("POSTERSITE_REFRESH_AFTER_DAYS", 0.01, 3650)
# Base URL of a replica site on loopback (sample catalogue, tests), which then replaces every source's site.
REPLICA_URL = env.str("POSTERSITE_REPLICA_URL", default="")
CONTACT = env.str("POSTERSITE_CONTACT", default="")
# For all, and by source or host; otherwise each source's default.
REQUESTS_PER_SECOND, REQUESTS_PER_SECOND_OF = decimals_by_name("POSTERSITE_REQUESTS_PER_SECOND", 0.01, 1000.0)
REQUESTS_AT_ONCE = whole_number("POSTERSITE_REQUESTS_AT_ONCE", 4, 1, 100)
LOOKALIKES = whole_number("POSTERSITE_LOOKALIKES", 5, 1, 50)
LOOKALIKES_DIVERSITY = decimal("POSTERSITE_LOOKALIKES_DIVERSITY", 0.0, 0.0, 1.0)
# The share of decided movies that another reviewer decides too.
SECOND_OPINIONS = decimal("POSTERSITE_SECOND_OPINIONS", 0.0, 0.0, 1.0)
POSTERS_PER_PAGE = whole_number("POSTERSITE_POSTERS_PER_PAGE", 48, 1, 500)

LOG_FORMAT = choice("POSTERSITE_LOG_FORMAT", FORMATS)
# In JSON every line is an object, so warnings of Python are logged too.
logging.captureWarnings(LOG_FORMAT == "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "postersite.logs.TextFormatter"},
        "json": {"()": "postersite.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "catalog": {"level": "INFO"},
        "postersite": {"level": "INFO"},
        "celery": {"level": "WARNING"},
        # A page that is not found is not worth a line in the terminal.
        "django.request": {"level": "ERROR"},
    },
}
