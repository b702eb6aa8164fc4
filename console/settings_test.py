"""Settings for the tests: a throw-away home, so that no test ever reads or writes a real installation's state."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# Before the settings are read: they make the secret key and derive every path from the home. Processes that a test
# run starts (workers of xdist, commands) share the first one's home; it alone removes it.
_home = os.environ.get("SLIPWAY_TEST_HOME", "")


def _remove(home: str, maker: int) -> None:
    if os.getpid() == maker:
        shutil.rmtree(home, ignore_errors=True)


if not _home:
    _home = tempfile.mkdtemp(prefix="slipway-test-")
    atexit.register(_remove, _home, os.getpid())
os.environ["SLIPWAY_HOME"] = _home
os.environ["SLIPWAY_TEST_HOME"] = _home
# Playwright's synchronous driver leaves an event loop in the test's thread, which Django takes for async code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
os.environ.setdefault("SLIPWAY_DATABASE_POOL", "0")
for _name in ("SLIPWAY_REDIS_URL", "SLIPWAY_URL", "SLIPWAY_ADMIN_PASSWORD", "ALLOWED_HOSTS", "PORT"):
    os.environ.pop(_name, None)

from console.settings import *  # noqa: E402, F403
from console.settings import DATABASES, HOME  # noqa: E402

ALLOWED_HOSTS = ["*"]
# The cheapest hasher there is: tests create many users and prove nothing about hashing.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Containers get the variables of 169.254.170.2 where their task has a role.
SLIPWAY_TASK_ENDPOINT = "roles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads and processes started by a test must see the same rows, with WAL's own locking.
    DATABASES["default"]["TEST"] = {"NAME": str(HOME.root / "test.sqlite3")}
