"""Transactions that PostgreSQL refuses, and rows that others hold: nothing is lost, doubled or blocked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection, transaction

from examples.shop.models import Customer
from sync import bindings
from sync.models import Binding
from sync.types import Wanted
from tests.acceptance.scene import Scene
from tests.acceptance.waiting import until
from tests.servers.postgres import PostgresServer

pytestmark = [
    pytest.mark.pg,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("own_postgres", "captured"),
]

COUNT = 40
ENOUGH = 5
BACKWARDS = "SELECT id FROM crudsync_binding ORDER BY connection_id DESC, object_type DESC, object_id DESC"


class Competitor:
    """Locks bindings one after the other in the opposite order, again and again.

    ``refused`` counts how often it was the one whose transaction the database ended.
    """

    def __init__(self, server: PostgresServer) -> None:
        self.url = server.url
        self.refused = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._compete, name="competitor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=30)

    def _compete(self) -> None:
        with psycopg.connect(self.url) as session:
            while not self._ended.wait(0.05):
                try:
                    for (id_,) in session.execute(BACKWARDS).fetchall():
                        session.execute("SELECT FROM crudsync_binding WHERE id = %s FOR UPDATE", [id_])
                        time.sleep(0.002)
                    session.commit()
                except psycopg.errors.DeadlockDetected:
                    session.rollback()
                    self.refused += 1


@pytest.fixture
def impatient(own_postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server, which looks for deadlocks at once."""
    with psycopg.connect(own_postgres.url, autocommit=True) as session:
        session.execute("ALTER SYSTEM SET deadlock_timeout = '20ms'")
        session.execute("SELECT pg_reload_conf()")
        yield own_postgres
        session.execute("ALTER SYSTEM RESET deadlock_timeout")
        session.execute("SELECT pg_reload_conf()")


def refusals(server: PostgresServer, words: str) -> int:
    """Return how often the server says that it refused a transaction."""
    return server.log.read_text(errors="replace").count(words)


REFUSALS = {
    "deadlock": ("deadlock detected", r"read\ committed"),
    "serialization failure": ("could not serialize access", "serializable"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_transactions_that_the_database_refuses_are_repeated(
    impatient: PostgresServer,
    scene: Scene,
    refusal: str,
) -> None:
    scene.account(drains=3, options={"rate_limit": {"limit": 60_000, "per": 60, "burst": 1000}})
    words, isolation = REFUSALS[refusal]
    before = refusals(impatient, words)
    url = f"{impatient.url}?options={quote(f'-c default_transaction_isolation={isolation}')}"
    knobs = {**scene.short, "rest_s": 0.0, "threads": 4, "DATABASE_URL": url}
    with Competitor(impatient) as competitor:
        scene.worker(concurrency=3, knobs=knobs)
        scene.beat(knobs=knobs)
        rows = [Customer.objects.create(email=f"{n}@shop.test", name="0") for n in range(COUNT)]

        def refused() -> int:
            return refusals(impatient, words) - before - (competitor.refused if refusal == "deadlock" else 0)

        def refused_often() -> bool:
            for row in rows:
                row.name = f"{row.name}+"
                row.save()
            return refused() >= ENOUGH

        until(refused_often, 60)
    scene.until_equal(60)
    scene.measured(refused=refused(), calls=scene.remote.last_seq())
    scene.assert_each_created_once(rows)
    scene.assert_nothing_open()


def test_a_long_transaction_over_the_rows_being_sent_blocks_nobody_and_is_not_overwritten(scene: Scene) -> None:
    rows = [Customer.objects.create(email=f"{n}@shop.test", name="Before") for n in range(8)]
    scene.worker(knobs=scene.short)
    scene.beat(knobs=scene.short)
    scene.until_equal()
    for there in scene.remote.objects("customers"):
        scene.remote.edit("customers", there["id"], score=7)  # comes back as ``credit`` with the next answer
    binding = Binding.objects.first()
    assert binding is not None
    ids = [str(row.pk) for row in rows]
    held, release = threading.Event(), threading.Event()

    def business() -> None:
        with transaction.atomic():
            for row in rows:
                row.name = "After"
                row.save()
            held.set()
            assert release.wait(60)
        connection.close()

    thread = threading.Thread(target=business)
    thread.start()
    assert held.wait(20)
    bindings.ask(binding.connection_id, "customer", ids, wanted=Wanted.PUSH)
    pushed = len(rows)
    until(lambda: len(scene.remote.calls("customers", "PATCH", applied=True)) >= pushed)
    assert {there["name"] for there in scene.remote.objects("customers")} == {"Before"}
    assert set(Customer.objects.values_list("credit", flat=True)) == {None}
    release.set()
    thread.join(20)
    scene.until_equal()
    until(lambda: set(Customer.objects.values_list("credit", "name")) == {(7, "After")})
