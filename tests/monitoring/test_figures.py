from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.models import Connection, Minute
from sync.models.minute import BOUNDS_MS
from sync.monitoring.figures import NOTHING, Figures, figures, series, total, within

AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


def minutes(count: int) -> dt.timedelta:
    return dt.timedelta(minutes=count)


@pytest.fixture
def accounts(db: None) -> tuple[Connection, Connection]:
    one, other = (Connection.objects.create(integrator="vault", name=name) for name in ("one", "other"))
    for place in range(60):
        Minute.objects.create(
            connection=one,
            at=AT + minutes(place),
            calls=4,
            succeeded=3,
            failed=1,
            tokens=4,
            waited_ms=10.0,
            call_ms=80.0,
            call_05=4,
            applied=3,
            applied_09=3,
        )
    Minute.objects.create(connection=other, at=AT, calls=1, unknown=1, dead=2)
    return one, other


def test_each_connection_has_its_own_and_all_add_up(accounts: tuple[Connection, Connection]) -> None:
    one, other = accounts
    found = figures(AT, AT + minutes(10))
    assert set(found) == {one.pk, other.pk}
    assert (found[one.pk].calls, found[one.pk].succeeded, found[one.pk].waited_ms) == (40, 30, 100.0)
    assert (found[other.pk].calls, found[other.pk].dead) == (1, 2)
    everything = total(AT, AT + minutes(10))
    assert everything == found[one.pk] + found[other.pk]
    assert everything.success_share == 30 / 41
    assert everything.mean_call_ms == 20.0


def test_a_span_begins_with_its_first_minute_and_ends_before_its_last(accounts: tuple[Connection, Connection]) -> None:
    one, _ = accounts
    assert total(AT, AT + minutes(1), [one.pk]).calls == 4
    assert total(AT + minutes(1), AT + minutes(3), [one.pk]).calls == 8
    assert total(AT, AT).calls == 0
    assert figures(AT, AT + minutes(1), []) == {}


def test_steps_are_without_a_gap_and_add_up_to_the_whole(accounts: tuple[Connection, Connection]) -> None:
    steps = series(AT - minutes(7), AT + minutes(60), 300)
    assert [at for at, _ in steps] == [AT + minutes(place) for place in range(-10, 60, 5)]
    assert [found.calls for _, found in steps] == [0, 0, 21, *[20] * 11]
    assert sum((found for _, found in steps), Figures()) == total(AT, AT + minutes(60))


def test_where_nothing_was_sent_nothing_is_claimed() -> None:
    assert Figures().success_share is None
    assert Figures().mean_call_ms is None
    assert Figures().call_ms(0.5) is None
    assert Figures().applied_ms(0.95) is None


def test_the_open_bucket_has_no_more_to_say_than_its_bound() -> None:
    assert within((*NOTHING[:-1], 5), 0.5) == BOUNDS_MS[-1]


@given(st.lists(st.floats(1.0, 9_000_000.0), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_in_the_bucket_of_the_duration_that_it_stands_for(
    durations: list[float], quantile: float
) -> None:
    counts = [0] * len(NOTHING)
    for duration in durations:
        counts[sum(bound <= duration for bound in BOUNDS_MS)] += 1
    rank = max(1, -int(-quantile * len(durations) // 1))
    exact = sorted(durations)[rank - 1]
    place = sum(bound <= exact for bound in BOUNDS_MS)
    found = within(counts, quantile)
    assert found is not None
    assert BOUNDS_MS[place - 1] <= found <= BOUNDS_MS[place] * 1.0001


def test_quantiles_rise() -> None:
    spread = Figures(calls_by_ms=(3, 1, 4, 1, 5, 9, 2, 6, *NOTHING[8:]))
    found = [spread.call_ms(share / 100) for share in range(1, 101)]
    assert all(one <= other for one, other in itertools.pairwise(found) if one is not None and other is not None)
    assert None not in found
