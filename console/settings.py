"""Django settings. Everything an operator may set is read here, from the environment, with its default.

The table of variables is in README.md; a test holds the two together.
"""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from console.conf import database, keys, logs
from console.conf.home import BASE_DIR, Home
from console.conf.words import one_of

env = environ.Env()

# --- the installation ---------------------------------------------------------------------------
HOME = Home.from_environment()
SLIPWAY_HOME = HOME.root
SLIPWAY_KEYS_DIR = HOME.keys
SLIPWAY_ACCOUNT_ID: str = env.str("SLIPWAY_ACCOUNT_ID", default="123456789012")
SLIPWAY_REGION: str = env.str("SLIPWAY_REGION", default="us-east-1")
SLIPWAY_BIND: str = env.str("SLIPWAY_BIND", default="127.0.0.1")
SLIPWAY_PORT: int = env.int("PORT", default=8000)
SLIPWAY_ADMIN_PASSWORD: str = env.str("SLIPWAY_ADMIN_PASSWORD", default="")
# The first administrator's access key, for programs that are set up before anybody signs in.
SLIPWAY_ADMIN_ACCESS_KEY_ID: str = env.str("SLIPWAY_ADMIN_ACCESS_KEY_ID", default="")
SLIPWAY_ADMIN_SECRET_ACCESS_KEY: str = env.str("SLIPWAY_ADMIN_SECRET_ACCESS_KEY", default="")
# The address people type, when it is not http://SLIPWAY_BIND:PORT (behind a proxy, with TLS, by name).
SLIPWAY_URL: str = env.str("SLIPWAY_URL", default="").rstrip("/")
# Which of our processes this is: web, worker, beat, watcher, exec; "" for a command.
SLIPWAY_ROLE: str = env.str("SLIPWAY_ROLE", default="")
# Processes and threads of one installation on one machine.
SLIPWAY_WEB_WORKERS: int = env.int("SLIPWAY_WEB_WORKERS", default=min(4, os.cpu_count() or 1))
SLIPWAY_JOB_THREADS: int = env.int("SLIPWAY_JOB_THREADS", default=8)

# --- Django -------------------------------------------------------------------------------------
DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY: str = env.str("SLIPWAY_SECRET_KEY", default="") or keys.read_or_create(
    HOME.keys / "secret_key", keys.signing_key
)
# Keys of what is encrypted at rest. The first encrypts, all decrypt; one a line in the file.
SLIPWAY_DATA_KEYS: list[str] = (
    env.list("SLIPWAY_DATA_KEYS", default=[])
    or keys.read_or_create(HOME.keys / "data_keys", keys.data_key).split()
)
# Read again when it changes, so that a rotation needs no restart; None where the keys come from the environment.
SLIPWAY_DATA_KEYS_FILE = None if env.list("SLIPWAY_DATA_KEYS", default=[]) else HOME.keys / "data_keys"
# Keys that sign the audit trail's head and checkpoints. The first signs, all verify; one a line in the file.
SLIPWAY_AUDIT_KEYS: list[str] = (
    env.list("SLIPWAY_AUDIT_KEYS", default=[])
    or keys.read_or_create(HOME.keys / "audit_keys", keys.signing_key).split()
)
ROOT_URLCONF = "console.urls"
ASGI_APPLICATION = "console.asgi.application"
AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["access.backends.PasswordBackend"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "sign-in"

INSTALLED_APPS = [
    "base",
    "telemetry",
    "access",
    "vault",
    "clusters",
    "services",
    "console",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "console.conf.staticfiles.AssetsConfig",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "console.web.security.SecurityHeadersMiddleware",
    "console.web.assets.AssetsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "access.signon.session_middleware.SeenMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "access.middleware.AccessMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.web.context.shell",
            ],
        },
    }
]

DATABASES = {
    "default": database.configure(
        env.str("DATABASE_URL", default=""),
        HOME.database,
        # One connection per job thread, and as many for a web process's request threads.
        pool_size=env.int("SLIPWAY_DATABASE_POOL", default=SLIPWAY_JOB_THREADS + 2),
        kept=300 if SLIPWAY_ROLE in ("worker", "beat", "watcher") else 0,
    )
}

