"""What follows at home once the remote agreed: fields written back, rows inserted or removed."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

from django.db import connections, transaction

from sync import bindings, outbox
from sync.bindings.rows import Settlement
from sync.drain import announcing
from sync.drain.landing import look
from sync.drain.plan import Plan, is_first
from sync.exceptions import ObjectBusy
from sync.models import State
from sync.models.database import alias
from sync.models.identity import object_id_of
from sync.secrets import trace
from sync.types import Lane, Outcome, OutcomeKind, Verb, Wanted

logger = logging.getLogger("crudsync.drain")

LOCKED_S = 5.0
"""When a row is looked at again that somebody had locked: a long transaction is no reason for a storm of reads."""

SHOWING = (Verb.CREATE, Verb.UPDATE, Verb.READ)


def follow(plan: Plan, verb: Verb, outcome: Outcome) -> None:
    """Do at home what follows from a success at the remote.

    A row that was created at the remote first is inserted; one that was asked to go is removed; fields mapped ``IN`` or
    ``BOTH`` are written back.
    """
    if is_first(plan.claim):
        if verb is Verb.CREATE:
            insert(plan, outcome)
    elif verb is Verb.DELETE:
        remove(plan)
    elif verb in SHOWING:
        write_back(plan, outcome)


def insert(plan: Plan, outcome: Outcome | None = None) -> None:
    """Insert the row of an object that was created at the remote first, and give its binding the row's key."""
    using = alias()
    unit: Any = plan.unit
    if outcome is None:
        seen = json.loads(plan.claim.seen) if plan.claim.seen else None
        outcome = Outcome(kind=OutcomeKind.OK, remote_id=plan.claim.remote_id, data=seen)
    with transaction.atomic(using=using):
        row = unit.create_row(outcome)
        if not bindings.name_row(plan.claim.id, object_id_of(row.pk), **look(plan)):
            raise ObjectBusy(f"another worker has inserted the row of {plan.claim.name}")
    announcing.inserted(plan, object_id_of(row.pk), outcome)


def remove(plan: Plan) -> None:
    """Remove the local row of an object that was asked to go."""
    if plan.claim.wanted == Wanted.DELETE and plan.instance is not None:
        with transaction.atomic(using=alias()):
            plan.unit.delete_row()
            bindings.end(plan.claim)


def write_back(plan: Plan, outcome: Outcome) -> bool:
    """Write the fields mapped ``IN`` or ``BOTH`` where they still have the values that the payload step read.

    Never the key, and never over a newer local edit: a row that somebody has locked, or that has changed, is left
    alone and asked for a verifying read.

    Returns:
        Whether anything was written.
    """
    values, before = _differing(plan, outcome)
    if not values:
        return False
    if _written(plan, before, values):
        return True
    bindings.verify(plan.claim, after_s=LOCKED_S)
    return False


def awaits(plan: Plan, verb: Verb, outcome: Outcome, row: Settlement) -> Settlement:
    """Return a settlement that asks for a verifying read where a write-back follows: its process may end in between.

    The write-back takes that back as it commits. After a doubt there is a look to come anyway.
    """
    settled = outcome.ok and row.state == State.SYNCED and row.due_s is None
    if not settled or verb not in SHOWING or plan.claim.uncertain or not plan.spec.can_read:
        return row
    try:
        values, _ = _differing(plan, outcome)
    except Exception as error:  # noqa: BLE001 - the host's code; it is called again for the write-back itself
        logger.debug("what is to be written back for %s cannot be told\n%s", plan.claim.name, trace(error))
        return row
    return replace(row, due_s=LOCKED_S, wanted=Wanted.VERIFY, lane=Lane.RETRY) if values else row


def _differing(plan: Plan, outcome: Outcome) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values that the row does not have, by field, and those that it has."""
    if plan.instance is None or plan.unit is None or not plan.unit.writes_back():
        return {}, {}
    values: dict[str, Any] = plan.unit.write_back_values(outcome)
    before = {name: getattr(plan.instance, name) for name in values}
    return {name: value for name, value in values.items() if before[name] != value}, before


def _written(plan: Plan, before: dict[str, Any], changed: dict[str, Any]) -> bool:
    using = alias()
    instance: Any = plan.instance
    rows = type(instance)._base_manager.using(using).filter(pk=instance.pk)
    features = connections[using].features
    with transaction.atomic(using=using):
        locked = rows
        if features.has_select_for_update:
            locked = rows.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
        row = locked.first()
        if row is None or any(getattr(row, name) != before[name] for name in changed):
            return False
        with outbox.quiet():  # what came from the remote is no change for it
            rows.update(**changed)
        bindings.rest(plan.claim)
    return True
