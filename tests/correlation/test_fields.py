from __future__ import annotations

from dataclasses import dataclass

import pytest

from sync.correlation import correlated, correlation_id
from sync.correlation.fields import about, fields, noted


@dataclass
class Object:
    correlation_id: str
    object_type: str = "product"
    object_id: str = "7"


def test_lines_are_about_all_that_is_said_around_them() -> None:
    with noted(task_id="t"):
        with noted(connection="shop/default", object_id=""):
            assert fields() == {"task_id": "t", "connection": "shop/default"}
        assert fields() == {"task_id": "t"}
    assert fields() == {}


def test_work_on_a_row_goes_by_its_id_and_by_no_other() -> None:
    with correlated("the-drain"):
        with about(Object("request-7"), 5):
            assert (correlation_id(), fields()) == (
                "request-7",
                {"object_type": "product", "object_id": "7", "operation": 5},
            )
        with about(Object("")):
            assert correlation_id() == ""
            with correlated("a-hook"):
                assert correlation_id() == "a-hook"
        assert (correlation_id(), fields()) == ("the-drain", {})


def test_an_error_leaves_nothing_behind() -> None:
    with pytest.raises(ZeroDivisionError), about(Object("request-7")):
        1 / 0  # noqa: B018 - the error
    assert (correlation_id(), fields()) == ("", {})
