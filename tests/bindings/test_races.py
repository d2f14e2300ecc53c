"""What two transactions do to one row at once. PostgreSQL: SQLite has one writer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import F

from sync import bindings
from sync.bindings import Claimed, Fold, Mark, Settlement
from sync.models import Binding, Connection, Gate, State
from sync.types import Wanted

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def claimed() -> Claimed:
    connection = Connection.objects.create(integrator="vault")
    Gate.objects.create(connection=connection)
    bindings.fold([change(connection.pk)])
    (row,) = bindings.claim(connection.pk, 1, 60.0)
    return row


def change(connection_id: int, wanted: int = Wanted.AUTO) -> Fold:
    return Fold(connection_id=connection_id, object_type="coin", object_id="1", model="vault.coin", wanted=wanted)


def success(row: Claimed) -> Settlement:
    return Settlement(
        claim=row,
        remote_id="r1",
        remote_version=None,
        sent="{}",
        seen=None,
        uncertain="",
        intent=None,
        wanted=Wanted.AUTO,
        attempts=0,
        claims=0,
        state=State.SYNCED,
        synced=True,
    )


def race(mine: Callable[[], Any], theirs: Callable[[], Any]) -> Any:
    """Do ``mine`` in a transaction that commits only once ``theirs``, in another session, waits for it.

    Returns:
        What ``theirs`` returned.
    """
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(theirs())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        mine()
        thread.start()
        waits_for_a_lock()
    thread.join(timeout=10)
    assert not thread.is_alive()
    return found[0]


def waits_for_a_lock() -> None:
    """Return once another session of this database waits for a lock of ours."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(2000):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(sql)
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


def test_a_settlement_that_waited_for_a_change_sees_it(claimed: Claimed) -> None:
    pushed = change(claimed.connection_id, Wanted.PUSH)
    assert race(lambda: bindings.fold([pushed]), lambda: bindings.settle([success(claimed)])) == {claimed.id}
    row = Binding.objects.get()
    assert (row.remote_id, row.state, row.wanted, row.leased) == ("r1", State.PENDING, Wanted.PUSH, False)
    assert row.due_at is not None


def test_a_change_that_waited_for_a_settlement_makes_due_what_that_had_ended(claimed: Claimed) -> None:
    race(lambda: bindings.settle([success(claimed)]), lambda: bindings.fold([change(claimed.connection_id)]))
    row = Binding.objects.get()
    assert (row.remote_id, row.state) == ("r1", State.PENDING)
    assert row.due_at is not None


def claim_anew() -> None:
    Binding.objects.update(lease_token=F("lease_token") + 1)


def test_a_settlement_that_waited_for_another_claim_changes_nothing(claimed: Claimed) -> None:
    assert race(claim_anew, lambda: bindings.settle([success(claimed)])) == set()
    assert Binding.objects.get().remote_id is None


def test_a_journal_that_waited_for_another_claim_finds_that_the_object_is_not_ours(claimed: Claimed) -> None:
    mark = Mark(claim=claimed, uncertain="create", intent="{}")
    assert race(claim_anew, lambda: bindings.mark([mark])) == set()
    assert Binding.objects.get().uncertain == ""


def test_what_another_claim_has_locked_is_left_to_it(claimed: Claimed) -> None:
    Binding.objects.update(leased=False, due_at=claimed.now)
    found: list[list[Claimed]] = []

    def theirs() -> None:
        found.append(bindings.claim(claimed.connection_id, 10, 60.0))
        connections.close_all()

    with transaction.atomic():
        Binding.objects.select_for_update().get()
        thread = threading.Thread(target=theirs)
        thread.start()
        thread.join(timeout=10)
    assert found == [[]]


REFUSE_ONCE = """
CREATE SEQUENCE refusals;
CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('refusals') = 1 THEN  -- a sequence is not rolled back
        RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_once BEFORE UPDATE ON crudsync_binding FOR EACH ROW EXECUTE FUNCTION refuse_once();
"""
LIKE_BEFORE = """
DROP TRIGGER refuse_once ON crudsync_binding;
DROP FUNCTION refuse_once();
DROP SEQUENCE refusals;
"""


def test_a_claim_that_the_database_refuses_is_made_again() -> None:
    connection = Connection.objects.create(integrator="vault")
    Gate.objects.create(connection=connection)
    bindings.fold([change(connection.pk)])
    with connections["default"].cursor() as cursor:
        cursor.execute(REFUSE_ONCE)
        try:
            (row,) = bindings.claim(connection.pk, 5, 60.0)
        finally:
            cursor.execute(LIKE_BEFORE)
    assert (row.object_id, row.claims) == ("1", 1)
