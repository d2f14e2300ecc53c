from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from sync import outbox
from sync.correlation import correlated
from sync.models import Change
from sync.models.clock import now
from sync.outbox import Entry

pytestmark = pytest.mark.django_db

FULL = {
    "model": "shop.product",
    "object_id": "a/b ü % '",
    "kind": "delete",
    "lane": 2,
    "actor": "ann %s",
    "reason": "why \\ not",
    "origin": "request-7",
    "snapshot": '{"a": "\\u0000"}',
}


@pytest.mark.parametrize("add", [lambda entry: outbox.add(entry, "default"), lambda e: outbox.add_many([e], "default")])
def test_a_change_is_inserted_as_it_is(add: Any) -> None:
    before = now()
    add(Entry(**FULL))
    (row,) = Change.objects.values()
    at, _ = row.pop("created_at"), row.pop("id")
    assert row == FULL
    assert before <= at <= now()


@pytest.mark.parametrize("add", [lambda entry: outbox.add(entry, "default"), lambda e: outbox.add_many([e], "default")])
def test_a_change_without_more_is_a_save_in_the_live_lane(add: Any) -> None:
    add(Entry(model="shop.product", object_id="1"))
    (row,) = Change.objects.all()
    assert (row.kind, row.lane, row.actor, row.reason, row.snapshot) == ("save", 0, "", "", None)


@pytest.mark.parametrize("add", [lambda entry: outbox.add(entry, "default"), lambda e: outbox.add_many([e], "default")])
@pytest.mark.parametrize("object_id", ["1", "a'b"])
def test_a_change_names_the_request_that_it_was_made_in(add: Any, object_id: str) -> None:
    with correlated("request-7"):
        entry = Entry(model="shop.product", object_id=object_id)
    add(entry)
    (row,) = Change.objects.all()
    assert (row.object_id, row.origin, row.correlation_id) == (object_id, "request-7", "request-7")


def test_an_origin_that_is_none_is_never_part_of_a_statement() -> None:
    outbox.add(Entry(model="shop.product", object_id="1", origin="'); DROP TABLE x; --"), "default")
    (row,) = Change.objects.all()
    assert (row.origin, row.correlation_id) == ("'); DROP TABLE x; --", "")


def test_one_change_is_one_insert(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as queries:
        outbox.add(Entry(model="shop.product", object_id="1"), "default")
    assert queries.captured_queries[0]["sql"].startswith("INSERT")


def test_many_changes_keep_their_order_and_take_few_statements(django_assert_max_num_queries: Any) -> None:
    entries = [Entry(model="shop.product", object_id=str(number)) for number in range(1000)]
    with django_assert_max_num_queries(1 if connection.vendor == "postgresql" else 20):
        outbox.add_many(entries, "default")
    ids = Change.objects.order_by("pk").values_list("object_id", flat=True)
    assert list(ids) == [entry.object_id for entry in entries]


def test_no_changes_are_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        outbox.add_many([], "default")


@pytest.mark.parametrize("label", ["shop.product'; DROP TABLE x; --", "a%s", "", "a b"])
def test_what_is_no_label_never_reaches_the_database(label: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0), pytest.raises(ValueError, match="is no label"):
        outbox.add(Entry(model=label, object_id="1"), "default")
