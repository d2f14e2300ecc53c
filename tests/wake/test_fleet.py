from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from sync.wake import fleet
from sync.wake.doorbell import host_app
from sync.wake.fleet import Worker, about, broker, queue_of, workers
from sync.wake.inline import TASK
from tests.servers.redis import RedisServer


def test_a_worker_tells_what_it_runs() -> None:
    told = about(host_app(), ["shop"])
    assert told["integrators"] == ["shop"]
    assert {"crudsync.drain", "crudsync.sweep", "crudsync.reconcile", "crudsync.prune"} <= set(told["tasks"])
    assert told["python"].startswith("3.")
    assert told["version"] == fleet.version()


def test_an_answer_is_read_and_what_is_none_is_an_older_worker() -> None:
    told = about(host_app(), ["shop"])
    worker = fleet._worker("w1", told)
    assert (worker.knows, worker.integrators, worker.django) == (True, ("shop",), told["django"])
    for strange in ({"error": "KeyError('crudsync_about')"}, None, [], "pong"):
        assert fleet._worker("w1", strange) == Worker(name="w1")


def test_what_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "DISTRIBUTION", "no-such-distribution")
    assert fleet.version() == ""


def test_the_queue_is_ours_the_routes_or_the_default(settings: Any) -> None:
    assert queue_of(host_app()) == "celery"
    routed = Celery("routed", task_routes={TASK: {"queue": "slow"}}, set_as_current=False)
    assert queue_of(routed) == "slow"
    settings.CRUDSYNC = {**settings.CRUDSYNC, "queue": "sync"}
    assert queue_of(host_app()) == "sync"


def test_a_broker_tells_how_many_messages_wait(redis_server: RedisServer) -> None:
    empty = broker(2.0)
    assert (empty.kind, empty.queue, empty.waiting) == ("redis", "celery", 0)
    host_app().send_task("crudsync.sweep", ignore_result=True)
    assert broker(2.0).waiting == 1


def test_without_a_worker_nobody_answers(redis_server: RedisServer) -> None:
    assert workers(0.2) == ()


def test_a_broker_that_is_away_raises_soon() -> None:
    with pytest.raises(Exception, match=r"[Cc]onnect"):
        broker(0.5)
