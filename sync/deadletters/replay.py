"""Replay: ask for dead letters again, in the bulk lane and through the limiter like anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Unpack

from django.db import transaction
from django.db.models import QuerySet

from sync import bindings, wake
from sync.deadletters.choose import Filter, What, letters
from sync.deadletters.groups import COUNTED
from sync.models import Binding, State
from sync.models.database import alias
from sync.types import Lane, Wanted

CHUNK = 1000
REPLAYED = (State.DEAD, State.HELD)

Row = tuple[int, str, int, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a replay did, in objects.

    ``in_doubt`` were left: nobody knows whether their create arrived, and sending it again could double them; a person
    says so first. ``under_way`` were left since they are to be sent already. ``more`` is True where the limit was
    reached: what is left is replayed by another call.
    """

    asked: int = 0
    in_doubt: int = 0
    under_way: int = 0
    more: bool = False

    @property
    def left(self) -> int:
        """How many were left alone."""
        return self.in_doubt + self.under_way


def replay(
    what: What | None = None,
    *,
    actor: str = "",
    reason: str = "replay",
    limit: int | None = None,
    on_progress: Callable[[int], None] | None = None,
    **chosen: Unpack[Filter],
) -> Replayed:
    """Send dead letters again as they are today; workers do it, behind everything else.

    Attempts start anew. A thousand are asked for at a time, each in a transaction of its own: broken off, it is simply
    started again.

    Args:
        what: a binding, a cause (or its group), or a queryset of bindings; None: whatever the filter leaves.
        actor: who asks.
        reason: why; shown in the history.
        limit: objects asked for at the most, to the next thousand; what is under way is not counted then, and what
            is in doubt up to ``COUNTED``.
        on_progress: called after each thousand with how many were looked at so far; not where there is a limit.
        chosen: the filter, see :func:`sync.deadletters.letters`.
    """
    rows = letters(what, **chosen)
    if limit is not None:
        return _some(rows, actor, reason, limit)
    asked = doubtful = moving = seen = 0
    for page in _pages(rows):
        ready = [row for row in page if row[1] in REPLAYED]
        doubtful += sum(row[1] == State.IN_DOUBT for row in page)
        moving += sum(row[1] not in (*REPLAYED, State.IN_DOUBT) for row in page)
        asked += _ask(ready, actor, reason)
        seen += len(page)
        if on_progress is not None:
            on_progress(seen)
    return Replayed(asked=asked, in_doubt=doubtful, under_way=moving)


def _some(rows: QuerySet[Binding], actor: str, reason: str, limit: int) -> Replayed:
    """Ask for the first that can be replayed: a call again begins with those that follow."""
    doubtful = rows.filter(state=State.IN_DOUBT).order_by()[:COUNTED].count()
    asked = 0
    for page in _pages(rows.filter(state__in=REPLAYED)):
        if asked >= limit:
            return Replayed(asked=asked, in_doubt=doubtful, more=True)
        asked += _ask(page, actor, reason)
    return Replayed(asked=asked, in_doubt=doubtful)


def _ask(rows: Sequence[Row], actor: str, reason: str) -> int:
    groups: dict[tuple[int, str, str], list[str]] = {}
    for _, _, connection_id, object_type, model, object_id in rows:
        groups.setdefault((connection_id, object_type, model), []).append(object_id)
    total = 0
    for (connection_id, object_type, model), ids in sorted(groups.items()):
        total += bindings.ask(
            connection_id,
            object_type,
            ids,
            wanted=Wanted.PUSH,
            lane=Lane.BULK,
            actor=actor,
            reason=reason,
            model=model,
        )
    rung = sorted({connection_id for connection_id, _, _ in groups})
    if rung:
        transaction.on_commit(lambda: wake.ring(rung), using=alias(), robust=True)
    return total


def _pages(rows: QuerySet[Binding]) -> Iterator[list[Row]]:
    fields = ("pk", "state", "connection_id", "object_type", "model", "object_id")
    ordered = rows.order_by("pk").values_list(*fields)
    last = 0
    while page := list(ordered.filter(pk__gt=last)[:CHUNK]):
        yield page
        last = page[-1][0]
