from __future__ import annotations

from typing import Any

import pytest

from examples.shop.models import Customer, Product
from sync.exceptions import ConfigurationError
from sync.integrators.mapping import BOTH, IN, OUT, Map, as_maps, default_fields
from tests.integrators.models import Gadget, Special, Stand


def names(model: Any) -> list[str]:
    return [entry.field for entry in default_fields(model)]


def test_a_map_sends_under_the_fields_own_name_unless_said_otherwise() -> None:
    assert Map("name").target == "name"
    assert Map("name", "title").target == "title"
    assert Map("name").direction is OUT


@pytest.mark.parametrize(
    ("direction", "outward", "inward"), [(OUT, True, False), (IN, False, True), (BOTH, True, True), ("in", False, True)]
)
def test_a_direction_says_who_is_read(direction: Any, outward: bool, inward: bool) -> None:
    entry = Map("name", direction=direction)
    assert (entry.outward, entry.inward) == (outward, inward)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Map(""),
        lambda: Map(5),  # type: ignore[arg-type]
        lambda: Map("name", "a..b"),
        lambda: Map("name", 5),  # type: ignore[arg-type]
        lambda: Map("name", direction="up"),  # type: ignore[arg-type]
        lambda: Map("name", to="upper"),  # type: ignore[arg-type]
        lambda: Map("name", back=5),  # type: ignore[arg-type]
        lambda: Map("owner", via="owner", to=str),
        lambda: Map("owner", via="owner", direction=BOTH),
    ],
)
def test_a_map_that_cannot_be_is_a_configuration_error_with_a_hint(make: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert caught.value.code == "bad_map"
    assert caught.value.hint


def test_fields_may_be_named_or_mapped() -> None:
    assert as_maps(["name", Map("price", "cost")]) == (Map("name"), Map("price", "cost"))


@pytest.mark.parametrize(
    "fields",
    [
        "name",
        Map("name"),
        5,
        [],
        ["name", 5],
        ["name", "name"],
        [Map("a", "x"), Map("b", "x")],
        [Map("a", "x"), Map("b", "x.y")],
        [Map("a", "x", direction=IN), Map("a", "y", direction=IN)],
    ],
    ids=repr,
)
def test_fields_that_cannot_be_are_refused(fields: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        as_maps(fields)
    assert caught.value.code == "bad_map"


def test_one_key_may_be_sent_from_one_field_and_read_into_another() -> None:
    assert len(as_maps([Map("a", "x"), Map("b", "x", direction=IN)])) == 2


def test_the_default_payload_is_the_models_own_plain_columns() -> None:
    assert names(Product) == ["name", "sku", "price", "stock", "status", "description", "picture_url"]


def test_the_default_payload_leaves_out_what_is_not_editable() -> None:
    assert "credit" not in names(Customer)
    assert "touched_at" not in names(Gadget)


@pytest.mark.parametrize(
    "left_out", ["id", "owner", "parent", "owners", "manual", "password", "api_token", "client_secret"]
)
def test_the_default_payload_leaves_out_keys_relations_files_and_secrets(left_out: str) -> None:
    assert left_out not in names(Gadget)


def test_a_multi_table_child_sends_its_parents_columns_too() -> None:
    assert {"name", "extra"} <= set(names(Special))
    assert "gadget_ptr" not in names(Special)


def test_a_proxy_sends_what_its_model_sends() -> None:
    assert names(Stand) == names(Gadget)
