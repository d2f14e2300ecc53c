"""Settle: write what came of attempts, and journal what comes next, in one commit."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
    transaction,
)

from sync import bindings, deadletters, operations
from sync.bindings.rows import Mark, Settlement
from sync.drain import announcing, journey
from sync.drain.attempt import Attempt
from sync.drain.left import hand_over
from sync.drain.letters import with_causes
from sync.drain.settling import Ruling, duplicate
from sync.faults import point
from sync.models import Binding, State, Status
from sync.models.database import alias, in_transaction, is_postgres, repeatable
from sync.operations import Finished, Started
from sync.types import Verb, Wanted

T = TypeVar("T")
logger = logging.getLogger("crudsync.drain")

RECONNECT_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An answered attempt, ready to be written. ``operation`` is its journal entry."""

    attempt: Attempt
    operation: int
    ruling: Ruling
    finished: Finished


def journal(started: Sequence[Started], marks: Sequence[Mark], *, deadline: float) -> tuple[list[int], set[int]]:
    """Commit what is about to be sent: the operations, and on the bindings that their writes are in doubt.

    Args:
        started: operations to start.
        marks: what is noted on their bindings.
        deadline: ``time.monotonic()`` seconds until which a lost connection is retried.

    Returns:
        The ids of the started operations, and of the marked bindings still under our lease.
    """
    using = alias()
    tries = itertools.count()

    def work() -> tuple[list[int], set[int]]:
        if next(tries):
            operations.close_unsent(started)  # a commit whose answer was lost was one all the same
        if is_postgres(using):
            return _journal_at_once(started, marks, using)
        ours = bindings.mark(marks)
        return operations.start(started), ours

    return _repeated(work, deadline) if is_postgres(using) else _persist(work, deadline)


def _journal_at_once(started: Sequence[Started], marks: Sequence[Mark], using: str) -> tuple[list[int], set[int]]:
    """One statement is one commit and one round trip: the journal is written for every few requests."""
    marking, first = bindings.marking(marks)
    starting, second = operations.starting(started)
    sql = f"WITH {marking} {starting} RETURNING id, binding_id, binding_id IN (SELECT id FROM marked)"  # noqa: S608
    with connections[using].cursor() as cursor:
        cursor.execute(sql, [*first, *second])
        rows = cursor.fetchall()
    return [row[0] for row in rows], {row[1] for row in rows if row[2]}


def settle(
    results: Sequence[Result], others: Sequence[Settlement], *, parents: Collection[str], deadline: float
) -> set[int]:
    """Commit settlements and completed operations.

    Over a lost database connection the results are kept and written again, until the leases end. Where two objects
    turn out to hold one remote id, or a value has no place in the database, all are written one by one.

    Args:
        results: answered attempts.
        others: settlements without a call.
        parents: the object types that others refer to.
        deadline: ``time.monotonic()`` seconds until which a lost connection is retried.

    Returns:
        The ids of the bindings that became what was ruled: their leases were ours still, and nothing was in the way.
    """
    point("settling")
    results, others = with_causes(results, others)
    try:
        ids, late, applied = _persist(lambda: _write(results, others, parents, _together), deadline)
    except (IntegrityError, DataError):
        ids, late, applied = _persist(lambda: _write_apart(results, others, parents), deadline)
    if late:
        deadletters.adopt(late)
    point("settled")
    if announcing.listening():
        _announce(results, applied, ids)
    return ids


def _announce(results: Sequence[Result], applied: Sequence[Settlement], ids: set[int]) -> None:
    """What is settled stays so, whatever comes of telling it."""
    try:
        announcing.settled(results, applied, ids)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("what was settled could not be announced: %s", type(error).__name__)


Settled = tuple[set[int], dict[int, Settlement]]
Written = tuple[set[int], set[int], list[Settlement]]
"""The bindings that became what was ruled, those that turned out to be doubles, and the settlements as applied."""


def _write(
    results: Sequence[Result],
    others: Sequence[Settlement],
    parents: Collection[str],
    apply: Callable[[Sequence[Settlement]], Settled],
) -> Written:
    rows = [*(result.ruling.settlement for result in results), *others]
    rows.sort(key=lambda row: row.claim.key)
    settled, applied = apply(rows)
    finished = [_finished(result, settled, applied) for result in results if result.operation]
    if apply is _together:
        operations.finish(finished)
    else:
        for each in finished:
            _finish_alone(each)
    doubles = _after(results, settled, parents)
    _look_for_parents(others, settled)
    ruled = {row.claim.id for row in rows if row.claim.id in settled and applied[row.claim.id] is row}
    return ruled, doubles | (settled - ruled), [applied[one] for one in settled]


def _write_apart(results: Sequence[Result], others: Sequence[Settlement], parents: Collection[str]) -> Written:
    hand_over(results)
    return _write(results, others, parents, _one_by_one)


def _together(rows: Sequence[Settlement]) -> Settled:
    return bindings.settle(rows), {row.claim.id: row for row in rows}


