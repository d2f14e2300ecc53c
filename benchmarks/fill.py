"""Fill a PostgreSQL as a shop would in years: ``python -m benchmarks.fill [--bindings N] [--operations N]``.

It fills the database that the settings name (``DATABASE_URL``), which must have none of our rows yet, by set-based SQL.
Three accounts of the example shop, their products, customers and orders; most objects are synced, some pending, in
backoff, waiting, held, in doubt, dead or ignored, by 200 causes of which one holds up very many; attempts of thirty
days, one object with far more of them than any other; an inbox that nobody has taken.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

ACCOUNTS = ("default", "eu", "us")
CAUSES = 200
CHANGES = 2_000
BUSY = 5_000
"""Attempts of the object that has most of them, at the most."""

PLACES = """
    SELECT n, k,
        CASE WHEN k <= %(whole)s THEN %(default)s WHEN k <= %(east)s THEN %(eu)s ELSE %(us)s END AS connection_id,
        CASE WHEN j <= %(products)s THEN 'product'
             WHEN k > %(whole)s OR j <= %(products)s + %(customers)s THEN 'customer' ELSE 'order' END AS object_type,
        CASE WHEN j <= %(products)s THEN j
             WHEN k > %(whole)s OR j <= %(products)s + %(customers)s THEN j - %(products)s
             ELSE j - %(products)s - %(customers)s END AS object_id
    FROM (SELECT n, k, CASE WHEN k <= %(whole)s THEN k WHEN k <= %(east)s THEN k - %(whole)s
                            ELSE k - %(east)s END AS j
          FROM ({numbers}) AS numbered) AS placed
"""
"""Which object the n-th binding is of: a mixed-up order, that needs no look at a table."""

SHUFFLED = "mod({n}::bigint * 611953, %(bindings)s) + 1"

STATES = """
    SELECT *, mod(n::bigint * 104729, 9973) / 9973.0 AS part,
        CASE WHEN s < 20 THEN 'pending' WHEN s < 40 THEN 'retrying' WHEN s < 43 THEN 'waiting' WHEN s < 53 THEN 'held'
             WHEN s < 54 THEN 'in_doubt' WHEN s < 74 OR outage THEN 'dead' WHEN s < 79 THEN 'absent'
             ELSE 'synced' END AS state
    FROM (SELECT *, connection_id = %(us)s AND s BETWEEN 100 AND 399 AS outage
          FROM (SELECT *, mod(n::bigint * 7919, 1000) AS s FROM ({places}) AS places) AS scored) AS marked
