"""Sending threads: whatever goes wrong in one, the drain that waits for it gets an answer."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sync import faults
from sync.drain.send import Dispatch, Senders
from sync.faults import Fault
from sync.types import Answer, Grant


@pytest.mark.parametrize("point", ["sending", "sent"])
def test_a_thread_that_fails_around_a_call_answers_with_the_error(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    monkeypatch.setattr(faults, "_armed", {point: ("raise", 1)})
    monkeypatch.setattr(faults, "_seen", {})
    request: Any = object()
    senders = Senders(1, lambda _: Answer())
    end = time.monotonic() + 60
    dispatch = Dispatch(attempts=(), request=request, operations=(), grant=Grant(at=0.0, until=end))
    senders.put(dispatch, end)
    sent = senders.get(20)
    senders.close()
    assert sent is not None
    assert isinstance(sent.answer, Answer)
    assert isinstance(sent.answer.error, Fault)
    assert senders.under_way == 0
