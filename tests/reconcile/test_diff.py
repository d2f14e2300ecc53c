# ruff: noqa: F811 - fixtures are imported: the plugin itself would switch capture off for the whole suite
"""Both sides of one object, by real calls to the sandbox."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Category, Customer, Product
from sync import registry
from sync.exceptions import NotFound, ObjectBusy, RateLimitExceeded, RemoteError, Throttled, Unauthorized
from sync.integrators import CrudIntegrator, ObjectType
from sync.models import Binding, Connection, Gate, Operation
from sync.models.clock import now
from sync.reconcile import Diff, Trouble, Verdict, diff
from sync.testing import Delivered, Remote, SandboxServer, redirected
from sync.testing.plugin import captured, deliver, sandbox, sandbox_options  # noqa: F401 - fixtures
from sync.types import RateLimit
from tests.servers.redis import RedisServer
from tests.shop_there import product  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db

Deliver = Callable[..., Delivered]


def bound(instance: Any, object_type: str = "product") -> Binding:
    return Binding.objects.select_related("connection").get(object_type=object_type, object_id=str(instance.pk))


def verdicts(found: Diff) -> dict[str, str]:
    return {field.name: field.verdict.value for field in found.fields}


def test_both_sides_agree_after_delivery(product: Product, sandbox: Remote) -> None:
    found = diff(bound(product), reveal=True)
    assert (found.trouble, found.error, found.ours_error, found.drifted) == (Trouble.NONE, None, "", [])
    assert found.agrees
    price = next(field for field in found.fields if field.name == "price")
    assert (price.ours, price.agreed, price.theirs, price.direction) == ('"9.50"', '"9.50"', '"9.50"', "out")
    assert verdicts(found)["id"] == "not_sent"
    assert found.took_ms is not None
    assert found.read_at is not None


def test_it_says_who_has_changed_what(product: Product, sandbox: Remote) -> None:
    binding = bound(product)
    assert binding.remote_id is not None
    sandbox.edit("products", binding.remote_id, name="Changed there", stock=99)
    product.price = Decimal("12.00")
    product.stock = 3
    product.save()
    found = verdicts(diff(bound(product)))
    assert (found["price"], found["name"], found["stock"]) == ("ours_changed", "theirs_changed", "both_changed")
    assert found["sku"] == "same"


def test_it_writes_nothing_here_or_there(product: Product, sandbox: Remote) -> None:
    before = Binding.objects.filter(pk=bound(product).pk).values().get()
    operations, calls = Operation.objects.count(), len(sandbox.calls("products"))
    diff(bound(product))
    assert Binding.objects.filter(pk=before["id"]).values().get() == before
    assert Operation.objects.count() == operations
    assert [call.method for call in sandbox.calls("products")[calls:]] == ["GET"]


def test_values_are_for_those_alone_who_may_read_them(product: Product, sandbox: Remote) -> None:
    found = diff(bound(product))
    assert not found.revealed
    assert {(field.ours, field.agreed, field.answered, field.theirs) for field in found.fields} == {("", "", "", "")}


def test_a_secret_is_hidden_from_everybody(product: Product, sandbox: Remote) -> None:
    binding = bound(product)
    assert binding.remote_id is not None
    sandbox.edit("products", binding.remote_id, api_token="canary-4c1e", extra={"password": "canary-4c1e"})
    found = diff(binding, reveal=True)
    assert verdicts(found)["api_token"] == "not_sent"
    assert "canary" not in repr(found.fields)


def test_what_comes_in_is_compared_as_it_would_be_written(sandbox: Remote, deliver: Deliver) -> None:
    customer = Customer.objects.create(email="ada@example.test", name="Ada")
    deliver()
    binding = bound(customer, "customer")
    assert binding.remote_id is not None
    sandbox.edit("customers", binding.remote_id, score="7")
    score = next(field for field in diff(binding, reveal=True).fields if field.name == "score")
    assert (score.verdict, score.direction, score.ours, score.theirs) == (Verdict.THEIRS, "in", "null", '"7"')
    Customer.objects.filter(pk=customer.pk).update(credit=7)
    assert verdicts(diff(binding))["score"] == "same"


def test_an_object_that_is_not_there_is_told_as_such(product: Product, sandbox: Remote) -> None:
    binding = bound(product)
    assert binding.remote_id is not None
    sandbox.remove("products", binding.remote_id)
    found = diff(binding, reveal=True)
    assert (found.trouble, type(found.error)) == (Trouble.NOT_THERE, NotFound)
    assert verdicts(found)["price"] == "unknown"
    assert next(field for field in found.fields if field.name == "price").ours == '"9.50"'


def test_an_object_without_a_remote_id_asks_nothing(sandbox: Remote) -> None:
    category = Category.objects.create(name="New", slug="new")
    row = Binding(connection=registry.connection("shop"), object_type="category", object_id=str(category.pk))
    found = diff(row, reveal=True)
    assert (found.trouble, found.error) == (Trouble.NOT_BOUND, None)
    assert next(field.ours for field in found.fields if field.name == "slug") == '"new"'
    assert sandbox.calls("categories") == []


def test_another_object_can_be_looked_at_before_it_is_adopted(product: Product, sandbox: Remote) -> None:
    other = sandbox.add("products", name="Other", sku="saw-1", price="9.50")
    found = diff(bound(product), remote_id=str(other["id"]))
    assert found.remote_id == str(other["id"])
    assert (verdicts(found)["name"], verdicts(found)["sku"]) == ("differs", "same")


@pytest.mark.parametrize(
    ("status", "headers", "trouble", "error"),
    [
        (401, {}, Trouble.UNAUTHORIZED, Unauthorized),
        (403, {}, Trouble.REFUSED, RemoteError),
        (429, {"Retry-After": "30"}, Trouble.LIMITED, Throttled),
        (503, {"Retry-After": "30"}, Trouble.LIMITED, Throttled),
        (500, {}, Trouble.DOWN, RemoteError),
    ],
)
def test_what_the_remote_says_has_a_word_and_a_type(
    product: Product, sandbox: Remote, status: int, headers: dict[str, str], trouble: Trouble, error: type[Exception]
) -> None:
    sandbox.fault("status", status=status, method="GET", times=1, headers=headers, answer={"error": "no"})
    found = diff(bound(product))
    assert found.trouble is trouble
    assert isinstance(found.error, error)


def test_a_pause_that_the_remote_asks_for_holds_for_the_workers_too(product: Product, sandbox: Remote) -> None:
    sandbox.fault("status", status=429, method="GET", times=1, headers={"Retry-After": "30"})
    assert diff(bound(product)).retry_after_s == 30
    until = Gate.objects.get(connection=bound(product).connection).blocked_until
    assert until is not None
    assert until > now() + dt.timedelta(seconds=20)
    again = diff(bound(product))
    assert (again.trouble, type(again.error)) == (Trouble.SHUT, ObjectBusy)
    assert len([call for call in sandbox.calls("products") if call.method == "GET"]) == 1


def test_a_remote_that_is_away_is_down(product: Product, sandbox: Remote) -> None:
    sandbox.fault("reset", method="GET", times=1)
    found = diff(bound(product), budget_s=3)
    assert found.trouble is Trouble.DOWN
    assert isinstance(found.error, RemoteError)


def test_a_slow_remote_is_given_up_within_the_budget(product: Product, sandbox: Remote) -> None:
    sandbox.fault("delay", method="GET", times=1, seconds=20)
    found = diff(bound(product), budget_s=0.3)
    assert found.trouble is Trouble.DOWN
    assert found.error is not None
    assert found.error.code == "deadline_exceeded"


def test_a_paused_connection_asks_nothing(product: Product, sandbox: Remote) -> None:
    Connection.objects.update(paused=True, paused_reason="a holiday")
    calls = len(sandbox.calls("products"))
    found = diff(bound(product))
    assert found.trouble is Trouble.PAUSED
    assert "a holiday" in str(found.error)
    assert len(sandbox.calls("products")) == calls


def test_without_a_token_nothing_is_asked_and_it_says_when_there_will_be_one(
    redis_server: RedisServer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(ShopIntegrator, "rate_limit", RateLimit(1, per=60))  # a bucket that nobody knows is empty
    category = Category.objects.create(name="Tools", slug="tools")
    with SandboxServer() as server, redirected(server.url):
        remote = Remote(server.url)
        there = remote.add("categories", name="Tools", slug="tools")
        row = Binding(connection=registry.connection("shop"), object_type="category", object_id=str(category.pk))
        found = diff(row, remote_id=str(there["id"]), wait_s=0.05)
        assert (found.trouble, type(found.error)) == (Trouble.LIMITED, RateLimitExceeded)
        assert found.retry_after_s is not None
        assert found.retry_after_s > 1
        assert remote.calls("categories") == []


def test_an_object_out_of_scope_is_told_as_such(sandbox: Remote, deliver: Deliver) -> None:
    customer = Customer.objects.create(email="ada@example.test", name="Ada")
    deliver()
    Customer.objects.filter(pk=customer.pk).update(is_active=False)
    found = diff(bound(customer, "customer"))
    assert not found.in_scope
    assert not found.agrees


def test_a_row_that_may_not_be_sent_says_why(product: Product, sandbox: Remote) -> None:
    Product.objects.filter(pk=product.pk).update(status=Product.Status.DRAFT)
    found = diff(bound(product), reveal=True)
    assert "status must not be 'draft'" in found.ours_error
    assert not found.trouble
    assert next(field for field in found.fields if field.name == "status").theirs == '"active"'


def test_a_child_of_a_parent_that_is_not_there_yet_says_so(sandbox: Remote) -> None:
    category = Category.objects.create(name="New", slug="new")
    made = Product.objects.create(category=category, name="Saw", sku="saw-2", price=1)
    row = Binding(connection=registry.connection("shop"), object_type="product", object_id=str(made.pk))
    found = diff(row)
    assert f"category:{category.pk} is not at the remote yet" in found.ours_error
    assert found.in_scope


@pytest.fixture
def unreadable(sandbox: Remote) -> Iterator[None]:
    class WriteOnly(CrudIntegrator):
        name = "writeonly"
        base_url = sandbox.url

        @staticmethod
        def set_object_types() -> dict[str, Any]:  # type: ignore[override]
            return {"category": ObjectType(model=Category, endpoint="categories", can_read=False)}

    registry.register(WriteOnly)
    yield
    registry.unregister("writeonly")


def test_a_type_that_cannot_be_read_says_so(unreadable: None, sandbox: Remote) -> None:
    category = Category.objects.create(name="New", slug="new")
    row = Binding(
        connection=registry.connection("writeonly"), object_type="category", object_id=str(category.pk), remote_id="1"
    )
    assert diff(row).trouble is Trouble.NOT_READABLE


def test_an_integrator_that_is_gone_says_so(db: None) -> None:
    connection = Connection.objects.create(integrator="long_gone")
    found = diff(Binding(connection=connection, object_type="thing", object_id="1", remote_id="r1"))
    assert found.trouble is Trouble.WRONG
    assert found.error is not None


def test_what_a_remote_answers_is_shown_whatever_it_is(product: Product, sandbox: Remote) -> None:
    binding = bound(product)
    assert binding.remote_id is not None
    sandbox.edit("products", binding.remote_id, name="<b>x</b>", long="y" * 9000, many={str(n): n for n in range(50)})
    found = diff(binding, reveal=True)
    long = next(field for field in found.fields if field.name == "long")
    assert len(long.theirs) <= 2001
    assert json.loads(next(field for field in found.fields if field.name == "name").theirs) == "<b>x</b>"
