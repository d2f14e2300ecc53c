"""The broker and the workers, asked from outside: are they there, and what do they run."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import django
from celery import Celery

from sync import conf
from sync.wake.doorbell import host_app
from sync.wake.inline import TASK
from sync.wake.publisher import connect

ABOUT = "crudsync_about"
"""The remote-control command that our workers answer."""

DISTRIBUTION = "django-crudsync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The host's broker: its kind, the queue of our tasks, and how many messages wait there (None: it cannot say)."""

    kind: str
    queue: str
    waiting: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker that answered.

    ``knows`` is False where it cannot be asked: it runs an older version of ours, or none. ``tasks`` are ours among its
    tasks, ``integrators`` those registered there.
    """

    name: str
    knows: bool = False
    version: str = ""
    python: str = ""
    django: str = ""
    tasks: Sequence[str] = ()
    integrators: Sequence[str] = ()


def version() -> str:
    """Return the installed version of ours, empty where it is not installed as a package."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return ""


def about(app: Any, integrators: Sequence[str]) -> dict[str, Any]:
    """Return what a worker says of itself, in plain values."""
    return {
        "version": version(),
        "python": platform.python_version(),
        "django": django.get_version(),
        "tasks": sorted(name for name in app.tasks if name.startswith("crudsync.")),
        "integrators": list(integrators),
    }


def broker(timeout_s: float) -> Broker:
    """Ask the broker how many messages wait for our tasks.

    Args:
        timeout_s: for connecting, and for each answer.

    Raises:
        Exception: whatever the transport raises where it cannot be reached.
    """
    app = host_app()
    with connect(app, timeout_s) as connection:
        connection.connect()
        queue = queue_of(app)
        return Broker(kind=connection.transport.driver_type, queue=queue, waiting=_waiting(connection, queue))


def workers(timeout_s: float) -> tuple[Worker, ...]:
    """Return the workers that answer within so many seconds; all of that time is waited for them.

    Raises:
        Exception: whatever the transport raises where the broker cannot be reached.
    """
    app = host_app()
    with connect(app, timeout_s) as connection:
        answers: Any = app.control.inspect(timeout=timeout_s, connection=connection)._request(ABOUT) or {}
    return tuple(_worker(name, answer) for name, answer in sorted(answers.items()))


def queue_of(app: Celery) -> str:
    """Return the name of the queue that the drain's messages go to."""
    if given := conf.current().queue:
        return given
    route = app.amqp.router.route({}, TASK)
    queue = route.get("queue")
    return str(getattr(queue, "name", queue) or app.conf.task_default_queue)


def _waiting(connection: Any, queue: str) -> int | None:
    channel = connection.default_channel
    try:
        declared = channel.queue_declare(queue=queue, passive=True)
    except connection.channel_errors:  # nobody has declared it: nothing was ever sent there
        return 0
    count = getattr(declared, "message_count", None)
    return None if count is None else int(count)


def _worker(name: str, answer: Any) -> Worker:
    if not isinstance(answer, Mapping) or "tasks" not in answer:
        return Worker(name=name)
    texts = {key: str(answer.get(key, "")) for key in ("version", "python", "django")}
    lists = {key: tuple(map(str, answer.get(key) or ())) for key in ("tasks", "integrators")}
    return Worker(name=name, knows=True, **texts, **lists)  # type: ignore[arg-type]  # each has its own kind
