"""Dead letters from the bindings' side: opened late, ignored, and looked at again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connections

from sync.models import STUCK, Binding
from sync.models.database import alias, in_transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A binding that is stuck, as it was read, and the cause that it is to name."""

    id: int
    lease_token: int
    seq: int
    cause: int


def blame(letters: Sequence[Letter]) -> int:
    """Name the causes of what is stuck; one that was claimed or changed since it was read is left alone.

    A letter that was ignored for another cause is open again.

    Returns:
        How many letters were opened.
    """
    using = alias()

    def work() -> int:
        there = {row.pk: row for row in _locked([letter.id for letter in letters], using)}
        by_cause: dict[int, list[int]] = {}
        for letter in letters:
            row = there.get(letter.id)
            if row is not None and _same(row, letter):
                by_cause.setdefault(letter.cause, []).append(letter.id)
        rows = Binding.objects.using(using)
        return sum(rows.filter(pk__in=ids).update(cause=cause, ignored="") for cause, ids in by_cause.items())

    return in_transaction(work, using) if letters else 0


def ignore(binding_ids: Collection[int], reason: str) -> int:
    """Note on dead letters why nobody need look at them; empty: somebody should again.

    Returns:
        How many letters were changed.
    """
    using = alias()

    def work() -> int:
        ids = [row.pk for row in _locked(binding_ids, using) if row.cause_id is not None and row.ignored != reason]
        return Binding.objects.using(using).filter(pk__in=ids).update(ignored=reason)

    return in_transaction(work, using) if binding_ids else 0


def _locked(binding_ids: Collection[int], using: str) -> list[Binding]:
    rows = Binding.objects.using(using).filter(pk__in=binding_ids)
    if connections[using].features.has_select_for_update:
        rows = rows.order_by("connection_id", "object_type", "object_id").select_for_update()
    return list(rows.only("lease_token", "seq", "leased", "state", "cause_id", "ignored"))


def _same(row: Binding, letter: Letter) -> bool:
    unchanged = (row.lease_token, row.seq) == (letter.lease_token, letter.seq) and not row.leased
    return unchanged and row.state in STUCK and row.cause_id != letter.cause
