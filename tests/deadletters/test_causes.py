"""Causes: what is grouped, what is counted, and that neither harms anybody."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.db import connection as database
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sync import deadletters
from sync.deadletters import Trouble
from sync.models import Binding, Cause, Connection, Minute

Made = Callable[..., Trouble]
pytestmark = pytest.mark.django_db


def test_the_same_failure_of_other_objects_is_one_cause(trouble: Made) -> None:
    ids = deadletters.record([trouble("coin 7 is too heavy"), trouble("coin 8 is too heavy")])
    cause = Cause.objects.get()
    assert ids == [cause.pk, cause.pk]
    assert (cause.integrator, cause.message, cause.count) == ("vault", "coin # is too heavy", 2)
    assert cause.example == "coin 8 is too heavy"


@pytest.mark.parametrize(
    "other", [{"code": "gone"}, {"status_code": 400}, {"field": "name"}, {"message": "coin 7 is too light"}]
)
def test_what_differs_in_code_status_field_or_words_is_another_cause(trouble: Made, other: dict[str, str]) -> None:
    first, second = deadletters.record([trouble(), trouble(**other)])
    assert first != second


def test_accounts_of_one_integrator_share_causes_and_integrators_do_not(trouble: Made) -> None:
    berlin = Connection.objects.create(integrator="vault", name="berlin")
    bank = Connection.objects.create(integrator="bank")
    first, second, third = deadletters.record(
        [trouble(), trouble(connection_id=berlin.pk), trouble(connection_id=bank.pk)]
    )
    assert first == second != third


def test_a_cause_that_comes_up_again_is_counted_and_dated(trouble: Made) -> None:
    before = timezone.now() - dt.timedelta(hours=1)
    deadletters.record([trouble()])
    Cause.objects.update(first_seen=before, last_seen=before)
    deadletters.record([trouble(example="the last words")])
    cause = Cause.objects.get()
    assert (cause.count, cause.first_seen, cause.example) == (2, before, "the last words")
    assert cause.last_seen > before


def test_many_failures_of_one_cause_cost_no_more_than_two(trouble: Made) -> None:
    def queries(count: int) -> int:
        with CaptureQueriesContext(database) as context:
            deadletters.record([trouble(f"coin {n} is too heavy") for n in range(count)])
        return len(context)

    assert queries(2) == queries(200)
    assert Cause.objects.get().count == 202


def test_no_failure_asks_nothing(trouble: Made) -> None:
    with CaptureQueriesContext(database) as context:
        assert deadletters.record([]) == []
    assert len(context) == 0


@pytest.mark.parametrize("words", ["a\x00b", "half \ud800 a sign", "x" * 100_000, "1" * 3000, ""])
def test_words_that_have_no_place_in_the_database_are_recorded_as_well_as_they_can_be(
    trouble: Made, words: str
) -> None:
    (cause,) = deadletters.record([trouble(words, field=words, code="c" * 80, example=words)])
    assert cause == Cause.objects.get().pk


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_workers_that_count_the_same_causes_in_any_order_neither_deadlock_nor_lose_a_count(trouble: Made) -> None:
    names = ["light", "heavy", "round", "square", "bent"]
    results: list[list[int | None]] = []

    def work(n: int) -> None:
        try:
            for turn in range(20):
                order = names[turn % 5 :] + names[: turn % 5]
                words = order if n % 2 else order[::-1]
                results.append(deadletters.record([trouble(f"coin {turn} is {word}") for word in words]))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(None not in ids for ids in results)
    assert sorted(Cause.objects.values_list("count", flat=True)) == [80] * 5


def test_pruning_removes_what_is_old_and_named_by_nothing(trouble: Made, stuck: Callable[..., Binding]) -> None:
    named, forgotten, young = deadletters.record([trouble(), trouble(code="a"), trouble(code="b")])
    stuck(cause_id=named)
    Cause.objects.exclude(pk=young).update(last_seen=timezone.now() - dt.timedelta(days=31))
    assert deadletters.prune(30 * 86_400.0) == 1
    assert set(Cause.objects.values_list("pk", flat=True)) == {named, young}
    assert forgotten is not None


def test_what_ends_stuck_is_counted_in_its_minute_by_connection(trouble: Made, connection: Connection) -> None:
    berlin = Connection.objects.create(integrator="vault", name="berlin")
    deadletters.record([trouble(), trouble("another one"), trouble(connection_id=berlin.pk)])
    deadletters.record([trouble()])
    minutes = Minute.objects.all()
    assert sum(one.dead for one in minutes if one.connection_id == connection.pk) == 3
    assert sum(one.dead for one in minutes if one.connection_id == berlin.pk) == 1
    assert all((one.at.second, one.at.microsecond, one.calls) == (0, 0, 0) for one in minutes)
