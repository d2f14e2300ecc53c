"""What health is made of: one question for each part, and what its answer means."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor

from sync import conf
from sync.models.database import alias
from sync.monitoring.pulse import Pulse
from sync.ratelimit import shelf
from sync.wake import broker

FAILING = frozenset({"down", "unauthorized", "refused", "failing"})
"""States of a part that make the whole fail. A pause and an empty bucket are somebody's wish."""

MIGRATED_FOR_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How one part is.

    ``status`` is up, unused (not configured, or switched off), down, unauthorized, refused, limited, paused, failing
    or unknown (not asked in time); ``names`` are those of living workers.
    """

    status: str
    response_time_ms: float | None = None
    code: str = ""
    error: str = ""
    names: tuple[str, ...] | None = None

    @property
    def failing(self) -> bool:
        """Whether the whole fails by it."""
        return self.status in FAILING

    def shown(self) -> dict[str, Any]:
        """Return it as JSON."""
        told: dict[str, Any] = {"status": self.status, "response_time_ms": self.response_time_ms, "error": self.error}
        if self.code:
            told["code"] = self.code
        if self.names is not None:
            told["names"] = list(self.names)
        return told


def late(budget_s: float) -> Part:
    """Return what is said of a part that did not answer in time."""
    return Part(status="down", code="deadline", error=f"no answer within {budget_s:g} s")


def off() -> Part:
    """Return what is said of a part that does nothing because the engine is switched off."""
    return Part(status="unused", error="switched off: CRUDSYNC['enabled'] is False")


def timed(ask: Callable[[], float | None]) -> Part:
    """Return a part by a question that returns milliseconds, None where it is not in use.

    An error is told by its kind alone: its text may name hosts and users.
    """
    try:
        taken_ms = ask()
    except (OSError, DatabaseError, InterfaceError) as error:
        kind = str(error) if isinstance(error, shelf.RedisUnreachable | broker.BrokerUnreachable) else ""
        return Part(status="down", code="unreachable", error=kind or type(error).__name__)
    return Part(status="unused") if taken_ms is None else Part(status="up", response_time_ms=round(taken_ms, 1))


def database() -> Part:
    """Ask the database for nothing."""
    return timed(_select)


def redis() -> Part:
    """Ask Redis for a sign of life."""
    return timed(shelf.ping)


def message_broker() -> Part:
    """Open a channel to the broker."""
    return timed(broker.ping)


class Migrated:
    """Until when it is believed that every migration is applied."""

    until: float = 0.0


def migrations() -> Part:
    """Say whether every migration of the project is applied; a yes is believed for a minute."""
    return Part(status="up") if time.monotonic() < Migrated.until else _plan()


def _plan() -> Part:
    try:
        executor = MigrationExecutor(connections[alias()])
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, InterfaceError) as error:
        return Part(status="down", code="unreachable", error=type(error).__name__)
    if missing:
        first = missing[0][0]
        return Part(
            status="failing",
            code="not_migrated",
            error=f"{len(missing)} migrations are not applied, {first.app_label}.{first.name} first",
        )
    Migrated.until = time.monotonic() + MIGRATED_FOR_S
    return Part(status="up")


def _select() -> float:
    began = time.monotonic()
    with connections[alias()].cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return (time.monotonic() - began) * 1000


def alive(found: Pulse) -> dict[str, Part]:
    """Return how workers and beat are."""
    if not conf.current().enabled:  # no sweep leaves anything behind
        return {"workers": _workers(found) if found.working else off(), "beat": off()}
    beats = {True: Part(status="up"), None: Part(status="unknown", code="no_worker", error="no worker could tell")}
    beat = beats.get(found.beat) or Part(status="down", code="no_beat", error="no sweep came by a message for long")
    return {"workers": _workers(found), "beat": beat}


def _workers(found: Pulse) -> Part:
    if found.workers:
        return Part(status="up", names=found.workers)
    if found.working:  # one that is busy answers late
        return Part(status="up", names=())
    unasked = found.workers is None
    return Part(
        status="down",
        code="not_asked" if unasked else "no_worker",
        error="the broker cannot be asked, and nobody sweeps" if unasked else "no worker answers",
        names=(),
    )
