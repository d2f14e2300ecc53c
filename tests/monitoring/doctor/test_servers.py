from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from sync.exceptions import LimiterUnavailable
from sync.monitoring.doctor import servers
from sync.monitoring.doctor.finding import Finding, TooLong
from sync.ratelimit.server import Server, server
from sync.wake.fleet import Broker, Worker, version
from tasks.schedule import schedule
from tests.servers.redis import RedisServer

SOUND = Server(
    version="8.1", max_bytes=0, used_bytes=1 << 20, policy="noeviction", persistent=False, took_ms=1.0, ahead_s=0.0
)
WORKER = Worker(
    name="w1",
    knows=True,
    version=version(),
    python="3.11",
    django="5.2",
    tasks=servers.TASKS,
    integrators=("shop",),
)


def levels(findings: Iterable[Finding]) -> list[str]:
    return [each.level.value for each in findings]


def sentences(findings: Iterable[Finding]) -> str:
    return " ".join(each.sentence for each in findings)


def test_a_sound_redis_is_well() -> None:
    assert levels(servers.redis(SOUND)) == ["ok", "ok"]
    assert "keeps its data" in sentences(servers.redis(replace(SOUND, persistent=True)))


def test_a_redis_that_may_forget_or_is_full_is_warned_of() -> None:
    evicting = replace(SOUND, max_bytes=1 << 30, policy="allkeys-lru")
    assert levels(servers.redis(evicting)) == ["ok", "warning", "ok"]
    assert levels(servers.redis(replace(SOUND, max_bytes=1 << 20))) == ["ok", "warning", "ok"]


def test_a_redis_that_is_away_says_what_follows(settings: Any) -> None:
    assert "nothing is sent until it does" in sentences(servers.redis(TooLong(3)))
    settings.CRUDSYNC = {**settings.CRUDSYNC, "limiter_when_down": "local", "limiter_local_share": 0.5}
    assert "local share" in sentences(servers.redis(OSError()))
    assert "No Redis is configured" in sentences(servers.redis(LimiterUnavailable("x")))


def test_a_broker_is_told_with_what_waits_there() -> None:
    assert levels(servers.broker(Broker(kind="redis", queue="celery", waiting=3))) == ["ok"]
    assert levels(servers.broker(Broker(kind="redis", queue="celery", waiting=5000))) == ["ok", "warning"]
    assert "cannot say" in sentences(servers.broker(Broker(kind="sqs", queue="celery", waiting=None)))
    assert levels(servers.broker(OSError())) == ["error"]


def test_workers_are_judged_one_by_one() -> None:
    def judged(*seen: Worker) -> list[str]:
        return levels(servers.workers(seen, ("shop",), 1.0))

    assert judged(WORKER) == ["ok"]
    assert judged() == ["error"]
    assert judged(Worker(name="old")) == ["warning"]
    assert judged(replace(WORKER, tasks=())) == ["error"]
    assert judged(replace(WORKER, integrators=())) == ["error"]
    assert judged(replace(WORKER, version="0.0.1"), WORKER) == ["warning", "ok"]
    assert levels(servers.workers(OSError(), ("shop",), 1.0)) == ["skipped"]


@pytest.mark.parametrize(
    ("swept_s", "scheduled", "expected"),
    [
        (1.0, set(servers.TASKS), ["ok", "ok"]),
        (None, set(servers.TASKS), ["error", "ok"]),
        (9999.0, {"crudsync.sweep"}, ["error", "warning"]),
        (1.0, None, ["ok", "warning"]),
    ],
)
def test_beat_is_known_by_its_sweeps_and_its_schedule(swept_s: Any, scheduled: Any, expected: list[str]) -> None:
    assert levels(servers.beat(swept_s, scheduled)) == expected


def test_a_real_redis_tells_of_itself(redis_server: RedisServer, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": redis_server.url}
    seen = server(5.0)
    assert seen.version[0].isdigit()
    assert (seen.policy, seen.max_bytes, seen.persistent) == ("noeviction", 0, False)
    assert seen.used_bytes > 0
    assert abs(seen.ahead_s) < 60


def test_without_a_redis_it_says_so(settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": ""}
    settings.CELERY_BROKER_URL = "amqp://nowhere/"
    with pytest.raises(LimiterUnavailable):
        server(1.0)


def test_what_beat_has_to_run_is_what_the_schedule_has() -> None:
    assert set(servers.SCHEDULED) == {entry["task"] for entry in schedule().values()}
