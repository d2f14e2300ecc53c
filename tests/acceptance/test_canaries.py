"""Secrets go through a real worker and a real Redis, and are nowhere afterwards.

The variant in one process (tests/hostile) has every kind of secret and of failure; here are the places that only real
processes have: the log of a worker at DEBUG, Redis with its messages, and the records of tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from examples.shop.models import Customer
from sync.models import Binding, Operation, State
from tests.acceptance import stand_ins
from tests.acceptance.waiting import until
from tests.hostile.remote import SmallRemote
from tests.hostile.test_canaries import MARK, assert_nowhere, echo, silence, tables
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

TOKEN = "c4n4ry-of-the-token-0123456789"
ANSWERS: dict[str, Any] = {
    "forbidden": echo("403 Forbidden", "text/html"),
    "refused": echo("422 Unprocessable", "text/plain"),
    "failed": echo("500 Error"),
    "page": echo("200 OK", "text/html"),
    "redirected": echo("302 Found", "text/html", f"Location: /?token={TOKEN}"),
    "silent": lambda _: silence,
    "broken": lambda _: b"",
    "raises": lambda _: None,
    "fine": lambda _: None,
}


@pytest.fixture
def telling() -> Iterator[SmallRemote]:
    """A remote that repeats what it was sent."""
    server = SmallRemote()
    server.by_name = ANSWERS
    yield server
    server.stop()


def test_no_secret_is_left_in_logs_rows_redis_or_task_records(
    telling: SmallRemote,
    stand_in: Callable[..., dict[str, Any]],
    worker: Callable[..., Worker],
    short: dict[str, float],
    redis_server: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", TOKEN)
    options = stand_in(stand_ins.Secretive, SANDBOX_URL=f"{telling.url}/", **short)
    options["arguments"] = (*options["arguments"], "--loglevel=DEBUG")
    running = worker(**options)
    for name in (*ANSWERS, "builds"):
        Customer.objects.create(email=f"{name}@shop.test", name=name)
    until(lambda: Operation.objects.exclude(finished_at=None).values("object_id").distinct().count() == len(ANSWERS))
    until(lambda: Binding.objects.filter(code="hook_error").exists(), sweeping=True)
    assert MARK in str([each.lines for each in telling.spoken])
    assert Binding.objects.filter(state=State.SYNCED).exists()
    running.warm()
    log = running.log.read_text()
    assert "[hidden]" in log
    assert_nowhere(log=log, redis=everything_in(redis_server.url), tables=tables())


def everything_in(url: str) -> str:
    """Every key of Redis, with what it holds."""
    with redis.Redis.from_url(url) as client:
        readers: dict[bytes, Callable[[bytes], Any]] = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        }
        keys = list(client.scan_iter())
        assert keys  # the limiter's buckets at least
        return "\n".join(f"{key!r}: {readers[client.type(key)](key)!r}" for key in keys)