"""

BINDING = {
    "id": "n",
    "connection_id": "connection_id",
    "object_type": "object_type",
    "object_id": "object_id::text",
    "model": "'shop.' || object_type",
    "remote_id": "CASE WHEN state IN ('synced', 'retrying', 'held') THEN md5(k::text) END",
    "sent": """CASE WHEN state IN ('synced', 'retrying', 'held') THEN json_build_object(
        'name', object_type || ' ' || object_id, 'sku', 'SKU-' || object_id, 'price', '19.90', 'stock', 7)::text END""",
    "seen": "CASE WHEN state IN ('synced', 'retrying', 'held') THEN json_build_object('id', md5(k::text))::text END",
    "seq": "1 + mod(n, 50)",
    "due_at": """CASE state WHEN 'pending' THEN now() - make_interval(secs => mod(n, 600))
        WHEN 'retrying' THEN now() + make_interval(secs => mod(n, 3600))
        WHEN 'waiting' THEN now() + interval '1 hour' END""",
    "lease_token": "mod(n, 1000)",
    "attempts": "CASE WHEN state IN ('retrying', 'dead') THEN 1 + mod(n, 7) ELSE 0 END",
    "waits_for": "CASE WHEN state = 'waiting' THEN 'customer:' || object_id ELSE '' END",
    "uncertain": "CASE WHEN state = 'in_doubt' THEN 'create' ELSE '' END",
    "state": "state",
    "code": """CASE WHEN outage OR state = 'retrying' THEN 'server_error' WHEN state = 'in_doubt' THEN 'in_doubt'
        WHEN state IN ('held', 'dead') THEN 'refused' ELSE '' END""",
    "detail": """CASE WHEN outage OR state = 'retrying' THEN 'the remote answered 503'
        WHEN state IN ('held', 'dead') THEN 'the remote answered 422: price: must be a number' ELSE '' END""",
    "dirty_since": "CASE WHEN state NOT IN ('synced', 'absent') THEN now() - make_interval(mins => mod(n, 1440)) END",
    "actor": "(ARRAY['import', 'anna', 'bert', ''])[1 + mod(n, 4)]",
    "synced_at": "CASE WHEN state IN ('synced', 'retrying') THEN now() - make_interval(mins => mod(n, 43200)) END",
    "cause_id": """CASE WHEN outage THEN 1
        WHEN state IN ('held', 'in_doubt', 'dead') THEN 1 + floor(power(part, 3) * %(causes)s)::int END""",
    "ignored": "CASE WHEN state IN ('held', 'dead') AND mod(n, 17) = 0 THEN 'agreed with the vendor' ELSE '' END",
}

OPERATION = {
    "id": "g",
    "connection_id": "connection_id",
    "binding_id": "n",
    "object_type": "object_type",
    "object_id": "object_id::text",
    "verb": "CASE WHEN v < 100 THEN 'create' WHEN v > 980 THEN 'delete' WHEN v > 960 THEN 'lookup' ELSE 'update' END",
    "status": """CASE WHEN g > %(operations)s - 8 THEN 'started'
        WHEN r < 940 THEN 'succeeded' WHEN r < 975 THEN 'failed'
        WHEN r < 985 THEN 'unknown' WHEN r < 995 THEN 'not_sent' ELSE 'stale' END""",
    "attempt": "CASE WHEN r < 900 THEN 1 ELSE 1 + mod(g, 6) END",
    "lease_token": "mod(g, 100000)",
    "seq": "1 + mod(g, 50)",
    "key": "CASE WHEN v < 100 THEN md5(g::text) ELSE '' END",
    "body_hash": "md5(g::text) || md5(n::text)",
    "method": "CASE WHEN v < 100 THEN 'POST' WHEN v > 980 THEN 'DELETE' WHEN v > 960 THEN 'GET' ELSE 'PUT' END",
    "url": "'https://api.shop.example/v2/' || object_type || 's/' || md5(n::text)",
    "request": """'{"name": "' || object_type || ' ' || object_id
        || '", "price": "19.90", "stock": ' || mod(g, 90) || '}'""",
    "response": """CASE WHEN r < 940 THEN '{"id": "' || md5(n::text) || '"}'
        ELSE '{"errors": {"price": ["must be a number"]}}' END""",
    "status_code": "CASE WHEN r < 940 THEN 200 WHEN r < 965 THEN 422 WHEN r < 985 THEN 503 ELSE 0 END",
    "code": """CASE WHEN r < 940 THEN '' WHEN r < 965 THEN 'refused' WHEN r < 985 THEN 'server_error'
        ELSE 'no_token' END""",
    "detail": """CASE WHEN r < 940 THEN '' WHEN r < 965 THEN 'price: must be a number'
        ELSE 'the remote did not answer' END""",
    "remote_id": "CASE WHEN r < 940 THEN md5(n::text) END",
    "duration_ms": "CASE WHEN r < 985 THEN 20 + mod(g * 31, 400) END",
    "actor": "(ARRAY['import', 'anna', 'bert', ''])[1 + mod(g, 4)]",
    "task_id": "md5((g / 50)::text)",
    "started_at": "at",
    "finished_at": "CASE WHEN g <= %(operations)s - 8 THEN at + interval '120 ms' END",
}
ATTEMPTS = """
    SELECT *, mod(g::bigint * 7727, 1000) AS r, mod(g::bigint * 6151 / 7, 1000) AS v,
        now() - interval '30 days' * (1 - g / %(operations)s::float8) AS at
    FROM ({places}) AS places
