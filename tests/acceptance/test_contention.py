"""Transactions that PostgreSQL refuses, and rows that others hold: nothing is lost, doubled or blocked."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection, transaction

from examples.shop.models import Customer
from sync import bindings
from sync.models import Binding, Connection, Operation, Status
from sync.testing.remote import Remote
from sync.types import Wanted
from tests.acceptance.waiting import until
from tests.servers.celery import Beat, Worker
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
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Callable[..., None],
    measured: Callable[..., None],
    refusal: str,
) -> None:
    account(drains=3, options={"rate_limit": {"limit": 60_000, "per": 60, "burst": 1000}})
    words, isolation = REFUSALS[refusal]
    before = refusals(impatient, words)
    url = f"{impatient.url}?options={quote(f'-c default_transaction_isolation={isolation}')}"
    knobs = {**short, "rest_s": 0.0, "threads": 4, "DATABASE_URL": url}
    with Competitor(impatient) as competitor:
        worker(concurrency=3, knobs=knobs)
        beat(knobs=knobs)
        rows = [Customer.objects.create(email=f"{n}@shop.test", name="0") for n in range(COUNT)]

        def refused() -> int:
            return refusals(impatient, words) - before - (competitor.refused if refusal == "deadlock" else 0)

        def refused_often() -> bool:
            for row in rows:
                row.name = f"{row.name}+"
                row.save()
            return refused() >= ENOUGH

        until(refused_often, 60)
    until_equal(60)
    measured(refused=refused(), calls=sandbox.last_seq())
    created = Counter(entry.data["email"] for entry in sandbox.calls("customers", "POST", applied=True))
    assert created == {f"{n}@shop.test": 1 for n in range(COUNT)}
    assert not Binding.objects.exclude(uncertain="").exists()
    assert not Operation.objects.filter(status=Status.STARTED).exists()


def test_a_long_transaction_over_the_rows_being_sent_blocks_nobody_and_is_not_overwritten(
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    until_equal: Callable[..., None],
) -> None:
    rows = [Customer.objects.create(email=f"{n}@shop.test", name="Before") for n in range(8)]
    worker(knobs=short)
    beat(knobs=short)
    until_equal()
    for there in sandbox.objects("customers"):
        sandbox.edit("customers", there["id"], score=7)  # comes back as ``credit`` with the next answer
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
    until(lambda: len(sandbox.calls("customers", "PATCH", applied=True)) >= pushed)
    assert {there["name"] for there in sandbox.objects("customers")} == {"Before"}
    assert set(Customer.objects.values_list("credit", flat=True)) == {None}
    release.set()
    thread.join(20)
    until_equal()
    until(lambda: set(Customer.objects.values_list("credit", "name")) == {(7, "After")})
