from __future__ import annotations

import datetime as dt
import enum
import json
import math
import uuid
import zoneinfo
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from django.test import override_settings
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from sync.connectors.codec import dumps, encode, loads, normalise
from sync.exceptions import BadBody, PayloadError

UUID = uuid.UUID("12345678123456781234567812345678")


class Point(NamedTuple):
    x: int
    y: Decimal


class Colour(enum.Enum):
    RED = "red"
    BOX = {"a": Decimal("1.0")}


class Size(enum.IntEnum):
    BIG = 3


class Kind(enum.StrEnum):
    NEW = "new"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, None),
        (True, True),
        (1, 1),
        (1.5, 1.5),
        ("ä\u0000\ud800", "ä\u0000\ud800"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0E-3"), "0.000"),
        (UUID, str(UUID)),
        (gettext_lazy("name"), "name"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.time(1, 2, 3), "01:02:03"),
        (dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2024-01-02T03:04:05+00:00"),
        (dt.datetime(2024, 7, 2, 3, 4, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), "2024-07-02T03:04:00+02:00"),
        (dt.timedelta(days=1, seconds=2), "P1DT00H00M02S"),
        (Colour.RED, "red"),
        (Colour.BOX, {"a": "1.0"}),
        (Size.BIG, 3),
        (Kind.NEW, "new"),
        ((1, 2), [1, 2]),
        (Point(1, Decimal(2)), [1, "2"]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"a"}), ["a"]),
        ({"b": {UUID: 1}, "a": [Decimal(1)]}, {"b": {str(UUID): 1}, "a": ["1"]}),
        ({1: "a"}, {"1": "a"}),
    ],
)
def test_a_value_has_its_json_form(value: Any, form: Any) -> None:
    assert normalise(value) == form
    assert json.loads(dumps(value)) == form


@override_settings(TIME_ZONE="Europe/Berlin")
def test_a_naive_time_is_in_the_current_time_zone() -> None:
    assert normalise(dt.datetime(2024, 7, 1, 12)) == "2024-07-01T12:00:00+02:00"  # noqa: DTZ001 - that is the case


def test_json_is_canonical_ascii_without_spaces() -> None:
    assert dumps({"b": [1, "ä"], "a": None}) == '{"a":null,"b":[1,"\\u00e4"]}'


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "finite"),
        (math.inf, "finite"),
        (Decimal("NaN"), "finite"),
        (Decimal("sNaN"), "finite"),
        (Decimal("Infinity"), "finite"),
        (b"x", "bytes"),
        (bytearray(b"x"), "bytearray"),
        (object(), "object"),
        (nested(101), "nested"),
        (nested(5000), "nested"),
        ({("a", 1): 1}, "key"),
        ({True: 1, "a": 2}, "key"),
    ],
)
def test_a_value_without_json_form_is_a_payload_error_that_names_the_place(value: Any, said: str) -> None:
    with pytest.raises(PayloadError, match=said) as caught:
        dumps({"outer": {"field": value}})
    assert caught.value.message.startswith("payload")
    assert caught.value.code == "payload"


def test_the_place_of_a_wrong_value_is_told_and_bytes_have_a_hint() -> None:
    with pytest.raises(PayloadError) as caught:
        dumps({"a": [{"b": b"x"}]})
    assert "payload.a.0.b" in caught.value.message
    assert "base64" in caught.value.hint


def test_a_whole_number_that_python_does_not_print_is_a_payload_error() -> None:
    with pytest.raises(PayloadError, match="too long"):
        dumps({"n": 10**5000})


def test_a_cycle_is_a_payload_error() -> None:
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    with pytest.raises(PayloadError, match="nested"):
        dumps(cycle)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_what_was_dumped_loads_as_it_was(value: Any) -> None:
    text = dumps(value)
    assert loads(text.encode()) == value
    assert dumps(loads(text.encode())) == text