# --- Redis: Celery's broker and the wake-ups of live pages ------------------------------------------
# A private Redis on a 0600 unix socket unless an address is given.
SLIPWAY_REDIS_URL: str = env.str("SLIPWAY_REDIS_URL", default="")
REDIS_URL: str = SLIPWAY_REDIS_URL or f"unix://{HOME.redis_socket}"
# Without Redis a page still works, so its cache does not live there.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "slipway"}}

# --- what a request may be ---------------------------------------------------------------------------
# console/gate.py holds every body to it, whatever its type, before Django reads it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440  # bytes
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 10

# --- people and browsers --------------------------------------------------------------------------
_public = urlsplit(SLIPWAY_URL)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[]) or [
    "localhost",
    "127.0.0.1",
    "[::1]",
    socket.gethostname(),
    *([SLIPWAY_BIND] if SLIPWAY_BIND not in {"0.0.0.0", "::"} else []),
    *([_public.hostname] if _public.hostname else []),
]
CSRF_TRUSTED_ORIGINS: list[str] = env.list(
    "CSRF_TRUSTED_ORIGINS", default=[SLIPWAY_URL] if SLIPWAY_URL else []
)
# Length, kinds of characters, reuse and age are the account's password policy: access/signon/passwords.py.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# What tasks call it (services/task_identity.py).
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "169.254.170.2"]
# Behind TLS (SLIPWAY_URL says https) cookies never travel in clear and browsers remember to insist.
BEHIND_TLS = _public.scheme == "https"
# Cookies are per host, not per port: the name keeps two installations on one host apart. A browser takes a cookie named
# __Host- over TLS only, for this very host and every path: no sibling host can plant one.
_cookie = "__Host-slipway" if BEHIND_TLS else "slipway"
SESSION_COOKIE_NAME = f"{_cookie}_session_{SLIPWAY_PORT}"
CSRF_COOKIE_NAME = f"{_cookie}_csrf_{SLIPWAY_PORT}"
LANGUAGE_COOKIE_NAME = f"slipway_language_{SLIPWAY_PORT}"
# People's sessions can be listed and ended; they end after so long, whatever is done in them, or when nobody does
# a thing.
SESSION_ENGINE = "access.signon.session_store"
SESSION_COOKIE_AGE = env.int("SLIPWAY_SESSION_HOURS", default=12) * 3600
SLIPWAY_SESSION_IDLE_MINUTES: int = env.int("SLIPWAY_SESSION_IDLE_MINUTES", default=120)  # 0: never
SESSION_SAVE_EVERY_REQUEST = False
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Readable on purpose: a script in the page that writes through REST sends it back as X-CSRFToken. It is no secret to
# the page, whose forms hold the same token.
CSRF_COOKIE_HTTPONLY = False
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "console.web.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = BEHIND_TLS
CSRF_COOKIE_SECURE = BEHIND_TLS
LANGUAGE_COOKIE_SECURE = BEHIND_TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
# TLS ends at the operator's proxy; its word is taken only when the operator said that there is one.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None

# --- sign-on by OpenID Connect: one provider, chosen by who runs the machine --------------------------------
SLIPWAY_OIDC_ISSUER: str = env.str("SLIPWAY_OIDC_ISSUER", default="")
SLIPWAY_OIDC_CLIENT_ID: str = env.str("SLIPWAY_OIDC_CLIENT_ID", default="")
SLIPWAY_OIDC_CLIENT_SECRET: str = env.str("SLIPWAY_OIDC_CLIENT_SECRET", default="")
SLIPWAY_OIDC_NAME: str = env.str("SLIPWAY_OIDC_NAME", default="")
SLIPWAY_OIDC_SCOPES: str = env.str("SLIPWAY_OIDC_SCOPES", default="openid profile email")
SLIPWAY_OIDC_USERNAME_CLAIM: str = env.str("SLIPWAY_OIDC_USERNAME_CLAIM", default="preferred_username")
SLIPWAY_OIDC_GROUPS_CLAIM: str = env.str("SLIPWAY_OIDC_GROUPS_CLAIM", default="groups")
SLIPWAY_OIDC_GROUP_MAP: str = env.str("SLIPWAY_OIDC_GROUP_MAP", default="")  # theirs=ours,theirs=ours

