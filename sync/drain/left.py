"""What a deleted row left at the remote (``on_delete="keep"``) may turn out to be another row's object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sync import bindings
from sync.drain import rows
from sync.models import Binding
from sync.models.database import alias

if TYPE_CHECKING:
    from sync.drain.recorder import Result


def hand_over(results: Sequence[Result]) -> None:
    """Unbind remote objects that results have found or made, where they were left by a row that is gone.

    A row that only left the scope (``on_leave="keep"``) keeps its own: there are two rows then for one object.
    To be called in the transaction that settles the results.
    """
    for result in results:
        row, spec = result.ruling.settlement, result.attempt.plan.spec
        if row.remote_id is None or row.remote_id == row.claim.remote_id:
            continue
        held = Binding.objects.using(alias()).filter(
            connection_id=row.claim.connection_id,
            object_type=row.claim.object_type,
            remote_id=row.remote_id,
            code=bindings.LEFT,
        )
        holder = held.exclude(pk=row.claim.id).values_list("object_id", flat=True).first()
        if holder is not None and not rows.read(spec, [holder]):
            bindings.hand_over(row.claim.connection_id, row.claim.object_type, row.remote_id, holder)
