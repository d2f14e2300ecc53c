"""How everything is, within a budget: every part is asked beside the others, and one that hangs is told as down."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sync import conf, registry
from sync.models import Connection
from sync.models.database import alias
from sync.monitoring import parts
from sync.monitoring.parallel import Job, crew, wait_for
from sync.monitoring.parts import Part
from sync.monitoring.probe import Probe, probe
from sync.monitoring.pulse import pulse
from sync.ratelimit import shelf

READY_FOR_S = 1.0
"""How long an answer about readiness is told again: a balancer asks every few seconds, from several places."""

MOST = 200
"""So many connections are asked; what more there is is not in the answer."""

ALL = "*"
"""Stands for every connection, where it is not known which there are."""

AT_ONCE = 16
SPARE_S = 0.2
"""What is left of the budget for writing the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How everything is: parts by name, connections by ``integrator/name``."""

    parts: Mapping[str, Part]
    connections: Mapping[str, Part]

    @property
    def well(self) -> bool:
        """Whether nothing fails."""
        return not any(part.failing for part in (*self.parts.values(), *self.connections.values()))

    @property
    def database(self) -> bool:
        """Whether the database answers."""
        return not self.parts["database"].failing

    def shown(self, *, details: bool) -> dict[str, Any]:
        """Return it as JSON; without ``details`` the overall status alone."""
        told: dict[str, Any] = {"status": "ok" if self.well else "failing"}
        if details:
            told |= {name: part.shown() for name, part in self.parts.items()}
        if details and self.connections:
            told["connections"] = {name: part.shown() for name, part in self.connections.items()}
        return told


class Kept:
    """What this process found lately, and until when it is told again."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, Health]] = {}

    def get(self, name: str) -> Health | None:
        """Return what is still told."""
        until, found = self._found.get(name, (0.0, None))
        return found if time.monotonic() < until else None

    def put(self, name: str, found: Health, for_s: float) -> Health:
        """Tell it for so many seconds."""
        self._found[name] = (time.monotonic() + for_s, found)
        return found

    def forget(self) -> None:
        """Ask anew."""
        self._found.clear()


kept = Kept()


def readiness() -> Health:
    """Return whether this process can work: database, migrations, and Redis where it is used.

    Takes ``health_budget_s`` at the most, whatever hangs.
    """
    found = kept.get("ready")
    if found is not None:
        return found
    questions = {"database": parts.database, "migrations": parts.migrations, "redis": parts.redis}
    budget_s = conf.current().health_budget_s
    jobs = _started(questions, "ready")
    wait_for(jobs.values(), time.monotonic() + budget_s)
    return kept.put("ready", Health(parts=_read(jobs, budget_s), connections={}), READY_FOR_S)


def health() -> Health:
    """Return how everything is: database, Redis, broker, workers, beat, and every connection that is registered.

    Takes ``health_budget_s`` at the most. What was found is told again for ``health_cache_s``, and so long no remote is
    asked again, by any process that shares the same Redis.
    """
    found = kept.get("health")
    if found is not None:
        return found
    settings = conf.current()
    until = time.monotonic() + settings.health_budget_s
    questions: dict[str, Callable[[], Any]] = {
        "database": parts.database,
        "redis": parts.redis,
        "broker": parts.message_broker,
        "pulse": pulse,
        "rows": _rows,
    }
    jobs = _started(questions, "health")
    rows = jobs.pop("rows")
    probes = _probes(rows, until)
    wait_for([*jobs.values(), *probes.values()], until)
    alive = jobs.pop("pulse")
    found = Health(
        parts={**_read(jobs, settings.health_budget_s), **_alive(alive, settings.health_budget_s)},
        connections=_read(probes, settings.health_budget_s) or _unread(rows, settings.health_budget_s),
    )
    return kept.put("health", found, settings.health_cache_s)


def _started(questions: Mapping[str, Callable[[], Any]], what: str) -> dict[str, Job]:
    """Start what one answer needs; names are made its own, so that two answers do not mix."""
    jobs = crew.start({f"{what}:{name}": ask for name, ask in questions.items()})
    return {name: jobs[f"{what}:{name}"] for name in questions}


def _rows() -> list[Connection]:
    known = list(registry.integrators())
    return list(Connection.objects.using(alias()).filter(integrator__in=known).order_by("integrator", "name")[:MOST])


def _probes(rows: Job, until: float) -> dict[str, Job]:
    """Start a probe for each connection, once it is known which there are."""
    if not rows.wait(until) or rows.error is not None:
        return {}
    found: dict[str, Connection] = {f"probe:{row.pk}": row for row in rows.answer}
    left_s = max(until - time.monotonic() - SPARE_S, 0.1)
    questions = {name: _question(row, left_s) for name, row in found.items()}
    jobs = crew.start(questions, AT_ONCE)
    return {str(row): jobs[name] for name, row in found.items()}


def _unread(rows: Job, budget_s: float) -> dict[str, Part]:
    """Return what is said where it cannot even be read which connections there are."""
    read = rows.done.is_set() and rows.error is None
    return {} if read else {ALL: _answer(rows, budget_s)}


def _question(row: Connection, timeout_s: float) -> Callable[[], Part]:
    return lambda: _probed(row, timeout_s)


def _probed(row: Connection, timeout_s: float) -> Part:
    """Ask a remote, unless another process has lately: what it found is on the shelf."""
    if not conf.current().enabled:
        return parts.off()
    name = f"probe:{row.pk}:{row.updated_at.timestamp()}"
    text = shelf.get(name)
    if text is not None and (found := _unshelved(text)) is not None:
        return found
    found = _part(probe(row, timeout_s))
    shelf.put(name, json.dumps(dataclasses.asdict(found)), conf.current().health_cache_s)
    return found


def _part(found: Probe) -> Part:
    return Part(status=found.status.value, response_time_ms=found.response_time_ms, code=found.code, error=found.error)


def _unshelved(text: str) -> Part | None:
    try:
        told = json.loads(text)
        return Part(**{**told, "names": None})
    except (ValueError, TypeError):  # of another version
        return None


def _read(jobs: Mapping[str, Job], budget_s: float) -> dict[str, Part]:
    return {name: _answer(job, budget_s) for name, job in jobs.items()}


def _answer(job: Job, budget_s: float) -> Part:
    if job.done.is_set() and isinstance(job.answer, Part):
        return job.answer
    if job.error is not None:
        return Part(status="down", code="error", error=type(job.error).__name__)
    if not job.begun:
        return Part(status="unknown", code="not_asked", error="others took too long")
    return parts.late(budget_s)


def _alive(job: Job, budget_s: float) -> dict[str, Part]:
    """Return how workers and beat are."""
    if not job.done.is_set() or job.error is not None:
        missing = _answer(job, budget_s)
        return {"workers": missing, "beat": missing}
    return parts.alive(job.answer)