"""

CAUSE = {
    "id": "n",
    "fingerprint": "md5(n::text) || md5('cause' || n::text)",
    "integrator": "'shop'",
    "code": "(ARRAY['server_error', 'refused', 'bad_answer', 'in_doubt', 'not_found'])[1 + mod(n - 1, 5)]",
    "status_code": "(ARRAY[503, 422, 200, 0, 404])[1 + mod(n - 1, 5)]",
    "field": "(ARRAY['', 'price', 'sku', 'email', ''])[1 + mod(n - 1, 5)]",
    "message": "'what the remote said in the ' || n || 'th way'",
    "example": "'price of object ' || n || ': must be a number'",
    "first_seen": "now() - interval '30 days'",
    "last_seen": "now() - make_interval(mins => n::int * 3)",
    "count": "1 + %(bindings)s / n",
}
CHANGE = {
    "model": "'shop.' || (ARRAY['product', 'customer', 'order'])[1 + mod(n, 3)]",
    "object_id": "(1 + mod(n * 37, %(products)s))::text",
    "kind": "'save'",
    "actor": "'import'",
    "created_at": "now() - make_interval(secs => 300 - n * 300 / %(changes)s)",
}
MINUTE = {
    "connection_id": "connection_id",
    "at": "at",
    "calls": "n",
    "succeeded": "n - 2",
    "failed": "1",
    "unknown": "1",
    "retries": "1",
    "applied": "n - 2",
    "tokens": "n",
    "waited_ms": "n * 15",
    "call_ms": "n * 120",
    "applied_ms": "n * 900",
    "call_08": "n / 2",
    "call_09": "n - n / 2",
    "applied_11": "n / 2",
    "applied_12": "n - 2 - n / 2",
}
MINUTES = """
    SELECT c.id AS connection_id, at, 20 + mod(extract(epoch FROM at)::bigint / 60 * (c.id + 6), 60) AS n
    FROM crudsync_connection AS c, generate_series(
        date_trunc('minute', now() - interval '30 days'), date_trunc('minute', now()) - interval '1 minute',
        interval '1 minute') AS at
"""

LOCAL = (
    """INSERT INTO shop_category (id, name, slug)
       SELECT n, 'Category ' || n, 'category-' || n FROM generate_series(1, 100) AS n""",
    """INSERT INTO shop_product
           (id, category_id, name, sku, price, stock, status, description, picture_url)
       SELECT n, 1 + mod(n, 100), 'Product ' || n, 'SKU-' || n, 19.90, mod(n, 90), 'active', '', ''
       FROM generate_series(1, %(products)s) AS n""",
    """INSERT INTO shop_customer (id, email, name, country, is_active)
       SELECT n, 'person' || n || '@example.test', 'Person ' || n, 'DE', true
       FROM generate_series(1, %(customers)s) AS n""",
    """INSERT INTO shop_order (id, customer_id, number, total, status)
       SELECT n, 1 + mod(n, %(customers)s), 'N' || n, 99, 'paid' FROM generate_series(1, %(customers)s) AS n""",
)


def fill(bindings: int = 1_000_000, operations: int = 5_000_000) -> dict[str, Any]:
    """Fill the database of this process's Django, and return the seconds that each part took.

    Args:
        bindings: how many; a multiple of 100, 1,000 or more.
        operations: how many.

    Raises:
        ValueError: a number of bindings that cannot be divided so.
        RuntimeError: the database is no PostgreSQL, or has rows of ours.
    """
    from django.db import connection

    if bindings < 1000 or bindings % 100:
        raise ValueError("bindings: a multiple of 100, 1,000 or more")
    if connection.vendor != "postgresql":
        raise RuntimeError("only a PostgreSQL can be filled so")
    sizes = _sizes(bindings, operations)
    took: dict[str, float] = {}
    for name, work in (
        ("local", lambda: _local(sizes)),
        ("bindings", lambda: _bindings(sizes)),
        ("operations", lambda: _operations(sizes)),
        ("others", lambda: _others(sizes)),
    ):
        began = time.monotonic()
        work()
        took[f"fill_{name}_s"] = round(time.monotonic() - began, 1)
    return {"bindings": bindings, "operations": operations, **took}


def vacuum() -> float:
    """Let the server clear up and learn what the tables hold; return the seconds that it took."""
    began = time.monotonic()
    with _connection().cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    return round(time.monotonic() - began, 1)


def _sizes(bindings: int, operations: int) -> dict[str, int]:
    """Return the numbers that the statements name. The accounts and their gates are made here."""
    from sync import registry
    from sync.models import Binding, Change, Connection, Gate, Operation

    if any(model.objects.exists() for model in (Binding, Operation, Change)):
        raise RuntimeError("the database has objects already: give one that is empty")
    rows = {"default": registry.connection("shop")}
    for name in ACCOUNTS[1:]:
        rows[name] = Connection.objects.get_or_create(integrator="shop", name=name)[0]
    for row in rows.values():
        Gate.objects.get_or_create(connection=row)
    return {
        "bindings": bindings,
        "operations": operations,
        "products": bindings // 10,
        "customers": 3 * bindings // 10,
        "whole": 7 * bindings // 10,
        "east": 85 * bindings // 100,
        "causes": CAUSES - 1,
        "changes": CHANGES,
        "busy": max(operations // min(BUSY, max(operations // 10, 1)), 1),
        **{name: row.pk for name, row in rows.items()},
    }


def _bindings(sizes: Mapping[str, int]) -> None:
    from sync.models import Binding, Cause

    _insert(Cause, CAUSE, f"SELECT n FROM generate_series(1, {CAUSES}) AS n", sizes)
    numbers = f"SELECT n, {SHUFFLED.format(n='n')} AS k FROM generate_series(1, %(bindings)s) AS n"
    _insert(Binding, BINDING, STATES.format(places=PLACES.format(numbers=numbers)), sizes)


def _operations(sizes: Mapping[str, int]) -> None:
    """Insert them in the order of time; every so often it is the busy object's turn."""
    from sync.models import Operation

    binding = "CASE WHEN mod(g, %(busy)s) = 0 THEN 7 ELSE 1 + mod(g::bigint * 15485863, %(bindings)s) END"
    drawn = f"SELECT g, {binding} AS n FROM generate_series(1, %(operations)s) AS g"
    numbers = f"SELECT g, n, {SHUFFLED.format(n='n')} AS k FROM ({drawn}) AS drawn"
    places = PLACES.format(numbers=numbers).replace("SELECT n, k,", "SELECT g, n, k,")
    _insert(Operation, OPERATION, ATTEMPTS.format(places=places), sizes)


