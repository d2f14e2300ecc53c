"""The table of faults: each does its damage to a world, and returns how it is undone."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import redis

from tests.chaos.world import REMOTES, World
from tests.servers.celery import Worker

Undo = Callable[[], object]
Fault = Callable[[World, float], Undo]

PROVABLE = ("shop", "directory", "ledger")
"""Where nobody can tell what became of a create, a 500 that was answered counts as a refusal: there it would lie."""

POINTS = ("folded", "claimed", "planned", "journaled", "sending", "sent", "settling", "settled")


def nothing() -> None:
    """Nothing is left to undo."""


def _worker(world: World, draw: float, *, prefork: bool = False) -> Worker:
    found = [each for each in world.workers if each.running and not (prefork and "--pool=prefork" not in each.command)]
    return found[int(draw * len(found))]


def _remote(draw: float, names: Sequence[str] = tuple(REMOTES)) -> str:
    return names[int(draw * len(names))]


def _awake(world: World, name: str) -> None:
    """Let a remote go on: its side door is needed."""
    os.kill(world.remotes[name].pid, signal.SIGCONT)


def kill_child(world: World, draw: float) -> Undo:
    """A process of a pool dies."""
    with contextlib.suppress(ProcessLookupError, IndexError):
        _worker(world, draw, prefork=True).kill_child()
    return nothing


def kill_worker(world: World, draw: float) -> Undo:
    """A whole worker dies."""
    _worker(world, draw).kill()
    return world.supervise


def freeze_worker(world: World, draw: float) -> Undo:
    """A whole worker is suspended, perhaps beyond its leases."""
    worker = _worker(world, draw)
    worker.freeze()
    return worker.resume


def die_at(point: str, world: World, draw: float) -> Undo:
    """The next process of a pool that comes to this point dies there."""
    waiting = world.arm.with_suffix(".new")
    waiting.write_text(point)
    waiting.rename(world.arm)
    return partial(world.arm.unlink, missing_ok=True)


def warm_shutdown(world: World, draw: float) -> Undo:
    """A worker is told to end, and finishes what it does."""
    _worker(world, draw).signal(signal.SIGTERM)
    return world.supervise


def kill_beat(world: World, draw: float) -> Undo:
    """The scheduler dies."""
    world.beats[0].kill()
    return world.supervise


def second_beat(world: World, draw: float) -> Undo:
    """Two schedulers at once, from now on."""
    if len(world.beats) < 2:
        world.add_beat()
    return nothing


def kill_redis(world: World, draw: float) -> Undo:
    """Redis dies, and comes back empty."""
    world.redis.kill()
    return world.supervise


def freeze_redis(world: World, draw: float) -> Undo:
    """Redis holds its connections and answers nothing."""
    world.redis.freeze()
    return world.redis.resume


def cut_redis(world: World, draw: float) -> Undo:
    """Redis cannot be reached."""
    world.proxies["redis"].refuse()
    return world.proxies["redis"].pass_through


def kill_clients(world: World, draw: float) -> Undo:
    """Redis closes every client's connection."""
    with contextlib.suppress(redis.RedisError):
        world.redis.kill_clients()
    return nothing


def lose_buckets(world: World, draw: float) -> Undo:
    """Redis forgets the buckets and the doorbells."""
    with contextlib.suppress(redis.RedisError), world.redis.client() as client:
        for key in client.scan_iter("crudsync:*"):
            client.delete(key)
    return nothing


def restart_postgres(world: World, draw: float) -> Undo:
    """The database crashes and recovers."""
    if world.postgres is not None:
        world.postgres.restart("immediate")
    return nothing


def end_backends(world: World, draw: float) -> Undo:
    """The database ends all sessions."""
    if world.postgres is not None:
        from django.db import connection

        with contextlib.suppress(Exception), connection.cursor() as cursor:  # its own may have ended before
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        connection.close()
    return nothing


def network(manner: str, world: World, draw: float) -> Undo:
    """The way to a remote breaks."""
    name = "shop" if manner == "delay" else _remote(draw)  # a way that varies is no way to measure a rate by
    proxy = world.proxies[name]
    acts: Mapping[str, Callable[[], None]] = {
        "refuse": proxy.refuse,
        "black_hole": proxy.black_hole,
        "delay": partial(proxy.delay, 0.3),
        "cut_request": partial(proxy.cut_after, 100, "server"),
        "cut_answer": partial(proxy.cut_after, 60, "client"),
        "hide_answer": proxy.cut_after_response,
    }
    acts[manner]()

    def mend() -> None:
        proxy.drop_all()  # what is held back must not arrive in one go
        proxy.pass_through()

    return mend


def misbehave(
    do: str, rule: Mapping[str, Any], world: World, draw: float, *, among: Sequence[str] = tuple(REMOTES)
) -> Undo:
    """A remote answers badly."""
    name = _remote(draw, among)
    remote = world.remotes[name].remote
    _awake(world, name)
    number = remote.fault(do, probability=0.5, seed=int(draw * 1e6), **rule)

    def mend() -> None:
        _awake(world, name)
        fired = sum(row["fired"] for row in remote.faults() if row["number"] == number)
        world.injected[f"answers: {do} {rule.get('status', '')}".strip()] += fired
        remote.clear_faults()

    return mend


def pause_remote(world: World, draw: float) -> Undo:
    """A remote is suspended."""
    pid = world.remotes[_remote(draw)].pid
    os.kill(pid, signal.SIGSTOP)
    return partial(os.kill, pid, signal.SIGCONT)


FAULTS: dict[str, Fault] = {
    **{
        act.__name__: act
        for act in (
            kill_child,
            kill_worker,
            freeze_worker,
            warm_shutdown,
            kill_beat,
            second_beat,
            kill_redis,
            freeze_redis,
            cut_redis,
            kill_clients,
            lose_buckets,
            restart_postgres,
            end_backends,
            pause_remote,
        )
    },
    **{f"die_at_{point}": partial(die_at, point) for point in POINTS},
    **{
        f"network_{manner}": partial(network, manner)
        for manner in ("refuse", "black_hole", "delay", "cut_request", "cut_answer", "hide_answer")
    },
    "remote_500": partial(misbehave, "status", {"status": 500}),
    "remote_500_after": partial(misbehave, "status_after", {"status": 500}, among=PROVABLE),
    "remote_502_after": partial(misbehave, "status_after", {"status": 502}),
    "remote_503": partial(misbehave, "status", {"status": 503, "headers": {"Retry-After": "1"}}),
    "remote_429": partial(misbehave, "status", {"status": 429, "headers": {"Retry-After": "1"}}),
    "remote_429_garbage": partial(misbehave, "status", {"status": 429, "headers": {"Retry-After": "soon"}}),
    "remote_reset_after": partial(misbehave, "reset_after", {}),
    "remote_hold_after": partial(misbehave, "hold_after", {"seconds": 3}),
    "remote_late": partial(misbehave, "late", {"seconds": 2, "then": "reset"}),
    "remote_html": partial(misbehave, "html", {}),
    "remote_truncate": partial(misbehave, "truncate", {}),
    "remote_empty": partial(misbehave, "empty", {}),
    "remote_drip": partial(misbehave, "drip_body", {"bytes": 1, "seconds": 0.2}),
    "remote_gzip_bomb": partial(misbehave, "gzip_bomb", {"bytes": 30_000_000}),
}
