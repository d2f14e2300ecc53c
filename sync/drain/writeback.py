"""Write the fields that the remote owns back to the local row: never over a newer local edit, never the key."""

from __future__ import annotations

import logging
from typing import Any

from django.db import connections, transaction

from sync import bindings
from sync.drain.attempt import Attempt
from sync.models.database import alias
from sync.types import Outcome

logger = logging.getLogger("crudsync.drain")


def write_back(attempt: Attempt, outcome: Outcome) -> bool:
    """Write the fields mapped ``IN`` or ``BOTH`` where they still have the values that the payload step read.

    A row that somebody has locked is left alone, and asked for a verifying read.

    Returns:
        Whether anything was written.
    """
    plan = attempt.plan
    if plan.instance is None or plan.unit is None or not plan.unit.writes_back():
        return False
    values: dict[str, Any] = plan.unit.write_back_values(outcome)
    before = {name: getattr(plan.instance, name) for name in values}
    changed = {name: value for name, value in values.items() if before[name] != value}
    if not changed:
        return False
    using = alias()
    model = type(plan.instance)
    with transaction.atomic(using=using):
        rows = model._base_manager.using(using).filter(pk=plan.instance.pk)
        features = connections[using].features
        if features.has_select_for_update:
            rows = rows.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
        row = rows.first()
        if row is not None and all(getattr(row, name) == before[name] for name in changed):
            model._base_manager.using(using).filter(pk=row.pk).update(**changed)
            return True
    bindings.verify(plan.claim)
    return False
