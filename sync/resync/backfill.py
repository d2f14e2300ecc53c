"""Bring the rows that were there before their model was registered.

A row without a binding is one that nobody has asked for, so a backfill that was broken off is simply started again: it
passes over what has a binding, a thousand rows in two queries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from sync import bindings, capture, registry
from sync.exceptions import ConfigurationError, UnknownObjectType
from sync.models import Binding
from sync.models.database import alias
from sync.models.identity import object_id_of, pk_of
from sync.registry import model_label
from sync.resync.resync import ring
from sync.resync.targets import Target, connections
from sync.types import Lane, Wanted

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from sync.types import ObjectTypeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a backfill is.

    Args:
        object_type: the type it is at, empty at the end.
        total: rows to look at, in all types.
        scanned: rows looked at so far.
        asked: rows without a binding, asked for.
        elapsed_s: seconds since the start.
        finished: nothing is left to look at.
        after: the object id of its type that was looked at last.
    """

    object_type: str = ""
    total: int = 0
    scanned: int = 0
    asked: int = 0
    elapsed_s: float = 0.0
    finished: bool = False
    after: str = ""

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end at the pace so far, None before the first rows."""
        if self.finished:
            return 0.0
        if not self.scanned:
            return None
        return max(self.total - self.scanned, 0) * self.elapsed_s / self.scanned

    @property
    def share(self) -> float:
        """The part that is done, 0 to 1."""
        return min(self.scanned / self.total, 1.0) if self.total else 1.0


def backfill(
    integrator: str,
    object_type: str | None = None,
    connection: str = "default",
    *,
    batch: int = 1000,
    limit: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Ask, in the bulk lane, for every row that has no binding yet; workers send them.

    Rows that ``sync_when`` leaves out are not asked for. Parents come before their children.

    Args:
        integrator: its name.
        object_type: only this one; None: all of them.
        connection: name of the account.
        batch: rows a transaction, 1 or more.
        limit: rows asked for at the most; None: all.
        on_progress: called after each batch.

    Returns:
        How far it came: ``finished`` is False where the limit ended it.

    Raises:
        UnknownIntegrator: no integrator of that name is registered.
        UnknownObjectType: it has no such object type.
        NotSyncable: there is no such account.
        ConfigurationError: ``batch`` or ``limit`` is out of range.
    """
    check(batch, limit)
    specs = specs_of(integrator, [] if object_type is None else [object_type])
    row = connections({integrator}, connection or "default")[0]
    run = Run(batch=batch, left=limit, on_progress=on_progress, progress=Progress(total=count(specs)))
    return run.fill([Target(connection=row, spec=spec) for spec in specs])


class Run:
    """One backfill under way.

    Args:
        batch: rows a transaction.
        left: rows that may still be asked for, None for any number.
        on_progress: called after each batch.
        progress: how far it is already.
    """

    def __init__(
        self, *, batch: int, left: int | None, on_progress: Callable[[Progress], None] | None, progress: Progress
    ) -> None:
        self.batch = batch
        self.left = left
        self.on_progress = on_progress
        self.progress = progress
        self.started = time.monotonic() - progress.elapsed_s

    def fill(self, targets: Sequence[Target], after: str = "") -> Progress:
        """Ask for the rows of these object types, of the first one only those after an object id.

        Returns:
            How far it came: ``finished`` is False where the limit ended it.
        """
        for target in targets:
            if not self._fill(target, after):
                return self._report("")
            after = ""
        return self._report("", finished=True)

    def _fill(self, target: Target, after: str) -> bool:
        """Ask for the rows of one object type; return False where the limit ended it."""
        for page in _pages(rows_of(target.spec), self.batch, after):
            missing = _without_binding(target, page)
            wanted = missing if self.left is None else missing[: self.left]
            if wanted:
                _ask(target, wanted)
            if self.left is not None:
                self.left -= len(wanted)
            whole = len(wanted) == len(missing)
            looked_at = page if whole else page[: page.index(wanted[-1]) + 1] if wanted else []
            self.progress = replace(
                self.progress,
                scanned=self.progress.scanned + len(looked_at),
                asked=self.progress.asked + len(wanted),
                after=looked_at[-1] if looked_at else after,
            )
            after = self.progress.after
            self._report(target.object_type)
            if not whole:
                return False
        return True

    def _report(self, object_type: str, *, finished: bool = False) -> Progress:
        """Announce how far it is."""
        elapsed_s = time.monotonic() - self.started
        after = self.progress.after if object_type else ""
        self.progress = replace(
            self.progress, object_type=object_type, elapsed_s=elapsed_s, finished=finished, after=after
        )
        if self.on_progress is not None:
            self.on_progress(self.progress)
        return self.progress


def check(batch: int, limit: int | None) -> None:
    """Refuse numbers that make no sense.

    Raises:
        ConfigurationError: ``batch`` or ``limit`` is out of range.
    """
    if batch < 1 or (limit is not None and limit < 0):
        raise ConfigurationError("batch must be 1 or more, and limit 0 or more", code="bad_argument")


def specs_of(integrator: str, object_types: Sequence[str]) -> list[ObjectTypeSpec]:
    """Return object types of an integrator by their names, parents first; none named: all of them.

    Raises:
        UnknownIntegrator: no integrator of that name is registered.
        UnknownObjectType: it has no such object type.
    """
    types = registry.get(integrator).types()
    for name in object_types:
        if name not in types:
            hint = f"it has: {', '.join(sorted(types))}"
            raise UnknownObjectType(f"{integrator} has no object type {name!r}", hint=hint)
    return [spec for spec in _parents_first(types) if not object_types or spec.name in object_types]


def count(specs: Iterable[ObjectTypeSpec]) -> int:
    """Return how many rows there are to look at."""
    return sum(rows_of(spec).count() for spec in specs)


def _parents_first(types: Any) -> list[ObjectTypeSpec]:
    ordered: dict[str, ObjectTypeSpec] = {}
    entered: set[str] = set()

    def visit(name: str) -> None:
        if name in entered or name not in types:
            return
        entered.add(name)
        for parent in types[name].parents:
            visit(parent.via)
        ordered[name] = types[name]

    for name in types:
        visit(name)
    return list(ordered.values())


def rows_of(spec: ObjectTypeSpec) -> QuerySet[Model]:
    """Return the rows of an object type that are meant for the remote."""
    rows = spec.model._base_manager.using(alias()).all()
    return rows.filter(spec.sync_when) if isinstance(spec.sync_when, Q) else rows


def _pages(rows: QuerySet[Model], batch: int, after: str) -> Iterator[list[str]]:
    """Page by key: what is written meanwhile shifts nothing, and no cursor stays open."""
    keys = rows.order_by("pk").values_list("pk", flat=True)
    last: Any = pk_of(rows.model, after) if after else None
    while page := list((keys if last is None else keys.filter(pk__gt=last))[:batch]):
        yield list(dict.fromkeys(object_id_of(pk) for pk in page))
        last = page[-1]


def _without_binding(target: Target, object_ids: list[str]) -> list[str]:
    rows = Binding.objects.using(alias()).filter(
        connection=target.connection, object_type=target.object_type, object_id__in=object_ids
    )
    there = set(rows.values_list("object_id", flat=True))
    return [object_id for object_id in object_ids if object_id not in there]


def _ask(target: Target, object_ids: list[str]) -> None:
    bindings.ask(
        target.connection.pk,
        target.object_type,
        object_ids,
        wanted=Wanted.AUTO,
        lane=Lane.BULK,
        actor=capture.current_actor(),
        reason="backfill",
        model=model_label(target.spec.model),
    )
    ring({target.connection.pk})
