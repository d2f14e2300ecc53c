from __future__ import annotations

import time
from typing import Any

import pytest
from urllib3.util import Timeout

from sync.http.deadline import DEFAULT_CONNECT_S, DEFAULT_TIMEOUT_S, Deadline


@pytest.mark.parametrize(
    ("timeout", "total", "connect"),
    [
        (None, DEFAULT_TIMEOUT_S, DEFAULT_CONNECT_S),
        (2, 2, 2),
        (0.5, 0.5, 0.5),
        (Timeout(connect=1, read=5), 5, 1),
        (Timeout(connect=9, read=5), 5, 5),
        (Timeout(connect=None, read=None), DEFAULT_TIMEOUT_S, DEFAULT_CONNECT_S),
    ],
)
def test_a_timeout_of_requests_becomes_a_deadline(timeout: Any, total: float, connect: float) -> None:
    now = time.monotonic()
    deadline = Deadline.from_timeout(timeout)
    assert deadline.at - now == pytest.approx(total, abs=0.2)
    assert deadline.connect_at - now == pytest.approx(connect, abs=0.2)


def test_a_deadline_is_passed_on_as_it_is() -> None:
    deadline = Deadline(5, 1)
    assert Deadline.from_timeout(deadline) is deadline
    assert repr(deadline).startswith("<Deadline in ")
