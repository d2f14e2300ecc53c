"""Payload: what is to be done for each claimed object, with its payload built and its hooks run."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError

from sync import bindings, operations, registry
from sync.bindings.parents import Parent
from sync.bindings.rows import Claimed
from sync.connectors.codec import dumps
from sync.drain import journey, newer, rows
from sync.drain.decide import LATE_DELETE, LONE_CLAIMS, Action, Decision, Facts, decide
from sync.drain.intent import Intent
from sync.exceptions import CrudSyncError, ObjectBusy, ParentNotSynced, PayloadError
from sync.models import Connection, State
from sync.registry import model_label
from sync.secrets import trace
from sync.types import Lane, RateLimit, Verb, Wanted

if TYPE_CHECKING:
    from django.db.models import Model

    from sync.types import ObjectTypeSpec

logger = logging.getLogger("crudsync.drain")

STUCK: Mapping[str, str] = {
    State.DEAD: "dead",
    State.HELD: "held",
    State.IN_DOUBT: "held in doubt",
    State.ABSENT: "not meant for the remote",
}
"""States of a parent that end only by somebody's doing."""

AGAIN_S = 5.0
"""When an object is read again whose hook met a database that was away."""

HOPS = 10
"""How far a chain of waiting parents is followed when looking for a cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done for one claimed object.

    ``unit`` is the integrator instance that speaks for it; ``payload`` and ``text`` (canonical JSON) are None where
    there is no row in scope. ``waits_for`` names a parent that must go first. ``partial`` says that a reference was
    sent null, so the object stays due. ``error`` is why its payload could not be built.
    """

    claim: Claimed
    spec: ObjectTypeSpec
    decision: Decision
    unit: Any = None
    instance: Model | None = None
    payload: Mapping[str, Any] | None = None
    text: str | None = None
    intent: Intent | None = None
    waits_for: str = ""
    partial: bool = False
    keep: bool = False
    error: CrudSyncError | None = None

    @property
    def present(self) -> bool:
        """Whether there is a local row in this account's scope."""
        return self.payload is not None


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
        self._waiting: dict[str, str] = {}
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
        self._waiting = {}
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
        parents = self._parents([claim], units) if unit.instance is not None else {}
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

    def _parents(self, claims: Sequence[Claimed], units: Mapping[int, tuple[Any, Model]]) -> dict[str, Parent]:
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
        return bindings.remote_ids(self.connection.pk, wanted) if wanted else {}

    def _plan(self, claim: Claimed, unit: tuple[Any, Model] | None, parents: dict[str, Parent]) -> Plan:
        if what := newer.unknown(claim, self.types):
            return self._put_off(claim, what)
        spec = self.types[claim.object_type]
        if crashing(claim):  # its row is not even read: whatever it does to a worker, it did it often enough
            decision = Decision(action=Action.CRASHED, code="crash_loop")
            return Plan(claim=claim, spec=spec, decision=decision)
        try:
            return self._known(claim, spec, unit, parents)
        except ParentNotSynced as error:
            return self._waits(claim, spec, error.parent, unit)
        except CrudSyncError as error:
            return self._failed(claim, spec, error)
        except (OperationalError, InterfaceError):  # a hook's own query: no fault of the object, and it will pass
            logger.warning("the database was away while %s %s was read", claim.object_type, claim.object_id)
            decision = Decision(action=Action.LATER, after_s=AGAIN_S, code="database_away")
            return Plan(claim=claim, spec=spec, decision=decision)
        except Exception as error:  # noqa: BLE001 - a hook of the host's; it holds its own object only
            logger.error(  # noqa: TRY400 - an exception's own text and frames may hold a secret
                "a hook failed for %s %s\n%s", claim.object_type, claim.object_id, trace(error)
            )
            wrapped = PayloadError(f"{type(error).__name__} in a hook", hint="see the worker's log")
            return self._failed(claim, spec, wrapped)

    def _put_off(self, claim: Claimed, what: str) -> Plan:
        hint = "a newer version wrote it, or the code that knew it was removed"
        error = ObjectBusy(f"This worker does not know {what}.", code=newer.CODE, hint=hint)
        decision = Decision(action=Action.LATER, after_s=newer.pause_s(claim), code=newer.CODE)
        spec: Any = self.types.get(claim.object_type)
        return Plan(claim=claim, spec=spec, decision=decision, error=error)

    def _known(
        self, claim: Claimed, spec: ObjectTypeSpec, unit: tuple[Any, Model] | None, parents: dict[str, Parent]
    ) -> Plan:
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
        facts = self._facts(claim, spec, intent, present=False, keep=keep, equal=False)
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
        facts = self._facts(claim, spec, intent, present=True, keep=False, equal=claim.remote_id is not None)
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

    def _present(
        self, claim: Claimed, spec: ObjectTypeSpec, unit: tuple[Any, Model], parents: dict[str, Parent]
    ) -> Plan:
        speaker, instance = unit
        if claim.wanted == Wanted.DELETE:  # no payload, no parent is needed for that
            intent = Intent.parse(claim.intent)
            facts = self._facts(claim, spec, intent, present=False, keep=False, equal=False)
            return Plan(claim=claim, spec=spec, decision=decide(facts), unit=speaker, instance=instance, intent=intent)
        ids: dict[str, str | None] = {}
        partial = ""
        for parent, name in self._references(spec, speaker):
            there = parents.get(name)
            ids[parent.target] = there.remote_id if there else None
            if ids[parent.target] is not None:
                continue
            if parent.nullable and self._cyclic(claim, name, parents):
                partial = name
                continue
            if there is not None and there.state in STUCK:
                return self._held_for(claim, spec, name, there.state)
            return self._waits(claim, spec, name, unit)
        payload = speaker.build_payload(ids)
        text = dumps(payload)
        intent = Intent.parse(claim.intent)
        facts = self._facts(claim, spec, intent, present=True, keep=False, equal=text == claim.sent)
        return Plan(
            claim=claim,
            spec=spec,
            decision=decide(facts),
            unit=speaker,
            instance=instance,
            payload=payload,
            text=text,
            intent=intent,
            waits_for=partial,
            partial=bool(partial),
        )

    def _waits(self, claim: Claimed, spec: ObjectTypeSpec, parent: str, unit: tuple[Any, Model] | None) -> Plan:
        self._waiting[claim.name] = parent
        decision = Decision(action=Action.LATER, code="waits_for_parent")
        speaker, instance = unit or (None, None)
        return Plan(claim=claim, spec=spec, decision=decision, unit=speaker, instance=instance, waits_for=parent)

    @staticmethod
    def _held_for(claim: Claimed, spec: ObjectTypeSpec, name: str, state: str) -> Plan:
        """A parent that nobody is at work on: its success, or an edit of the child, brings it back."""
        error = ParentNotSynced(f"Its parent {name} is {STUCK[state]}.", parent=name, code=f"parent_{state}")
        decision = Decision(action=Action.HOLD, code=error.code)
        return Plan(claim=claim, spec=spec, decision=decision, waits_for=name, error=error)

    def _references(self, spec: ObjectTypeSpec, speaker: Any) -> list[tuple[Any, str]]:
        if not spec.parents:
            return []
        ids = speaker.parent_ids()
        found = [(parent, ids.get(parent.target)) for parent in spec.parents]
        return [(parent, f"{parent.via}:{object_id}") for parent, object_id in found if object_id is not None]

    def _cyclic(self, claim: Claimed, name: str, parents: dict[str, Parent]) -> bool:
        """Whether the parent waits, over however many steps, for this very object."""
        for _ in range(HOPS):
            there = parents.get(name)
            ahead = self._waiting.get(name) or (there.waits_for if there else "")
            if claim.name in (name, ahead):
                return True
            if not ahead:
                return False
            if ahead not in parents:
                object_type, _, object_id = ahead.partition(":")
                parents.update(bindings.remote_ids(self.connection.pk, {object_type: {object_id}}))
            name = ahead
        return False

    def _facts(
        self, claim: Claimed, spec: ObjectTypeSpec, intent: Intent | None, *, present: bool, keep: bool, equal: bool
    ) -> Facts:
        now = claim.now.timestamp()
        young = intent is not None and now - intent.at < spec.key_ttl
        return Facts(
            present=present,
            keep=keep,
            bound=claim.remote_id is not None,
            uncertain=claim.uncertain,
            wanted=claim.wanted,
            equal=equal,
            replayable=intent is not None and (spec.client_id or (spec.keyed and young)),
            can_look=spec.can_lookup and intent is not None,
            must_look=bool(intent and intent.look),
            can_read=spec.can_read,
            sent_times=intent.times if intent else 0,
            look_in_s=intent.until + spec.lookup_lag - now if intent else 0.0,
            retry_doubt=spec.on_uncertain == "retry",
            hurried=claim.lane != Lane.RETRY,
            deleted=claim.uncertain == LATE_DELETE and claim.sent is None,
        )

    def _failed(self, claim: Claimed, spec: ObjectTypeSpec, error: CrudSyncError) -> Plan:
        decision = Decision(action=Action.HOLD, code=error.code)
        return Plan(claim=claim, spec=spec, decision=decision, error=error)


