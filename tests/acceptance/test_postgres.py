"""PostgreSQL restarted, read-only, its sessions ended: nothing is lost and nothing doubled."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest
from django.db import connection

from sync.models import Operation
from tests.acceptance.scene import Scene
from tests.acceptance.waiting import until
from tests.servers.celery import Supervisor
from tests.servers.postgres import PostgresServer

pytestmark = [
    pytest.mark.pg,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("own_postgres", "captured"),
]

COUNT = 200
READ_ONLY_S = 1.5


def statement(server: PostgresServer, sql: str) -> None:
    """Run a statement as the server's owner, committed."""
    with psycopg.connect(server.url, autocommit=True) as session:
        session.execute(sql)  # type: ignore[call-overload]


def end_sessions(server: PostgresServer) -> None:
    """End every session but the one that does it, also of the server's own helpers that hold none of ours."""
    statement(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def end_sessions_often(server: PostgresServer) -> None:
    """End all sessions ten times, a fifth of a second apart: some are in the middle of whatever a drain does."""
    for _ in range(10):
        end_sessions(server)
        time.sleep(0.2)


def read_only_for_a_while(server: PostgresServer) -> None:
    """Refuse every write, of sessions that are open and of new ones, for a while."""
    statement(server, "ALTER SYSTEM SET default_transaction_read_only = on")
    statement(server, "SELECT pg_reload_conf()")
    time.sleep(READ_ONLY_S)
    with psycopg.connect(server.url, autocommit=True, options="-c default_transaction_read_only=off") as session:
        session.execute("ALTER SYSTEM RESET default_transaction_read_only")
        session.execute("SELECT pg_reload_conf()")


FAULTS: dict[str, Callable[[PostgresServer], object]] = {
    "restarted": lambda server: server.restart("fast"),
    "crashed": lambda server: server.restart("immediate"),
    "sessions ended": end_sessions_often,
    "read-only": read_only_for_a_while,
}


LONG = ("restarted", "crashed", "sessions ended")


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=[pytest.mark.chaos] if name in LONG else []) for name in FAULTS]
)
def test_a_database_that_breaks_in_the_middle_of_deliveries_loses_and_doubles_nothing(
    own_postgres: PostgresServer,
    scene: Scene,
    fault: str,
) -> None:
    scene.account(drains=2, options={"rate_limit": {"limit": 60_000, "per": 60, "burst": 1000}})
    scene.remote.fault("delay", collection="customers", seconds=0.05)
    running = scene.beat(knobs=scene.short)
    running.wait_for("Sending due task crudsync.sweep")  # the scheduler of this site needs its tables to start
    rows = scene.customers_at_once(COUNT)
    with Supervisor(running, scene.worker(knobs={**scene.short, "threads": 4})) as supervisor:
        until(lambda: scene.remote.last_seq() > COUNT // 8)
        FAULTS[fault](own_postgres)
        connection.close()  # ours has ended like the others
        when = scene.remote.last_seq()
        mended = time.monotonic()
        scene.until_equal(90)
        scene.measured(sent_before=when, arrived_after_s=round(time.monotonic() - mended, 2))
        scene.measured(restarts=len(supervisor.restarts))
    assert when < COUNT
    scene.assert_each_created_once(rows)
    scene.assert_nothing_open()
    assert Operation.objects.count() >= len(scene.remote.calls("customers", "POST", applied=True))
