"""The two tables played through for one object, without a database: thousands of steps a second."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from sync.bindings.rows import Claimed, Settlement
from sync.drain import attempt as attempts
from sync.drain.decide import AWAITED, decide
from sync.drain.facts import facts_of
from sync.drain.intent import Intent
from sync.drain.plan import Plan
from sync.drain.settling import case_of, ruling, without_call
from sync.drain.verdict import judge
from sync.models import State
from sync.types import Lane, Outcome, OutcomeKind, RetryPolicy, Verb, Wanted
from tests.drain.memory import Type

ROUNDS = 60
POLICY = RetryPolicy(attempts=3, base_delay=1.0, max_delay=2.0, max_age=0.0)
STUCK = (State.HELD, State.DEAD, State.IN_DOUBT)

APPLIED = {"none": True, "lost after": True, "500 after": True}
KINDS = {
    "none": OutcomeKind.OK,
    "lost before": OutcomeKind.UNKNOWN,
    "lost after": OutcomeKind.UNKNOWN,
    "lands late": OutcomeKind.UNKNOWN,
    "500 after": OutcomeKind.UNKNOWN,
    "503": OutcomeKind.UNAVAILABLE,
    "429": OutcomeKind.THROTTLED,
    "refused": OutcomeKind.REFUSED,
    "forbidden": OutcomeKind.FORBIDDEN,
    "not sent": OutcomeKind.NOT_SENT,
    "no token": OutcomeKind.NO_TOKEN,
}
EVENTS = (
    "edit",
    "edit",
    "save",
    "delete",
    "verify",
    "push",
    "changed there",
    "gone there",
    "pass",
    "die before",
    "die after",
)


class Unit:
    def deadline_s(self) -> float:
        return 10.0


@dataclass
class World:
    """One row, its binding, and the remote."""

    spec: Type
    row: int | None = 0
    now: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    late: list[Callable[[], Any]] = field(default_factory=list)
    made: int = 0
    calls: int = 0
    binding: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        empty = dict.fromkeys(("remote_id", "remote_version", "sent", "seen", "intent"))
        counts = {"wanted": 0, "seq": 1, "attempts": 0, "lane": Lane.LIVE}
        self.binding = {**empty, **counts, "uncertain": "", "state": State.PENDING, "code": "", "due": "now"}

    # --- the binding ---

    def fold(self, wanted: int = Wanted.AUTO) -> None:
        """A change, or a request, as intake folds it."""
        b = self.binding
        b["seq"] += 1
        b["lane"] = min(b["lane"], Lane.LIVE) if b["due"] else Lane.LIVE
        b["wanted"] = max(b["wanted"], wanted)
        if b["state"] == State.IN_DOUBT:
            return
        if b["state"] in (State.HELD, State.DEAD):
            b["attempts"] = 0
        b["due"] = "now" if b["state"] in (State.HELD, State.SYNCED, State.ABSENT) or not b["due"] else b["due"]
        if b["state"] in (State.DEAD, State.HELD, State.SYNCED, State.ABSENT):
            b["state"], b["code"] = State.PENDING, ""

    def claim(self) -> Claimed:
        names = (
            "remote_id",
            "remote_version",
            "sent",
            "seen",
            "intent",
            "wanted",
            "seq",
            "attempts",
            "lane",
            "uncertain",
        )
        values = {name: self.binding[name] for name in names}
        named = {"id": 1, "connection_id": 1, "object_type": "group", "object_id": "1", "model": "auth.group"}
        rest = {"lease_token": 1, "claims": 1, "snapshot": None, "waits_for": "", "actor": "", "lone": False}
        until = self.now + dt.timedelta(seconds=20)
        return Claimed(**named, **values, **rest, dirty_since=self.now, now=self.now, until=until)

    def settle(self, row: Settlement) -> None:
        b = self.binding
        changed = b["seq"] != row.claim.seq
        for name in ("remote_id", "remote_version", "sent", "seen", "uncertain", "intent", "attempts", "state", "code"):
            b[name] = getattr(row, name)
        b["due"] = None if row.due_s is None else "now" if row.due_s == 0 else "later"
        if not changed:
            b["wanted"], b["lane"] = row.wanted, row.lane
        elif row.again:
            b |= {"state": State.PENDING, "code": "", "due": "now"}

    # --- the drain ---

    def plan(self) -> Plan:
        claim, present = self.claim(), self.row is not None
        payload = {"value": self.row} if present else None
        text = json.dumps(payload, separators=(",", ":")) if present else None
        intent = Intent.parse(claim.intent)
        keep = not present and self.spec.on_delete == "keep"
        equal = present and text == claim.sent
        facts = facts_of(claim, self.spec, intent, present=present, keep=keep, equal=equal)
        return Plan(
            claim=claim,
            spec=self.spec,
            decision=decide(facts),
            unit=Unit(),
            payload=payload,
            text=text,
            intent=intent,
            keep=keep,
        )

    def step(self, fault: str, *, die: str = "", edit: bool = False) -> None:
        """One claim: nothing, or one call and its answer, which may be lost together with its worker."""
        if self.binding["due"] != "now":
            return
        plan = self.plan()
        if not plan.decision.action.calls:
            self.settle(without_call(plan))
            return
        item = attempts.attempt(plan)
        noted = attempts.mark(item)
        self.binding |= {"uncertain": noted.uncertain, "intent": noted.intent}
        if die == "before":
            return
        self.calls += 1
        outcome = self.answered(item, fault)
        if die == "after":
            return
        if edit:
            self.edit()
        verdict = judge(case_of(item, outcome), outcome.kind)
        self.settle(ruling(item, outcome, verdict, POLICY).settlement)

    def edit(self) -> None:
        self.row = (self.row or 0) + 1
        self.fold()

    # --- the remote ---

    def answered(self, item: Any, fault: str) -> Outcome:
        if fault == "lands late" and item.verb.writes:
            self.late.append(lambda: self.apply(item))
        answer = self.apply(item) if APPLIED.get(fault) else None
        if fault == "none":
            assert answer is not None
            return answer
        code = 500 if fault == "500 after" else 0
        return Outcome(kind=KINDS[fault], code=fault.replace(" ", "_"), status_code=code)

    def apply(self, item: Any) -> Outcome:
        call = item.call
        if call.verb is Verb.CREATE:
            return self.shown(self.create(call))
        if call.verb is Verb.LOOKUP:
            found = [{"id": id_, **value} for id_, value in self.objects.items()]
            return Outcome(kind=OutcomeKind.OK, items=found, remote_id=found[0]["id"] if found else None)
        if call.remote_id not in self.objects and not (call.verb is Verb.UPDATE and self.spec.client_id):
            return Outcome(kind=OutcomeKind.NOT_FOUND, code="404", status_code=404)
        if call.verb is Verb.DELETE:
            del self.objects[call.remote_id]
            return Outcome(kind=OutcomeKind.OK, status_code=204)
        if call.verb is Verb.UPDATE:
            self.objects[call.remote_id] = dict(call.payload)
        return self.shown(call.remote_id)

    def create(self, call: Any) -> str:
        if self.spec.keyed and call.key in self.keys:
            return self.keys[call.key]
        self.made += 1
        made = "o1" if self.spec.client_id else f"r{self.made}"
        self.objects[made] = dict(call.payload)
        self.keys[call.key] = made
        return made

    def shown(self, remote_id: str) -> Outcome:
        data = {"id": remote_id, **self.objects.get(remote_id, {})}
        return Outcome(kind=OutcomeKind.OK, status_code=200, remote_id=remote_id, data=data)

    # --- time ---

    def time_passes(self) -> None:
        """Nothing of before is under way any more, leases have ended, and whatever waited is due."""
        while self.late:
            self.late.pop(0)()
        self.now += dt.timedelta(seconds=120)
        if self.binding["due"]:
            self.binding["due"] = "now"

    def retries_come_due(self) -> None:
        if self.binding["due"] and self.binding["uncertain"] not in AWAITED:
            self.binding["due"] = "now"

    def rests(self) -> None:
        for _ in range(ROUNDS):
            if not self.binding["due"]:
                return
            self.time_passes()
            self.step("none")
        raise AssertionError(f"it does not come to rest: {self.binding}")

    def asks_a_person(self) -> None:
        b = self.binding
        self.time_passes()  # who decides waits until nothing is under way
        if b["state"] == State.IN_DOUBT:
            assert not self.spec.can_lookup
            assert self.spec.on_uncertain != "retry"
            assert len(self.objects) <= 1, "doubled"
            found = next(iter(self.objects), None)
            b |= {"uncertain": "", "intent": None, "remote_id": found, "sent": None, "state": State.PENDING}
            b |= {"attempts": 0, "due": "now", "code": ""}
        elif b["state"] in STUCK:
            self.fold(Wanted.PUSH)


MODES = {
    "keyed": {"key_ttl": 1e9},
    "our ids": {"keyed": False, "client_id": True},
    "looked up": {"keyed": False, "can_lookup": True},
    "keyed and looked up": {"key_ttl": 1e9, "can_lookup": True},
    "held": {"keyed": False},
    "retried": {"keyed": False, "on_uncertain": "retry"},
}

steps = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.sampled_from([*KINDS, "none", "none", "none"]), st.booleans(), st.booleans()),
    max_size=40,
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("on_delete", ["delete", "keep"])
@settings(max_examples=120)
@given(events=steps)
def test_once_the_faults_stop_one_object_is_equal_on_both_sides(
    mode: str, on_delete: str, events: list[tuple[str, str, bool, bool]]
) -> None:
    world = World(spec=replace(Type(), on_delete=on_delete, **MODES[mode]))  # type: ignore[arg-type]
    unsure = mode in ("held", "retried")
    note(f"{mode}, {on_delete}: {events}")
    for event, fault, edit, wait in events:
        happen(world, event)
        if wait:
            world.retries_come_due()
        kind = "none" if unsure and fault == "500 after" else fault  # where nothing can tell, a 500 is a refusal
        world.step(
            kind, die=event.removeprefix("die ") if event.startswith("die") else "", edit=edit and world.row is not None
        )
        b = world.binding
        assert b["due"] or b["state"] in (State.SYNCED, State.ABSENT) or b["code"], "it ends in silence"
    world.rests()
    world.asks_a_person()
    world.rests()
    agree(world, doubled=mode == "retried")


def happen(world: World, event: str) -> None:
    known = world.binding["remote_id"] in world.objects
    if event == "edit":
        world.edit()
    elif event == "save":
        world.fold()
    elif event == "delete":
        world.row = None
        world.fold()
    elif event in ("verify", "push"):
        world.fold(Wanted[event.upper()])
    elif event == "changed there" and known:
        world.objects[world.binding["remote_id"]]["value"] = -1
        world.fold(Wanted.VERIFY)
    elif event == "gone there" and known and not world.late:  # else one that lands makes what nobody asks for
        del world.objects[world.binding["remote_id"]]
        world.fold(Wanted.VERIFY)
    elif event == "pass":
        world.time_passes()


def agree(world: World, *, doubled: bool) -> None:
    b = world.binding
    assert b["state"] in (State.SYNCED, State.ABSENT), b
    left = b["code"] == "left"
    if world.row is None:
        assert left or doubled or not world.objects, (b, world.objects)
        assert not left or world.spec.on_delete == "keep"
        return
    assert world.objects[b["remote_id"]]["value"] == world.row, (b, world.objects)
    assert doubled or len(world.objects) == 1, (b, world.objects)
    assert (b["uncertain"], b["intent"], b["wanted"], b["attempts"]) == ("", None, Wanted.AUTO, 0)
