from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from examples.shop.models import Category, Customer, Order, Product
from sync.exceptions import ConfigurationError, ConstraintViolation, PayloadError
from sync.integrators import BOTH, CrudIntegrator, Map, ObjectType
from sync.integrators.serializers import SerializerMapper
from tests.integrators.serializers import (
    BrokenSerializer,
    CatalogueSerializer,
    CustomerSerializer,
    OrderSerializer,
    ProductSerializer,
)

TOOLS = Category(id=3, name="Tools", slug="tools")
HAMMER = Product(id=7, category=TOOLS, name="hammer", sku="h", price=Decimal("9.90"))


def types(**given: ObjectType) -> dict[str, ObjectType]:
    class SomeIntegrator(CrudIntegrator):
        @staticmethod
        def set_object_types() -> Any:
            return given

    return SomeIntegrator.types()


def payload(spec: ObjectType, row: Any, remote_ids: Any = None) -> dict[str, Any]:
    return spec.mapper.payload(row, remote_ids or {})


def test_a_serializer_makes_the_payload_without_our_key() -> None:
    spec = types(order=ObjectType(model=Order, endpoint="orders", serializer=OrderSerializer))["order"]
    assert payload(spec, Order(id=1, number="N1", customer_id=4)) == {"number": "N1", "customer": 4}


def test_a_write_only_id_takes_the_place_of_its_nested_twin() -> None:
    spec = types(product=ObjectType(model=Product, endpoint="products", serializer=ProductSerializer))["product"]
    assert payload(spec, HAMMER) == {"name": "hammer", "price": "9.90", "category_id": 3, "shout": "HAMMER"}


def test_an_id_of_a_model_that_is_synced_too_is_its_remote_id() -> None:
    spec = types(
        product=ObjectType(model=Product, endpoint="products", serializer=ProductSerializer),
        category=ObjectType(model=Category, endpoint="categories"),
    )["product"]
    assert [(one.via, one.target) for one in spec.parents] == [("category", "category_id")]
    assert spec.mapper.parent_ids(HAMMER) == {"category_id": "3"}
    assert payload(spec, HAMMER, {"category_id": "R3"})["category_id"] == "R3"


def test_a_map_of_ones_own_goes_over_the_reference_that_was_found() -> None:
    spec = types(
        product=ObjectType(
            model=Product, endpoint="products", serializer=ProductSerializer, fields=[Map("category_id")]
        ),
        category=ObjectType(model=Category, endpoint="categories"),
    )["product"]
    assert spec.parents == ()
    assert payload(spec, HAMMER)["category_id"] == 3


def test_two_types_of_one_model_leave_the_reference_to_its_author() -> None:
    spec = types(
        product=ObjectType(model=Product, endpoint="products", serializer=ProductSerializer),
        a=ObjectType(model=Category, endpoint="a"),
        b=ObjectType(model=Category, endpoint="b"),
    )["product"]
    assert spec.parents == ()


@pytest.mark.django_db
def test_nested_serializers_are_written_at_every_depth() -> None:
    root = Category.objects.create(name="Root", slug="root")
    tools = Category.objects.create(name="Tools", slug="tools", parent=root)
    Product.objects.create(category=tools, name="hammer", sku="h", price=Decimal(1))
    spec = types(
        category=ObjectType(model=Category, endpoint="c", serializer=CatalogueSerializer, fields=[Map("slug")])
    )
    made = SerializerMapper(Category, CatalogueSerializer, ()).payload(tools, {})
    assert made == {
        "slug": "tools",
        "products": [{"sku": "h", "category_id": tools.pk}],
        "parent": {"name": "Root", "slug": "root"},
        "parent_id": root.pk,
    }
    assert spec["category"].parents[0].target == "parent_id"


@pytest.mark.django_db
def test_a_nested_null_stays_null() -> None:
    root = Category.objects.create(name="Root", slug="root")
    made = SerializerMapper(Category, CatalogueSerializer, ()).payload(root, {})
    assert (made["parent"], made["parent_id"]) == (None, None)


def test_write_only_fields_named_like_a_secret_stay_here() -> None:
    made = SerializerMapper(Customer, CustomerSerializer, ()).payload(Customer(id=1, email="a@b.c", name="Ann"), {})
    assert made == {"email": "a@b.c", "alias": "Ann"}


def test_maps_lie_over_the_serializer_and_own_the_way_back() -> None:
    fields = [Map("name", "title"), Map("stock", direction=BOTH)]
    spec = types(product=ObjectType(model=Product, endpoint="p", serializer=ProductSerializer, fields=fields))[
        "product"
    ]
    assert payload(spec, HAMMER)["title"] == "hammer"
    assert spec.mapper.write_back({"stock": "5", "name": "other"}) == {"stock": 5}
    assert spec.mapper.inward


def test_natural_keys_go_by_what_the_serializer_calls_them() -> None:
    spec = types(order=ObjectType(model=Order, endpoint="o", serializer=OrderSerializer, natural_key=["number"]))[
        "order"
    ]
    assert spec.rest.natural_key == ("number",)


def test_a_row_is_made_of_what_the_serializer_sent() -> None:
    spec = types(product=ObjectType(model=Product, endpoint="p", serializer=ProductSerializer))["product"]
    assert spec.mapper.row_values({"name": "x", "price": "2.00", "category_id": 3, "shout": "X"}) == {
        "name": "x",
        "price": Decimal("2.00"),
    }


def test_a_serializer_that_raises_holds_its_own_object() -> None:
    with pytest.raises(PayloadError, match="oops") as caught:
        SerializerMapper(Product, BrokenSerializer, ()).payload(HAMMER, {})
    assert caught.value.code == "hook_error"


def test_an_error_of_ours_in_a_serializer_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, instance: Any) -> Any:
        raise ConstraintViolation("not this one")

    monkeypatch.setattr(BrokenSerializer, "to_representation", refuse)
    with pytest.raises(ConstraintViolation):
        SerializerMapper(Product, BrokenSerializer, ()).payload(HAMMER, {})


def test_a_write_only_null_is_null() -> None:
    made = SerializerMapper(Customer, CustomerSerializer, ()).payload(Customer(id=1, email="a@b.c", name=None), {})
    assert made["alias"] is None


@pytest.mark.parametrize("serializer", [ProductSerializer(), "ProductSerializer", dict])
def test_what_is_no_serializer_class_is_refused(serializer: Any) -> None:
    with pytest.raises(ConfigurationError, match="serializer"):
        ObjectType(model=Product, endpoint="p", serializer=serializer)


def test_many_ids_come_from_the_maps_alone() -> None:
    assert SerializerMapper(Product, ProductSerializer, ()).many_ids(HAMMER) == {}
