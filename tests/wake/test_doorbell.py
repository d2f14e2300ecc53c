from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery

from sync import wake
from sync.ratelimit.link import link
from sync.wake import doorbell
from sync.wake.publisher import publisher
from tests.servers.redis import RedisServer

LONGEST_S = 0.6


@pytest.fixture
def messages(redis_server: RedisServer) -> Callable[..., list[dict[str, Any]]]:
    def read(queue: str = "celery") -> list[dict[str, Any]]:
        with redis_server.client() as client:
            return [json.loads(raw) for raw in client.lrange(queue, 0, -1)]

    return read


def seconds(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


def test_a_ring_publishes_the_drain_by_name(app: Celery, messages: Callable[..., list[dict[str, Any]]]) -> None:
    wake.ring([7])
    (message,) = messages()
    assert message["headers"]["task"] == "crudsync.drain"
    assert message["headers"]["kwargsrepr"] == "{'connection_id': 7}"
    assert message["headers"]["ignore_result"] is True


def test_many_rings_are_one_message_until_somebody_hears(
    app: Celery, messages: Callable[..., list[dict[str, Any]]]
) -> None:
    for _ in range(5):
        wake.ring([7, 7])
    assert len(messages()) == 1
    wake.heard(7)
    wake.ring([7])
    assert len(messages()) == 2


def test_each_connection_has_a_bell_of_its_own(app: Celery, messages: Callable[..., list[dict[str, Any]]]) -> None:
    wake.ring([1])
    wake.ring([1, 2, 3])
    assert len(messages()) == 3


def test_a_bell_that_nobody_hears_rings_again_after_the_sweeps_interval(
    app: Celery, redis_server: RedisServer, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "sweep_s": 3.0}
    wake.ring([7])
    with redis_server.client() as client:
        assert 2000 < client.pttl("crudsync:wake:7") <= 3000


def test_the_queue_of_the_settings_is_used(
    app: Celery, settings: Any, messages: Callable[..., list[dict[str, Any]]]
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "queue": "mine"}
    wake.ring([7])
    assert len(messages("mine")) == 1


def test_the_hosts_routes_are_kept(app: Celery, messages: Callable[..., list[dict[str, Any]]]) -> None:
    app.conf.task_routes = {"crudsync.*": {"queue": "routed"}}
    wake.ring([7])
    assert len(messages("routed")) == 1


def test_the_hosts_pool_and_options_are_left_alone(app: Celery) -> None:
    app.conf.broker_transport_options = {"visibility_timeout": 99}
    wake.ring([7])
    assert app.conf.broker_transport_options == {"visibility_timeout": 99}
    assert app._pool is None


def test_the_broker_connection_stays_open_between_rings(app: Celery, redis_server: RedisServer) -> None:
    wake.ring([1])
    with redis_server.client() as client:
        before = client.info("stats")["total_connections_received"]
        for i in range(2, 30):
            wake.ring([i])
        assert client.info("stats")["total_connections_received"] == before


def test_a_restarted_redis_is_rung_without_an_error(
    app: Celery, redis_server: RedisServer, messages: Callable[..., list[dict[str, Any]]]
) -> None:
    wake.ring([1])
    redis_server.restart()
    wake.ring([2])
    assert len(messages()) == 1


@pytest.mark.parametrize("ids", [[], (), {}.keys()])
def test_ringing_for_nobody_does_nothing(app: Celery, ids: Any, messages: Callable[..., list[dict[str, Any]]]) -> None:
    wake.ring(ids)
    assert messages() == []


def test_a_muted_block_rings_for_nothing(app: Celery, messages: Callable[..., list[dict[str, Any]]]) -> None:
    with wake.muted():
        wake.ring([1])
    assert messages() == []
    wake.ring([1])
    assert len(messages()) == 1


def test_muting_is_for_this_thread_alone(app: Celery, messages: Callable[..., list[dict[str, Any]]]) -> None:
    with wake.muted():
        other = threading.Thread(target=wake.ring, args=([1],))
        other.start()
        other.join()
    assert len(messages()) == 1


def test_a_site_that_is_switched_off_rings_for_nothing(
    app: Celery, settings: Any, messages: Callable[..., list[dict[str, Any]]]
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    wake.ring([1])
    assert messages() == []


# --- Redis or the broker away ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("open_before", [True, False])
def test_a_frozen_redis_holds_nobody_up(
    app: Celery, redis_server: RedisServer, open_before: bool, messages: Callable[..., list[dict[str, Any]]]
) -> None:
    if open_before:
        wake.ring([1])
    redis_server.freeze()
    assert seconds(lambda: wake.ring([2])) < LONGEST_S
    assert seconds(lambda: [wake.ring([i]) for i in range(3, 103)]) < LONGEST_S
    redis_server.resume()
    assert len(messages()) == int(open_before), "what is not noted is not published"


def test_a_redis_that_is_gone_holds_nobody_up(app: Celery, redis_server: RedisServer) -> None:
    redis_server.kill()
    assert seconds(lambda: wake.ring([1])) < LONGEST_S
    assert seconds(lambda: wake.heard(1)) < LONGEST_S


@pytest.mark.parametrize("open_before", [True, False])
def test_a_frozen_broker_beside_a_live_redis_holds_nobody_up(
    app: Celery, redis_server: RedisServer, open_before: bool, settings: Any, tmp_path: Any
) -> None:
    own = RedisServer(tmp_path)
    own.start()
    try:
        settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": own.url}
        if open_before:
            wake.ring([1])
        redis_server.freeze()
        assert seconds(lambda: wake.ring([2])) < LONGEST_S
        assert publisher.rest_s > 1
        assert seconds(lambda: [wake.ring([i]) for i in range(3, 103)]) < LONGEST_S
    finally:
        own.stop()


def test_a_silent_amqp_broker_holds_nobody_up(app_on_amqp: Celery, settings: Any) -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"amqp://guest@127.0.0.1:{silent.getsockname()[1]}//"
        settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": ""}
        settings.CELERY_BROKER_URL = url
        app_on_amqp.conf.broker_url = app_on_amqp.conf.broker_write_url = url
        assert seconds(lambda: wake.ring([1])) < LONGEST_S


def test_a_broker_that_is_away_is_logged_once_and_left_alone(
    app_on_amqp: Celery, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": ""}
    settings.CELERY_BROKER_URL = "amqp://127.0.0.1:1//"
    for i in range(10):
        wake.ring([i])
    assert len([r for r in caplog.records if r.name == "crudsync.wake"]) == 1


# --- brokers that are not Redis --------------------------------------------------------------------------------------


def test_without_redis_a_process_rings_once_an_interval(
    app: Celery, settings: Any, messages: Callable[..., list[dict[str, Any]]]
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": "", "sweep_s": 60.0}
    settings.CELERY_BROKER_URL = "amqp://127.0.0.1:1//"  # what the settings say; the app's broker takes messages
    for _ in range(5):
        wake.ring([7])
    assert len(messages()) == 1
    wake.heard(7)
    wake.ring([7])
    assert len(messages()) == 2


def test_without_redis_a_bell_rings_again_after_the_interval() -> None:
    rung = doorbell.Rung()
    assert rung.first([1, 2], for_s=60.0) == [1, 2]
    assert rung.first([1, 2, 3], for_s=60.0) == [3]
    rung.forget(1)
    assert rung.first([1, 2], for_s=0.0) == [1]
    assert rung.first([1], for_s=0.0) == [1]


# --- eager -----------------------------------------------------------------------------------------------------------


class Drains:
    """A drain task that notes whom it ran for, and may ring."""

    def __init__(self, then: Callable[[int, int], object] = lambda connection_id, count: None) -> None:
        self.ran: list[int] = []
        self.then = then
        self.running = False

    def apply(self, *, kwargs: dict[str, int]) -> None:
        assert not self.running, "never within itself"
        self.running = True
        self.ran.append(kwargs["connection_id"])
        self.then(kwargs["connection_id"], len(self.ran))
        self.running = False


@pytest.fixture
def eager(app: Celery) -> Celery:
    app.conf.task_always_eager = True
    return app


def test_an_eager_host_drains_at_once(eager: Celery, messages: Callable[..., list[dict[str, Any]]]) -> None:
    drains = eager.tasks["crudsync.drain"] = Drains()
    wake.ring([1, 2])
    wake.ring([1])
    assert drains.ran == [1, 2, 1]
    assert messages() == []


def test_an_eager_drain_that_rings_is_run_again_after_the_others(eager: Celery) -> None:
    drains = eager.tasks["crudsync.drain"] = Drains(lambda connection_id, count: count < 3 and wake.ring([1, 1]))
    wake.ring([1, 2])
    assert drains.ran == [1, 2, 1]


def test_eager_drains_that_never_end_are_stopped(
    eager: Celery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(doorbell.inline, "ROUNDS", 5)
    drains = eager.tasks["crudsync.drain"] = Drains(lambda connection_id, count: wake.ring([connection_id]))
    wake.ring([1])
    assert len(drains.ran) == 5
    assert "without an end" in caplog.text


def test_an_eager_host_without_the_task_is_told(eager: Celery, caplog: pytest.LogCaptureFixture) -> None:
    eager.tasks.pop("crudsync.drain", None)
    wake.ring([1])
    assert "not registered" in caplog.text


def test_a_drain_that_hears_lets_the_next_ring_through(app: Celery, redis_server: RedisServer) -> None:
    wake.ring([7])
    wake.heard(7)
    with redis_server.client() as client:
        assert client.exists("crudsync:wake:7") == 0


def test_hearing_without_redis_is_no_error(app: Celery, redis_server: RedisServer) -> None:
    link(redis_server.url, doorbell.TIMEOUT_S).close()
    redis_server.kill()
    wake.heard(7)
