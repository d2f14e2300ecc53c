from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from sync.models import Binding, Connection, State
from sync.models.clock import now
from sync.monitoring import heaps
from sync.monitoring.standing import report, shown

pytestmark = pytest.mark.django_db


def bind(connection: Connection, state: State, *, age_s: float | None = None, lane: int = 0, ignored: str = "") -> None:
    at = now()
    Binding.objects.create(
        connection=connection,
        object_type="coin",
        object_id=str(Binding.objects.count()),
        state=state,
        lane=lane,
        ignored=ignored,
        due_at=None if age_s is None else at,
        dirty_since=None if age_s is None else at - dt.timedelta(seconds=age_s),
    )


def test_each_connection_has_its_own_counts(connection: Connection) -> None:
    other = Connection.objects.create(integrator="vault", name="other")
    bind(connection, State.PENDING, age_s=10)
    bind(connection, State.RETRYING, age_s=500, lane=1)
    bind(connection, State.PENDING, age_s=90, lane=2)
    bind(connection, State.SYNCED)
    bind(other, State.DEAD)
    bind(other, State.DEAD, ignored="known")
    one, two = report([connection, other]).connections
    assert dict(one.counts) == {"pending": 2, "retrying": 1, "synced": 1}
    assert (one.backlog, one.stuck, one.ignored) == (3, 0, 0)
    assert one.oldest_unsent_s == pytest.approx(500, abs=60)
    assert dict(two.counts) == {"dead": 2}
    assert (two.backlog, two.stuck, two.ignored, two.oldest_unsent_s) == (0, 1, 1, None)


def test_what_is_synced_is_left_out_where_nobody_asks(connection: Connection) -> None:
    bind(connection, State.SYNCED)
    assert dict(report([connection], synced=False).connections[0].counts) == {}


def test_what_is_ignored_is_left_out_where_nobody_asks(connection: Connection) -> None:
    bind(connection, State.HELD, ignored="known")
    bind(connection, State.HELD)
    (one,) = report([connection], ignored=False).connections
    assert (dict(one.counts), one.stuck, one.ignored) == ({"held": 1}, 1, 0)


def test_a_count_ends_where_the_caller_says(connection: Connection) -> None:
    for _ in range(4):
        bind(connection, State.PENDING, age_s=1)
    (one,) = report([connection], most=3).connections
    assert (dict(one.counts), one.backlog, shown(one.backlog, 3), shown(2, 3)) == ({"pending": 3}, 3, "3+", "2")


def test_what_is_synced_is_looked_for_among_a_bounded_number(connection: Connection) -> None:
    for _ in range(heaps.LOOKED_AT * 2):
        bind(connection, State.PENDING, age_s=1)
    bind(connection, State.SYNCED)
    assert "synced" not in report([connection], most=2).connections[0].counts
    assert report([connection], most=3).connections[0].counts["synced"] == 1


def test_without_connections_nothing_is_asked_of_bindings(connection: Connection) -> None:
    assert report([]).connections == ()


def test_the_number_of_queries_does_not_grow_with_the_connections(connection: Connection) -> None:
    def queries(rows: list[Connection]) -> int:
        with CaptureQueriesContext(database) as context:
            report(rows)
        return len(context)

    for number in range(30):
        Connection.objects.create(integrator="vault", name=str(number))
    rows = list(Connection.objects.select_related("gate"))
    assert queries(rows[:1]) == queries(rows)


def test_many_connections_are_asked_for_in_parts_that_sqlite_can_bear(connection: Connection) -> None:
    others = [Connection.objects.create(integrator="vault", name=str(number)) for number in range(2 * heaps.TOGETHER)]
    bind(others[-1], State.HELD)
    assert report([connection, *others]).connections[-1].stuck == 1
