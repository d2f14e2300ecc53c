from __future__ import annotations

import copy
from typing import Any

import pytest
from django.db import models
from django.db.models import Q

from examples.shop.models import Category, Product
from sync.connectors.pagination import OffsetPaginator
from sync.exceptions import ConfigurationError
from sync.integrators import IN, CrudIntegrator, Map, ObjectType
from sync.integrators.object_type import object_type_of
from sync.types import BulkSpec, Lane, RateLimit, RetryPolicy, Verb
from tests.integrators.models import Dictish, Gadget, Owner, Special


def bound(name: str = "product", siblings: Any = None, *, free: bool = False, **given: Any) -> ObjectType:
    made = ObjectType(**{"model": Product, "endpoint": "products", **given})
    return made.bound(name, siblings or {name: made.resolved_model()}, free=free)


def test_a_plain_dict_is_an_object_type() -> None:
    made = object_type_of("product", {"model": Product, "endpoint": "products"})
    assert (made.model, made.endpoint) == (Product, "products")


def test_a_model_may_be_named_by_its_label() -> None:
    assert bound(model="shop.Product").model is Product


def test_the_defaults_are_safe(settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "rest_s": 3.0, "lookup_lag_s": 4.0}
    spec = bound()
    assert (spec.rest_s, spec.lookup_lag) == (3.0, 4.0)
    assert (spec.on_uncertain, spec.on_gone, spec.on_leave, spec.on_delete) == ("hold", "recreate", "delete", "delete")
    assert (spec.keyed, spec.client_id, spec.can_lookup, spec.can_read, spec.bulk) == (False, False, False, True, None)
    assert spec.lane is Lane.LIVE
    assert spec.key_ttl == 86_400


def test_zero_seconds_of_rest_are_not_the_default() -> None:
    assert bound(rest_s=0, lookup_lag=0).rest_s == 0


@pytest.mark.parametrize(
    ("given", "keyed", "can_lookup"),
    [
        ({"idempotency": "Idempotency-Key"}, True, False),
        ({"natural_key": ["sku"]}, False, True),
        ({"external_id": "ref"}, False, True),
        ({"client_id": True}, False, True),
    ],
)
def test_what_the_remote_offers_decides_what_can_be_promised(given: Any, keyed: bool, can_lookup: bool) -> None:
    spec = bound(**given)
    assert (spec.keyed, spec.can_lookup) == (keyed, can_lookup)


def test_natural_keys_name_fields_and_become_keys_of_the_payload() -> None:
    spec = bound(fields=[Map("sku", "article"), Map("name")], natural_key=["sku", "name"])
    assert spec.rest.natural_key == ("article", "name")


def test_a_natural_key_may_be_one_name_or_a_key_of_the_payload() -> None:
    assert bound(fields=[Map("sku", "article")], natural_key="article").rest.natural_key == ("article",)


def test_a_natural_key_that_is_not_sent_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="skuu") as caught:
        bound(natural_key=["skuu"])
    assert "'sku'" in caught.value.hint


def test_a_natural_key_is_taken_as_it_is_where_a_hook_makes_the_payload() -> None:
    assert bound(natural_key=["anything"], free=True).rest.natural_key == ("anything",)


def test_update_method_and_methods_reach_the_connector() -> None:
    assert bound(update_method="PUT").rest.routes[Verb.UPDATE].method == "PUT"
    assert bound(update_method="PUT", methods={"update": "POST"}).rest.routes[Verb.UPDATE].method == "POST"
    assert (
        bound(paths={"delete": "{endpoint}/{id}/archive"}, methods={"delete": "POST"}).rest.routes[Verb.DELETE].after
        == "/archive"
    )


def test_every_option_of_the_connector_is_passed_on() -> None:
    given: dict[str, Any] = {
        "encoding": "form",
        "envelope": "data",
        "id_path": "meta.id",
        "version": "etag",
        "idempotency": "Key",
        "external_id": "ref",
        "lookup_params": {"all": "1"},
        "items": "results",
        "paginator": OffsetPaginator(),
        "compress": True,
        "errors": "errors",
    }
    rest = bound(**given).rest
    assert {name: getattr(rest, name) for name in given} == given