def is_first(claim: Claimed) -> bool:
    """Return whether an object was created at the remote first, and has no row yet."""
    return claim.object_id.startswith(bindings.FIRST)


def is_rowless(claim: Claimed) -> bool:
    """Return whether a binding stands for a remote object that has no row here."""
    return claim.object_id.startswith(bindings.ROWLESS)


def crashing(claim: Claimed) -> bool:
    """Return whether an object was claimed alone too often, each time without a settlement."""
    return claim.lone and claim.claims - 1 > LONE_CLAIMS


def parent_model(spec: ObjectTypeSpec) -> str:
    """Return the label under which bindings of this type are made."""
    return model_label(spec.model)


def changes(sent: str | None, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the fields that differ from what was last agreed, None where that is unknown: the whole state then."""
    if sent is None:
        return None
    before = json.loads(sent)
    return {name: value for name, value in payload.items() if name not in before or not same(before[name], value)}


def same(before: Any, value: Any) -> bool:
    """Return whether two JSON values are one: in Python 1, 1.0 and True are equal, at a remote they are not."""
    if before != value:
        return False
    return isinstance(value, str) or value is None or dumps(before) == dumps(value)


def _by_type(claims: Sequence[Claimed]) -> dict[str, list[Claimed]]:
    groups: dict[str, list[Claimed]] = {}
    for claim in claims:
        groups.setdefault(claim.object_type, []).append(claim)
    return groups
