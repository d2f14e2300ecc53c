from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from sync import outbox
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
