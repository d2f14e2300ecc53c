"""What is to be done for each claimed object, with its payload built and its hooks run."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError

from sync import operations, registry
from sync.bindings.rows import Claimed
from sync.connectors.codec import dumps
from sync.drain import journey, newer, rows
from sync.drain.decide import LONE_CLAIMS, Action, Decision, decide
from sync.drain.facts import facts_of
from sync.drain.intent import Intent
from sync.drain.parents import Parents
from sync.drain.plan import Plan, is_first, is_rowless
from sync.exceptions import CrudSyncError, ObjectBusy, ParentNotSynced, PayloadError
from sync.models import Connection
from sync.secrets import trace
from sync.types import RateLimit, Verb, Wanted

if TYPE_CHECKING:
    from django.db.models import Model

    from sync.types import ObjectTypeSpec

logger = logging.getLogger("crudsync.drain")

AGAIN_S = 5.0
"""When an object is read again whose hook met a database that was away."""


class Planner:
    """Builds the plans of one claim. No transaction is open while hooks run.

    Args:
        connection: the account; its integrator must be registered.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.integrator: Any = registry.get(connection.integrator)
        self.types: Mapping[str, ObjectTypeSpec] = self.integrator.types()
        self.took_s: dict[int, float] = {}
        """How long each plan of the last claim took to build, by binding id."""
        self._broken: dict[int, Exception] = {}
        self._speaker: Any = None
        self._limits: list[tuple[RateLimit, ...]] | None = None

    def build(self, claims: Sequence[Claimed]) -> list[Plan]:
        """Return one plan for each claim, in the same order."""
        operations.close_leftovers([claim.id for claim in claims if claim.lone])
        self._broken = {}
        units: dict[int, tuple[Any, Model]] = {}
        known: list[Claimed] = []
        for object_type, members in _by_type([claim for claim in claims if not crashing(claim)]).items():
            spec = self.types.get(object_type)
            if spec is None:
                continue
            known.extend(members)
            units.update(self._made(spec, members))
        parents = self._parents(known, units)
        plans, self.took_s = [], {}
        for claim in claims:
            began = time.monotonic()
            with journey.of(claim):
                plans.append(self._plan(claim, units.get(claim.id), parents))
            self.took_s[claim.id] = time.monotonic() - began
        return plans

    def speaker(self) -> Any:
        """Return an integrator instance that speaks for no object in particular."""
        if self._speaker is None:
            self._speaker = self.integrator(next(iter(self.types)), None, self.connection)
        return self._speaker

    def limits(self) -> list[tuple[RateLimit, ...]]:
        """Return what the calls of this account may count against: one set of limits, or several apart."""
        if self._limits is None:
            units = [self.integrator(name, None, self.connection) for name in self.types]
            verbs = (Verb.CREATE, Verb.UPDATE, Verb.DELETE)
            self._limits = list(dict.fromkeys(tuple(unit.limits(verb)) for unit in units for verb in verbs))
        return self._limits

    def plan_for(self, claim: Claimed, unit: Any) -> Plan:
        """Return the plan of one object whose integrator instance the caller made.

        Args:
            claim: the object's binding, under our lease.
            unit: the integrator instance; it has a row, or a payload, or nothing but an id.
        """
        operations.close_leftovers([claim.id] if claim.lone else [])
        units = {claim.id: (unit, unit.instance)}
        self._broken = {}
        parents = self._parents([claim] if unit.instance is not None else [], units)
        with journey.of(claim):
            return self._plan(claim, units[claim.id], parents)

    def _made(self, spec: ObjectTypeSpec, members: Sequence[Claimed]) -> dict[int, tuple[Any, Model]]:
        try:
            return self._units(spec, members)
        except (OperationalError, InterfaceError):  # our own database: the drain ends, the leases run out
            raise
        except Exception as error:  # noqa: BLE001 - the host's code; it concerns this object type alone
            self._broken.update({claim.id: error for claim in members})
            return {}

    def _units(self, spec: ObjectTypeSpec, members: Sequence[Claimed]) -> dict[int, tuple[Any, Model]]:
        found = rows.read(spec, [claim.object_id for claim in members])
        scope, raised = rows.in_scope(spec, found)
        units = {}
        for claim in members:
            if claim.object_id in raised:
                self._broken[claim.id] = raised[claim.object_id]
            elif claim.object_id in scope:
                instance = found[claim.object_id]
                units[claim.id] = (self.integrator(spec.name, instance, self.connection), instance)
        return units

    def _parents(self, claims: Sequence[Claimed], units: Mapping[int, tuple[Any, Model]]) -> Parents:
        wanted: dict[str, set[str]] = {}
        for claim in claims:
            spec = self.types[claim.object_type]
            if not spec.parents or claim.id not in units:
                continue
            try:
                ids = units[claim.id][0].parent_ids()
            except Exception as error:  # noqa: BLE001 - a hook of the host's; raised again where it holds its object
                self._broken[claim.id] = error
                continue
            for parent in spec.parents:
                if (object_id := ids.get(parent.target)) is not None:
                    wanted.setdefault(parent.via, set()).add(object_id)
        return Parents(self.connection.pk, wanted)

    def _plan(self, claim: Claimed, unit: tuple[Any, Model] | None, parents: Parents) -> Plan:
        if what := newer.unknown(claim, self.types):
            return self._put_off(claim, what)
        spec = self.types[claim.object_type]
        if crashing(claim):  # its row is not even read: whatever it does to a worker, it did it often enough
            decision = Decision(action=Action.CRASHED, code="crash_loop")
            return Plan(claim=claim, spec=spec, decision=decision)
        try:
            return self._known(claim, spec, unit, parents)
        except ParentNotSynced as error:
            parents.wait(claim, error.parent)
            return _waits(claim, spec, error.parent, unit)
        except CrudSyncError as error:
            return _failed(claim, spec, error)
        except (OperationalError, InterfaceError):  # a hook's own query: no fault of the object, and it will pass
            logger.warning("the database was away while %s %s was read", claim.object_type, claim.object_id)
            decision = Decision(action=Action.LATER, after_s=AGAIN_S, code="database_away")
            return Plan(claim=claim, spec=spec, decision=decision)
        except Exception as error:  # noqa: BLE001 - a hook of the host's; it holds its own object only
            logger.error(  # noqa: TRY400 - an exception's own text and frames may hold a secret
                "a hook failed for %s %s\n%s", claim.object_type, claim.object_id, trace(error)
            )
            wrapped = PayloadError(f"{type(error).__name__} in a hook", hint="see the worker's log")
            return _failed(claim, spec, wrapped)

    def _put_off(self, claim: Claimed, what: str) -> Plan:
        hint = "a newer version wrote it, or the code that knew it was removed"
        error = ObjectBusy(f"This worker does not know {what}.", code=newer.CODE, hint=hint)
        decision = Decision(action=Action.LATER, after_s=newer.pause_s(claim), code=newer.CODE)
        spec: Any = self.types.get(claim.object_type)
        return Plan(claim=claim, spec=spec, decision=decision, error=error)

    def _known(self, claim: Claimed, spec: ObjectTypeSpec, unit: tuple[Any, Model] | None, parents: Parents) -> Plan:
        if claim.id in self._broken:
            raise self._broken[claim.id]
        if is_first(claim):
            return self._first(claim, spec, unit[0] if unit else None)
        if is_rowless(claim):
            return self._rowless(claim, spec, unit[0] if unit else None)
        if unit is None or not self._routed(*unit):
            return self._absent(claim, spec, unit)
        return self._present(claim, spec, unit, parents)

    def _routed(self, unit: Any, instance: Model) -> bool:
        names = unit.route(instance)
        return names is None or self.connection.name in names

    def _absent(self, claim: Claimed, spec: ObjectTypeSpec, unit: tuple[Any, Model] | None) -> Plan:
        left = unit is not None or self._row_exists(claim, spec)
        keep = (spec.on_leave if left else spec.on_delete) == "keep" and claim.wanted != Wanted.DELETE
        speaker = self.integrator(spec.name, None, self.connection)
        intent = Intent.parse(claim.intent)
        facts = facts_of(claim, spec, intent, present=False, keep=keep, equal=False)
        return Plan(claim=claim, spec=spec, decision=decide(facts), unit=speaker, intent=intent, keep=keep)

    def _first(self, claim: Claimed, spec: ObjectTypeSpec, unit: Any) -> Plan:
        """An object created at the remote first: its payload is the caller's, or that of its intent."""
        intent = Intent.parse(claim.intent)
        body = json.loads(claim.sent) if claim.sent else dict(intent.body) if intent else None
        if unit is None:
            unit = self.integrator(spec.name, body, self.connection)
        if body is None or (claim.remote_id is None and intent is None):
            body = unit.build_payload({})
        else:
            unit.data = body
        facts = facts_of(claim, spec, intent, present=True, equal=claim.remote_id is not None)
        return Plan(
            claim=claim,
            spec=spec,
            decision=decide(replace(facts, wanted=Wanted.AUTO)),
            unit=unit,
            payload=body,
            text=dumps(body),
            intent=intent,
        )

    def _rowless(self, claim: Claimed, spec: ObjectTypeSpec, unit: Any) -> Plan:
        """A remote object without a row here: only what a caller asks for is done, nothing on the worker's own."""
        speaker = unit if unit is not None else self.integrator(spec.name, None, self.connection)
        if claim.wanted == Wanted.DELETE:
            return Plan(claim=claim, spec=spec, decision=Decision(action=Action.DELETE), unit=speaker)
        if unit is None:
            return Plan(claim=claim, spec=spec, decision=Decision(action=Action.NOTHING), unit=speaker)
        payload = unit.build_payload({})
        decision = Decision(action=Action.UPDATE, whole=True)
        return Plan(claim=claim, spec=spec, decision=decision, unit=unit, payload=payload, text=dumps(payload))

    def _row_exists(self, claim: Claimed, spec: ObjectTypeSpec) -> bool:
        return spec.on_leave != spec.on_delete and bool(rows.read(spec, [claim.object_id]))

    def _present(self, claim: Claimed, spec: ObjectTypeSpec, unit: tuple[Any, Model], parents: Parents) -> Plan:
        speaker, instance = unit
        if claim.wanted == Wanted.DELETE:  # no payload, no parent is needed for that
            intent = Intent.parse(claim.intent)
            facts = facts_of(claim, spec, intent, present=False, equal=False)
            return Plan(claim=claim, spec=spec, decision=decide(facts), unit=speaker, instance=instance, intent=intent)
        references = parents.references(claim, spec, speaker)
        if references.stuck is not None:
            return _failed(claim, spec, references.stuck, waits_for=references.waits_for)
        if references.waits_for:
            parents.wait(claim, references.waits_for)
            return _waits(claim, spec, references.waits_for, unit)
        payload = speaker.build_payload(references.ids)
        text = dumps(payload)
        intent = Intent.parse(claim.intent)
        facts = facts_of(claim, spec, intent, present=True, equal=text == claim.sent)
        return Plan(
            claim=claim,
            spec=spec,
            decision=decide(facts),
            unit=speaker,
            instance=instance,
            payload=payload,
            text=text,
            intent=intent,
            waits_for=references.later,
            partial=bool(references.later),
        )


def crashing(claim: Claimed) -> bool:
    """Return whether an object was claimed alone too often, each time without a settlement."""
    return claim.lone and claim.claims - 1 > LONE_CLAIMS


def _by_type(claims: Sequence[Claimed]) -> dict[str, list[Claimed]]:
    groups: dict[str, list[Claimed]] = {}
    for claim in claims:
        groups.setdefault(claim.object_type, []).append(claim)
    return groups


def _waits(claim: Claimed, spec: ObjectTypeSpec, parent: str, unit: tuple[Any, Model] | None) -> Plan:
    decision = Decision(action=Action.LATER, code="waits_for_parent")
    speaker, instance = unit or (None, None)
    return Plan(claim=claim, spec=spec, decision=decision, unit=speaker, instance=instance, waits_for=parent)


def _failed(claim: Claimed, spec: ObjectTypeSpec, error: CrudSyncError, waits_for: str = "") -> Plan:
    decision = Decision(action=Action.HOLD, code=error.code)
    return Plan(claim=claim, spec=spec, decision=decision, waits_for=waits_for, error=error)
