"""Rows that an INSERT left behind without saying which."""

from __future__ import annotations

import logging

import pytest
from django.db import connection
from django.db.models import F, Value
from django.test.utils import CaptureQueriesContext

from sync.capture.conflicts import keys_of
from sync.models import Change
from tests.capture.conftest import Register
from tests.zoo.models import Animal, Note, Stamp, Ticket

pytestmark = pytest.mark.django_db


def test_rows_with_a_key_are_known_without_a_query(db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert keys_of(Ticket, [Ticket(code="a"), Ticket(code="b"), Ticket(code="a")], "default") == ["a", "b"]
    assert len(queries) == 0


def test_rows_are_found_by_a_unique_field() -> None:
    there = Animal.objects.create(chip="a")
    Animal.objects.create(chip="b")
    assert keys_of(Animal, [Animal(chip="a"), Animal(chip="missing")], "default") == [there.pk]


def test_rows_are_found_by_fields_that_are_unique_together() -> None:
    there = Stamp.objects.create(country="it", number=1)
    Stamp.objects.create(country="it", number=2)
    assert keys_of(Stamp, [Stamp(country="it", number=1)], "default") == [there.pk]


@pytest.mark.parametrize("row", [Note(text="a"), Animal(chip=None), Animal(chip=F("name")), Animal(chip=Value("a"))])
def test_rows_that_nothing_identifies_are_named_in_the_log(
    row: Note | Animal, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "crudsync.capture"):
        assert keys_of(type(row), [row], "default") == []
    assert "run crudsync_backfill" in caplog.text


def test_many_rows_are_found_in_a_few_queries() -> None:
    Stamp.objects.bulk_create([Stamp(country="it", number=number) for number in range(450)])
    rows = [Stamp(country="it", number=number) for number in range(450)]
    with CaptureQueriesContext(connection) as queries:
        assert len(keys_of(Stamp, rows, "default")) == 450
    assert len(queries) == 3


def test_an_insert_that_ignores_conflicts_records_what_it_inserted(register: Register) -> None:
    register(Stamp)
    rows = [Stamp(country="it", number=1), Stamp(country="fr", number=1)]
    Stamp.objects.bulk_create(rows, ignore_conflicts=True)
    keys = {str(pk) for pk in Stamp.objects.values_list("pk", flat=True)}
    assert set(Change.objects.values_list("object_id", flat=True)) == keys
    assert len(keys) == 2
