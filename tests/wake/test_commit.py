from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from sync import wake
from sync.wake import doorbell

pytestmark = pytest.mark.django_db(transaction=True)

IDS = {"shop.product": [1, 2], "shop.order": [2, 3]}


class Rings:
    """What was resolved, and what was rung for."""

    def __init__(self) -> None:
        self.resolved: list[set[str]] = []
        self.rung: list[list[int]] = []

    def resolve(self, labels: set[str]) -> Iterable[int]:
        self.resolved.append(set(labels))
        return [each for label in sorted(labels) for each in IDS[label]]

    def save(self, label: str = "shop.product") -> None:
        wake.ring_on_commit(self.resolve, label)


@contextmanager
def rolled_back() -> Iterator[None]:
    """A block of atomic() that comes to nothing."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> Rings:
    made = Rings()
    monkeypatch.setattr(doorbell, "ring", lambda ids, **_: made.rung.append(list(ids)))
    return made


def test_under_autocommit_a_save_rings_at_once(rings: Rings) -> None:
    rings.save()
    rings.save()
    assert rings.rung == [[1, 2], [1, 2]]


def test_nothing_rings_before_the_commit(rings: Rings) -> None:
    with transaction.atomic():
        rings.save()
        assert rings.rung == []
    assert rings.rung == [[1, 2]]


def test_a_transaction_rings_once_for_all_that_was_saved(rings: Rings) -> None:
    with transaction.atomic():
        for _ in range(3):
            rings.save("shop.product")
            rings.save("shop.order")
    assert [sorted(ids) for ids in rings.rung] == [[1, 2, 3]]
    assert rings.resolved == [{"shop.product", "shop.order"}]


def test_ten_thousand_saves_leave_one_callback(rings: Rings) -> None:
    with transaction.atomic():
        for _ in range(10_000):
            rings.save()
        assert len(connection.run_on_commit) == 1


def test_a_rolled_back_transaction_rings_for_nothing_and_leaves_nothing(rings: Rings) -> None:
    with rolled_back():
        rings.save("shop.order")
    assert rings.rung == []
    with transaction.atomic():
        rings.save("shop.product")
    assert rings.resolved == [{"shop.product"}]


def test_a_save_after_a_rolled_back_savepoint_still_rings(rings: Rings) -> None:
    with transaction.atomic():
        with rolled_back():
            rings.save()
        rings.save()
    assert rings.rung == [[1, 2]]


def test_a_save_before_a_rolled_back_savepoint_still_rings(rings: Rings) -> None:
    with transaction.atomic():
        rings.save()
        with rolled_back():
            rings.save()
    assert rings.rung == [[1, 2]]


def test_only_a_rolled_back_savepoint_rings_for_nothing(rings: Rings) -> None:
    with transaction.atomic(), rolled_back():
        rings.save()
    assert rings.rung == []


def test_a_kept_savepoint_beside_a_rolled_back_one_rings(rings: Rings) -> None:
    with transaction.atomic():
        with transaction.atomic():
            rings.save()
        with rolled_back():
            rings.save()
    assert rings.rung == [[1, 2]]


def test_a_kept_savepoint_and_what_surrounds_it_ring_once(rings: Rings) -> None:
    with transaction.atomic():
        rings.save("shop.product")
        with transaction.atomic():
            rings.save("shop.order")
    assert [sorted(ids) for ids in rings.rung] == [[1, 2, 3]]


def test_a_savepoint_within_a_rolled_back_one_goes_with_it(rings: Rings) -> None:
    with transaction.atomic():
        with rolled_back(), transaction.atomic():
            rings.save()
        with transaction.atomic(savepoint=False):
            pass
    assert rings.rung == []


def test_each_transaction_rings_for_itself(rings: Rings) -> None:
    for label in ("shop.product", "shop.order"):
        with transaction.atomic():
            rings.save(label)
    assert rings.rung == [[1, 2], [2, 3]]


def test_a_save_in_another_callback_of_the_commit_rings_too(rings: Rings) -> None:
    with transaction.atomic():
        rings.save("shop.product")
        transaction.on_commit(lambda: rings.save("shop.order"))
    assert rings.rung == [[1, 2], [2, 3]]


def test_the_hosts_callbacks_between_saves_keep_their_place(rings: Rings) -> None:
    seen: list[Any] = []
    with transaction.atomic():
        rings.save()
        transaction.on_commit(lambda: seen.append(list(rings.rung)))
        rings.save()
    assert seen == [[[1, 2]]]
    assert len(rings.rung) == 1


def test_a_resolver_that_fails_breaks_neither_the_save_nor_the_others(
    rings: Rings, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(labels: set[str]) -> Iterable[int]:
        raise RuntimeError("no such integrator")

    seen: list[int] = []
    with transaction.atomic():
        wake.ring_on_commit(broken, "shop.product")
        transaction.on_commit(lambda: seen.append(1))
    wake.ring_on_commit(broken, "shop.product")
    assert seen == [1]
    assert "no such integrator" in caplog.text


def test_two_resolvers_of_one_transaction_are_both_asked(rings: Rings) -> None:
    with transaction.atomic():
        rings.save()
        wake.ring_on_commit(lambda labels: [9], "shop.product")
    assert rings.rung == [[1, 2, 9]]


def test_a_muted_save_registers_nothing(rings: Rings) -> None:
    with transaction.atomic():
        with wake.muted():
            rings.save()
        assert connection.run_on_commit == []
    assert rings.rung == []


def test_where_transactions_are_managed_by_hand_nothing_rings_and_nothing_fails(rings: Rings) -> None:
    transaction.set_autocommit(False)
    try:
        rings.save()
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert rings.rung == []


def test_callbacks_that_a_test_captures_ring(rings: Rings, django_capture_on_commit_callbacks: Any) -> None:
    with transaction.atomic():
        for _ in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                rings.save()
        assert rings.rung == [[1, 2], [1, 2]]
        transaction.set_rollback(True)
