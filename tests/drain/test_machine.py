"""Random saves, faults, crashes and lost leases; once they stop, both sides agree."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import logging
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Group
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sync import bindings, faults
from sync.drain import drain
from sync.drain.decide import AWAITED
from sync.exceptions import ConnectFailed
from sync.models import Binding, Change, Connection, Gate, Operation, State, Status
from sync.types import Verb, Wanted
from tests.drain.conftest import armed, hurry
from tests.drain.memory import MemoryIntegrator, MemoryRemote, error, late, lost, status

FAULTS = {
    "lost before": lambda: lost(applied=False),
    "lost after": lambda: lost(applied=True),
    "lands late": late,
    "500 before": lambda: status(500),
    "500 after": lambda: status(500, applied=True),
    "503": lambda: status(503),
    "429": lambda: status(429),
    "401": lambda: status(401),
    "403": lambda: status(403),
    "422": lambda: status(422),
    "not sent": lambda: error(ConnectFailed("refused")),
    "none": lambda: None,
}
MODES = ("keyed", "our ids", "looked up", "held", "retried")
"""How a create whose answer was lost is made good: by its key, under our id, by a look-up, by a person, by another."""

AWAY = "away"
"""How the names of rows begin that are out of scope."""

POINTS = ("folded", "claimed", "planned", "journaled", "settling", "settled")
ROUNDS = 60

pytestmark = pytest.mark.django_db


class Deliveries(RuleBasedStateMachine):
    """Rows here, objects there, and everything that may happen in between."""

    integrator: ClassVar[type[MemoryIntegrator]]
    connection: ClassVar[Connection]

    restless: ClassVar[list[bool]] = [False]

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[Group] = []
        self.number = 0

    @initialize(
        mode=st.sampled_from(MODES),
        on_delete=st.sampled_from(["delete", "delete", "keep"]),
        on_leave=st.sampled_from(["delete", "keep"]),
        restless=st.sampled_from([False, False, False, True]),
        seed=st.integers(0, 1000),
    )
    def fresh(self, mode: str, on_delete: str, on_leave: str, restless: bool, seed: int) -> None:
        random.seed(seed)
        for model in (Group, Change, Binding, Operation):
            model._base_manager.all().delete()
        Gate.objects.update(blocked_until=None, streak=[], closures=0, probe_until=None, probe_token="")
        remote, spec = self.integrator.remote, self.integrator.spec
        for what in (remote.objects, remote.keys, remote.journal, remote.faults, remote.late):
            what.clear()
        remote.honours_keys = spec.keyed = mode == "keyed"
        remote.upserts = spec.client_id = mode == "our ids"
        spec.can_lookup = mode == "looked up"
        spec.on_uncertain = "retry" if mode == "retried" else "hold"
        spec.on_delete, spec.on_leave = on_delete, on_leave
        self.mode = mode
        type(self).restless[:] = [restless]

    # --- what people do ---

    def name(self) -> str:
        self.number += 1
        return f"g{self.number}"

    @rule()
    def save(self) -> None:
        self.groups.append(Group.objects.create(name=self.name()))

    @precondition(lambda self: self.groups)
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        group = data.draw(st.sampled_from(self.groups))
        group.name = self.name()
        group.save()

    @precondition(lambda self: self.groups)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.groups.pop(data.draw(st.integers(0, len(self.groups) - 1))).delete()

    @precondition(lambda self: self.groups)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        group = data.draw(st.sampled_from(self.groups))
        group.name = f"{AWAY} {self.name()}"
        group.save()

    @precondition(lambda self: self.groups)
    @rule(data=st.data())
    def save_again(self, data: st.DataObject) -> None:
        """Nothing has changed; or a row comes back under its old key."""
        data.draw(st.sampled_from(self.groups)).save()

    @precondition(lambda self: self.groups)
    @rule(data=st.data(), wanted=st.sampled_from([Wanted.VERIFY, Wanted.PUSH, Wanted.DELETE]))
    def resync(self, data: st.DataObject, wanted: Wanted) -> None:
        group = data.draw(st.sampled_from(self.groups))
        bindings.ask(self.connection.pk, "group", [str(group.pk)], wanted=wanted, model="auth.group")

    @precondition(lambda self: self.known())
    @rule(data=st.data(), gone=st.booleans())
    def change_at_the_remote_and_resync(self, data: st.DataObject, gone: bool) -> None:
        objects = self.integrator.remote.objects
        remote_id = data.draw(st.sampled_from(self.known()))
        if gone:
            del objects[remote_id]
        else:
            objects[remote_id]["name"] = "edited there"
        ids = Binding.objects.filter(remote_id=remote_id).values_list("object_id", flat=True)
        bindings.ask(self.connection.pk, "group", list(ids), wanted=Wanted.VERIFY)

    def known(self) -> list[str]:
        """The remote objects whose ids are known here: another one could not be found by its name any more."""
        ids = Binding.objects.filter(remote_id__in=list(self.integrator.remote.objects))
        return sorted(str(id_) for id_ in ids.values_list("remote_id", flat=True))

    # --- what goes wrong ---

    @rule(kinds=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=4))
    def fail(self, kinds: list[str]) -> None:
        if self.mode in ("held", "retried"):  # where nothing can tell, a 500 counts as a refusal (protocol, section 4)
            kinds = [kind for kind in kinds if kind != "500 after"]
        self.integrator.remote.faults += [FAULTS[kind]() for kind in kinds]

    @rule()
    def deliver(self) -> None:
        """So much time passes that nothing of before is under way any more."""
        self.integrator.remote.land()
        hurry(self.connection)
        drain(self.connection.pk, wait=False)

    @rule()
    def deliver_soon(self) -> None:
        """Only what is in backoff comes due: a write that was given up may land yet, later than what follows it."""
        waiting = Binding.objects.filter(due_at__isnull=False, leased=False).exclude(uncertain__in=AWAITED)
        waiting.update(due_at=timezone.now() - dt.timedelta(seconds=1))
        Gate.objects.update(blocked_until=None)
        drain(self.connection.pk, wait=False)

    @rule(point=st.sampled_from(POINTS), nth=st.integers(1, 2), kind=st.sampled_from(["raise", "end"]))
    def die(self, point: str, nth: int, kind: str) -> None:
        """A drain that fails, or whose process ends, in the middle."""
        self.integrator.remote.land()
        hurry(self.connection)
        with armed(point, kind, nth), suppress(faults.Fault, faults.Ended):
            drain(self.connection.pk, wait=False)

    @rule()
    def lose_the_lease_under_way(self) -> None:
        """Another worker claims the objects while their answers are on the way, and does nothing with them."""
        first = type(self).integrator.read_answer

        def read(unit: Any, call: Any, answer: Any) -> Any:
            Binding.objects.filter(object_id=call.object_id).update(lease_token=F("lease_token") + 1)
            return first(unit, call, answer)

        type(self).integrator.read_answer = read  # type: ignore[method-assign]
        try:
            self.deliver()
        finally:
            type(self).integrator.read_answer = first  # type: ignore[method-assign]

    @rule()
    def let_the_leases_end(self) -> None:
        self.integrator.remote.land()
        past = timezone.now() - dt.timedelta(hours=1)
        for binding in Binding.objects.exclude(due_at=None):
            if binding.intent:
                binding.intent = json.dumps({**json.loads(binding.intent), "until": past.timestamp()})
            binding.due_at = past
            binding.save()
        Gate.objects.update(probe_until=None)

    # --- what holds ---

    @invariant()
    def nothing_ends_in_silence(self) -> None:
        for binding in Binding.objects.filter(due_at=None):
            assert not binding.leased
            assert binding.state in (State.SYNCED, State.ABSENT) or binding.code, binding.__dict__

    def teardown(self) -> None:
        if not hasattr(self, "mode"):  # nothing was done in this run
            return
        self.integrator.remote.faults.clear()
        self.quiet()
        type(self).restless[:] = [False]
        self.ask_a_person()
        self.quiet()
        self.both_sides_agree()

    def quiet(self) -> None:
        for _ in range(ROUNDS):
            self.let_the_leases_end()
            self.deliver()
            if not Change.objects.exists() and not Binding.objects.exclude(due_at=None).exists():
                return
        raise AssertionError(f"it does not come to rest: {list(Binding.objects.exclude(due_at=None).values())}")

    def ask_a_person(self) -> None:
        """What is held or dead is asked for again; a doubt is settled by what stands at the remote."""
        stuck = Binding.objects.filter(state__in=(State.HELD, State.DEAD))
        bindings.ask(self.connection.pk, "group", list(stuck.values_list("object_id", flat=True)))
        objects = self.integrator.remote.objects
        for binding in Binding.objects.filter(state=State.IN_DOUBT):
            assert not self.integrator.spec.can_lookup
            name = json.loads(binding.intent or "{}")["body"]["name"]
            found = [id_ for id_, value in objects.items() if value["name"] == name]
            assert len(found) <= 1, "doubled"
            assert bindings.resolve(binding.pk, remote_id=found[0] if found else None)

    def both_sides_agree(self) -> None:
        remote = self.integrator.remote
        groups = Group.objects.exclude(name__startswith=AWAY)
        left = Binding.objects.filter(code="left")
        live = Binding.objects.filter(state=State.SYNCED).exclude(pk__in=left)
        assert sorted(live.values_list("object_id", flat=True)) == sorted(
            str(pk) for pk in groups.values_list("pk", flat=True)
        )
        shown = {row.object_id: remote.objects[row.remote_id or ""]["name"] for row in live}
        assert shown == {str(group.pk): group.name for group in groups}
        self.nothing_is_doubled({*live.values_list("remote_id", flat=True), *left.values_list("remote_id", flat=True)})
        others = Binding.objects.exclude(pk__in=live).exclude(pk__in=left)
        assert set(others.values_list("state", "remote_id")) <= {(State.ABSENT, None)}
        settled = ("uncertain", "intent", "wanted", "leased", "attempts", "claims")
        assert set(live.values_list(*settled)) <= {("", None, Wanted.AUTO, False, 0, 0)}
        assert not Operation.objects.filter(status=Status.STARTED).exists()

    def nothing_is_doubled(self, known: set[str | None]) -> None:
        """What nobody here knows was made twice: accepted where a type says so, and nowhere else."""
        spec, remote = self.integrator.spec, self.integrator.remote
        if "keep" not in (spec.on_delete, spec.on_leave):
            assert not Binding.objects.filter(code="left").exists()
        if self.mode != "retried":  # one that was left may be gone there since: nobody looks
            assert set(remote.objects) <= known


def make_restless(integrator: type[MemoryIntegrator], restless: list[bool]) -> None:
    """Where it is switched on, a payload is another one each time, and a hook saves the row after each answer."""
    ticks = itertools.count()

    def build_payload(self: Any, remote_ids: Any) -> dict[str, Any]:
        payload = MemoryIntegrator.build_payload(self, remote_ids)
        return {**payload, "at": next(ticks)} if restless[0] else payload

    def read_answer(self: Any, call: Any, answer: Any) -> Any:
        outcome = MemoryIntegrator.read_answer(self, call, answer)
        if restless[0] and self.instance is not None and call.verb in (Verb.CREATE, Verb.UPDATE):
            type(self.instance).objects.filter(pk=self.instance.pk).exists() and self.instance.save()
        return outcome

    integrator.build_payload = build_payload  # type: ignore[method-assign]
    integrator.read_answer = read_answer  # type: ignore[method-assign]


@pytest.fixture
def machine(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, settings: Any
) -> Iterator[type[Deliveries]]:
    Deliveries.integrator, Deliveries.connection = integrator, connection
    settings.CRUDSYNC = {**settings.CRUDSYNC, "ping_pong_limit": 3}
    integrator.spec.sync_when = lambda group: not group.name.startswith(AWAY)
    make_restless(integrator, Deliveries.restless)
    integrator.workers = 1  # one thread: the same faults meet the same objects in each run
    logging.disable(logging.CRITICAL)
    yield Deliveries
    logging.disable(logging.NOTSET)


def test_once_the_faults_stop_both_sides_agree_and_nothing_is_doubled(machine: type[Deliveries]) -> None:
    searching = not hypothesis_settings.default.derandomize  # --hypothesis-profile=searching: chance, and for longer
    chosen = hypothesis_settings(
        max_examples=300 if searching else 40,
        stateful_step_count=40 if searching else 25,
        deadline=None,
        derandomize=not searching,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)
