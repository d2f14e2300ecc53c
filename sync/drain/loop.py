"""The loop of one drain: what is due for one connection, for one time slice, inside a slot."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sync import bindings, conf, ratelimit, registry, tracing, wake
from sync.bindings import Claimed
from sync.correlation.fields import noted
from sync.correlation.origin import parse
from sync.drain import failure, gate, pingpong, slots
from sync.drain.delivery import LATENCY_S, Delivery, Tally
from sync.drain.gate import Pass, Passage
from sync.drain.intake import intake
from sync.drain.interpret import Interpreter
from sync.drain.plan import Plan
from sync.drain.planner import Planner
from sync.drain.recorder import settle
from sync.drain.send import Senders
from sync.drain.settling import too_slow
from sync.exceptions import RateLimitExceeded
from sync.faults import point
from sync.models import Connection
from sync.types import Lane, RateLimit

logger = logging.getLogger("crudsync.drain")

POLL_S = 0.05
ASIDE_EVERY_S = 1.0
CLAIM_FOR_S = 1.0
"""A claim takes about what can be sent in this time: so many are in hand when a worker dies."""
FRESH, FAILED = (Lane.LIVE, Lane.BULK), (Lane.RETRY,)
TENTH = 0.1
"""How often what has failed goes first."""
LONE = 2
"""Of an object with more claims than these at least one lease ran out while it was alone in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a drain did: changes taken in, objects claimed, calls sent, and how the objects fared.

    ``more`` says that something is due still; ``shut`` why nothing was sent, where that is so.
    """

    taken: int = 0
    claimed: int = 0
    calls: int = 0
    succeeded: int = 0
    failed: int = 0
    unchanged: int = 0
    released: int = 0
    seconds: float = 0.0
    more: bool = False
    shut: str = ""

    @property
    def moved(self) -> bool:
        """Whether anything happened that a record should show."""
        return bool(self.taken or self.calls or self.unchanged)


def drain(connection_id: int, *, slice_s: float | None = None, task_id: str = "", wait: bool = True) -> Report:
    """Send what is due for one connection.

    Args:
        connection_id: the connection.
        slice_s: how long to work before giving way, seconds; default: the setting.
        task_id: id of the Celery task, kept on the operations.
        wait: wait inside the slice for what is due before it ends.

    Returns:
        What was done; an unknown or unregistered connection does nothing.
    """
    wake.heard(connection_id)
    if not conf.current().enabled:
        return Report(shut="disabled")
    with noted(task_id=task_id):
        return Drain(connection_id, conf.current().slice_s if slice_s is None else slice_s, task_id, wait=wait).run()


class Drain:
    """One drain at work; see :func:`drain`."""

    def __init__(self, connection_id: int, slice_s: float, task_id: str, *, wait: bool) -> None:
        self.connection_id = connection_id
        self.task_id = task_id
        self.wait = wait
        self.settings = conf.current()
        self.started = time.monotonic()
        self.slice_end = self.started + slice_s
        self.tally = Tally()
        self.shut = ""
        self.next_token_s: float | None = None
        self._renewals = 0
        self._build_s = 0.0
        self._latency_s = self._call_s = LATENCY_S
        self._planner: Planner | None = None
        self._hand: list[Claimed] = []
        self._probing = False
        self._slot: slots.Held | None = None
        self._slot_until = 0.0
        self._aside = False
        self._ask_aside_at = 0.0

    def run(self) -> Report:
        """Intake, then send inside a slot, then look once more."""
        passage = self._enter(rung=True)
        if passage is None:
            return self._report(more=False)
        if passage.let is Pass.SHUT:
            self.shut = "paused" if passage.connection.paused else "gate"
            return self._report(more=False)
        self._slot_until = time.monotonic() + self._slot_s()
        self._slot = slots.take(passage.connection, self._slot_s(), self.task_id)
        if self._slot is None:
            gate.give_back(passage)
            self.shut = "slot"
            return self._report(more=False)
        try:
            with noted(connection=str(passage.connection)):
                self._work(passage)
        except Exception as error:  # ours, a hook's outside an object, a bad deployment's
            failure.failed(self.connection_id, self._hand, error, probing=self._probing)
            raise
        finally:
            slots.give_back(self._slot)
        return self._report(more=self._look_again())

    def _work(self, passage: Passage | None) -> None:
        while passage is not None and passage.let is not Pass.SHUT:
            began = time.monotonic()  # from before the claim: the leases end no earlier than is reckoned here
            self._probing = passage.let is Pass.PROBE
            claimed = self._claim(passage)
            if claimed:
                traces = (parse(claim.origin).traces for claim in claimed)
                with self._planner_for(passage).speaker().writing(), tracing.batch(str(passage.connection), traces):
                    self._deliver(passage, claimed, began)
                self._hand = []
                if self.shut or self.next_token_s is not None:
                    return
            else:
                gate.give_back(passage)
                if not self._wait():
                    return
            if time.monotonic() >= self.slice_end or self._aside or not self._keep_slot():
                return
            passage = self._enter()

    def _keep_slot(self) -> bool:
        """Extend the slot where half of its time is over; False where another drain has it by now."""
        if self._slot is None or time.monotonic() + self._slot_s() / 2 < self._slot_until:
            return True
        self._slot_until = time.monotonic() + self._slot_s()
        return slots.extend(self._slot, self._slot_s())

    def _tick(self, passage: Passage, delivery: Delivery) -> None:
        """Keep the slot while calls are under way; make way for another drain where only a few lag behind."""
        self._keep_slot()
        now = time.monotonic()
        if now < self._ask_aside_at or not delivery.lags:
            return
        self._ask_aside_at = now + ASIDE_EVERY_S
        self._step_aside(passage)

    def _step_aside(self, passage: Passage) -> bool:
        """Leave the slot to another drain; False where one is aside already."""
        if self._slot is None or self._aside:
            return False
        aside = slots.step_aside(self._slot, passage.connection, self._slot_s(), self.task_id)
        if aside is not None:
            self._slot, self._aside = aside, True
            wake.ring([self.connection_id])
        return self._aside

    def _enter(self, *, rung: bool = False) -> Passage | None:
        """Take in what came, and ask the gate; None where the connection is not one of this process."""
        connections = registry.ensure_connections()
        self._intake(connections, rung=rung)
        mine = next((row for row in connections if row.pk == self.connection_id), None)
        return None if mine is None else gate.passage(mine, self._lease_s())

    def _intake(self, connections: Sequence[Connection] | None = None, *, rung: bool = False) -> None:
        taken, touched = intake(connections, rung=rung)
        self.tally.taken += taken
        wake.ring(touched - {self.connection_id})

    def _claim(self, passage: Passage) -> list[Claimed]:
        """Lease what is due: what has failed apart from the rest, so that nothing healthy waits for it."""
        self._planner_for(passage)
        if passage.let is Pass.PROBE:
            self._hand = bindings.claim(self.connection_id, 1, self._lease_s(), probe=True)
        else:
            limit = self._batch(passage)
            for lanes in (FAILED,) if self._turn_of_failed(passage) else (FRESH, FAILED):
                self._hand = bindings.claim(self.connection_id, limit, self._lease_s(), lanes=lanes)
                if self._hand:
                    break
            if self._hand and self._hand[0].lone and self._hand[0].claims > LONE:
                self._step_aside(passage)  # it may well do again what it did to those drains
        self.tally.claimed += len(self._hand)
        point("claimed")
        return self._hand

    def _turn_of_failed(self, passage: Passage) -> bool:
        """Now and then what has failed goes before the rest, aside: it would wait for ever behind a long queue."""
        turn = random.random() < TENTH and bindings.is_due(self.connection_id, Lane.RETRY)  # noqa: S311 - chance
        return turn and self._step_aside(passage)

    def _batch(self, passage: Passage) -> int:
        """No more than threads, hooks and tokens can do in about a second, or in what is left of the slice."""
        left_s = max(min(self.slice_end - time.monotonic(), self.settings.window_s), 0.1)
        unit = self._planner_for(passage).speaker()
        by_threads = max(1, int(unit.threads() * min(CLAIM_FOR_S, left_s) / max(self._latency_s, 0.001)))
        by_hooks = max(1, int(self.settings.window_s / 2 / self._build_s)) if self._build_s > 0 else by_threads
        size = min(by_threads, by_hooks, self.settings.claim_size)
        tokens = max(self._forecast(limits, left_s) for limits in self._planner_for(passage).limits())
        return max(1, min(size, tokens))

    def _forecast(self, limits: Sequence[RateLimit], within_s: float) -> int:
        try:
            return ratelimit.forecast(self.connection_id, limits, within_s)
        except RateLimitExceeded:
            return 1

    def _deliver(self, passage: Passage, claimed: list[Claimed], began: float) -> None:
        planner = self._planner_for(passage)
        unit = planner.speaker()
        building = time.monotonic()
        plans = pingpong.stop(planner.build(claimed))
        self._build_s = (time.monotonic() - building) / len(claimed)
        point("planned")
        window_end = began + self.settings.window_s
        plans = self._in_time(plans, planner.took_s, window_end)
        if not plans:
            gate.give_back(passage)
            return
        senders = Senders(unit.threads(), unit.transmit)
        interpreter = Interpreter(passage, planner.types, renewals=self._renewals)
        delivery = Delivery(
            self.connection_id,
            senders,
            interpreter,
            window_end=window_end,
            lease_end=began + self._lease_s(),
            slice_end=max(self.slice_end, began + 0.1),
            task_id=self.task_id,
            tally=self.tally,
            latency_s=self._call_s,
            apart=len(planner.limits()) > 1,
            tick=partial(self._tick, passage),
        )
        calls = self.tally.calls
        try:
            delivery.run(plans)
        finally:
            senders.close()
            if interpreter.probing:
                gate.give_back(passage)
        self._renewals = interpreter.renewals
        self._learn_latency(self.tally.calls - calls, time.monotonic() - began, unit.threads())
        self._call_s = delivery.latency_s
        self.next_token_s = delivery.pace.next_token_s
        if delivery.pace.late and (self.next_token_s or 0.0) <= self.settings.window_s:
            self.next_token_s = None  # the next claim, here or in the drain that is rung for, may reserve it at once
        if interpreter.shut:
            self.shut = "gate"

    def _in_time(self, plans: list[Plan], took_s: Mapping[int, float], window_end: float) -> list[Plan]:
        """Count it against the objects whose hooks alone take longer than they may be sent; return the others."""
        if time.monotonic() <= window_end:
            return plans
        alone = len(plans) == 1
        late = [
            plan
            for plan in plans
            if plan.decision.action.calls and (alone or took_s[plan.claim.id] > self.settings.window_s)
        ]
        if late:
            ids = {plan.claim.id for plan in late}
            rows = [too_slow(plan, plan.unit.retry_policy()) for plan in late]
            settle([], rows, parents=(), deadline=time.monotonic() + conf.current().settle_s)
            self._build_s = 0.0  # the next claim is without them
            return [plan for plan in plans if plan.claim.id not in ids]
        return plans

    def _learn_latency(self, calls: int, seconds: float, threads: int) -> None:
        if calls >= threads:
            measured = seconds * threads / calls
            self._latency_s = 0.7 * self._latency_s + 0.3 * measured

    def _planner_for(self, passage: Passage) -> Planner:
        if self._planner is None or self._planner.connection.updated_at != passage.connection.updated_at:
            self._planner = Planner(passage.connection)
        return self._planner

    def _lease_s(self) -> float:
        """Until then no request of a claim made now is under way: the longest deadline of its calls counts."""
        timeout_s = self.settings.timeout_s if self._planner is None else self._planner.speaker().deadline_s()
        return self.settings.window_s + timeout_s + self.settings.settle_s

    def _slot_s(self) -> float:
        """A drain that is at work extends its slot all the time: one that died or hangs in a hook soon loses it."""
        return self.settings.window_s

    def _wait(self) -> bool:
        """Wait a little where something is due before the slice ends; False where nothing is."""
        if not self.wait:
            return False
        due_s = bindings.next_due_s(self.connection_id)
        left_s = self.slice_end - time.monotonic()
        if due_s is None or due_s >= left_s:
            return False
        time.sleep(min(due_s, POLL_S) if due_s > 0 else POLL_S / 10)
        return True

    def _look_again(self) -> bool:
        """Whether something came in, or is due, since the slot was given back; then ring."""
        if self.shut:
            return False
        gate.note_next_token(self.connection_id, self.next_token_s)
        if self.next_token_s is not None:
            return False
        self._intake()
        due_s = bindings.next_due_s(self.connection_id)
        left_s = max(self.slice_end - time.monotonic(), 0.0) if self.wait else 0.0
        if due_s is None or due_s > left_s:  # what came in meanwhile may rest yet: waited for as long as it was here
            return False
        wake.ring([self.connection_id])
        return True

    def _report(self, *, more: bool) -> Report:
        tally = self.tally
        return Report(
            taken=tally.taken,
            claimed=tally.claimed,
            calls=tally.calls,
            succeeded=tally.succeeded,
            failed=tally.failed,
            unchanged=tally.unchanged,
            released=tally.released,
            seconds=round(time.monotonic() - self.started, 3),
            more=more,
            shut=self.shut,
        )
