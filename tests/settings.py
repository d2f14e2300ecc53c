"""The site's settings, with a test database in a file of its own, so that worker processes can open it too."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

from tests.servers import guardian

os.environ.setdefault("SECRET_KEY", "for-tests-alone")
os.environ.setdefault("ENV_FILE", os.devnull)  # what a developer keeps in .env is not what is tested
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")  # nothing listens there: a test asks for redis_server

from project.settings import *  # noqa: F403
from project.settings import CRUDSYNC, DATABASES, INSTALLED_APPS, SQLITE_OPTIONS

ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [*INSTALLED_APPS, "tests.zoo"]
WHITENOISE_AUTOREFRESH = True  # else each test's client would read every static file before its first request
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CRUDSYNC = {**CRUDSYNC, "encryption_keys": [Fernet.generate_key().decode()]}

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    _home = Path(tempfile.mkdtemp(prefix="crudsync-tests-"))
    guardian.watch(str(_home), remove=str(_home))
    DATABASES["default"]["NAME"] = str(_home / "unused.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(_home / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"] = {
        **SQLITE_OPTIONS,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF",  # speed; no test cuts the power
    }
else:
    DATABASES["default"]["TEST"] = {"NAME": f"test_crudsync_{os.getpid()}"}
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    INSTALLED_APPS += ["pgtrigger"]
