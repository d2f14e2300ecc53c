from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.models import Connection, Minute, Operation, Status, Sweep
from sync.models.clock import now
from sync.models.minute import APPLIED_BUCKETS, BOUNDS_MS, CALL_BUCKETS, ROLLED
from sync.monitoring import rollup
from sync.monitoring.rollup import roll_up, roll_up_if_overdue

Noted = Callable[..., Operation]
pytestmark = pytest.mark.django_db

SECOND = dt.timedelta(seconds=1)


def row(at: dt.datetime) -> Minute:
    return Minute.objects.get(at=at)


def contents() -> list[dict[str, Any]]:
    return list(Minute.objects.order_by("at", "connection").values("connection", "at", *ROLLED))


def rolled_until(at: dt.datetime) -> None:
    Sweep.objects.update_or_create(name=rollup.NAME, defaults={"at": at})


def test_a_minute_tells_how_its_attempts_ended(attempt: Noted, minute: dt.datetime) -> None:
    attempt(minute, duration_ms=20.0, applied_ms=700.0, waited_ms=0.0)
    attempt(minute + SECOND, attempt=2, duration_ms=30.0, applied_ms=900.0, waited_ms=500.0)
    attempt(minute + SECOND, status="failed", status_code=429, duration_ms=5.0, waited_ms=100.0)
    attempt(minute + SECOND, status="unknown", duration_ms=10_000.0)
    attempt(minute + SECOND, status="stale")
    attempt(minute + SECOND, status="not_sent", duration_ms=3.0)
    attempt(minute + SECOND, status="not_sent", waited_ms=1.0)
    attempt(minute + SECOND, status="started")
    assert roll_up() is not None
    found = row(minute)
    assert (found.calls, found.succeeded, found.failed, found.unknown, found.open) == (7, 2, 2, 2, 1)
    assert (found.throttled, found.retries, found.applied, found.tokens) == (1, 1, 2, 4)
    assert (found.waited_ms, found.call_ms, found.applied_ms) == (601.0, 10_058.0, 1600.0)


def test_an_attempt_that_found_no_way_has_failed_and_one_that_nobody_tried_is_no_call(
    attempt: Noted, minute: dt.datetime
) -> None:
    attempt(minute, status="not_sent", duration_ms=3.0, code="connect")
    attempt(minute, status="not_sent", code="not_sent")
    roll_up()
    assert (row(minute).calls, row(minute).failed) == (1, 1)


@pytest.mark.parametrize(
    ("duration_ms", "place"),
    [(0.0, 0), (0.99, 0), (1.0, 1), (1.77, 1), (9.99, 4), (10.0, 5), (9_999_999.0, 28), (1e7, 29), (1e12, 29)],
)
def test_a_duration_is_counted_below_its_bound(
    attempt: Noted, minute: dt.datetime, duration_ms: float, place: int
) -> None:
    attempt(minute, duration_ms=duration_ms, applied_ms=duration_ms)
    roll_up()
    found = row(minute)
    assert [name for name in (*CALL_BUCKETS, *APPLIED_BUCKETS) if getattr(found, name)] == [
        CALL_BUCKETS[place],
        APPLIED_BUCKETS[place],
    ]


def test_the_first_and_the_last_instant_of_a_minute_are_its_own(attempt: Noted, minute: dt.datetime) -> None:
    attempt(minute - dt.timedelta(microseconds=1))
    attempt(minute)
    attempt(minute + dt.timedelta(seconds=59, microseconds=999_999))
    rolled_until(minute - dt.timedelta(minutes=1))
    roll_up()
    assert (row(minute - dt.timedelta(minutes=1)).calls, row(minute).calls) == (1, 2)


def test_a_second_run_changes_nothing(attempt: Noted, minute: dt.datetime) -> None:
    attempt(minute, duration_ms=12.0)
    roll_up()
    before = contents()
    roll_up()
    assert contents() == before


def test_what_ends_later_is_counted_again_however_long_it_took(attempt: Noted, minute: dt.datetime) -> None:
    early = minute - dt.timedelta(hours=3)
    late = attempt(early, status="started")
    roll_up()
    rolled_until(now())
    assert (row(early).open, row(early).succeeded) == (1, 0)
    Operation.objects.filter(pk=late.pk).update(status=Status.SUCCEEDED, duration_ms=9.0)
    roll_up()
    assert (row(early).open, row(early).succeeded, row(early).calls) == (0, 1, 1)


def test_what_never_ends_keeps_nothing_else_from_being_counted_again(attempt: Noted, minute: dt.datetime) -> None:
    under_way = [attempt(minute - dt.timedelta(minutes=back), status="started") for back in range(5, 25)]
    rolled_until(minute - dt.timedelta(minutes=25))
    roll_up()
    assert Minute.objects.filter(open=1).count() == 20
    Operation.objects.filter(pk__in=[one.pk for one in under_way[15:]]).update(status="succeeded")
    for _ in range(200):  # others have their turn by chance
        roll_up()
        if Minute.objects.filter(open=1).count() == 15:
            break
    assert Minute.objects.filter(open=1).count() == 15
    assert Minute.objects.filter(succeeded=1).count() == 5


def test_what_was_under_way_and_is_gone_is_open_no_longer(attempt: Noted, minute: dt.datetime) -> None:
    early = minute - dt.timedelta(hours=3)
    gone = attempt(early, status="started")
    roll_up()
    rolled_until(now())
    gone.delete()
    roll_up()
    assert row(early).open == 0


