"""pytest-celery's nodes over plain processes: its clusters and its setup, and no Docker."""

from __future__ import annotations

import shlex
import signal
import socket
import subprocess
import sys
from typing import Any

import celery
from celery import Celery
from pytest_celery import CeleryTestContainer, CeleryTestWorker

from tests.servers.celery import Worker
from tests.servers.process import Process
from tests.servers.redis import RedisServer

READY_S = 60.0


class ProcessContainer(CeleryTestContainer):
    """A process where pytest-celery expects a container. Its ``__init__`` asks for Docker, so it is not called.

    Args:
        process: started already.
        url: what Celery is configured with, for a broker or a result backend.
        prompt: what the process writes each time that it is ready; empty: it is ready while it runs.
    """

    def __init__(self, process: Process, *, url: str = "", prompt: str = "") -> None:
        self.process = process
        self.url = url
        self.prompt = prompt
        self.starts = 1

    @property
    def name(self) -> str:
        """The process's name."""
        return self.process.name

    @property
    def id(self) -> str:
        """The process id of the leader, as text."""
        return str(self.process.pid)

    @property
    def status(self) -> str:
        """``running``, frozen or not, or ``exited``."""
        return "running" if self.process.running else "exited"

    @property
    def ready_prompt(self) -> str | None:
        """What it writes when it is ready."""
        return self.prompt or None

    @property
    def celeryconfig(self) -> dict[str, str]:
        """What Celery is told of it, inside and outside alike."""
        return {"url": self.url, "host_url": self.url}

    def ready(self) -> bool:
        """Return once it is ready, however often it was started."""
        if self.prompt:
            self.process.wait_for(self.prompt, timeout_s=READY_S, count=self.starts)
        return self.process.running

    def reload(self) -> None:
        """Nothing is kept that could be out of date."""

    def logs(self) -> str:
        """Return all that it wrote."""
        return self.process.text()

    def start(self) -> None:
        """Start it, and return once it is ready."""
        self.starts += 1
        self.process.start()
        self.ready()

    def kill(self, signal: str | int = "SIGKILL") -> None:
        """Send a signal to the leader; SIGKILL ends the whole group, as the end of a container does."""
        number = _number(signal)
        if number == _number("SIGKILL"):
            self.process.kill()
        else:
            self.process.signal(number)

    def restart(self, timeout: float = 10) -> None:
        """End it in order within so many seconds, and start it again."""
        self.process.stop(timeout)
        self.start()

    def teardown(self) -> None:
        """End what is left of it."""
        self.process.kill()

    def exec_run(self, command: str, **_: object) -> tuple[int, bytes]:
        """Run a command where the process runs, in its environment; return its exit code and what it wrote."""
        words = [sys.executable if word == "python" else word for word in shlex.split(command)]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(words, cwd=self.process.cwd, env=self.process.env, check=False, timeout=READY_S, **output)
        return done.returncode, done.stdout


class WorkerContainer(ProcessContainer):
    """A ``celery worker``."""

    process: Worker

    def start(self) -> None:
        """Start it, and return once it takes tasks."""
        self.process.start()

    def ready(self) -> bool:
        """Whether it runs: whoever starts it waits until it takes tasks."""
        return self.process.running

    @classmethod
    def version(cls) -> str:
        """Celery's version."""
        return str(celery.__version__)

    @classmethod
    def log_level(cls) -> str:
        """How much it writes."""
        return "INFO"

    def worker_name(self) -> str:
        """The part of its host name that tells it from others."""
        return self.process.name

    @classmethod
    def worker_queue(cls) -> str:
        """Celery's default."""
        return "celery"


class RedisContainer(ProcessContainer):
    """A Redis-compatible server, as the broker."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server.process, url=server.url)
        self.server = server

    @property
    def client(self) -> Any:
        """A client; the caller closes it."""
        return self.server.client()

    def start(self) -> None:
        """Start it, empty, and return once it answers."""
        self.server.start()

    def teardown(self) -> None:
        """It is the run's, and goes on."""


class DatabaseContainer(CeleryTestContainer):
    """The test's own database, as the result backend. It has no process of a test's."""

    name = id = "database"
    status = "running"
    celeryconfig = {"url": "django-db", "host_url": "django-db"}

    def __init__(self) -> None:
        pass

    def ready(self) -> bool:
        """A test that asks for rows has it."""
        return True

    def reload(self) -> None:
        """Nothing is kept that could be out of date."""

    def logs(self) -> str:
        """It writes nowhere that a test sees."""
        return ""


class WorkerNode(CeleryTestWorker):
    """A worker as pytest-celery sees it. What else its process can do (freeze, resume, exit_code) is asked of that.

    Args:
        process: started already.
        app: the Celery application that a test speaks to it by.
    """

    container: WorkerContainer

    def __init__(self, process: Worker, app: Celery) -> None:
        super().__init__(WorkerContainer(process), app)

    @property
    def process(self) -> Worker:
        """The worker itself."""
        return self.container.process

    def __getattr__(self, name: str) -> Any:
        return getattr(self.container.process, name)

    def hostname(self) -> str:
        """The name by which Celery's control commands know it."""
        return f"{self.worker_name}@{socket.gethostname()}"


def _number(name: str | int) -> int:
    return int(signal.Signals[name]) if isinstance(name, str) else int(name)
