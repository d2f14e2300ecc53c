"""After a ring, a moment of silence; then one ring for all that was saved in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from celery import Celery

from project.servers import wait_until
from sync import wake
from sync.wake import doorbell
from sync.wake.echo import Echo
from tests.servers.redis import RedisServer


class Bell:
    """Collects rings, and the thread that each came from."""

    def __init__(self) -> None:
        self.rung: list[list[int]] = []
        self.threads: list[int] = []

    def ring(self, ids: Iterable[int]) -> None:
        self.rung.append(list(ids))
        self.threads.append(threading.get_ident())


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def echo(bell: Bell) -> Echo:
    return Echo(bell.ring)


def test_the_first_ring_is_due_at_once(echo: Echo, bell: Bell) -> None:
    assert echo.due([7, 8]) == [7, 8]
    assert bell.rung == []


def test_whoever_was_rung_for_just_now_is_rung_for_once_more_a_moment_later(echo: Echo, bell: Bell) -> None:
    echo.rang([7])
    assert [echo.due(ids) for ids in ([7], [7, 8], [7])] == [[], [8], []]
    assert wait_until(lambda: bell.rung != [], 5)
    assert bell.rung == [[7]]
    assert bell.threads != [threading.get_ident()]


def test_a_ring_that_redis_has_not_confirmed_silences_nobody(echo: Echo) -> None:
    assert echo.due([7]) == echo.due([7]) == [7]


def test_a_drain_that_has_heard_ends_the_silence(echo: Echo) -> None:
    echo.rang([7, 8])
    echo.forget(7)
    assert echo.due([7, 8]) == [7]
    echo.forget()
    assert echo.due([8]) == [8]


def test_where_no_thread_can_be_started_the_ring_is_due_at_once(
    echo: Echo, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    echo.rang([7])
    assert echo.due([7]) == [7]
    monkeypatch.undo()
    assert echo.due([7]) == []  # nothing is left owed that would keep the next timer from being started
    assert wait_until(lambda: bell.rung == [[7]], 5)


def test_a_child_of_a_fork_owes_nothing_of_its_parents(echo: Echo) -> None:
    echo.rang([7])
    assert echo.due([7]) == []
    child = os.fork()
    if child == 0:
        os._exit(0 if echo.due([7]) == [7] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_row_of_saves_is_two_rings_and_the_second_comes_though_a_drain_has_heard(
    app: Celery, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[int]] = []
    first: Callable[[Sequence[int]], Any] = doorbell._first
    monkeypatch.setattr(doorbell, "_first", lambda ids: [asked.append(list(ids)), first(ids)][1])
    wake.ring([7], soon=True)
    with redis_server.client() as client:
        client.delete("crudsync:wake:7")  # a worker elsewhere hears
        for _ in range(50):
            wake.ring([7], soon=True)
        assert wait_until(lambda: client.llen("celery") == 2, 5)
    assert asked[0] == asked[1] == [7]
    assert len(asked) <= 4  # on a slow machine fifty rings outlast a silence or two
