"""What Django runs after each transactional test, for a fraction of its price.

Django's own empties every table, and then makes the content types and permissions anew, by some sixty queries. Here
only what has rows is emptied; content types and permissions stay, as long as they are those that Django made.
"""

from __future__ import annotations

from typing import Any

from django.core.management.color import no_style
from django.core.management.commands.flush import Command as Flush
from django.db import connections

KEPT = ("django_content_type", "auth_permission")

_made: dict[tuple[Any, ...], list[Any]] = {}
"""By database: the rows of the kept tables, as Django made them."""


class Command(Flush):
    """Empty the database after a test; whoever else asks gets what Django does."""

    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        place = tuple(connection.settings_dict[name] for name in ("HOST", "PORT", "NAME"))
        if options.get("reset_sequences", True) or options.get("inhibit_post_migrate", False):
            super().handle(**options)
        elif _made.get(place) == _kept(connection):
            _empty(connection)
        else:
            super().handle(**options)
            _made[place] = _kept(connection)


def _kept(connection: Any) -> list[Any]:
    found = []
    with connection.cursor() as cursor:
        for table in KEPT:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY id")
            found.append(cursor.fetchall())
    return found


def _empty(connection: Any) -> None:
    """Empty what has rows, at once; what refers to it is emptied with it."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    asked = [
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})"
        for table in sorted(set(tables) - set(KEPT))
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        filled = [name for (name,) in cursor.fetchall()]
    if filled:
        connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), filled, allow_cascade=True))