@pytest.mark.parametrize(
    ("classify", "expected"),
    [
        ({"update": {204: "not_found"}}, {"update": {204: "not_found"}}),
        ({202: "unknown"}, {verb: {202: "unknown"} for verb in ("create", "update", "delete")}),
        ({}, {}),
    ],
)
def test_classify_goes_over_the_usual_table(classify: Any, expected: Any) -> None:
    assert bound(classify=classify).rest.outcomes == expected


@pytest.mark.parametrize(("priority", "lane"), [("live", Lane.LIVE), ("bulk", Lane.BULK), (Lane.BULK, Lane.BULK)])
def test_priority_is_a_lane(priority: Any, lane: Lane) -> None:
    assert bound(priority=priority).lane is lane


def test_bulk_may_be_a_dict() -> None:
    given = {"key": "sku", "create": "products/batch", "size": 50}
    assert bound(bulk=given).bulk == BulkSpec(key="sku", create="products/batch", size=50)


def test_rates_and_retries_are_read_in_every_form() -> None:
    spec = bound(rate_limit={"limit": 5, "per": 1, "methods": ["POST"]}, retry="aggressive")
    assert spec.rate_limit == (RateLimit(5, 1, methods=("POST",)),)
    assert spec.retry == RetryPolicy(attempts=10, base_delay=0.5)


@pytest.mark.parametrize("condition", [Q(stock__gt=0), lambda row: row.stock > 0])
def test_sync_when_is_a_condition_or_a_function(condition: Any) -> None:
    assert bound(sync_when=condition).sync_when is condition


class Abstract(models.Model):
    class Meta:
        abstract = True
        app_label = "integrators_tests"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"endpoint": ""}, "endpoint"),
    ({"endpoint": "/"}, "endpoint"),
    ({"endpoint": " products"}, "endpoint"),
    ({"endpoint": "https://x.test/products"}, "endpoint"),
    ({"endpoint": "products?x=1"}, "endpoint"),
    ({"endpoint": "a\nb"}, "endpoint"),
    ({"endpoint": 5}, "endpoint"),
    ({"encoding": "xml"}, "encoding"),
    ({"on_uncertain": "wait"}, "on_uncertain"),
    ({"on_gone": "recrate"}, "on_gone"),
    ({"on_leave": "hold"}, "on_leave"),
    ({"on_delete": None}, "on_delete"),
    ({"rest_s": -1}, "rest_s"),
    ({"rest_s": True}, "rest_s"),
    ({"key_ttl": 0}, "key_ttl"),
    ({"timeout_s": float("inf")}, "timeout_s"),
    ({"lookup_lag": "1"}, "lookup_lag"),
    ({"client_id": "yes"}, "client_id"),
    ({"priority": "urgent"}, "priority"),
    ({"priority": Lane.RETRY}, "priority"),
    ({"priority": True}, "priority"),
    ({"natural_key": [5]}, "natural_key"),
    ({"bulk": 5}, "bulk"),
    ({"bulk": {"create": "x"}}, "bulk"),
    ({"bulk": {"key": "sku"}}, "bulk"),
    ({"bulk": {"key": "sku", "create": "x", "size": 0}}, "bulk size"),
    ({"classify": 5}, "classify"),
    ({"classify": {"update": {204: "gone"}}}, "classify"),
    ({"classify": {"update": {2: "ok"}}}, "classify"),
    ({"sync_when": "active"}, "sync_when"),
    ({"paths": "x"}, "paths"),
    ({"model": Abstract}, "model"),
    ({"model": int}, "model"),
    ({"model": "shop.Nothing"}, "model"),
]


