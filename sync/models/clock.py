"""The database's clock: every due time, lease and gate is compared by it, never by a worker's."""

from __future__ import annotations

import datetime as dt

from django.db import connections
from django.utils import timezone


def now(using: str = "default") -> dt.datetime:
    """Return the database server's time, aware, in UTC.

    SQLite has no server: its clock is this machine's.
    """
    connection = connections[using]
    if connection.vendor == "sqlite":
        return timezone.now()
    sql = "SELECT statement_timestamp()" if connection.vendor == "postgresql" else "SELECT CURRENT_TIMESTAMP(6)"
    with connection.cursor() as cursor:
        cursor.execute(sql)
        value: dt.datetime = cursor.fetchone()[0]
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
