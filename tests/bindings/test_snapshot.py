"""A snapshot that somebody leaves open: PostgreSQL keeps every dead row meanwhile, and a claim walks over its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection as database

from sync.bindings import postgres
from sync.models import Binding, Connection, State
from sync.types import Lane

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]

ALL, DELIVERED, ROUNDS = 20_000, 500, 10
BLOCKS_PER_THOUSAND = 150
"""Of 8 KB, that a claim may read more for every thousand deliveries since the snapshot. Measured: 73."""


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from steps(below)


def claim_cost(connection: Connection) -> int:
    """Return how many blocks the look for due objects reads; it must go by the index of what is due."""
    with database.cursor() as cursor:
        explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
        cursor.execute(f"{explain} {postgres._due(tuple(Lane), postgres.DUE)}", [connection.pk, 50] * 3)
        told = cursor.fetchone()[0]
    plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    scans = {
        step.get("Index Name") for step in steps(plan) if "Scan" in step["Node Type"] and "CTE" not in step["Node Type"]
    }
    assert scans == {"crudsync_binding_due"}
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def deliver(ids: list[int]) -> None:
    """Do to these rows what intake, claim and settle do."""
    for values in ("due_at = now()", "due_at = now() + '0.2 s', lease_token = lease_token + 1", "due_at = NULL"):
        with database.cursor() as cursor:
            cursor.execute(f"UPDATE crudsync_binding SET {values} WHERE id = ANY(%s)", [ids])


def test_a_claim_under_an_open_snapshot_walks_over_what_was_delivered_since_and_over_nothing_else(
    connection: Connection,
) -> None:
    rows = [
        Binding(connection=connection, object_type="coin", object_id=str(n), model="vault.coin", state=State.SYNCED)
        for n in range(ALL)
    ]
    Binding.objects.bulk_create(rows)
    ids = [row.pk for row in rows[:DELIVERED]]
    with database.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE crudsync_binding")
    at_first = claim_cost(connection)
    place = database.settings_dict
    with psycopg.connect(
        host=place["HOST"], port=place["PORT"], user=place["USER"], password=place["PASSWORD"], dbname=place["NAME"]
    ) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT count(*) FROM crudsync_binding")
        for _ in range(ROUNDS):
            deliver(ids)
        meanwhile = claim_cost(connection)
    with database.cursor() as cursor:
        cursor.execute("VACUUM crudsync_binding")
    assert meanwhile - at_first <= BLOCKS_PER_THOUSAND * DELIVERED * ROUNDS / 1000
    assert claim_cost(connection) <= at_first + 5