def _others(sizes: Mapping[str, int]) -> None:
    from sync.models import Change, Minute

    _insert(Minute, MINUTE, MINUTES, sizes)
    _insert(Change, CHANGE, "SELECT n FROM generate_series(1, %(changes)s) AS n", sizes)


def _insert(model: Any, values: Mapping[str, str], rows: str, sizes: Mapping[str, int]) -> None:
    """Insert into a model's table what expressions say; other columns get their field's default."""
    table, given = model._meta.db_table, {**values}
    parameters: dict[str, Any] = {**sizes}
    for field in model._meta.concrete_fields:
        if field.column not in given and not (field.null or field.primary_key):
            given[field.column] = f"%(default_of_{field.column})s"
            parameters[f"default_of_{field.column}"] = field.get_db_prep_save(field.get_default(), _connection())
    columns, expressions = ", ".join(given), ", ".join(given.values())
    with _without_indexes(table), _connection().cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {expressions} FROM ({rows}) AS source", parameters)
        key = model._meta.pk.column
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), (SELECT max({key}) FROM {table}))")


@contextmanager
def _without_indexes(table: str) -> Iterator[None]:
    """Drop the indexes that no constraint needs, and build them again afterwards: faster by far than row by row."""
    found = """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = %s::regclass AND NOT indisunique
    """
    with _connection().cursor() as cursor:
        cursor.execute(found, [table])
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        yield
        _connection().check_constraints()  # in a transaction they would be looked at later, and hold the indexes up
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for _, definition in indexes:
            cursor.execute(definition)


def _local(sizes: Mapping[str, int]) -> None:
    with _connection().cursor() as cursor:
        for statement in LOCAL:
            cursor.execute(statement, sizes)
        for table in ("shop_category", "shop_product", "shop_customer", "shop_order"):
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")


def _connection() -> Any:
    from django.db import connection

    return connection


def main() -> None:
    """Read the command line, fill, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bindings", type=int, default=1_000_000)
    parser.add_argument("--operations", type=int, default=5_000_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    import django

    from benchmarks.measure import show

    django.setup()
    show({**fill(given.bindings, given.operations), "vacuum_s": vacuum()}, as_json=given.json)


if __name__ == "__main__":
    main()
