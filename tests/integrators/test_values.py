from __future__ import annotations

import datetime as dt
import enum
import json
import pathlib
import types
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import models
from django.db.models.fields.files import FieldFile
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from sync.exceptions import PayloadError
from sync.integrators.values import json_object, json_value
from tests.integrators.models import Lab, Owner


class Number(enum.Enum):
    ONE = 1


UTC = dt.UTC
PLUS_TWO = dt.timezone(dt.timedelta(hours=2))

TABLE: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    ("text", "text"),
    (5, 5),
    (1.5, 1.5),
    (Decimal("1.50"), "1.50"),
    (Decimal("1E+3"), "1000"),
    (Decimal("-0.001"), "-0.001"),
    (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
    (dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=PLUS_TWO), "2026-01-02T03:04:05.000006+02:00"),
    (dt.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05+00:00"),  # noqa: DTZ001 - naive is the case
    (dt.date(2026, 1, 2), "2026-01-02"),
    (dt.time(3, 4), "03:04:00"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Lab.WET, "wet"),
    (Number.ONE, 1),
    (gettext_lazy("waiting"), "waiting"),
    (mark_safe("<b>"), "<b>"),
    (pathlib.PurePosixPath("/a/b"), "/a/b"),
    ((1, Decimal(2)), [1, "2"]),
    ({"a": Decimal(1), 2: None}, {"a": "1", "2": None}),
    ({3, 1}, [1, 3]),
    (types.MappingProxyType({"a": [uuid.UUID(int=1)]}), {"a": ["00000000-0000-0000-0000-000000000001"]}),
]


@pytest.mark.parametrize(("value", "expected"), TABLE, ids=lambda value: repr(value)[:40])
def test_a_value_has_its_json_form(value: Any, expected: Any) -> None:
    assert json_value(value) == expected
    assert json.dumps(json_value(value)) == json.dumps(expected)  # True is no 1


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("Infinity"),
        {"a": [float("nan")]},
        pytest.param(object(), id="object"),
        {None: 1},
    ],
    ids=repr,
)
def test_what_has_no_json_form_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(PayloadError, match="price") as caught:
        json_value(value, "price")
    assert caught.value.code == "payload"
    assert caught.value.hint


@pytest.mark.parametrize(
    "value", [b"abc", bytearray(b"abc"), memoryview(b"abc")], ids=lambda value: type(value).__name__
)
def test_bytes_are_refused_with_what_to_do(value: Any) -> None:
    with pytest.raises(PayloadError) as caught:
        json_value(value, "raw")
    assert "base64" in caught.value.hint


def test_bytes_of_a_binary_body_travel_as_base64() -> None:
    assert json_value(b"abc", binary=True) == "YWJj"
    assert json_value(memoryview(b"abc"), binary=True) == "YWJj"


def test_a_model_instance_is_refused_with_the_way_to_send_its_remote_id() -> None:
    with pytest.raises(PayloadError) as caught:
        json_value(Owner(code="a"), "owner")
    assert "via=" in caught.value.hint


class Unhashable(dict):  # type: ignore[type-arg]
    """A mapping whose items cannot be read."""

    def items(self) -> Any:
        raise ValueError("no items today")


def test_a_value_that_cannot_even_be_read_is_refused() -> None:
    with pytest.raises(PayloadError, match="facts has no JSON form: ValueError"):
        json_value(Unhashable(a=1), "facts")


def test_too_deep_a_value_is_refused() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(PayloadError):
        json_value(deep, "facts")


def _file(name: str | None, base_url: str | None = "/media/") -> FieldFile:
    field = models.FileField(storage=FileSystemStorage(location="/nowhere", base_url=base_url))
    field.name = "manual"
    return FieldFile(None, field, name)  # type: ignore[arg-type]


def test_a_file_is_its_url() -> None:
    assert json_value(_file("a b.pdf")) == "/media/a%20b.pdf"


def test_no_file_is_null() -> None:
    assert json_value(_file("")) is None


def test_a_file_without_a_url_is_refused_with_what_to_do() -> None:
    file = _file("a.pdf")
    file.storage._base_url = None
    file.storage.__dict__["base_url"] = None
    with pytest.raises(PayloadError, match="manual") as caught:
        json_value(file, "manual")
    assert "base_url" in caught.value.hint


def test_a_payload_is_an_object_with_text_keys() -> None:
    assert json_object({"a": Decimal(1), 2: None}) == {"a": "1", "2": None}


@pytest.mark.parametrize("value", [[("a", 1)], "text", None, 5], ids=repr)
def test_a_payload_that_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(PayloadError, match="not a dict"):
        json_object(value)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=3)
    | st.decimals(min_value=-(10**20), max_value=10**20)
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from([Lab.DRY, Number.ONE, gettext_lazy("held")])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_every_value_is_either_json_or_a_payload_error(value: Any) -> None:
    try:
        made = json_value(value)
    except PayloadError:
        return
    assert json.loads(json.dumps(made, allow_nan=False)) == made


@given(VALUES)
def test_the_json_form_of_a_json_form_is_itself(value: Any) -> None:
    try:
        made = json_value(value)
    except PayloadError:
        return
    assert json_value(made) == made


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15))
def test_a_decimal_keeps_its_value_and_has_no_exponent(value: Decimal) -> None:
    text = json_value(value)
    assert Decimal(text) == value
    assert "E" not in text