def _one_by_one(rows: Sequence[Settlement]) -> Settled:
    settled: set[int] = set()
    applied = {row.claim.id: _settle_alone(row, settled) for row in rows}
    return settled, applied


def _settle_alone(row: Settlement, settled: set[int]) -> Settlement:
    try:
        with transaction.atomic(using=alias()):
            settled |= bindings.settle([row])
        return row
    except IntegrityError:
        holder, waits = _holder(row)
        other = duplicate(row, holder, waits=waits)
        settled |= bindings.settle([other])
        return other
    except DataError as error:  # the outcome stands, whatever the remote said beside it
        logger.error(  # noqa: TRY400 - the database repeats the row in its text
            "%s is settled without what the remote showed: %s", row.claim.name, type(error).__name__
        )
        settled |= bindings.settle([replace(row, remote_version=None, seen=None, detail="")])
        return row


def _finish_alone(finished: Finished) -> None:
    try:
        with transaction.atomic(using=alias()):
            operations.finish([finished])
    except DataError:
        operations.finish([replace(finished, detail="", response="", remote_id=None)])


def _holder(row: Settlement) -> tuple[str, bool]:
    using = alias()
    holder = Binding.objects.using(using).get(
        connection_id=row.claim.connection_id, object_type=row.claim.object_type, remote_id=row.remote_id
    )
    return f"{holder.object_type}:{holder.object_id}", holder.due_at is not None and holder.state != State.SYNCED


def _finished(result: Result, settled: set[int], applied: dict[int, Settlement]) -> Finished:
    claim = result.attempt.plan.claim
    if claim.id not in settled:
        return replace(result.finished, status=Status.STALE, code=result.finished.code or "lease_lost")
    if applied[claim.id].code == "duplicate_remote":
        return replace(result.finished, code="duplicate_remote", detail=applied[claim.id].detail)
    if applied[claim.id].clean:
        return replace(result.finished, dirty_since=claim.dirty_since)
    return result.finished


def _after(results: Sequence[Result], settled: set[int], parents: Collection[str]) -> set[int]:
    doubles: set[int] = set()
    woken: dict[int, list[str]] = {}
    for result in results:
        claim, outcome = result.attempt.plan.claim, result.ruling.outcome
        if claim.id not in settled:
            with journey.of(claim):
                _stale(result)
            continue
        if claim.object_type in parents and result.ruling.settlement.remote_id and claim.remote_id is None:
            woken.setdefault(claim.connection_id, []).append(claim.name)
        if outcome.ok and (claim.uncertain or claim.wanted == Wanted.VERIFY):  # a stale answer asks for that
            with journey.of(claim):
                doubles |= _name_doubles(result)
    for connection_id, names in woken.items():
        bindings.wake_children(connection_id, names)
    return doubles


def _look_for_parents(others: Sequence[Settlement], settled: set[int]) -> None:
    held: dict[int, list[str]] = {}
    for row in others:
        if row.waits_for and row.state == State.HELD and row.claim.id in settled:
            held.setdefault(row.claim.connection_id, []).append(row.waits_for)
    for connection_id, names in held.items():
        bindings.wake_late(connection_id, names)


def _stale(result: Result) -> None:
    """The lease is lost: keep the id that was learned, if the create is still ours, and have the object looked at."""
    attempt, outcome = result.attempt, result.ruling.outcome
    claim, created = attempt.plan.claim, ""
    if attempt.verb is Verb.CREATE and outcome.ok and outcome.remote_id and attempt.intent is not None:
        created = "" if bindings.learn(claim, attempt.intent.text(), outcome.remote_id) else outcome.remote_id
    bindings.verify(claim)
    if created and not bindings.take_in(claim, created):
        logger.error(
            "duplicate_remote: %s %s was created twice; the late one is %s",
            claim.object_type,
            claim.object_id,
            created,
        )


def _name_doubles(result: Result) -> set[int]:
    claim, remote_id = result.attempt.plan.claim, result.ruling.settlement.remote_id
    doubles = operations.stale_creates(claim.id, remote_id) if remote_id else []
    if doubles:
        detail = f"Also created at the remote as {', '.join(doubles)}."
        logger.error("duplicate_remote: %s is %s and %s", claim.name, remote_id, ", ".join(doubles))
        if bindings.bury(claim, "duplicate_remote", detail):  # else it was edited meanwhile: named next time
            operations.name_doubles(claim.id)
            return {claim.id}
    return set()


def _persist(work: Callable[[], T], deadline: float) -> T:
    return _repeated(lambda: in_transaction(work, alias()), deadline)


def _repeated(work: Callable[[], T], deadline: float) -> T:
    """Do it again while the database is away, or asks for it, until the deadline."""
    using = alias()
    while True:
        try:
            return work()
        except (OperationalError, InterfaceError, InternalError) as error:  # the last one: read-only for a while
            if connections[using].in_atomic_block or time.monotonic() > deadline:
                raise
            logger.warning("the database is away, results are kept: %s", type(error).__name__)
            if not repeatable(error):
                connections[using].close()
            time.sleep(RECONNECT_S)
