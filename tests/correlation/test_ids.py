from __future__ import annotations

import threading

import pytest

from sync.correlation import correlated, correlation_id, made, usable
from sync.correlation.ids import brought

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_outside_of_a_block_there_is_no_id() -> None:
    assert correlation_id() == ""


def test_a_block_has_its_id_and_the_one_around_it_has_its_own_again() -> None:
    with correlated("outer"):
        with correlated("inner") as id_:
            assert correlation_id() == id_ == "inner"
        assert correlation_id() == "outer"
    assert correlation_id() == ""


def test_a_thread_has_no_id_of_the_one_that_started_it() -> None:
    seen: list[str] = []
    with correlated("a"):
        thread = threading.Thread(target=lambda: seen.append(correlation_id()))
        thread.start()
        thread.join()
    assert seen == [""]


@pytest.mark.parametrize("text", ["a", "7", "0f8fad5b-d9cd-469f-a165-70867728950e", "req:7.a_b", "x" * 64])
def test_what_can_be_an_id_is_one(text: str) -> None:
    assert usable(text) == text


@pytest.mark.parametrize(
    "value",
    ["", " ", "x" * 65, "a b", "a\nlevel=ERROR", "a\r\nX-Other: 1", "-a", "ä", "٣", '"', "{}", "a\x00", "a\n", None, 7],
)
def test_what_could_forge_a_line_or_a_header_is_none(value: object) -> None:
    assert usable(value) == ""
    with correlated(value):  # type: ignore[arg-type]
        assert correlation_id() == ""


def test_a_made_id_is_usable_and_no_other() -> None:
    assert usable(made())
    assert made() != made()


@pytest.mark.parametrize(
    ("headers", "id_"),
    [
        ({}, ""),
        ({"X-Correlation-ID": "c", "X-Request-ID": "r"}, "c"),
        ({"X-Correlation-ID": "no good", "X-Request-ID": "r"}, "r"),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"traceparent": f"cc-{TRACE}-00f067aa0ba902b7-01-later"}, TRACE),
        ({"X-Request-ID": "r", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, "r"),
        ({"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"}, ""),
        ({"traceparent": f"00-{TRACE}"}, ""),
        ({"traceparent": TRACE}, ""),
    ],
)
def test_the_first_header_that_brings_a_usable_id_counts(headers: dict[str, str], id_: str) -> None:
    assert brought(headers) == id_
