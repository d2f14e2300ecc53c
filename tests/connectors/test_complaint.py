from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.connectors.complaint import LARGEST, complaint

SHAPES: list[tuple[Any, str, str]] = [
    ({"sku": ["Too long."]}, "sku", "Too long."),
    ({"address": {"city": ["Required."]}}, "address.city", "Required."),
    ({"errors": [{"field": "sku", "message": "Too long."}]}, "sku", "Too long."),
    ({"errors": [{"source": {"pointer": "/data/sku"}, "detail": "Too long."}]}, "/data/sku", "Too long."),
    ({"detail": [{"loc": ["body", "sku"], "msg": "Too long."}]}, "body.sku", "Too long."),
    ({"title": "Invalid", "invalid-params": [{"name": "age", "reason": "negative"}]}, "age", "negative"),
    ({"error": {"param": "card", "message": "Declined."}}, "card", "Declined."),
    ({"message": "No."}, "", "No."),
    ("No.", "", "No."),
    ({"type": "about:blank", "title": "Conflict"}, "", "Conflict"),
    ([], "", ""),
    ({}, "", ""),
]


@pytest.mark.parametrize(("said", "field", "message"), SHAPES)
def test_field_and_message_are_found_in_the_common_shapes(said: Any, field: str, message: str) -> None:
    assert complaint(json.dumps(said).encode()) == (field, message)


@pytest.mark.parametrize("body", [None, b"", b"<html>", b"\xff\xfe", b"[" * 60_000, b'"' + b"a" * LARGEST + b'"'])
def test_what_cannot_be_read_names_nothing(body: bytes | None) -> None:
    assert complaint(body) == ("", "")


def anything() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    names = st.sampled_from(["errors", "error", "detail", "field", "loc", "source", "message"]) | st.text()
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=20)


@given(anything())
def test_whatever_is_said_the_result_is_text(said: Any) -> None:
    field, message = complaint(json.dumps(said).encode())
    assert isinstance(field, str)
    assert isinstance(message, str)


@given(st.binary())
def test_whatever_bytes_come_nothing_is_raised(body: bytes) -> None:
    complaint(body)
