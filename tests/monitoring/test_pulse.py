from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sync.drain.sweep import sweep
from sync.models import Sweep
from sync.models.clock import now
from sync.monitoring import pulse as pulsing
from sync.monitoring.pulse import Pings, pulse
from sync.wake.workers import answering
from tests.servers.celery import broker_at
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    pulsing.pings.forget()
    yield
    pulsing.pings.forget()


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def answering(*names: str) -> None:
        monkeypatch.setattr(pulsing, "pings", Pings(lambda: names))

    return answering


def seen(name: str, age_s: float) -> None:
    Sweep.objects.update_or_create(name=name, defaults={"at": now() - dt.timedelta(seconds=age_s)})


def test_beat_is_alive_while_its_sweeps_come(workers: Callable[..., None]) -> None:
    workers("celery@a", "celery@b")
    sweep(scheduled=True)
    found = pulse()
    assert (found.workers, found.beat, found.working) == (("celery@a", "celery@b"), True, True)
    assert found.swept_s is not None and found.beat_s is not None and found.rolled_s is None


def test_a_sweep_that_a_drain_made_is_no_sign_of_beat(workers: Callable[..., None]) -> None:
    workers("celery@a")
    seen("beat", 600)
    sweep()
    found = pulse()
    assert (found.beat, found.working) == (False, True)
    assert found.swept_s is not None and found.swept_s < 600


def test_without_workers_nothing_is_said_of_beat(workers: Callable[..., None]) -> None:
    workers()
    seen("beat", 600)
    seen("sweep", 600)
    found = pulse()
    assert (found.workers, found.beat, found.working) == ((), None, False)


def test_a_broker_that_is_away_is_told_at_once_and_no_page_waits_for_it() -> None:
    with broker_at("redis://127.0.0.1:1/0"):  # nothing listens there
        assert answering(0.5) is None
        assert pulse().workers is None


def test_only_the_first_one_waits_and_others_get_the_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    answers = [("celery@a",), ("celery@b",)]

    def ask() -> tuple[str, ...]:
        if len(answers) == 1:
            free.wait(30)
        return answers.pop(0)

    pings = Pings(ask)
    assert pings.names() == ("celery@a",)
    monkeypatch.setattr(pulsing, "FRESH_S", 0.0)
    assert pings.names() == ("celery@a",)  # the next one hangs, and is not waited for
    free.set()
    deadline = time.monotonic() + 30
    while pings.names() != ("celery@b",):
        assert time.monotonic() < deadline
        monkeypatch.setattr(pulsing, "FRESH_S", 15.0)


def test_an_answer_that_is_too_old_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pings = Pings(lambda: ("celery@a",))
    pings.names()
    monkeypatch.setattr(pulsing, "STALE_S", 0.0)
    assert pings.names() is None


@pytest.mark.django_db(transaction=True)
def test_a_running_worker_answers(worker: Callable[..., Any], redis_server: RedisServer) -> None:
    assert answering(0.5) == ()
    started = worker()
    deadline = time.monotonic() + 30
    while not (names := answering(1.0)):
        assert time.monotonic() < deadline
    assert len(names) == 1
    assert "@" in names[0]
    started.kill()
