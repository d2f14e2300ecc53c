"""Redis gone, frozen, emptied, full or unreachable: saves stay fast, all arrives afterwards, and at no higher rate."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from examples.shop.models import Customer
from project.servers import LOOPBACK
from sync.models import Connection
from sync.testing.remote import Remote
from tests.acceptance.marks import once
from tests.servers.celery import Beat, Supervisor, Worker, broker_at
from tests.servers.proxy import Proxy
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

Wait = Callable[..., None]

LIMIT, PER_S = 10, 1.0
QUEUE = "celery"


@dataclass(frozen=True, slots=True)
class Way:
    """A Redis-compatible server and the proxy through which everybody speaks to it."""

    server: RedisServer
    proxy: Proxy

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.proxy.port}/0"

    def mend(self) -> None:
        """Undo whatever was done."""
        if not self.server.running:
            self.server.start()
        self.server.resume()
        self.server.feed()
        if self.proxy.misbehaves:
            self.proxy.drop_all()  # what is held back must not arrive in one go
            self.proxy.pass_through()

    def put(self, item: bytes) -> None:
        """Put an item into the broker's list, to be taken next."""
        with self.server.client() as client:
            client.rpush(QUEUE, item)


FAULTS: dict[str, Callable[[Way], object]] = {
    "stopped": lambda way: way.server.stop(),
    "frozen": lambda way: way.server.freeze(),
    "full": lambda way: way.server.starve(),
    "an item that is no message": lambda way: way.put(b"\xff not JSON"),
    "killed": lambda way: way.server.kill(),
    "restarted empty": lambda way: way.server.restart(),
    "restarted with a snapshot": lambda way: way.server.restart(keep=True),
    "flushed": lambda way: way.server.flush(),
    "its clients killed": lambda way: way.server.kill_clients(),
    "black hole": lambda way: way.proxy.black_hole(),
    "half a second late": lambda way: way.proxy.delay(0.5),
    "refuses": lambda way: way.proxy.refuse(),
    "cut off in the middle": lambda way: way.proxy.cut_after(150, "server"),
}
EVERY_DAY = ("frozen",)
ONCE = ("stopped", "full", "an item that is no message")
"""In the daily run on one database: Redis fails in the same way beside the other."""


@pytest.fixture
def way(redis_server: RedisServer, settings: Any) -> Iterator[Way]:
    """The way to Redis, for this process too."""
    with Proxy(redis_server.port) as proxy:
        way = Way(redis_server, proxy)
        settings.REDIS_URL = way.url
        settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": way.url}
        with broker_at(way.url):
            yield way


def save(first: int, count: int) -> list[float]:
    """Save so many new customers, one by one; return how long each took, seconds."""
    lasted = []
    for n in range(first, first + count):
        began = time.monotonic()
        Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}")
        lasted.append(time.monotonic() - began)
    return lasted


def when(fault: str) -> list[Any]:
    """Return the marks that say when a fault is tried."""
    return [] if fault in EVERY_DAY else [once] if fault in ONCE else [pytest.mark.chaos]


@pytest.mark.parametrize("fault", [pytest.param(name, marks=when(name)) for name in FAULTS])
def test_saves_stay_fast_and_all_arrives_once_redis_is_back_within_the_rate(
    way: Way,
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    account: Callable[..., Connection],
    until_equal: Wait,
    measured: Callable[..., None],
    fault: str,
) -> None:
    sandbox.configure(rate_limits=[{"limit": LIMIT, "per": PER_S}], rate_limit_enforced=False)
    account(drains=4, options={"rate_limit": {"limit": LIMIT, "per": PER_S, "burst": 1}})
    knobs = {"sweep_s": 0.5, "limiter_slack_s": 1.0, "REDIS_URL": way.url}
    processes = (worker(concurrency=2, knobs=knobs), beat(knobs=knobs))
    with Supervisor(*processes) as supervisor:
        save(0, 3)
        until_equal()
        FAULTS[fault](way)
        lasted = save(3, 12)
        way.mend()
        mended = time.monotonic()
        until_equal(90)
        measured(arrived_after_s=round(time.monotonic() - mended, 2))
        save(15, 1)
        until_equal()  # somebody hears the doorbell, or the sweep, still
        measured(restarts=len(supervisor.restarts))
    found = sandbox.windows(LIMIT, PER_S)
    measured(slowest_save_ms=round(1000 * max(lasted)), fullest_window=found.highest, limit=LIMIT)
    assert max(lasted) < 1.0
    assert found.over == 0
    created = Counter(entry.data["email"] for entry in sandbox.calls("customers", "POST", applied=True))
    assert created == {f"{n}@shop.test": 1 for n in range(16)}
