"""Backfills that keep their place in a row: paused, broken off or killed, they are resumed where they were."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from sync.exceptions import ObjectBusy
from sync.models import Backfill, Connection, Phase
from sync.models.clock import now
from sync.models.database import alias
from sync.resync.backfill import Progress, Run, check, count, specs_of
from sync.resync.targets import Target

SILENT_S = 60.0
"""A run that has told nothing for so long has ended without a word."""

Told = Callable[[Progress], None]


class Paused(Exception):
    """Somebody has paused the run, or another one has taken it up."""


def begin(
    connection: Connection, object_types: Sequence[str] = (), *, limit: int | None = None, actor: str = ""
) -> Backfill:
    """Begin a backfill of an account; :func:`go_on` does the work.

    Args:
        connection: the account.
        object_types: only these; none named: all of them.
        limit: rows asked for at the most; None: all.
        actor: who asks.

    Raises:
        ObjectBusy: one is under way there.
        UnknownIntegrator, UnknownObjectType: there is none of that name.
        ConfigurationError: ``limit`` is out of range.
    """
    check(1, limit)
    specs = specs_of(connection.integrator, object_types)
    current = latest(connection)
    at = now(alias())
    if current is not None and alive(current, at):
        raise _busy(connection)
    return Backfill.objects.using(alias()).create(
        connection=connection,
        object_types=[spec.name for spec in specs],
        object_type=specs[0].name if specs else "",
        total=count(specs),
        left=limit,
        actor=actor[:150],
        started_at=at,
        updated_at=at,
    )


def go_on(row: Backfill, *, batch: int = 1000, on_progress: Told | None = None) -> Progress:
    """Ask for rows from where a run was, until its end, its limit, or somebody pauses it.

    The place is kept after every batch. Broken off by an exception, Ctrl-C among them, it is paused there.

    Args:
        row: the run.
        batch: rows a transaction.
        on_progress: called after each batch.

    Returns:
        How far it came; ``row`` says how it ended.

    Raises:
        ConfigurationError: ``batch`` is out of range.
        UnknownIntegrator, UnknownObjectType: what it was filling is no longer registered.
    """
    check(batch, None)
    names = row.object_types[row.object_types.index(row.object_type) :] if row.object_type else []
    specs = specs_of(row.connection.integrator, names) if names else []
    run = Run(batch=batch, left=row.left, on_progress=None, progress=_progress(row))
    run.on_progress = lambda progress: _tell(row, progress, run, on_progress)
    try:
        run.fill([Target(connection=row.connection, spec=spec) for spec in specs], row.after)
    except Paused:
        row.refresh_from_db(using=alias())
    except BaseException:
        pause(row)
        raise
    return run.progress


def pause(row: Backfill) -> bool:
    """Pause a run; it stops after its batch. Return False where it was not running."""
    return _set(row, Phase.RUNNING, Phase.PAUSED)


def resume(row: Backfill) -> Backfill:
    """Make a run that was paused, broken off or killed run again; :func:`go_on` does the work.

    Raises:
        ObjectBusy: it is under way in another process, or has ended.
    """
    if row.phase == Phase.RUNNING and alive(row, now(alias())):
        raise _busy(row.connection)
    if row.phase == Phase.LIMITED:
        row.left = None
        Backfill.objects.using(alias()).filter(pk=row.pk, phase=Phase.LIMITED).update(left=None)
    if row.phase == Phase.FINISHED or not _set(row, row.phase, Phase.RUNNING):
        hint = "begin another: rows that were asked for are passed over"
        raise ObjectBusy(f"the backfill of {row.connection} has ended", hint=hint)
    return row


def latest(connection: Connection) -> Backfill | None:
    """Return the newest run of an account, None where there was none."""
    rows = Backfill.objects.using(alias()).filter(connection=connection).select_related("connection")
    return rows.order_by("-pk").first()


def alive(row: Backfill, at: dt.datetime) -> bool:
    """Return whether a run is at work, by when it last told so."""
    return row.phase == Phase.RUNNING and (at - row.updated_at).total_seconds() < SILENT_S


def _tell(row: Backfill, progress: Progress, run: Run, on_progress: Told | None) -> None:
    """Keep the place, where the run is still ours, then tell of it."""
    ended = not progress.object_type
    phase = Phase.RUNNING if not ended else Phase.FINISHED if progress.finished else Phase.LIMITED
    at = now(alias())
    values: dict[str, Any] = {
        "scanned": progress.scanned,
        "asked": progress.asked,
        "elapsed_s": progress.elapsed_s,
        "left": run.left,
        "phase": phase,
        "updated_at": at,
    }
    if not ended:
        values |= {"object_type": progress.object_type, "after": progress.after}
    mine = Backfill.objects.using(alias()).filter(pk=row.pk, phase=Phase.RUNNING, updated_at=row.updated_at)
    kept = bool(mine.update(**values))
    if kept:
        for name, value in values.items():
            setattr(row, name, value)
    if on_progress is not None:
        on_progress(progress)
    if not kept:
        raise Paused


def _progress(row: Backfill) -> Progress:
    return Progress(
        object_type=row.object_type,
        total=row.total,
        scanned=row.scanned,
        asked=row.asked,
        elapsed_s=row.elapsed_s,
        after=row.after,
    )


def _set(row: Backfill, before: str, phase: str) -> bool:
    using = alias()
    mine = Backfill.objects.using(using).filter(pk=row.pk, phase=before)
    changed = bool(mine.update(phase=phase, updated_at=now(using)))
    row.refresh_from_db(using=using)
    return changed


def _busy(connection: Connection) -> ObjectBusy:
    hint = "crudsync_backfill --status shows it, --pause pauses it"
    return ObjectBusy(f"a backfill of {connection} is under way", hint=hint)
