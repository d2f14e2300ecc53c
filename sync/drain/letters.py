"""Dead letters: whatever ends held, in doubt or dead names its cause. Where nothing does, nothing is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sync import deadletters
from sync.bindings.rows import Settlement
from sync.deadletters import Trouble
from sync.models import STUCK
from sync.types import Outcome

if TYPE_CHECKING:
    from sync.drain.recorder import Result


def with_causes(
    results: Sequence[Result], others: Sequence[Settlement]
) -> tuple[Sequence[Result], Sequence[Settlement]]:
    """Return what is to be settled, with a cause on all that will be stuck.

    Args:
        results: answered attempts.
        others: settlements without a call.
    """
    stuck: list[tuple[Settlement, Outcome | None]] = [
        (result.ruling.settlement, result.ruling.outcome)
        for result in results
        if result.ruling.settlement.state in STUCK
    ]
    stuck.extend((row, None) for row in others if row.state in STUCK)
    if not stuck:
        return results, others
    found = deadletters.record([trouble(row, outcome) for row, outcome in stuck])
    causes = {row.claim.id: cause for (row, _), cause in zip(stuck, found, strict=True)}
    return [_result(result, causes) for result in results], [_row(row, causes) for row in others]


def trouble(row: Settlement, outcome: Outcome | None) -> Trouble:
    """Return what a settlement fails by: the remote's own words where there are some."""
    if outcome is None or outcome.ok:
        return Trouble(connection_id=row.claim.connection_id, code=row.code, message=row.detail, example=row.detail)
    return Trouble(
        connection_id=row.claim.connection_id,
        code=row.code,
        status_code=outcome.status_code,
        field=outcome.field,
        message=outcome.message or row.detail,
        example=row.detail or outcome.message,
    )


def _result(result: Result, causes: dict[int, int | None]) -> Result:
    row = result.ruling.settlement
    if row.claim.id not in causes:
        return result
    return replace(result, ruling=replace(result.ruling, settlement=_row(row, causes)))


def _row(row: Settlement, causes: dict[int, int | None]) -> Settlement:
    return replace(row, cause=causes[row.claim.id]) if row.claim.id in causes else row
