from __future__ import annotations

import pytest

from sync.correlation import correlated
from sync.correlation.origin import NOWHERE, SIZE, TRACES, Origin, fits, here, merged, parse


def trace(number: int) -> str:
    return f"{number:032x}-{number:016x}-01"


def test_without_an_id_there_is_no_origin() -> None:
    assert here() == ""
    assert parse("") == NOWHERE


def test_the_origin_is_the_id_of_what_runs_now() -> None:
    with correlated("request-7"):
        assert here() == "request-7"
    assert parse("request-7") == Origin("request-7")


def test_traces_stand_beside_the_id() -> None:
    assert parse(f"request-7 {trace(1)} {trace(2)}") == Origin("request-7", (trace(1), trace(2)))


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "x" * 65,
        "a\nb",
        "'",
        f" {trace(1)}",
        f"a  {trace(1)}",
        f"a {trace(1)[:-1]}",
        f"a {trace(1)}\n",
        " ".join(["a", *map(trace, range(TRACES + 1))]),
    ],
)
def test_what_another_program_has_written_amiss_is_no_origin(text: str) -> None:
    assert not fits(text)
    assert parse(text) == NOWHERE


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("", "", ""),
        ("a", "", "a"),
        ("", "b", "b"),
        ("a", "b", "b"),
        (f"a {trace(1)}", "b", f"b {trace(1)}"),
        (f"a {trace(1)}", f"b {trace(2)}", f"b {trace(2)} {trace(1)}"),
        (f"a {trace(1)}", f"a {trace(1)}", f"a {trace(1)}"),
        (f"a {trace(1)}", "no origin", f"a {trace(1)}"),
        ("no origin", f"b {trace(2)}", f"b {trace(2)}"),
    ],
)
def test_of_two_saves_the_later_one_names_the_request_and_both_are_traced(first: str, second: str, both: str) -> None:
    assert merged(first, second) == both


def test_however_many_saves_are_merged_the_origin_fits_its_column() -> None:
    origin = ""
    for number in range(50):
        origin = merged(origin, f"{'x' * 64} {trace(number)}")
    assert fits(origin)
    assert len(origin) <= SIZE
    assert parse(origin).traces == tuple(trace(number) for number in (49, 48, 47, 46))
