from __future__ import annotations

import datetime as dt
import importlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from sync import outbox
from sync.models import Change
from sync.models.clock import now
from sync.outbox import Entry

pytestmark = pytest.mark.django_db
module = importlib.import_module("sync.outbox.take")  # the room has a function of this name
PRODUCT, ORDER = "shop.product", "shop.order"


def add(*ids: str, model: str = PRODUCT, age_s: float = 0.0) -> None:
    outbox.add_many([Entry(model=model, object_id=id_, actor="ann") for id_ in ids], "default")
    if age_s:
        Change.objects.filter(object_id__in=ids).update(created_at=now() - dt.timedelta(seconds=age_s))


def take(limit: int = 100, labels: tuple[str, ...] = (PRODUCT,)) -> list[str]:
    with transaction.atomic():
        return [row.object_id for row in outbox.take(labels, limit, "default")]


def test_changes_are_taken_oldest_first_and_are_gone() -> None:
    add("1", "2", "3")
    assert take(2) == ["1", "2"]
    assert take() == ["3"]
    assert take() == []


def test_a_taken_change_has_all_its_fields() -> None:
    add("1")
    (row,) = outbox.take([PRODUCT], 1, "default")
    assert (row.model, row.object_id, row.kind, row.lane, row.actor) == (PRODUCT, "1", "save", 0, "ann")
    assert row.created_at <= now()


def test_changes_of_models_that_nobody_here_knows_stay() -> None:
    add("1", model=ORDER)
    add("2")
    assert take() == ["2"]
    assert take(labels=()) == []
    assert take(labels=(PRODUCT, ORDER)) == ["1"]


def test_what_is_taken_comes_back_with_a_rollback() -> None:
    add("1")
    with transaction.atomic():
        assert len(outbox.take([PRODUCT], 10, "default")) == 1
        transaction.set_rollback(True)
    assert take() == ["1"]


def test_waiting_says_whether_there_is_anything_of_these_models() -> None:
    assert not outbox.waiting([PRODUCT], "default")
    add("1")
    assert outbox.waiting([PRODUCT], "default")
    assert not outbox.waiting([ORDER], "default")
    assert not outbox.waiting([], "default")


def test_old_changes_of_models_that_nobody_knows_are_pruned() -> None:
    add("old", model=ORDER, age_s=100.0)
    add("young", model=ORDER)
    add("known", age_s=100.0)
    assert outbox.prune(50.0, "default", known=[PRODUCT]) == 1
    assert set(Change.objects.values_list("object_id", flat=True)) == {"young", "known"}
    assert outbox.prune(50.0, "default") == 1


def test_a_database_that_locks_rows_without_the_fast_path_takes_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    add("1", "2")
    monkeypatch.setattr(module, "is_postgres", lambda using: False)
    assert take(1) == ["1"]
    assert take() == ["2"]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fast", [True, False])
def test_two_takers_neither_wait_for_one_another_nor_take_the_same(monkeypatch: pytest.MonkeyPatch, fast: bool) -> None:
    monkeypatch.setattr(module, "is_postgres", lambda using: fast)
    add("1", "2", "3")
    with transaction.atomic():
        assert [row.object_id for row in outbox.take([PRODUCT], 2, "default")] == ["1", "2"]
        assert elsewhere(take) == ["3"]
        assert elsewhere(take) == []


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_lower_id_that_commits_later_is_not_lost() -> None:
    with transaction.atomic():
        add("slow")
        elsewhere(lambda: add("quick"))
        assert elsewhere(take) == ["quick"]
    assert take() == ["slow"]


def elsewhere(work: Callable[[], Any]) -> Any:
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert found, "it waited"
    return found[0]
