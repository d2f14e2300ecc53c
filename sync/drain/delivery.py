"""Deliver one claim: tokens → journal → send → settle."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sync import operations
from sync.bindings.rows import Settlement
from sync.drain import attempt as attempts
from sync.drain import journey
from sync.drain.decide import Action
from sync.drain.interpret import Interpreter
from sync.drain.pace import Pace
from sync.drain.parcels import Parcel, parcels, split
from sync.drain.parents import ask_for_parents
from sync.drain.plan import Plan, is_first
from sync.drain.recorder import Result, journal, settle
from sync.drain.scribe import Scribe
from sync.drain.send import Dispatch, Senders, Sent
from sync.drain.settling import released, without_call
from sync.exceptions import CrudSyncError
from sync.faults import point
from sync.secrets import trace
from sync.types import Answer, Grant, Outcome, Request, Wanted

logger = logging.getLogger("crudsync.drain")

AHEAD = 4
"""So many rounds of threads are journaled ahead of the one in the air: a worker that dies leaves no more in doubt.

With half of them in hand the next half is journaled: the threads have work while it is committed.
"""

FRESH_S = 0.1
"""What waits for a thread longer than this would outlive its token: from slow remotes nothing waits."""

LATENCY_S = 0.05
"""What a call is taken to last before one was measured."""

LAG_S = 1.0
"""Nothing was sent or answered for so long: what is under way still takes far longer than the others did."""

SETTLE_EVERY = 50
SETTLE_AFTER_S = 0.1
GRANTS_AHEAD = 64


@dataclass(slots=True)
class Tally:
    """What a drain did, in objects; ``calls`` in requests."""

    taken: int = 0
    claimed: int = 0
    calls: int = 0
    succeeded: int = 0
    failed: int = 0
    unchanged: int = 0
    released: int = 0


@dataclass(frozen=True, slots=True)
class Ready:
    """A parcel with its token and its request; ``overridden``: the integrator has a verb of its own for it."""

    parcel: Parcel
    grant: Grant
    request: Request
    overridden: bool


class Delivery:
    """Delivers the objects of one claim.

    Args:
        connection_id: their connection.
        senders: the sending threads.
        interpreter: turns answers into rulings, and says when the gate must shut.
        window_end: ``time.monotonic()`` seconds after which nothing is sent.
        lease_end: the same for the leases' end.
        slice_end: the same for the slice's end: no token is reserved beyond it.
        task_id: id of the Celery task, for the operations.
        tally: what is counted.
        latency_s: how long a call lasted lately.
        inside_verb: it is an integrator's own verb that sends: it is not called once more.
        apart: not all calls of this connection count against the same limits.
        tick: called with this delivery in every turn of its loop.
    """

    def __init__(
        self,
        connection_id: int,
        senders: Senders,
        interpreter: Interpreter,
        *,
        window_end: float,
        lease_end: float,
        slice_end: float,
        task_id: str,
        tally: Tally,
        latency_s: float = LATENCY_S,
        inside_verb: bool = False,
        apart: bool = False,
        tick: Callable[[Delivery], None] | None = None,
    ) -> None:
        self.connection_id = connection_id
        self.senders = senders
        self.interpreter = interpreter
        self.window_end = window_end
        self.lease_end = lease_end
        self.task_id = task_id
        self.tally = tally
        self.latency_s = latency_s
        self.inside_verb = inside_verb
        self.apart = apart
        self.tick = tick
        self.pace = Pace(connection_id, min(slice_end, window_end))
        self._todo: deque[Parcel] = deque()
        self._results: list[Result] = []
        self._others: list[Settlement] = []
        self._since = 0.0
        self._journaling = False
        self._answered = 0
        self._moved_at = time.monotonic()
        self._failing = False
        self.outcomes: dict[int, Outcome] = {}
        """What became of each object, by binding id."""

    def run(self, plans: Sequence[Plan]) -> None:
        """Send what the plans call for, and settle everything."""
        calling = []
        for plan in plans:
            if plan.decision.action.calls:
                calling.append(plan)
            else:
                self._others.append(without_call(plan))
        self.tally.unchanged += sum(plan.decision.action is Action.NOTHING for plan in plans)
        self._failing = all(plan.claim.attempts for plan in calling)
        self._todo.extend(parcels([attempts.attempt(plan) for plan in calling]))
        ask_for_parents(self.connection_id, plans, self.interpreter.model_of)
        self._journal = Scribe(len(calling), self.senders.nudge)
        self._record = Scribe(len(calling), self.senders.nudge)
        try:
            while self._todo or self.senders.under_way or self._journal.busy:
                self._fill()
                self._collect()
                if self.tick is not None:
                    self.tick(self)
            self._settle()
            while self._record.busy:
                self._record.follow_up(wait=True)
            self.interpreter.written()
        except Exception:
            self._keep_what_came()
            raise
        finally:
            self._journal.close()
            self._record.close()
        for plan in plans:
            if plan.decision.action is Action.NOTHING and (is_first(plan.claim) or plan.claim.wanted == Wanted.DELETE):
                self.interpreter.follow(plan, None, None)

    def _keep_what_came(self) -> None:
        """An error makes no doubt of the answers that are there; nothing more is sent."""
        self.senders.stop()
        results, others, self._results, self._others = self._results, self._others, [], []
        try:
            settle(results, others, parents=self.interpreter.parents, deadline=self.lease_end)
        except Exception as error:  # noqa: BLE001 - the error that is under way is the one to be seen
            logger.error("answers could not be settled after a failure\n%s", trace(error))  # noqa: TRY400 - no secrets

    @property
    def lags(self) -> bool:
        """Whether what is under way is unlike the rest: a few calls of a claim well answered, or what failed before."""
        if not self.senders.under_way or self._journal.busy or self.interpreter.probing:
            return False
        if time.monotonic() - self._moved_at <= max(LAG_S, 4 * self.latency_s):
            return False
        few = self.senders.under_way <= max(self.senders.threads // 4, 1)
        return self._failing or (few and not self._todo and self._answered >= self.senders.threads)

    def _fill(self) -> None:
        """Keep the senders busy, some rounds of threads ahead of what is in the air."""
        ahead = min(AHEAD, int(FRESH_S / self.latency_s))
        room = (1 + ahead) * self.senders.threads - self.senders.under_way
        worth = min(max((ahead + 1) // 2 * self.senders.threads, 1), len(self._todo))
        if self._journaling or not self._todo or room < worth:
            return
        if self.interpreter.shut or time.monotonic() > self.window_end:
            self._release_all(0.0)
            return
        chosen: list[tuple[Parcel, Grant]] = []
        while self._todo and len(chosen) < room:
            wanted = min(len(self._todo), max(room, GRANTS_AHEAD if ahead else 1))
            grant = self.pace.grant(self._todo[0].limits, wanted)
            if grant is None:
                break
            chosen.append((self._todo.popleft(), grant))
        if chosen:
            self._dispatch(chosen)
        elif not self.senders.under_way and self._todo:
            self._put_off(self.pace.next_token_s or 0.0)

    def _dispatch(self, chosen: Sequence[tuple[Parcel, Grant]]) -> None:
        """Journal and send. What cannot be built is settled as its own fault."""
        ready: list[Ready] = []
        for parcel, grant in chosen:
            overridden = parcel.overridden and not self.inside_verb  # the host's code: not between journal and send
            with journey.built(parcel.attempts):
                try:
                    ready.append(Ready(parcel, grant, parcel.request(), overridden))
                except Exception as error:  # noqa: BLE001 - ours, or a hook's of the host's
                    self._results.extend(self.interpreter.unbuilt(item, error) for item in parcel.attempts)
        started = [
            row
            for each in ready
            for row in attempts.journal(each.parcel.attempts, each.request, self.task_id, each.grant)
        ]
        marks = [attempts.mark(item) for each in ready for item in each.parcel.attempts]
        if started:
            self._journaling = True
            self._journal.write(
                lambda: journal(started, marks, deadline=self.lease_end), lambda written: self._send(ready, *written)
            )

    def _send(self, ready: Sequence[Ready], ids: Sequence[int], ours: Collection[int]) -> None:
        """Hand what is journaled to the senders."""
        point("journaled")
        self._journaling = False
        self._moved_at = time.monotonic()
        place = 0
        for each in ready:
            carried = each.parcel.attempts
            own = ids[place : place + len(carried)]
            place += len(carried)
            self.tally.calls += 1
            held = all(item.plan.claim.id in ours for item in carried)
            spans = journey.begun(carried, own)
            dispatch = Dispatch(
                attempts=carried, request=each.request, operations=tuple(own), grant=each.grant, spans=spans
            )
            # where the lease was lost before the send, the journal entry is closed as not sent
            window_end = self.window_end if held else 0.0
            with journey.under_way(dispatch):
                if each.overridden:
                    self._results.append(self._perform(dispatch, window_end))
                    journey.over(dispatch, self._results[-1:])
                else:
                    self.senders.put(dispatch, window_end)

    def _perform(self, dispatch: Dispatch, window_end: float) -> Result:
        """Call a verb that the integrator overrides, one object at a time; ``super()`` there sends this attempt."""
        item = dispatch.attempts[0]
        if self.interpreter.shut or time.monotonic() > window_end:  # a verb may send by itself, past the senders
            return self.interpreter.read(Sent(dispatch=dispatch, answer=None))[0]
        sent: list[Sent] = []

        def once() -> Outcome:
            sent.append(self.senders.now(dispatch, window_end))
            return self.interpreter.outcome(sent[0])

        try:
            outcome = item.plan.unit.perform(item.verb, item.plan.claim.object_id, once)
        except CrudSyncError as error:  # it says that the object cannot be sent
            return self.interpreter.unbuilt(item, error, dispatch.operations[0])
        answered = sent[0] if sent else Sent(dispatch=dispatch, answer=Answer())
        return self.interpreter.judged(item, dispatch.operations[0], outcome, answered)

    def _collect(self) -> None:
        if self.senders.under_way:
            sent = self.senders.get(SETTLE_AFTER_S)
            while sent is not None:
                self._take(sent)
                sent = self.senders.get(0.0)
        self._record.follow_up()
        self._journal.follow_up(wait=not self.senders.under_way)
        full = len(self._results) >= SETTLE_EVERY
        if self._results and (full or time.monotonic() - self._since > SETTLE_AFTER_S):
            self._settle()

    def _take(self, sent: Sent) -> None:
        if not self._results:
            self._since = time.monotonic()
        self._answered += 1
        self._moved_at = time.monotonic()
        if sent.answer is not None:
            self.latency_s = max(0.8 * self.latency_s + 0.2 * sent.answer.elapsed_ms / 1000, 0.0001)
        with journey.under_way(sent.dispatch):
            results = self.interpreter.read(sent)
        journey.over(sent.dispatch, results)
        refused = [r for r in results if r.ruling.outcome.code == "batch_refused"]
        if len(refused) > 1:
            self._todo.extendleft(split([result.attempt for result in refused]))
            self._close_refused(refused)
            return
        self._results.extend(results)
        if self.interpreter.shut:
            self.senders.stop()

    def _close_refused(self, refused: Sequence[Result]) -> None:
        """A refused batch applied nothing: close its operations, its halves follow under the same lease."""
        operations.finish([result.finished for result in refused])

    def _put_off(self, after_s: float) -> None:
        """Release what has no token.

        Where other limits hold for other calls, these go on, and what is released comes back when there is a token for
        it, one after the other: at the head of the queue it would stand in their way.
        """
        if not self.apart or not after_s or self.pace.away:
            self._release_all(after_s)
            return
        limits = tuple(self._todo[0].limits)
        mine = [parcel for parcel in self._todo if tuple(parcel.limits) == limits]
        self._todo = deque(parcel for parcel in self._todo if tuple(parcel.limits) != limits)
        each_s = after_s if after_s <= self.window_end - time.monotonic() else 0.0
        for place, parcel in enumerate(mine):
            wait_s = after_s + place * each_s
            self._others.extend(released(item.plan, after_s=wait_s) for item in parcel.attempts)
            self.tally.released += len(parcel.attempts)
        self.pace.next_token_s, self.pace.late = None, False

    def _release_all(self, after_s: float) -> None:
        for parcel in self._todo:
            self._others.extend(released(item.plan, after_s=0.0) for item in parcel.attempts)
            self.tally.released += len(parcel.attempts)
        self._todo.clear()
        if after_s and self.pace.next_token_s is None:
            self.pace.next_token_s = after_s

    def _settle(self) -> None:
        if not (self._results or self._others):
            return
        results, others = self._results, self._others
        self._results, self._others = [], []
        self._record.write(
            lambda: settle(results, others, parents=self.interpreter.parents, deadline=self.lease_end),
            lambda ids: self._settled(results, ids),
        )

    def _settled(self, results: Sequence[Result], ids: Collection[int]) -> None:
        for result in results:
            self.outcomes[result.attempt.plan.claim.id] = result.ruling.outcome
            succeeded = result.ruling.outcome.ok
            self.tally.succeeded += succeeded
            self.tally.failed += not succeeded
        for result in results:
            if result.ruling.outcome.ok and result.attempt.plan.claim.id in ids:
                self.interpreter.follow(result.attempt.plan, result.attempt.verb, result.ruling.outcome)
