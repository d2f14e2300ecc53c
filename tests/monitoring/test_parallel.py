from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from sync.monitoring.parallel import Crew, wait_for

LONG_S = 60.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def until(seconds: float) -> float:
    return time.monotonic() + seconds


def test_answers_and_errors_come_back_by_name() -> None:
    jobs = Crew().start({"seven": lambda: 7, "wrong": lambda: 1 // 0})
    wait_for(jobs.values(), until(LONG_S))
    assert jobs["seven"].answer == 7
    assert isinstance(jobs["wrong"].error, ZeroDivisionError)


def test_questions_are_asked_beside_one_another(gate: threading.Event) -> None:
    met = threading.Barrier(3)
    jobs = Crew().start({str(n): lambda: met.wait(LONG_S) for n in range(3)})
    wait_for(jobs.values(), until(LONG_S))
    assert all(job.error is None for job in jobs.values())


def test_nobody_waits_for_one_that_hangs_and_it_holds_one_thread(gate: threading.Event) -> None:
    crew = Crew()
    asked = []

    def hang() -> None:
        asked.append(1)
        gate.wait(LONG_S)

    first = crew.start({"it": hang})["it"]
    for _ in range(5):
        again = crew.start({"it": hang})["it"]
        assert again is first
        assert not again.wait(until(0.01))
    assert len(asked) <= 1
    gate.set()
    assert first.wait(until(LONG_S))


def test_a_process_without_threads_says_so_and_asks_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    crew = Crew()
    with monkeypatch.context() as scarce:
        scarce.setattr(threading.Thread, "start", refuse)
        job = crew.start({"it": lambda: 7})["it"]
    assert job.wait(until(0))
    assert isinstance(job.error, RuntimeError)
    again = crew.start({"it": lambda: 7})["it"]
    assert again.wait(until(LONG_S))
    assert again.answer == 7


def test_one_that_has_answered_is_asked_anew() -> None:
    crew = Crew()
    asked: list[int] = []
    deadline = until(LONG_S)
    while len(asked) < 2 and time.monotonic() < deadline:
        crew.start({"it": lambda: asked.append(1)})["it"].wait(deadline)
    assert len(asked) == 2


def test_no_more_threads_than_allowed_are_started(gate: threading.Event) -> None:
    crew = Crew()
    jobs = crew.start({str(n): lambda: gate.wait(LONG_S) for n in range(6)}, at_once=2)
    deadline = until(LONG_S)
    while sum(job.begun for job in jobs.values()) < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert sum(job.begun for job in jobs.values()) == 2
    gate.set()
    wait_for(jobs.values(), until(LONG_S))
    assert all(job.done.is_set() for job in jobs.values())


def test_a_child_of_a_fork_asks_for_itself(gate: threading.Event) -> None:
    from sync.monitoring.parallel import crew

    crew.start({"fork": lambda: gate.wait(LONG_S)})
    read, write = os.pipe()
    pid = os.fork()
    if not pid:  # pragma: no cover - the child's coverage is not collected
        job = crew.start({"fork": lambda: 7})["fork"]
        os.write(write, b"asked" if job.wait(until(LONG_S)) and job.answer == 7 else b"hung")
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 5) == b"asked"
    os.close(read)
    os.close(write)
