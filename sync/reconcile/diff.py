"""What one object is here, what was agreed, and what it is at the remote now: for a person who looks."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sync import bindings, registry
from sync.connectors.classify import excerpt
from sync.connectors.pagination import at
from sync.drain.plan import Plan
from sync.drain.planner import Planner
from sync.exceptions import (
    ConfigurationError,
    CrudSyncError,
    DeliveryUnknown,
    NotFound,
    NotSent,
    ObjectBusy,
    ParentNotSynced,
    PayloadError,
    RateLimitExceeded,
    RemoteError,
    ServerError,
    Throttled,
    Unauthorized,
)
from sync.integrators.values import json_value
from sync.models import Binding
from sync.models.clock import now
from sync.models.database import alias
from sync.reconcile.compare import DRIFT, MISSING, Compared, Inward, Verdict, compare
from sync.reconcile.peek import PAUSED, Peek, peek
from sync.secrets import without_secrets
from sync.types import Outcome, type_json

WAIT_S = 2.0
BUDGET_S = 8.0
LONGEST = 2000
"""Of a value, in characters."""

MOST = 200
"""Fields at the most; what a remote shows beyond them is counted, not shown."""


class Trouble(StrEnum):
    """Why the remote's side is not known."""

    NONE = ""
    NOT_BOUND = "not_bound"  # there is nothing to look at: it has no remote id
    NOT_READABLE = "not_readable"  # can_read=False: this remote shows no single object
    NOT_THERE = "not_there"
    UNAUTHORIZED = "unauthorized"
    LIMITED = "limited"  # no token in time, or the remote asks for a pause
    DOWN = "down"  # it does not answer, or with 5xx
    REFUSED = "refused"  # it answers with another error
    PAUSED = "paused"
    SHUT = "shut"  # the connection's gate: nothing is asked before its time
    WRONG = "wrong"  # the code or the settings are wrong


