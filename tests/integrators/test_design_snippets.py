"""The two integrations of the design's section 3, word for word."""

from __future__ import annotations

import json
import sys
import types
from typing import Any

import pytest
import responses
from django.db.models import Q

from examples.shop.models import Product
from sync import registry
from sync.exceptions import ConstraintViolation, PayloadError
from sync.types import Call, RateLimit, RetryPolicy, Verb
from tests.integrators.models import Country, Customer

FIRST = """
# shop/integrators.py, found like admin.py
from sync import CrudIntegrator, register

from shop.models import Product


@register
class ShopIntegrator(CrudIntegrator):
    base_url = "https://api.shop.test/v2/"

    @staticmethod
    def set_object_types():
        return {"product": {"model": Product, "endpoint": "products"}}

    @staticmethod
    def set_data_constraints():
        return {"product": {"status": ["invalid", "archived"]}}
"""

SECOND = """
from sync import IN, BearerAuth, CrudIntegrator, Map, ObjectType, RateLimit, register


@register
class ShopIntegrator(CrudIntegrator):
    name = "shop"
    base_url = "https://api.shop.test/v2/"
    auth = BearerAuth("env:SHOP_TOKEN")                       # a reference, never a value
    rate_limit = RateLimit(100, per=60)                       # or several: windows, endpoints, methods
    retry = "standard"

    @staticmethod
    def set_object_types():
        return {
            "product": {"model": Product, "endpoint": "products"},
            "customer": ObjectType(
                model=Customer, endpoint="contacts",
                fields=[Map("email", "email_address"), Map("name"), Map("credit", "score", direction=IN),
                        Map("country", "countryId", via="country")],   # foreign key → remote id; the parent goes first
                natural_key=["email"], sync_when=Q(is_active=True), on_leave="keep", on_delete="delete",
            ),
        }
"""


def run(source: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a module's text with a ``shop.models`` of its own, and return its integrator."""
    shop, models = types.ModuleType("shop"), types.ModuleType("shop.models")
    models.Product = Product  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop", shop)
    monkeypatch.setitem(sys.modules, "shop.models", models)
    names: dict[str, Any] = {"__name__": "shop.integrators", "Product": Product, "Customer": Customer, "Q": Q}
    exec(source, names)
    return names["ShopIntegrator"]


@pytest.fixture
def first(registered: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    return run(FIRST, monkeypatch)


@pytest.fixture
def second(registered: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SHOP_TOKEN", "hush")
    return run(SECOND, monkeypatch)


def product(**values: Any) -> Product:
    return Product(id=1, category_id=2, name="lamp", sku="l", price="1.50", **values)


def test_the_first_is_registered_under_its_default_name(first: Any) -> None:
    assert registry.get("shop") is first
    assert [spec.endpoint for _, spec in registry.types_for("shop.product")] == ["products"]


def test_the_first_sends_the_default_payload(first: Any, connection: Any) -> None:
    one = first("product", product(), connection)
    assert one.build_payload({}) == {
        "name": "lamp",
        "sku": "l",
        "price": "1.50",
        "stock": 0,
        "status": "active",
        "description": "",
        "picture_url": "",
    }
    request = one.build_request(Call(verb=Verb.UPDATE, object_type="product", remote_id="a/1", payload=one.data))
    assert (request.method, request.url) == ("PATCH", "https://api.shop.test/v2/products/a%2F1")


@pytest.mark.parametrize("status", ["invalid", "archived"])
def test_the_first_holds_what_it_forbids(first: Any, connection: Any, status: str) -> None:
    with pytest.raises(ConstraintViolation):
        first("product", product(status=status), connection).build_payload({})


@responses.activate
def test_the_first_creates_an_object(first: Any, connection: Any) -> None:
    rule = responses.post("https://api.shop.test/v2/products", json={"id": 9}, status=201)
    one = first("product", product(), connection)
    call = Call(verb=Verb.CREATE, object_type="product", object_id="1", payload=one.build_payload({}))
    assert one.read_answer(call, one.transmit(one.build_request(call))).remote_id == "9"
    assert json.loads(rule.calls[0].request.body)["name"] == "lamp"


def test_the_second_says_what_it_says(second: Any, connection: Any) -> None:
    customer = second.types()["customer"]
    assert (customer.endpoint, customer.on_leave, customer.on_delete) == ("contacts", "keep", "delete")
    assert customer.sync_when == Q(is_active=True)
    assert customer.rest.natural_key == ("email_address",)
    assert customer.can_lookup
    one = second("customer", None, connection)
    assert one.limits(Verb.CREATE) == (RateLimit(100, per=60),)
    assert one.retry_policy() == RetryPolicy()


def test_the_second_maps_a_customer(second: Any, connection: Any) -> None:
    row = Customer(id=5, email="a@b.test", name="Ann", credit=3)
    one = second("customer", row, connection)
    assert one.build_payload({}) == {"email_address": "a@b.test", "name": "Ann", "countryId": None}
    assert one.write_back(data={"score": 12}) == {"credit": 12}
    headers = one.build_request(Call(verb=Verb.CREATE, object_type="customer", payload=one.data)).headers
    assert headers["Authorization"] == "Bearer hush"


def test_the_second_holds_a_customer_of_a_country_that_nobody_syncs(second: Any, connection: Any) -> None:
    row = Customer(id=5, email="a@b.test", name="Ann", country_id=3)
    with pytest.raises(PayloadError) as caught:
        second("customer", row, connection).build_payload({})
    assert caught.value.code == "unknown_parent"


def test_the_second_with_a_country_sends_its_remote_id(second: Any, connection: Any) -> None:
    class WorldIntegrator(second):  # type: ignore[misc]
        @staticmethod
        def set_object_types() -> Any:
            return {**second.set_object_types(), "country": {"model": Country, "endpoint": "countries"}}

    one = WorldIntegrator("customer", Customer(id=5, email="a@b.test", name="Ann", country_id=3), connection)
    assert one.parent_ids() == {"countryId": "3"}
    assert one.build_payload({"countryId": "DE"})["countryId"] == "DE"
