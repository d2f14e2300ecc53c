from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from examples.shop.models import Category, Product, Tag
from sync.exceptions import ConfigurationError, ConstraintViolation, PayloadError
from sync.integrators.mapper import ModelMapper, taken
from sync.integrators.mapping import BOTH, IN, Map, as_maps, default_fields
from tests.integrators.models import Gadget, Owner

NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


def gadget(**values: Any) -> Gadget:
    return Gadget(**{"id": 7, "name": "lamp", "price": Decimal("1.50"), "made_at": NOON, **values})


def mapper(*fields: Map | str, model: Any = Gadget, **options: Any) -> ModelMapper:
    return ModelMapper(model, as_maps(fields), **options)


def sent(*fields: Map | str, remote_ids: Any = None, **values: Any) -> dict[str, Any]:
    return mapper(*fields).payload(gadget(**values), remote_ids or {})


def test_columns_go_out_by_their_names_as_json() -> None:
    assert sent("name", "price", "made_at", "active", "made_on") == {
        "name": "lamp",
        "price": "1.50",
        "made_at": "2026-01-02T12:00:00+00:00",
        "active": True,
        "made_on": None,
    }


def test_the_default_mapping_of_a_row_is_json_throughout() -> None:
    payload = ModelMapper(Gadget, default_fields(Gadget), binary=True).payload(gadget(lasts=dt.timedelta(1)), {})
    assert payload["uid"]
    assert payload["lasts"].startswith("P1D")
    assert payload["raw"] == ""


def test_a_target_is_the_key_and_dots_make_objects() -> None:
    assert sent(Map("name", "a.b"), Map("active", "a.c"), Map("price", "cost")) == {
        "a": {"b": "lamp", "c": True},
        "cost": "1.50",
    }


def test_a_deferred_column_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    row = gadget()
    del row.__dict__["name"]
    monkeypatch.setattr(Gadget, "refresh_from_db", lambda self, **_: self.__dict__.update(name="fetched"))
    assert mapper("name").payload(row, {}) == {"name": "fetched"}


def test_properties_and_paths_go_out() -> None:
    row = gadget(owner=Owner(id=3, code="ann"))
    assert mapper("label", Map("owner.code", "by")).payload(row, {}) == {"label": "lamp!", "by": "ann"}


def test_a_path_over_nothing_is_null() -> None:
    assert sent(Map("owner.code", "by")) == {"by": None}


def test_to_changes_the_value_before_it_is_json() -> None:
    assert sent(Map("price", to=lambda value: value * 100)) == {"price": "150.00"}


def test_default_stands_in_for_null_alone() -> None:
    assert sent(Map("made_on", default="never"), Map("active", default=True), active=False) == {
        "made_on": "never",
        "active": False,
    }


def test_a_property_that_raises_holds_the_object_with_a_hook_error() -> None:
    with pytest.raises(PayloadError, match="no label today") as caught:
        sent("broken")
    assert caught.value.code == "hook_error"


def test_a_property_may_raise_an_error_of_ours_which_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> Any:
        raise ConstraintViolation("not this one")

    monkeypatch.setattr(Gadget, "label", property(refuse))
    with pytest.raises(ConstraintViolation):
        sent("label")


def test_the_other_side_of_a_one_to_one_that_nobody_made_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Any) -> Any:
        raise Owner.DoesNotExist

    monkeypatch.setattr(Gadget, "label", property(missing))
    assert sent("label") == {"label": None}


def test_a_to_that_raises_holds_the_object_with_a_hook_error() -> None:
    with pytest.raises(PayloadError, match="ZeroDivisionError"):
        sent(Map("name", to=lambda _: 1 / 0))


def test_a_to_may_raise_an_error_of_ours_which_passes() -> None:
    def refuse(value: Any) -> Any:
        raise ConstraintViolation("not this one")

    with pytest.raises(ConstraintViolation):
        sent(Map("name", to=refuse))


def test_a_value_without_json_names_its_field() -> None:
    with pytest.raises(PayloadError, match="weight"):
        sent("weight", weight=float("nan"))


def test_what_only_comes_in_is_not_sent() -> None:
    assert sent("name", Map("weight", "score", direction=IN)) == {"name": "lamp"}


def test_a_file_is_sent_as_its_url(settings: Any) -> None:
    settings.MEDIA_URL = "https://files.test/"
    assert sent("manual", manual="a.pdf") == {"manual": "https://files.test/a.pdf"}


# --- references ------------------------------------------------------------------------------------------------------


def test_a_reference_is_the_parents_remote_id() -> None:
    maps = mapper(Map("owner", "ownerId", via="owner"))
    row = gadget(owner_id=3)
    assert maps.parent_ids(row) == {"ownerId": "3"}
    assert maps.payload(row, {"ownerId": "R3"}) == {"ownerId": "R3"}
    assert [(one.field, one.attname, one.via, one.target, one.nullable) for one in maps.parents] == [
        ("owner", "owner_id", "owner", "ownerId", True)
    ]


def test_a_reference_to_nobody_is_null_and_waits_for_nobody() -> None:
    maps = mapper(Map("owner", via="owner"))
    assert maps.parent_ids(gadget()) == {"owner": None}
    assert maps.payload(gadget(), {"owner": None}) == {"owner": None}


