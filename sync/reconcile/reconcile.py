"""Compare a remote with what was agreed, and ask for what is not so."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sync import bindings, conf, registry
from sync.exceptions import CrudSyncError
from sync.models import Connection
from sync.models.clock import now
from sync.models.database import alias
from sync.reconcile.judge import verdict
from sync.reconcile.look import Look, Rows, Subject, look, object_ids, subject
from sync.reconcile.pace import take_turn
from sync.reconcile.report import Report, Stop, TypeReport
from sync.reconcile.unbound import in_scope, unbound
from sync.types import Lane, ObjectTypeSpec, Wanted

log = logging.getLogger("crudsync.reconcile")

ACTOR = "reconciliation"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One object type under one connection, and how its remote is listed."""

    connection: Connection
    spec: ObjectTypeSpec
    listing: Callable[[], Rows]
    apply: bool
    share: float
    sleep: Callable[[float], None]


def reconcile(
    connection: Connection,
    object_types: Iterable[str] | None = None,
    *,
    apply: bool = True,
    before_each: Callable[[], None] | None = None,
    page_wait_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """List a remote, compare it with what was agreed, and ask the drain for what differs or is missing.

    No difference is acted on at one look: the drain reads an object again before it writes (``wanted = verify``);
    where a type cannot be read, the remote is listed a second time. Nothing is asked for where the remote looks empty,
    or where more than ``reconcile_stop_share`` of the objects differ. Nothing is ever deleted by it.

    Args:
        connection: the account.
        object_types: names; None: every type of its integrator.
        apply: False only reports.
        before_each: called before every page.
        page_wait_s: seconds for which a page waits for its token; None: no tokens are taken.
        sleep: called with the seconds to wait between two listings.

    Raises:
        UnknownIntegrator: the connection's integrator is not registered here.
    """
    cls: Any = registry.get(connection.integrator)
    types = cls.types()
    names = list(types) if object_types is None else list(object_types)
    reports = []
    for name in names:
        unit = cls(name, connection=connection)
        run = _Run(
            connection=connection,
            spec=types[name],
            listing=partial(unit.listing, before_each=before_each or _turn(unit, page_wait_s)),
            apply=apply,
            share=conf.current().reconcile_stop_share,
            sleep=sleep,
        )
        reports.append(_of_type(run))
    return Report(connection=str(connection), types=tuple(reports))


def _turn(unit: Any, wait_s: float | None) -> Callable[[], None] | None:
    return None if wait_s is None else partial(take_turn, unit, wait_s)


def _of_type(run: _Run) -> TypeReport:
    name = run.spec.name
    about = subject(run.connection, name, now=now(alias()), lag_s=run.spec.lookup_lag)
    try:
        found = _looks(run, about)
    except CrudSyncError as error:  # a listing that did not end says nothing about what is missing
        log.warning("connection %s: %s cannot be listed: %s", run.connection, name, error.message)
        detail = f"The listing ended early: {error.message}"
        return TypeReport(object_type=name, bound=about.bound, stopped=Stop.LISTING, detail=detail)
    loose = sum(1 for _ in unbound(run.connection, run.spec))
    stopped, detail = verdict(
        listed=found.listed,
        bound=about.bound,
        drift=len(found.differ) + len(found.missing),
        local=in_scope(run.spec).count() if loose else 0,
        unbound=loose,
        share=run.share,
    )
    if stopped:
        log.warning("connection %s: reconciliation of %s stopped: %s", run.connection, name, detail)
    return TypeReport(
        object_type=name,
        listed=found.listed,
        bound=about.bound,
        differ=len(found.differ),
        missing=len(found.missing),
        foreign=found.foreign,
        unbound=loose,
        asked=_ask(run, about, found, loose) if run.apply and not stopped else 0,
        stopped=stopped,
        detail=detail,
    )


def _looks(run: _Run, about: Subject) -> Look:
    """Look once; and once more where the drain could not read an object again before it writes."""
    found = look(about, run.listing(), share=run.share)
    if run.spec.can_read or not (found.differ or found.missing) or not found.listed:
        return found
    run.sleep(run.spec.lookup_lag)
    again = look(about, run.listing(), share=run.share)
    again.differ.keep(found.differ)
    again.missing.keep(found.missing)
    return again


def _ask(run: _Run, about: Subject, found: Look, loose: int) -> int:
    wanted = Wanted.VERIFY if run.spec.can_read else Wanted.PUSH
    asked = _ask_for(run, object_ids(about, found.differ), wanted, "differs at the remote")
    asked += _ask_for(run, object_ids(about, found.missing), wanted, "missing at the remote")
    if loose:
        asked += _ask_for(run, unbound(run.connection, run.spec), Wanted.AUTO, "never sent")
    return asked


def _ask_for(run: _Run, ids: Iterable[str], wanted: Wanted, reason: str) -> int:
    return bindings.ask(
        run.connection.pk,
        run.spec.name,
        ids,
        wanted=wanted,
        lane=Lane.BULK,
        actor=ACTOR,
        reason=reason,
        model=registry.model_label(run.spec.model),
    )
