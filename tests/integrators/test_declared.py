from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from examples.shop.models import Category, Product
from sync.exceptions import ConfigurationError, ConstraintViolation, SecretError
from sync.integrators import CrudIntegrator, Map, ObjectType


def integrator(types: Any = None, constraints: Any = None) -> type[CrudIntegrator]:
    given = {"product": {"model": Product, "endpoint": "products"}} if types is None else types

    class SomeIntegrator(CrudIntegrator):
        @staticmethod
        def set_object_types() -> Any:
            return given

        @staticmethod
        def set_data_constraints() -> Any:
            return constraints or {}

    return SomeIntegrator


def validate(constraints: Any, data: Any, types: Any = None) -> bool:
    return integrator(types, {"product": constraints})("product", data).validate_data()


def test_types_are_made_once_a_class() -> None:
    cls = integrator()
    assert cls.types() is cls.types()
    assert set(cls.types()) == {"product"}
    assert cls.types()["product"].name == "product"


def test_types_follow_changed_settings(settings: Any) -> None:
    cls = integrator()
    assert cls.types()["product"].rest_s == 1.0
    settings.CRUDSYNC = {**settings.CRUDSYNC, "rest_s": 0.0}
    assert cls.types()["product"].rest_s == 0.0


def test_a_class_attribute_and_a_method_may_both_declare_types() -> None:
    class BothIntegrator(CrudIntegrator):
        object_types = {"category": {"model": Category, "endpoint": "c"}}  # type: ignore[assignment]
        data_constraints = {"category": {"slug": ["x"]}}  # type: ignore[assignment]

        @staticmethod
        def set_object_types() -> Any:
            return {"product": {"model": Product, "endpoint": "p"}}

    assert set(BothIntegrator.types()) == {"category", "product"}
    with pytest.raises(ConstraintViolation):
        BothIntegrator("category", {"slug": "x"}).validate_data()


def test_a_subclass_has_types_of_its_own() -> None:
    base = integrator()

    class OtherIntegrator(base):  # type: ignore[valid-type,misc]
        @staticmethod
        def set_object_types() -> Any:
            return {"category": {"model": Category, "endpoint": "c"}}

    assert set(base.types()) == {"product"}
    assert set(OtherIntegrator.types()) == {"category"}


@pytest.mark.parametrize("given", [[], "product", 5])
def test_types_that_are_no_dict_are_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="set_object_types"):
        integrator(given).types()


def test_a_wrong_type_names_class_and_type() -> None:
    with pytest.raises(ConfigurationError, match="SomeIntegrator: object type 'product'"):
        integrator({"product": {"model": Product, "endpoint": ""}}).types()


def test_a_method_that_needs_an_instance_is_refused_with_the_way_out() -> None:
    class WrongIntegrator(CrudIntegrator):
        def set_object_types(self) -> Any:  # type: ignore[override]
            return {}

    with pytest.raises(ConfigurationError) as caught:
        WrongIntegrator.types()
    assert caught.value.code == "not_static"


def test_an_error_of_ours_in_a_declaration_passes() -> None:
    class SecretIntegrator(CrudIntegrator):
        @staticmethod
        def set_object_types() -> Any:
            raise SecretError("no key")

    with pytest.raises(SecretError):
        SecretIntegrator.types()


# --- constraints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraints", "data"),
    [
        ({"status": ["archived"]}, {"status": "archived"}),
        ({"status": ("a", "archived")}, {"status": "archived"}),
        ({"status": {"archived"}}, {"status": "archived"}),
        ({"status": "archived"}, {"status": "archived"}),
        ({"status": [Product.Status.ARCHIVED]}, {"status": "archived"}),
        ({"price": [Decimal("0.00")]}, {"price": Decimal("0.00")}),
        ({"stock": [0]}, {"stock": 0}),
        ({"note": [None]}, {"note": None}),
        ({"facts": [{"a": 1}]}, {"facts": {"a": 1}}),
        ({"a.b": [1]}, {"a": {"b": 1}}),
    ],
    ids=str,
)
def test_a_forbidden_value_is_a_violation_that_names_its_field(constraints: Any, data: Any) -> None:
    with pytest.raises(ConstraintViolation, match=next(iter(constraints))) as caught:
        validate(constraints, data)
    assert caught.value.code == "data_constraint"


@pytest.mark.parametrize(
    ("constraints", "data"),
    [
        ({"status": ["archived"]}, {"status": "active"}),
        ({"status": ["archived"]}, {}),
        ({"status": "archived"}, {"status": "arch"}),
        ({"stock": [0]}, {"stock": False}),
        ({"stock": [1]}, {"stock": "1"}),
        ({}, {"status": "archived"}),
    ],
    ids=str,
)
def test_what_is_not_forbidden_is_true(constraints: Any, data: Any) -> None:
    assert validate(constraints, data) is True


def test_a_constraint_names_the_field_whatever_its_key_is() -> None:
    types = {"product": ObjectType(model=Product, endpoint="p", fields=[Map("status", "state.name")])}
    with pytest.raises(ConstraintViolation, match="status"):
        validate({"status": ["x"]}, {"state": {"name": "x"}}, types)


def test_a_type_without_constraints_has_none() -> None:
    assert integrator()("product", {"status": "archived"}).validate_data() is True


def test_a_constraint_of_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError) as caught:
        integrator(None, {"prodct": {}})("product", {}).validate_data()
    assert "'product'" in caught.value.hint


@pytest.mark.parametrize("constraints", [["status"], "status", {"status": [object()]}], ids=["list", "text", "object"])
def test_constraints_that_cannot_be_are_refused(constraints: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate(constraints, {})
    assert caught.value.code == "bad_constraint"


def test_constraints_that_are_no_dict_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="set_data_constraints") as caught:
        integrator(None, ["x"])("product", {}).validate_data()
    assert caught.value.code == "bad_constraint"
