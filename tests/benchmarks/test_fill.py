from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Count

from benchmarks import addresses
from benchmarks.fill import CAUSES, CHANGES, fill
from sync.models import Binding, Cause, Change, Connection, Operation, State

pytestmark = [pytest.mark.pg, pytest.mark.django_db]


def test_a_database_is_filled_with_objects_in_every_state_and_their_attempts() -> None:
    fill(bindings=2000, operations=3000)

    assert Binding.objects.count() == 2000
    assert Operation.objects.count() == 3000
    assert (Change.objects.count(), Cause.objects.count()) == (CHANGES, CAUSES)
    assert set(Binding.objects.values_list("state", flat=True)) == set(State.values)
    assert Connection.objects.filter(bindings__isnull=False).distinct().count() == 3
    busiest = Operation.objects.values("binding").annotate(n=Count("pk")).order_by("-n").first()
    assert busiest is not None
    assert busiest["n"] >= 100


def test_each_attempt_is_one_at_the_object_of_its_binding() -> None:
    fill(bindings=1000, operations=2000)

    for row in Operation.objects.select_related("binding"):
        assert row.binding is not None
        named = (row.connection_id, row.object_type, row.object_id)
        assert named == (row.binding.connection_id, row.binding.object_type, row.binding.object_id)


def test_new_rows_go_on_after_those_that_were_filled_in() -> None:
    fill(bindings=1000, operations=1000)

    row = Change.objects.create(model="shop.product", object_id="1", created_at="2026-01-01T00:00:00Z")
    assert row.pk == Change.objects.order_by("-pk").values_list("pk", flat=True)[0]


def test_a_database_with_objects_is_left_alone() -> None:
    fill(bindings=1000, operations=1000)

    with pytest.raises(RuntimeError, match="already"):
        fill(bindings=1000, operations=1000)


def test_the_pages_are_found_where_they_are_registered() -> None:
    fill(bindings=1000, operations=1000)
    user = get_user_model().objects.create_superuser("boss", "", "secret")

    found = {page.name for page in addresses.pages(user)}

    assert {
        "admin:index",
        "admin:crudsync_binding_changelist",
        "admin:crudsync_binding_changelist?state__exact=dead",
        "admin:crudsync_binding_changelist?q=77*",
        "admin:crudsync_binding_change oldest",
        "admin:crudsync_connection_credentials newest",
        "admin:crudsync_operation_changelist?status__exact=failed&verb__exact=update",
        "admin:shop_product_crudsync oldest",
    } <= found
