# ruff: noqa: F811 - fixtures are imported: the plugin itself would switch capture off for the whole suite
"""Cut the tie between a local and a remote object, and make it: by a person's word, for everybody to see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from examples.shop.models import Category, Customer, Product
from sync import bindings, capture, deadletters, operations, registry
from sync.bindings import Settlement
from sync.correlation import correlated
from sync.exceptions import LinkRefused, ObjectBusy, UnknownObjectType
from sync.integrators import ObjectType
from sync.models import Binding, Operation, State, Status
from sync.models.clock import now
from sync.resync import adopt, unlink
from sync.resync.linking import Follows, binding_of, follows, holder_of
from sync.testing import Delivered, Remote
from sync.testing.plugin import captured, deliver, sandbox, sandbox_options  # noqa: F401 - fixtures
from sync.types import Wanted
from tests.shop_there import product  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db

Deliver = Callable[..., Delivered]


def bound(instance: Any, object_type: str = "product") -> Binding:
    return binding_of(instance, registry.connection("shop"), object_type)


# --- unlink ----------------------------------------------------------------------------------------------------------


def test_an_unlinked_object_is_held_and_nothing_happens_there(
    product: Product, sandbox: Remote, deliver: Deliver
) -> None:
    calls = len(sandbox.calls())
    remote_id = bound(product).remote_id
    assert unlink(bound(product), "grace", "merged over there") == remote_id
    row = bound(product)
    assert (row.remote_id, row.state, row.code, row.due_at) == (None, State.HELD, "unlinked", None)
    assert (row.sent, row.seen, row.intent, row.actor) == (None, None, None, "grace (merged over there)")
    assert row.detail == (f"Unlinked from {remote_id} by grace: merged over there. It is sent again once it is saved.")
    deliver()
    assert len(sandbox.calls()) == calls
    assert len(sandbox.objects("products")) == 1


def test_its_next_save_creates_another_object_there(product: Product, sandbox: Remote, deliver: Deliver) -> None:
    old = unlink(bound(product), "grace", "")
    sandbox.edit("products", old, sku="another")
    product.save()
    deliver()
    row = bound(product)
    assert row.state == State.SYNCED
    assert row.remote_id not in (None, old)
    assert {entry["sku"] for entry in sandbox.objects("products")} == {"another", "saw-1"}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, Follows.CREATES),
        ({"natural_key": ["sku"]}, Follows.MAY_FIND),
        ({"external_id": "ref"}, Follows.MAY_FIND),
        ({"client_id": True}, Follows.SAME),
    ],
)
def test_what_the_next_save_does_depends_on_the_remote(options: dict[str, Any], what: Follows) -> None:
    assert follows(ObjectType(model=Product, endpoint="products", **options)) is what


def test_the_history_says_who_did_it_when_and_why(product: Product) -> None:
    began = now()
    remote_id = unlink(bound(product), "grace", "merged over there")
    newest = Operation.objects.latest("pk")
    assert (newest.verb, newest.status, newest.remote_id) == (operations.UNLINK, Status.NOT_SENT, remote_id)
    assert newest.actor == "grace (merged over there)"
    assert newest.detail == f"Unlinked from {remote_id} by grace: merged over there."
    assert newest.started_at >= began
    assert newest.binding_id == bound(product).pk


def test_no_limit_counts_a_deed(product: Product) -> None:
    before = operations.sent_since(bound(product).connection_id, 60)
    unlink(bound(product), "grace", "")
    assert sum(count for _, count in operations.sent_since(bound(product).connection_id, 60)) == sum(
        count for _, count in before
    )


def test_a_decision_is_no_dead_letter(product: Product) -> None:
    unlink(bound(product), "grace", "")
    assert deadletters.adopt() == 0
    assert bound(product).cause is None


def test_a_change_that_waited_is_not_sent_by_itself(product: Product, sandbox: Remote, deliver: Deliver) -> None:
    Binding.objects.filter(pk=bound(product).pk).update(state=State.RETRYING, due_at=now(), attempts=3, code="x")
    calls = len(sandbox.calls())
    unlink(bound(product), "grace", "")
    deliver()
    assert len(sandbox.calls()) == calls
    assert bound(product).attempts == 0


def test_an_object_without_a_tie_has_none_to_cut(product: Product) -> None:
    unlink(bound(product), "grace", "")
    with pytest.raises(LinkRefused) as refused:
        unlink(bound(product), "grace", "")
    assert refused.value.code == "not_bound"
    assert Operation.objects.filter(verb="unlink").count() == 1


@pytest.mark.parametrize(
    "values",
    [
        {"state": State.IN_DOUBT, "uncertain": "create"},
        {"state": State.RETRYING, "uncertain": "update"},
        {"state": State.RETRYING, "uncertain": "delete"},
    ],
)
def test_an_object_in_doubt_is_not_unlinked(product: Product, values: dict[str, Any]) -> None:
    Binding.objects.filter(pk=bound(product).pk).update(**values)
    with pytest.raises(LinkRefused) as refused:
        unlink(bound(product), "grace", "")
    assert refused.value.code == "in_doubt"
    assert bound(product).remote_id is not None


def test_what_may_only_land_late_is_no_doubt(product: Product) -> None:
    Binding.objects.filter(pk=bound(product).pk).update(uncertain="late")
    unlink(bound(product), "grace", "")
    assert bound(product).uncertain == ""


def test_a_leased_object_is_left_to_its_worker(product: Product) -> None:
    later = now() + dt.timedelta(seconds=30)
    Binding.objects.filter(pk=bound(product).pk).update(leased=True, due_at=later)
    with pytest.raises(ObjectBusy):
        unlink(bound(product), "grace", "")
    with pytest.raises(ObjectBusy):
        adopt(bound(product), "r-9", "grace")


def test_a_settlement_from_before_is_void(product: Product) -> None:
    row = bound(product)
    claim = bindings.as_claimed(row)
    Binding.objects.filter(pk=row.pk).update(leased=True, due_at=now() - dt.timedelta(seconds=1))  # its lease ran out
    unlink(row, "grace", "")
    late = Settlement(
        claim=claim,
        remote_id=claim.remote_id,
        remote_version=None,
        sent="{}",
        seen="{}",
        uncertain="",
        intent=None,
        wanted=0,
        attempts=0,
        claims=0,
        state=State.SYNCED,
        synced=True,
    )
    assert bindings.settle([late]) == set()
    assert bound(product).remote_id is None


def test_an_object_that_is_no_longer_known_is_refused(product: Product) -> None:
    row = bound(product)
    Binding.objects.all().delete()
    with pytest.raises(LinkRefused) as refused:
        unlink(row, "grace", "")
    assert refused.value.code == "not_bound"


# --- adopt -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def category(sandbox: Remote) -> Category:
    """One that no worker has heard of."""
    with capture.disabled():
        return Category.objects.create(name="Tools", slug="tools")


def test_an_adopted_object_is_read_then_ours_is_sent(category: Category, sandbox: Remote, deliver: Deliver) -> None:
    there = sandbox.add("categories", name="Other name", slug="tools")
    row = adopt(bound(category, "category"), f" {there['id']} ", "grace", "it was there before")
    assert (row.remote_id, row.state, row.wanted) == (str(there["id"]), State.PENDING, Wanted.VERIFY)
    assert row.actor == "grace (it was there before)"
    deliver()
    assert [call.method for call in sandbox.calls("categories")] == ["GET", "PATCH"]
    assert sandbox.get("categories", there["id"])["name"] == "Tools"  # type: ignore[index]
    assert len(sandbox.objects("categories")) == 1
    assert bound(category, "category").state == State.SYNCED
    deed = Operation.objects.get(verb="adopt")
    assert (deed.detail, deed.remote_id) == (
        f"Bound to {there['id']} by grace: it was there before.",
        str(there["id"]),
    )


def test_one_that_is_as_ours_is_only_read(category: Category, sandbox: Remote, deliver: Deliver) -> None:
    there = sandbox.add("categories", name="Tools", slug="tools", parent_id=None)
    adopt(bound(category, "category"), str(there["id"]), "grace")
    deliver()
    assert [call.method for call in sandbox.calls("categories")] == ["GET"]


def test_what_the_remote_decides_is_written_here(sandbox: Remote, deliver: Deliver) -> None:
    with capture.disabled():
        customer = Customer.objects.create(email="ada@example.test", name="Ada")
    there = sandbox.add("customers", email="ada@example.test", name="Ada", country="", score=7)
    adopt(bound(customer, "customer"), str(there["id"]), "grace")
    deliver()
    customer.refresh_from_db()
    assert customer.credit == 7


def test_the_read_goes_by_the_id_of_the_request_that_adopted(category: Category, sandbox: Remote) -> None:
    there = sandbox.add("categories", name="Tools", slug="tools")
    with correlated("request-7"):
        row = adopt(bound(category, "category"), str(there["id"]), "grace")
    assert row.correlation_id == "request-7"


def test_two_objects_cannot_be_one_there(product: Product) -> None:
    with capture.disabled():
        other = Product.objects.create(category=product.category, name="Axe", sku="axe", price=1)
    remote_id = bound(product).remote_id
    assert remote_id is not None
    holder = holder_of(bound(other), remote_id)
    assert holder is not None
    assert holder.object_id == str(product.pk)
    with pytest.raises(LinkRefused) as refused:
        adopt(bound(other), remote_id, "grace")
    assert refused.value.code == "taken"
    assert f"product {product.pk} is bound to {remote_id}" in str(refused.value)
    assert bound(other).pk is None


def test_what_a_deleted_row_left_there_may_be_taken_over(product: Product, sandbox: Remote) -> None:
    category = product.category
    remote_id = bound(product).remote_id
    assert remote_id is not None
    Binding.objects.filter(pk=bound(product).pk).update(object_id="9000001", code=bindings.LEFT)
    with capture.disabled():
        other = Product.objects.create(category=category, name="Saw again", sku="saw-2", price=1)
    assert adopt(bound(other), remote_id, "grace").remote_id == remote_id


def test_a_bound_object_is_unlinked_first(product: Product) -> None:
    with pytest.raises(LinkRefused) as refused:
        adopt(bound(product), "r-9", "grace")
    assert refused.value.code == "already_bound"


def test_a_person_may_end_a_doubt_by_it(category: Category, sandbox: Remote, deliver: Deliver) -> None:
    there = sandbox.add("categories", name="Tools", slug="tools")
    row = bound(category, "category")
    row.state, row.uncertain, row.intent, row.claims = State.IN_DOUBT, "create", "{}", 2
    row.save()
    adopt(row, str(there["id"]), "grace")
    deliver()
    after = bound(category, "category")
    assert (after.state, after.uncertain, after.intent, after.remote_id) == (
        State.SYNCED,
        "",
        None,
        str(there["id"]),
    )


@pytest.mark.parametrize("remote_id", ["", "  ", "a\nb", "x" * 501, "..", "nul\x00", "half \ud800"])
def test_what_cannot_be_an_id_is_refused(category: Category, remote_id: str) -> None:
    with pytest.raises(LinkRefused) as refused:
        adopt(bound(category, "category"), remote_id, "grace")
    assert refused.value.code == "bad_id"


def test_what_would_be_deleted_there_at_once_is_refused(sandbox: Remote) -> None:
    with capture.disabled():
        customer = Customer.objects.create(email="ada@example.test", name="Ada", is_active=False)
    with pytest.raises(LinkRefused) as refused:
        adopt(bound(customer, "customer"), "r-1", "grace")
    assert refused.value.code == "not_in_scope"
    row = bound(customer, "customer")
    customer.delete()
    with pytest.raises(LinkRefused) as refused:
        adopt(row, "r-1", "grace")
    assert refused.value.code == "no_row"
    assert not Binding.objects.filter(object_type="customer", remote_id="r-1").exists()


def test_a_type_that_nobody_knows_is_refused(category: Category) -> None:
    row = Binding(connection=registry.connection("shop"), object_type="thing", object_id="1")
    with pytest.raises(UnknownObjectType):
        adopt(row, "r-1", "grace")
