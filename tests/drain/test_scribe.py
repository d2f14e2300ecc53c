from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from sync.drain import scribe
from sync.drain.scribe import Scribe


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Scribe]:
    """A scribe with a thread of its own, on whatever database the run has; nothing is written to it."""
    monkeypatch.setattr(scribe, "is_postgres", lambda using: True)
    monkeypatch.setattr(scribe.connections["default"], "in_atomic_block", False)
    return lambda: Scribe(scribe.WORTH, nudges.append_one)


class Nudges:
    """How often somebody was nudged."""

    def __init__(self) -> None:
        self.count = 0
        self.come = threading.Semaphore(0)

    def append_one(self) -> None:
        self.count += 1
        self.come.release()


nudges = Nudges()


def test_a_small_claim_is_written_at_once() -> None:
    written: list[Any] = []
    small = Scribe(1, nudges.append_one)
    small.write(lambda: "done", written.append)
    assert written == ["done"]
    assert not small.busy
    small.follow_up()
    small.close()


def test_a_large_one_is_written_beside_and_in_order(beside: Callable[[], Scribe]) -> None:
    written: list[Any] = []
    large = beside()
    for number in range(5):
        large.write(lambda number=number: (number, threading.current_thread().name), written.append)  # type: ignore[misc]
    assert large.busy
    while large.busy:
        large.follow_up(wait=True)
    large.close()
    assert [number for number, _ in written] == list(range(5))
    assert all(name.startswith("crudsync-write") for _, name in written)


def test_what_follows_runs_in_the_thread_that_asks_and_only_once_it_is_written(beside: Callable[[], Scribe]) -> None:
    may = threading.Event()
    followed: list[str] = []
    large = beside()
    large.write(may.wait, lambda _: followed.append(threading.current_thread().name))
    large.follow_up()
    assert followed == []
    may.set()
    large.follow_up(wait=True)
    assert followed == [threading.current_thread().name]
    large.close()


def test_whoever_waits_is_nudged_when_a_write_is_done(beside: Callable[[], Scribe]) -> None:
    large = beside()
    large.write(lambda: None, lambda _: None)
    assert nudges.come.acquire(timeout=5)
    large.close()


def test_a_write_that_fails_for_good_is_raised_where_it_is_followed_up(beside: Callable[[], Scribe]) -> None:
    large = beside()

    def fail() -> None:
        raise ValueError("for good")

    large.write(fail, lambda _: None)
    with pytest.raises(ValueError, match="for good"):
        large.follow_up(wait=True)
    large.close()