TROUBLES: tuple[tuple[type[CrudSyncError], Trouble], ...] = (
    (NotFound, Trouble.NOT_THERE),
    (Unauthorized, Trouble.UNAUTHORIZED),
    (RateLimitExceeded, Trouble.LIMITED),
    (Throttled, Trouble.LIMITED),
    (NotSent, Trouble.DOWN),
    (DeliveryUnknown, Trouble.DOWN),
    (ServerError, Trouble.DOWN),
    (RemoteError, Trouble.REFUSED),
    (ConfigurationError, Trouble.WRONG),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: its verdict, and, where values may be shown, each side as JSON text; empty where there is none."""

    name: str
    verdict: Verdict
    direction: str = ""
    ours: str = ""
    agreed: str = ""
    answered: str = ""
    theirs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Both sides of one object.

    ``trouble`` says in a word why theirs is not known, and ``error`` is the typed error behind it (None where nothing
    was asked). ``ours_error`` says why ours cannot be built, empty where it can; ``in_scope`` is False where the object
    is not meant for this account. ``more`` fields of the remote's own were left out. ``took_ms`` is the call's.
    """

    binding: Binding
    remote_id: str | None
    fields: Sequence[Field] = ()
    trouble: Trouble = Trouble.NONE
    error: CrudSyncError | None = None
    ours_error: str = ""
    in_scope: bool = True
    revealed: bool = False
    more: int = 0
    read_at: dt.datetime | None = None
    took_ms: float | None = None

    @property
    def drifted(self) -> list[Field]:
        """The fields in which both sides do not agree."""
        return [field for field in self.fields if field.verdict in DRIFT]

    @property
    def agrees(self) -> bool:
        """Whether both sides are known, and agree."""
        return not self.trouble and not self.ours_error and self.in_scope and not self.drifted

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which it may be asked again, None where nobody said."""
        return getattr(self.error, "retry_after_s", None)


def diff(
    binding: Binding,
    *,
    remote_id: str | None = None,
    reveal: bool = False,
    wait_s: float = WAIT_S,
    budget_s: float = BUDGET_S,
) -> Diff:
    """Read the remote now, and compare it field by field with the row as it would be sent, and with what was agreed.

    One call at the most but for a renewal of credentials, through the integrator's own client, the limiter and the
    guard. Nothing is written, here or there, but a pause that the remote asks for. What the remote says is never
    raised: see ``trouble`` and ``error``.

    Args:
        binding: the object's; one that was never saved has nothing agreed.
        remote_id: look at this object instead, as before an adoption.
        reveal: with values; else with verdicts only. Values of secret names are hidden all the same.
        wait_s: seconds that may be waited for a token.
        budget_s: seconds for everything.
    """
    known_id = remote_id or binding.remote_id
    try:
        plan = _planned(binding)
    except ConfigurationError as wrong:
        return Diff(binding=binding, remote_id=known_id, trouble=Trouble.WRONG, error=wrong)
    unit = _speaker(binding, plan)
    found, trouble, error = _looked(unit, known_id, wait_s, budget_s)
    pairs, more = _compared(binding, plan, unit, found, fresh=remote_id is not None)
    known = found.known if found is not None else ()
    return Diff(
        binding=binding,
        remote_id=known_id,
        fields=[_field(pair, known, reveal=reveal) for pair in pairs],
        trouble=trouble,
        error=error,
        ours_error=_ours_error(plan),
        in_scope=plan.present or bool(plan.error or plan.waits_for),
        revealed=reveal,
        more=more,
        read_at=now(alias()) if found is not None or trouble is Trouble.NOT_THERE else None,
        took_ms=found.took_ms if found is not None else None,
    )


def trouble_of(error: CrudSyncError) -> Trouble:
    """Return the word for an error that a look at the remote met."""
    if isinstance(error, ObjectBusy):
        return Trouble.PAUSED if error.code == PAUSED else Trouble.SHUT
    return next((word for cls, word in TROUBLES if isinstance(error, cls)), Trouble.REFUSED)


def _speaker(binding: Binding, plan: Plan) -> Any:
    """Return the integrator instance that speaks for an object, also where it has no row in scope."""
    if plan.unit is not None and plan.instance is not None:
        return plan.unit
    integrator: Any = registry.get(binding.connection.integrator)
    return integrator(binding.object_type, None, binding.connection)


def _planned(binding: Binding) -> Plan:
    """Ours as the drain would send it: the same code builds it, without a lease."""
    planner = Planner(binding.connection)
    if binding.object_type not in planner.types:
        raise ConfigurationError(
            f"{binding.connection.integrator} has no object type {binding.object_type!r}", code="unknown_object_type"
        )
    return planner.build([bindings.as_claimed(binding)])[0]


def _looked(
    unit: Any, remote_id: str | None, wait_s: float, budget_s: float
) -> tuple[Peek | None, Trouble, CrudSyncError | None]:
    if not remote_id:
        return None, Trouble.NOT_BOUND, None
    if not unit.spec.can_read:
        return None, Trouble.NOT_READABLE, None
    try:
        return peek(unit, remote_id, wait_s=wait_s, budget_s=budget_s), Trouble.NONE, None
    except CrudSyncError as error:
        return None, trouble_of(error), error


def _compared(
    binding: Binding, plan: Plan, unit: Any, found: Peek | None, *, fresh: bool
) -> tuple[list[Compared], int]:
    """``fresh``: it is another remote object than the one that was agreed on."""
    inward, both = _inward(plan, unit, found.outcome if found is not None else None)
    pairs = compare(
        plan.payload,
        None if fresh else binding.sent,
        None if fresh else binding.seen,
        found.outcome.data if found is not None else None,
        inward=inward,
        both=both,
    )
    return pairs[:MOST], max(len(pairs) - MOST, 0)


def _inward(plan: Plan, unit: Any, outcome: Outcome | None) -> tuple[list[Inward], list[str]]:
    """The fields that the remote decides, converted as a write-back would; and the keys that go both ways."""
    mapper = unit.spec.mapper
    both = [mapper.keys[name] for name in mapper.inward_keys if name in mapper.keys]
    if plan.instance is None or outcome is None or not unit.writes_back():
        return [], both
    try:
        values = unit.write_back_values(outcome)
    except PayloadError:  # a value that the field does not take: it is shown as the remote has it
        values = {}
    names = [name for name in {**mapper.inward_keys, **values} if name not in mapper.keys]
    return [_incoming(plan.instance, name, mapper.inward_keys.get(name, name), values, outcome) for name in names], both


def _incoming(instance: Any, name: str, key: str, values: dict[str, Any], outcome: Outcome) -> Inward:
    mine = getattr(instance, name)
    shown = at(outcome.data, key, MISSING)
    theirs = json_value(values[name]) if shown is MISSING and name in values else shown
    return Inward(name=key, ours=json_value(mine), theirs=theirs, same=name in values and values[name] == mine)


def _ours_error(plan: Plan) -> str:
    if plan.error is not None:
        return str(plan.error)
    if plan.waits_for and not plan.present:
        return str(ParentNotSynced(parent=plan.waits_for))
    return ""


def _field(pair: Compared, known: Sequence[str], *, reveal: bool) -> Field:
    sides = ("ours", "agreed", "answered", "theirs") if reveal else ()
    return Field(
        name=excerpt(pair.name, 100, known),
        verdict=pair.verdict,
        direction=pair.direction,
        **{side: _shown(pair.name, getattr(pair, side), known) for side in sides},
    )


def _shown(name: str, value: type_json, known: Sequence[str]) -> str:
    """A value as JSON text without secrets, empty where there is none."""
    if value is MISSING:
        return ""
    try:
        text = json.dumps(without_secrets({name: value})[name], ensure_ascii=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError):  # what a remote answers may nest too deep to be shown
        return "?"
    return excerpt(text, LONGEST, known)