# --- mail: invitations and forgotten passwords; without a server links are copied by hand -----------------------
SLIPWAY_MAIL_URL: str = env.str("SLIPWAY_MAIL_URL", default="")
if SLIPWAY_MAIL_URL:
    _mail = env.email_url_config(SLIPWAY_MAIL_URL)
    EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
    EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL: str = env.str("SLIPWAY_MAIL_FROM", default=f"slipway@{_public.hostname or 'localhost'}")

# --- language and time ------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- assets -------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "console.web.storage.AssetsStorage"
    },
}
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Networks, beside those that never are, to which nothing is connected that people name: base/outgoing.py.
SLIPWAY_OUTGOING_REFUSED: list[str] = env.list("SLIPWAY_OUTGOING_REFUSED", default=[])
# Rate limits, counted in Redis over all web processes: against a script that has lost its head, and against guessing.
SLIPWAY_REST_PER_MINUTE: int = env.int("SLIPWAY_REST_PER_MINUTE", default=1200)  # of one identity
SLIPWAY_BAD_TOKENS_PER_MINUTE: int = env.int("SLIPWAY_BAD_TOKENS_PER_MINUTE", default=30)  # from one address
# AWS's face is not limited unless it is said here: ecs:RegisterTaskDefinition=60,iam:*=600 (of one identity, a minute).
SLIPWAY_AWS_LIMITS: dict[str, int] = {
    name: int(most) for name, most in env.dict("SLIPWAY_AWS_LIMITS", default={}).items()
}

# --- REST ----------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["console.rest.parsers.BodyParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "console.rest.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "console.rest.errors.handle",
    "DEFAULT_THROTTLE_CLASSES": ["console.rest.throttling.IdentityThrottle"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Slipway",
    "DESCRIPTION": "Self-hosted Amazon ECS: the REST face of every operation.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["console.rest.schema.canonical"],
    "COMPONENT_SPLIT_PATCH": False,
    "SORT_OPERATIONS": False,
    # pidMode and ipcMode of daemon task definitions have the same words.
    "ENUM_NAME_OVERRIDES": {"DaemonNamespaceModeEnum": ["none"]},
}

LOGGING = logs.configure(env.str("SLIPWAY_LOG_LEVEL", default="INFO"))