@pytest.mark.parametrize(("given", "name"), WRONG, ids=lambda value: str(value)[:50])
def test_a_wrong_value_is_a_configuration_error_that_names_the_option(given: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        bound(**given)
    assert caught.value.code == "bad_object_type"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"retry": "agressive"}, "unknown_retry_policy"),
        ({"rate_limit": RateLimit(0)}, "bad_rate_limit"),
        ({"rate_limit": RateLimit(1, burst=5)}, "burst_over_limit"),
        ({"rate_limit": "100/m"}, "bad_rate_limit"),
        ({"rate_limit": [5]}, "bad_rate_limit"),
        ({"rate_limit": {"per": 5}}, "bad_rate_limit"),
        ({"rate_limit": {"limit": 5, "burts": 1}}, "unknown_option"),
        ({"bulk": {"key": "sku", "creat": "x"}}, "unknown_option"),
        ({"classify": {"updat": {204: "ok"}}}, "unknown_option"),
        ({"fields": [Map("nmae")]}, "bad_map"),
        ({"paths": {"crate": "x"}}, "bad_option"),
    ],
    ids=str,
)
def test_each_part_has_its_own_code(given: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        bound(**given)
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize(
    "make",
    [
        lambda: ObjectType(model=Product, endpoint="p", natural_keys=["x"]),  # type: ignore[call-arg]
        lambda: object_type_of("product", {"model": Product, "endpoint": "p", "natural_keys": ["x"]}),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest(make: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert caught.value.code == "unknown_option"
    assert caught.value.hint == "did you mean 'natural_key'?"


@pytest.mark.parametrize("given", [{"model": Product}, {"endpoint": "p"}])
def test_an_object_type_needs_a_model_and_an_endpoint(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="needs a"):
        object_type_of("product", given)


@pytest.mark.parametrize("given", [None, Product, ("products", Product)], ids=repr)
def test_what_is_no_definition_is_refused_by_the_types_name(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="'product'"):
        object_type_of("product", given)


def test_an_error_names_the_type() -> None:
    with pytest.raises(ConfigurationError, match=r"^object type 'product': "):
        bound(natural_key=["skuu"])


# --- references between types ----------------------------------------------------------------------------------------


def with_category(via: str, **others: Any) -> ObjectType:
    fields = [Map("category", via=via)]
    return bound(fields=fields, siblings={"product": Product, **others})


def test_via_leads_to_a_type_of_the_other_sides_model() -> None:
    assert with_category("category", category=Category).parents[0].via == "category"


@pytest.mark.parametrize(("via", "others"), [("catgory", {"category": Category}), ("group", {"section": Category})])
def test_a_slip_in_via_is_refused_with_the_right_name(via: str, others: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        with_category(via, **others)
    assert next(iter(others)) in caught.value.hint


def test_via_to_a_type_of_another_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="via"):
        with_category("owner", owner=Owner)


def test_via_to_a_model_that_is_not_synced_is_no_parent() -> None:
    assert with_category("zone").parents == ()


def test_via_may_lead_to_a_multi_table_child() -> None:
    fields = [Map("parent", via="special")]
    spec = ObjectType(model=Gadget, endpoint="g", fields=fields).bound("gadget", {"gadget": Owner, "special": Special})
    assert spec.parents[0].via == "special"


def test_a_model_may_refer_to_itself() -> None:
    fields = [Map("parent", via="category")]
    spec = ObjectType(model=Category, endpoint="c", fields=fields).bound("category", {"category": Category})
    assert spec.parents[0].nullable


def test_a_mapping_with_only_incoming_fields_can_be_declared() -> None:
    assert bound(fields=[Map("stock", direction=IN)]).mapper.inward


def test_a_type_with_dict_has_no_declared_fields() -> None:
    class SomeIntegrator(CrudIntegrator):
        @staticmethod
        def set_object_types() -> Any:
            return {"d": ObjectType(model=Dictish, endpoint="d", natural_key=["heading"])}

    assert not SomeIntegrator.types()["d"].declared
    assert SomeIntegrator.types()["d"].rest.natural_key == ("heading",)


def test_a_bound_type_may_be_copied() -> None:
    assert copy.copy(bound()).endpoint == "products"