def test_after_a_gap_it_goes_on_where_it_was_an_hour_a_run(attempt: Noted, minute: dt.datetime) -> None:
    start = minute - dt.timedelta(minutes=150)
    for place in range(150):
        attempt(start + dt.timedelta(minutes=place, seconds=30))
    rolled_until(start)
    first = roll_up()
    assert first is not None
    assert first.until - first.since == rollup.SPAN
    assert first.behind_s > 0
    for _ in range(10):
        more = roll_up()
        assert more is not None
        if more.behind_s == 0:
            break
    assert Minute.objects.count() == 150
    assert set(Minute.objects.values_list("calls", flat=True)) == {1}


def test_a_gap_in_which_nothing_was_sent_takes_one_run(minute: dt.datetime) -> None:
    rolled_until(minute - dt.timedelta(days=3))
    done = roll_up()
    assert done is not None
    assert (done.rows, done.behind_s) == (0, 0)


def test_a_fresh_installation_starts_a_week_back(attempt: Noted, minute: dt.datetime) -> None:
    attempt(minute - dt.timedelta(days=8))
    attempt(minute - dt.timedelta(days=6))
    roll_up()
    assert [found.at for found in Minute.objects.all()] == [minute - dt.timedelta(days=6)]


def test_dead_letters_that_were_counted_already_stay(
    attempt: Noted, minute: dt.datetime, connection: Connection
) -> None:
    Minute.objects.create(connection=connection, at=minute, dead=3)
    attempt(minute)
    roll_up()
    assert (row(minute).dead, row(minute).calls) == (3, 1)


def test_nothing_is_counted_where_the_engine_is_switched_off(
    attempt: Noted, minute: dt.datetime, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    attempt(minute)
    assert roll_up() is None
    assert not Minute.objects.exists()


def test_the_sweep_does_it_only_where_nobody_has_for_two_intervals(attempt: Noted, minute: dt.datetime) -> None:
    rolled_until(now())
    assert roll_up_if_overdue() is None
    rolled_until(now() - dt.timedelta(seconds=31))
    assert roll_up_if_overdue() is not None
    assert roll_up_if_overdue() is None


def test_the_number_of_queries_is_the_same_for_one_and_for_many(attempt: Noted, minute: dt.datetime) -> None:
    attempt(minute)
    roll_up()
    asked = []
    for more in (0, 9):
        for number in range(more):
            attempt(
                minute + number * SECOND,
                duration_ms=float(number),
                connection=Connection.objects.create(name=str(number)),
            )
        with CaptureQueriesContext(connections["default"]) as queries:
            roll_up()
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 16


def test_old_minutes_are_removed(connection: Connection, minute: dt.datetime) -> None:
    for days in (1, 29, 31, 60):
        Minute.objects.create(connection=connection, at=minute - dt.timedelta(days=days))
    assert rollup.prune(30 * 86_400) == 2
    assert Minute.objects.count() == 2


OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {
            "second": st.floats(0, 179.999),
            "account": st.integers(0, 1),
            "status": st.sampled_from(Status.values),
            "attempt": st.integers(1, 3),
            "status_code": st.sampled_from([0, 200, 429, 500]),
            "duration_ms": st.none() | st.floats(0, 1e8),
            "applied_ms": st.none() | st.floats(0, 1e8),
            "waited_ms": st.none() | st.floats(0, 1000),
        }
    ),
    max_size=25,
)


@given(given_rows=OPERATIONS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_minutes_are_what_the_operations_say(connection: Connection, given_rows: list[dict[str, Any]]) -> None:
    other = Connection.objects.get_or_create(integrator="vault", name="other")[0]
    accounts = (connection, other)
    start = now().replace(second=0, microsecond=0) - dt.timedelta(minutes=10)
    Operation.objects.all().delete()
    Minute.objects.all().delete()
    for values in given_rows:
        told = dict(values)
        at = start + dt.timedelta(seconds=told.pop("second"))
        Operation.objects.create(connection=accounts[told.pop("account")], started_at=at, verb="create", **told)
    rolled_until(start)
    roll_up()
    assert {(one.connection_id, one.at): counters(one) for one in Minute.objects.all()} == expected()


def counters(one: Minute) -> dict[str, float]:
    return {name: round(value, 3) for name in ROLLED if (value := getattr(one, name))}


def expected() -> dict[tuple[int, dt.datetime], dict[str, float]]:
    """The same, one operation after the other."""
    found: dict[tuple[int, dt.datetime], Counter[str]] = {}
    for one in Operation.objects.all():
        row = found.setdefault((one.connection_id, one.started_at.replace(second=0, microsecond=0)), Counter())
        if one.waited_ms is not None:
            row.update({"tokens": 1, "waited_ms": one.waited_ms})
        if one.status == "not_sent" and one.duration_ms is None:
            continue
        word = {"not_sent": "failed", "stale": "unknown", "started": "open"}.get(one.status, one.status)
        row.update({"calls": 1, word: 1, "retries": int(one.attempt > 1), "throttled": int(one.status_code == 429)})
        for name, value, buckets in (
            ("call_ms", one.duration_ms, CALL_BUCKETS),
            ("applied_ms", one.applied_ms, APPLIED_BUCKETS),
        ):
            if value is not None:
                row.update({name: value, buckets[sum(bound <= value for bound in BOUNDS_MS)]: 1})
                row.update({"applied": 1} if name == "applied_ms" else {})
    return {key: {name: round(value, 3) for name, value in row.items() if value} for key, row in found.items()}


@pytest.mark.django_db(transaction=True)
def test_two_that_roll_up_at_once_count_everything_once(attempt: Noted, minute: dt.datetime) -> None:
    for number in range(50):
        attempt(minute + dt.timedelta(milliseconds=number), duration_ms=1.0)
    barrier = threading.Barrier(4)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            barrier.wait()
            for _ in range(5):
                roll_up()
        except BaseException as error:  # noqa: BLE001 - it is told below
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert Minute.objects.aggregate(n=Sum("calls"))["n"] == 50
    assert Minute.objects.count() == 1