# --- the control loop: waiting times in seconds, retention -------------------------------------------------
# With neither load balancer nor health check a task counts as healthy after this long in RUNNING.
SLIPWAY_STEADY_SECONDS: float = env.float("SLIPWAY_STEADY_SECONDS", default=40.0)
# Back-off between starts of tasks that keep failing before they run: first, longest.
SLIPWAY_THROTTLE_BASE: float = env.float("SLIPWAY_THROTTLE_BASE", default=5.0)
SLIPWAY_THROTTLE_CAP: float = env.float("SLIPWAY_THROTTLE_CAP", default=900.0)
# How often a task that found no room is tried again, when no room was given back meanwhile.
SLIPWAY_PLACEMENT_RETRY: float = env.float("SLIPWAY_PLACEMENT_RETRY", default=15.0)
# An instance whose engine has not answered for so long is lost: its services' tasks are replaced elsewhere. 0: never.
SLIPWAY_INSTANCE_LOST_SECONDS: float = env.float("SLIPWAY_INSTANCE_LOST_SECONDS", default=120.0)
# When images are pulled that an instance has already: clusters/instance_settings.py.
SLIPWAY_IMAGE_PULL_BEHAVIOR: str = env.str("SLIPWAY_IMAGE_PULL_BEHAVIOR", default="default")
one_of(
    "SLIPWAY_IMAGE_PULL_BEHAVIOR", SLIPWAY_IMAGE_PULL_BEHAVIOR, "default", "always", "once", "prefer-cached"
)
# Cleaning up, as the ECS agent does: services/control/cleaning.py.
SLIPWAY_CLEANUP_MINUTES: float = env.float("SLIPWAY_CLEANUP_MINUTES", default=30.0)  # 0: only when asked to
SLIPWAY_IMAGE_CLEANUP: str = env.str("SLIPWAY_IMAGE_CLEANUP", default="enabled")
one_of("SLIPWAY_IMAGE_CLEANUP", SLIPWAY_IMAGE_CLEANUP, "enabled", "disabled")
SLIPWAY_IMAGE_MINIMUM_AGE_MINUTES: float = env.float("SLIPWAY_IMAGE_MINIMUM_AGE_MINUTES", default=60.0)
SLIPWAY_IMAGES_PER_CLEANUP: int = env.int("SLIPWAY_IMAGES_PER_CLEANUP", default=5)
# Percent of the engine's disk from which it is cleaned at once, and of all that may go.
SLIPWAY_CLEANUP_DISK_PERCENT: float = env.float("SLIPWAY_CLEANUP_DISK_PERCENT", default=85.0)
# Days that a shared volume of ours stays which no active task definition names. 0: for ever, it is somebody's data.
SLIPWAY_KEEP_SHARED_VOLUMES_DAYS: int = env.int("SLIPWAY_KEEP_SHARED_VOLUMES_DAYS", default=0)
SLIPWAY_LOG_LINES: int = env.int("SLIPWAY_LOG_LINES", default=20_000)  # kept per container
SLIPWAY_KEEP_STOPPED_TASKS_HOURS: int = env.int("SLIPWAY_KEEP_STOPPED_TASKS_HOURS", default=24)
SLIPWAY_KEEP_LOGS_DAYS: int = env.int("SLIPWAY_KEEP_LOGS_DAYS", default=14)
SLIPWAY_KEEP_DEPLOYMENTS_DAYS: int = env.int("SLIPWAY_KEEP_DEPLOYMENTS_DAYS", default=90)
SLIPWAY_KEEP_AUDIT_DAYS: int = env.int("SLIPWAY_KEEP_AUDIT_DAYS", default=365)
# 169.254.170.2 for tasks, by a helper container on each engine: "all" tasks find it, those with task "roles", or "off".
SLIPWAY_TASK_ENDPOINT: str = env.str("SLIPWAY_TASK_ENDPOINT", default="all")
if SLIPWAY_TASK_ENDPOINT not in ("all", "roles", "off"):
    raise ImproperlyConfigured("SLIPWAY_TASK_ENDPOINT is all, roles or off.")
SLIPWAY_TASK_CREDENTIALS_SECONDS: int = env.int("SLIPWAY_TASK_CREDENTIALS_SECONDS", default=21_600)
# Where the processes beside the web ones find the console, host:port, when not at SLIPWAY_BIND and PORT.
SLIPWAY_CONSOLE_ADDRESS: str = env.str("SLIPWAY_CONSOLE_ADDRESS", default="")
# Terminals in containers (ExecuteCommand): how many at once, minutes without a byte either way until one is ended (0:
# never), and what is kept of one's transcript where its cluster wants transcripts.
SLIPWAY_EXEC_SESSIONS: int = env.int("SLIPWAY_EXEC_SESSIONS", default=50)
SLIPWAY_EXEC_IDLE_MINUTES: int = env.int("SLIPWAY_EXEC_IDLE_MINUTES", default=20)
SLIPWAY_EXEC_TRANSCRIPT_KIB: int = env.int("SLIPWAY_EXEC_TRANSCRIPT_KIB", default=1024)
# Address schemes of fake engines, for tests and benchmarks only.
SLIPWAY_EXTRA_ENGINE_SCHEMES: frozenset[str] = frozenset(env.list("SLIPWAY_EXTRA_ENGINE_SCHEMES", default=[]))