def test_a_reference_may_be_named_by_its_column() -> None:
    assert mapper(Map("owner_id", via="owner")).parents[0].field == "owner"


def test_our_own_id_of_a_parent_goes_out_when_the_column_is_named() -> None:
    assert sent("owner_id", owner_id=3) == {"owner_id": 3}


def test_a_reference_to_a_column_that_is_no_key_asks_for_the_parents_key() -> None:
    maps = mapper(Map("by_code", via="owner"))
    assert maps.parent_ids(gadget(by_code=Owner(id=9, code="ann"))) == {"by_code": "9"}
    assert maps.parent_ids(gadget()) == {"by_code": None}


def test_a_reference_to_what_nobody_syncs_holds_the_row_that_has_one() -> None:
    maps = mapper("name", Map("owner", via="owner"), strangers={"owner"})
    assert maps.parents == ()
    assert maps.payload(gadget(), {}) == {"name": "lamp", "owner": None}
    with pytest.raises(PayloadError) as caught:
        maps.payload(gadget(owner_id=3), {})
    assert caught.value.code == "unknown_parent"


@pytest.mark.django_db
def test_a_many_to_many_field_is_the_list_of_remote_ids_in_a_stable_order() -> None:
    category = Category.objects.create(name="c", slug="c")
    row = Product.objects.create(category=category, name="p", sku="p", price=Decimal(1))
    tags = [Tag.objects.create(name=name) for name in "cab"]
    row.tags.set(tags)
    maps = mapper(Map("tags", "tag_ids", via="tag"), model=Product)
    ids = maps.many_ids(row)
    assert ids == {"tag_ids": tuple(sorted(str(tag.pk) for tag in tags))}
    assert maps.parents == ()
    assert maps.many[0].via == "tag"
    assert maps.payload(row, {"tag_ids": ["A", "B", "C"]}) == {"tag_ids": ["A", "B", "C"]}
    prefetched = Product.objects.prefetch_related("tags").get()
    assert maps.many_ids(prefetched) == ids


# --- what cannot be mapped -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        (Map("nmae"), "did you mean 'name'?"),
        (Map("zzzzzz"), "fields: "),
        (Map("owner"), "Map('owner_id')"),
        (Map("owners"), "via="),
        (Map("name", via="owner"), "leave via= out"),
        (Map("id", direction=IN), "plain columns"),
        (Map("owner_id", direction=IN), "plain columns"),
        (Map("label", direction=BOTH), "plain columns"),
        (Map("owner.code", direction=IN), "plain columns"),
    ],
)
def test_a_field_that_cannot_be_mapped_so_is_named_with_a_hint(entry: Map, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        mapper(entry)
    assert caught.value.code == "bad_map"
    assert hint in caught.value.hint


def test_a_relation_may_be_mapped_by_a_function() -> None:
    row = gadget(owner=Owner(id=3, code="ann"))
    assert mapper(Map("owner", to=lambda owner: owner.code)).payload(row, {}) == {"owner": "ann"}


# --- the way back ----------------------------------------------------------------------------------------------------


def test_the_remote_owns_what_is_mapped_in_or_both() -> None:
    maps = mapper("name", Map("weight", "stats.score", direction=IN), Map("active", direction=BOTH))
    assert maps.inward
    assert maps.write_back({"name": "other", "stats": {"score": 2.5}, "active": False}) == {
        "weight": 2.5,
        "active": False,
    }


def test_what_the_remote_leaves_out_is_left_alone() -> None:
    maps = mapper(Map("weight", direction=IN))
    assert maps.write_back({"other": 1}) == {}
    assert maps.write_back(None) == {}
    assert not mapper("name").inward


def test_back_changes_the_remotes_value() -> None:
    assert mapper(Map("name", direction=IN, back=str.upper)).write_back({"name": "x"}) == {"name": "X"}


def test_remote_values_become_what_the_column_holds() -> None:
    maps = mapper(Map("price", direction=IN), Map("made_at", direction=IN))
    assert maps.write_back({"price": "2.50", "made_at": "2026-01-02T12:00:00+00:00"}) == {
        "price": Decimal("2.50"),
        "made_at": NOON,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", "cheap"),
        ("name", "x" * 21),
        ("name", None),
        ("price", "123456789.00"),
        ("made_at", {}),
        ("active", []),
    ],
)
def test_a_remote_value_that_the_column_would_refuse_is_refused_here(field: str, value: Any) -> None:
    with pytest.raises(PayloadError, match=field) as caught:
        mapper(Map(field, direction=IN)).write_back({field: value})
    assert caught.value.code == "write_back"


def test_a_row_is_made_of_the_payload_that_was_sent() -> None:
    maps = mapper(Map("name", "title"), Map("price", to=str, back=Decimal), Map("owner", via="owner"), Map("id"))
    values = maps.row_values({"title": "lamp", "price": "1.50", "owner": "R1", "id": 5})
    assert values == {"name": "lamp", "price": Decimal("1.50")}


def test_a_value_that_does_not_fit_may_be_looked_at_without_an_error() -> None:
    from sync.connectors.pagination import MISSING

    assert taken(Gadget._meta.get_field("price"), "x", strict=False) is MISSING
