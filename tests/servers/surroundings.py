"""The environment of a process that works on this test's database, broker and settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import quote

from django.conf import settings
from django.db import connection


def database_url() -> str:
    """Return the URL of the test database as it is now."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    user = quote(str(values["USER"]), safe="")
    password = f":{quote(str(values['PASSWORD']), safe='')}" if values.get("PASSWORD") else ""
    return f"postgres://{user}{password}@{values['HOST']}:{values['PORT'] or 5432}/{values['NAME']}"


def surroundings(redis_url: str, knobs: Mapping[str, object] | None = None) -> dict[str, str]:
    """Return the environment: the test's database, this Redis, the test's keys, and what the test sets besides.

    Args:
        redis_url: of the broker, the limiter and the doorbell.
        knobs: settings by variable (``CRUDSYNC_SLICE_S``), or fields of ``CRUDSYNC`` in lower case (``slice_s``).
    """
    given = {
        (name if name.isupper() else f"CRUDSYNC_{name.upper()}"): str(value) for name, value in (knobs or {}).items()
    }
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database_url(),
        "REDIS_URL": redis_url,
        "SANDBOX_URL": settings.SANDBOX_URL,
        "CRUDSYNC_ENCRYPTION_KEYS": ",".join(settings.CRUDSYNC["encryption_keys"]),
        "PYTHONUNBUFFERED": "1",
        **given,
    }