# --- in ---


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b"", "application/json", None),
        (b" \n", "", None),
        (b'{"a":1}', "application/json; charset=utf-8", {"a": 1}),
        (b'{"a":1}', "application/problem+json", {"a": 1}),
        (b'{"a":1}', "", {"a": 1}),
        (b'{"a":1}', "text/plain", {"a": 1}),
        (b"ok", "text/plain", "ok"),
        (b"{not json", "text/plain", "{not json"),
        (b"<a/>", "application/xml", "<a/>"),
        (b"a;b", "text/csv", "a;b"),
        (b"\x89PNG", "image/png", b"\x89PNG"),
        (b"null", "application/json", None),
        (b'"text"', "application/json", "text"),
        (b"[1]", "application/json", [1]),
        ('\ufeff{"a":"ä"}'.encode(), "application/json", {"a": "ä"}),
        ('{"a":"ä"}'.encode("utf-16"), "application/json", {"a": "ä"}),
        ('{"a":"ä"}'.encode("latin-1"), "application/json; charset=latin-1", {"a": "ä"}),
        (b'{"a":"\\u0000\\ud800"}', "application/json", {"a": "\x00\ud800"}),
        ("ä".encode("latin-1"), "text/plain; charset=iso-8859-1", "ä"),
        (b'{"a":1,"a":2}', "application/json", {"a": 2}),
        (b"[" * 100 + b"]" * 100, "application/json", None),
    ],
)
def test_a_body_is_read_by_its_content_type(body: bytes, content_type: str, value: Any) -> None:
    if body.startswith(b"[["):
        value = nested(99)
        body = json.dumps(value).encode()
    assert loads(body, content_type) == value


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>", "text/html"),
        (b'{"a":1}', "text/html; charset=utf-8"),
        (b"<html>", "application/json"),
        (b'{"a":', "application/json"),
        (b'{"a":NaN}', "application/json"),
        (b'{"a":-Infinity}', "application/json"),
        (b'{"a":1e999}', "application/json"),
        (b'{"a":' + b"9" * 5000 + b"}", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"[" * 100_000 + b"]" * 100_000, "application/json"),
        (b"[" * 150 + b"]" * 150, "application/json"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "application/json"),
        (b'{"a":"\xff\xfe"}', "application/json"),
        (b'{"a":"\xff\xfe"}', "application/json; charset=klingon"),
        (b"\xff\xfe\xfa", "text/plain"),
        (b"{" + b'"a":NaN}', "application/json; charset=latin-1"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_a_bad_body(body: bytes, content_type: str) -> None:
    with pytest.raises(BadBody) as caught:
        loads(body, content_type)
    assert len(str(caught.value)) < 200


@given(
    st.binary(max_size=200),
    st.sampled_from(["", "application/json", "text/plain; charset=x", "a/b", "text/html", ";="]),
)
def test_any_body_is_read_or_bad(body: bytes, content_type: str) -> None:
    try:
        loads(body, content_type)
    except BadBody:
        return


@given(st.binary(max_size=40), st.integers(0, 60))
def test_a_damaged_json_body_is_read_or_bad(damage: bytes, place: int) -> None:
    body = b'{"id": 12, "name": "\\u00e4", "price": 1.5, "tags": [null, true]}'
    try:
        loads(body[:place] + damage + body[place + len(damage) :], "application/json")
    except BadBody:
        return


# --- other encodings ---


def test_a_form_names_what_is_nested_in_brackets() -> None:
    payload = {"a": {"b": [{"c": 1}, 2]}, "d": None, "e": True, "f": Decimal("1.50"), "g": "ä &"}
    assert encode(payload, "form") == b"a%5Bb%5D%5B0%5D%5Bc%5D=1&a%5Bb%5D%5B1%5D=2&d=&e=true&f=1.50&g=%C3%A4+%26"


def test_half_a_character_has_no_form() -> None:
    with pytest.raises(PayloadError):
        encode({"a": "\ud800"}, "form")


@pytest.mark.parametrize(
    ("payload", "encoding", "body"),
    [
        ({"text": "hällo"}, "text", "hällo".encode()),
        ({"n": 5}, "text", b"5"),
        ({"file": b"\x00\x01"}, "binary", b"\x00\x01"),
        ({"file": "AAE="}, "binary", b"\x00\x01"),
        ({"b": 1, "a": Decimal(2)}, "json", b'{"a":"2","b":1}'),
    ],
)
def test_a_payload_is_encoded(payload: dict[str, Any], encoding: str, body: bytes) -> None:
    assert encode(payload, encoding) == body


@pytest.mark.parametrize(
    ("payload", "encoding"),
    [({}, "text"), ({"a": 1, "b": 2}, "text"), ({"a": "\ud800"}, "text"), ({"a": "no base64!"}, "binary")],
)
def test_a_payload_that_does_not_fit_the_encoding_is_a_payload_error(payload: dict[str, Any], encoding: str) -> None:
    with pytest.raises(PayloadError):
        encode(payload, encoding)
