from __future__ import annotations

import pytest

from sync.correlation import correlated, correlation_id
from sync.correlation.fields import about, fields, noted

TRACE = f"{1:032x}-{1:016x}-01"


def test_lines_are_about_all_that_is_said_around_them() -> None:
    with noted(task_id="t"):
        with noted(connection="shop/default", object_id=""):
            assert fields() == {"task_id": "t", "connection": "shop/default"}
        assert fields() == {"task_id": "t"}
    assert fields() == {}


def test_work_on_a_row_goes_by_its_id_and_by_no_other() -> None:
    with correlated("the-drain"):
        with about(f"request-7 {TRACE}", object_type="product", object_id="7"):
            assert (correlation_id(), fields()) == ("request-7", {"object_type": "product", "object_id": "7"})
        with about(""):
            assert correlation_id() == ""
        assert (correlation_id(), fields()) == ("the-drain", {})


def test_an_error_leaves_nothing_behind() -> None:
    with pytest.raises(ZeroDivisionError), about("request-7", object_id="7"):
        1 / 0  # noqa: B018 - the error
    assert (correlation_id(), fields()) == ("", {})
