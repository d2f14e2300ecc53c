"""What counts as different, and when it is too much."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.reconcile.judge import agrees, too_many, verdict
from sync.reconcile.report import Stop

values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))
objects = st.dictionaries(st.text(max_size=5), values, max_size=5)


@given(sent=objects, own=objects)
def test_a_row_that_shows_what_was_sent_agrees_whatever_more_it_shows(
    sent: dict[str, Any], own: dict[str, Any]
) -> None:
    assert agrees(json.dumps(sent), None, {**own, **sent})


@given(sent=objects, seen=objects)
def test_a_row_that_shows_what_the_remote_made_of_it_agrees(sent: dict[str, Any], seen: dict[str, Any]) -> None:
    assert agrees(json.dumps(sent), json.dumps(seen), {**sent, **seen})


@pytest.mark.parametrize(
    ("sent", "seen", "row", "same"),
    [
        ({"price": "9.90"}, {"price": 9.9}, {"price": 9.9}, True),
        ({"price": "9.90"}, {"price": 9.9}, {"price": 9.8}, False),
        ({"price": "9.90"}, None, {"price": 9.9}, False),
        ({"name": "a", "price": 1}, None, {"name": "a"}, True),
        ({"name": "a"}, {"name": "a", "views": 1}, {"name": "a", "views": 2}, True),
        ({"name": None}, None, {"name": ""}, False),
        ({}, None, {"anything": 1}, True),
        ({"name": "a"}, "a text", {"name": "a"}, True),
    ],
)
def test_only_what_we_send_and_the_row_shows_is_compared(sent: Any, seen: Any, row: Any, same: bool) -> None:
    assert agrees(json.dumps(sent), json.dumps(seen), row) is same


@pytest.mark.parametrize(("sent", "row"), [(None, {"a": 1}), ("", {"a": 1}), ("[1]", {"a": 1}), ('{"a":1}', [1])])
def test_what_cannot_be_compared_does_not_agree(sent: str | None, row: Any) -> None:
    assert not agrees(sent, sent, row)


@pytest.mark.parametrize(
    ("found", "whole", "many"),
    [(10, 10, False), (11, 11, True), (11, 100, False), (20, 100, False), (21, 100, True), (0, 0, False)],
)
def test_too_many_is_more_than_the_share_and_more_than_a_few(found: int, whole: int, many: bool) -> None:
    assert too_many(found, whole, 0.2) is many


@pytest.mark.parametrize(
    ("numbers", "stop"),
    [
        ({}, ""),
        ({"listed": 0}, Stop.REMOTE_EMPTY),
        ({"listed": 0, "bound": 0}, ""),
        ({"drift": 20}, ""),
        ({"drift": 21}, Stop.TOO_DIFFERENT),
        ({"unbound": 30}, Stop.NOT_FILLED),
        ({"unbound": 5}, ""),
    ],
)
def test_a_reconciliation_stops_where_it_would_do_harm(numbers: dict[str, int], stop: str) -> None:
    usual = {"listed": 100, "bound": 100, "drift": 0, "local": 100, "unbound": 0}
    found, detail = verdict(**(usual | numbers), share=0.2)  # type: ignore[arg-type]
    assert found == stop
    assert bool(detail) is bool(stop)
