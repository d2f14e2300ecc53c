"""All processes of a run: database, Redis, four remotes, proxies before them, workers, beat, writers."""

from __future__ import annotations

import os
import secrets
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.fernet import Fernet

from project.servers import LOOPBACK
from sync.testing.remote import SandboxProcess
from tests.servers.celery import Beat, Worker
from tests.servers.postgres import PostgresServer
from tests.servers.process import Process
from tests.servers.proxy import Proxy
from tests.servers.redis import RedisServer

INCLUDE = ("-I", "tests.chaos.remotes")
KNOBS = {
    "CRUDSYNC_WINDOW_S": "0.6",
    "CRUDSYNC_TIMEOUT_S": "1.5",
    "CRUDSYNC_SETTLE_S": "0.4",
    "CRUDSYNC_CONNECT_S": "0.5",
    "CRUDSYNC_SWEEP_S": "0.5",
    "CRUDSYNC_REST_S": "0.2",
    "CRUDSYNC_SLICE_S": "3",
    "CRUDSYNC_LOOKUP_LAG_S": "0.3",
    "CRUDSYNC_LIMITER_SLACK_S": "1.0",
    "CRUDSYNC_THREADS": "4",
}
"""Leases of 2.5 seconds, so that much happens in a minute; and slack for a machine that does all this at once."""

REMOTES = {"shop": {"idempotency": True}, "directory": {}, "ledger": {"client_ids": True}, "letterbox": {}}
"""Name → options of its sandbox; see ``tests.chaos.remotes``."""

POOLS = ("prefork", "threads", "prefork")
WRITERS = 3


class World:
    """Everything that runs. Entering it starts the servers and makes the tables; :meth:`begin` starts the rest.

    Args:
        home: an empty directory for logs and journals.
        postgres: a PostgreSQL of its own; else a SQLite file.
    """

    def __init__(self, home: Path, *, postgres: bool = True) -> None:
        self.home = home
        self.stack = ExitStack()
        self.injected: Counter[str] = Counter()
        self.slow_healthy: list[str] = []
        self.tokens = {name: f"canary-8c1d7f-{secrets.token_hex(8)}" for name in REMOTES}
        self.postgres = PostgresServer() if postgres else None
        self.redis = RedisServer(home)
        self.arm = home / "armed"
        self.workers: list[Worker] = []
        self.beats: list[Beat] = []
        self.writers: list[Process] = []
        self.remotes: dict[str, SandboxProcess] = {}
        self.proxies: dict[str, Proxy] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (*self.writers, *self.beats, *self.workers):
            process.kill()
        self.stack.close()

    def _start(self) -> None:
        if self.postgres is not None:
            self.stack.callback(self.postgres.remove)
            self.postgres.start()
        self.stack.callback(self.redis.kill)
        self.redis.start()
        self.proxies["redis"] = self.stack.enter_context(Proxy(self.redis.port))
        for name, options in REMOTES.items():
            auth = {"bearer": [self.tokens[name]]}
            files = {"journal": self.home / f"{name}.jsonl", "state": self.home / f"{name}.state"}
            remote = SandboxProcess(**files, auth=auth, journal_keep=1_000_000, **options)  # type: ignore[arg-type]
            self.remotes[name] = self.stack.enter_context(remote)
            port = int(remote.url.rstrip("/").rpartition(":")[2])
            self.proxies[name] = self.stack.enter_context(Proxy(port))
        os.environ.update(self.env())
        self._tables()

    def _tables(self) -> None:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of a process of the run."""
        database = self.postgres.url if self.postgres is not None else f"sqlite:///{self.home / 'rows.sqlite3'}"
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "for-a-run-alone",
            "CRUDSYNC_ENCRYPTION_KEYS": os.environ.get("CRUDSYNC_ENCRYPTION_KEYS") or Fernet.generate_key().decode(),
            "DATABASE_URL": database,
            "REDIS_URL": f"redis://{LOOPBACK}:{self.proxies['redis'].port}/0",
            "SANDBOX_URL": f"http://{LOOPBACK}:{self.proxies['shop'].port}/",
            **{f"{name.upper()}_URL": f"http://{LOOPBACK}:{self.proxies[name].port}/" for name in REMOTES},
            **{f"{name.upper()}_TOKEN": token for name, token in self.tokens.items()},
            "PYTHONUNBUFFERED": "1",
            **KNOBS,
            **more,
        }

    def begin(self, seed: int) -> None:
        """Start workers, beat and writers."""
        from sync.models import Connection
        from sync.registry import ensure_connections
        from tests.chaos import remotes

        remotes.install()
        ensure_connections()
        Connection.objects.update(drains=4)  # a dead drain keeps its slot for a while
        for pool in POOLS:
            self.add_worker(pool)
        self.add_beat()
        for number in range(WRITERS):
            self._add_writer(seed * 10 + number)

    def add_worker(self, pool: str) -> Worker:
        """Start one more worker; return it once it takes tasks."""
        env = self.env(ARM_FILE=str(self.arm)) if pool == "prefork" else self.env()
        worker = Worker(env=env, home=self.home, pool=pool, concurrency=3, arguments=INCLUDE)
        self.workers.append(worker)
        return worker.start()

    def add_beat(self) -> Beat:
        """Start one more beat."""
        schedule = str(self.home / f"beat-{len(self.beats)}")
        beat = Beat(env=self.env(), home=self.home, arguments=("--schedule", schedule))
        self.beats.append(beat)
        Process.start(beat)
        return beat

    def _add_writer(self, seed: int) -> None:
        command = [sys.executable, "-m", "tests.chaos.writer", str(seed), str(self.home / f"writer-{seed}.jsonl")]
        writer = Process(f"writer-{seed}", command, env=self.env(), home=self.home)
        writer.start()
        self.writers.append(writer)

    def supervise(self) -> None:
        """Start anew whatever has ended, as a supervisor does, and wait for none: what they need may be away."""
        for process in (*self.workers, *self.beats):
            if not process.running:
                process.kill()
                Process.start(process)
        if not self.redis.running:
            self.redis.start()

    def hush(self) -> None:
        """End the writers, in the middle of nothing."""
        for writer in self.writers:
            (self.home / f"{writer.name}.stop").touch()
        for writer in self.writers:
            writer.stop(timeout_s=20)
