from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from sync import drain as draining
from sync.drain import Report, delivery, loop, slots
from sync.drain.intake import intake
from sync.models import Binding, Connection, Slot
from sync.types import Lane
from tests.drain.memory import Fault, MemoryIntegrator, MemoryRemote

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db


def test_a_connection_has_as_many_slots_as_it_says(connection: Connection) -> None:
    connection.drains = 2
    first, second = slots.take(connection, 60.0), slots.take(connection, 60.0)
    assert first is not None
    assert second is not None
    assert first.id != second.id
    assert slots.take(connection, 60.0) is None


def test_a_slot_that_is_given_back_can_be_taken_again(connection: Connection) -> None:
    held = slots.take(connection, 60.0)
    assert held is not None
    slots.give_back(held)
    again = slots.take(connection, 60.0)
    assert again is not None
    assert (again.id, Slot.objects.count()) == (held.id, 1)


def test_a_slot_whose_time_has_passed_can_be_taken_and_is_lost_to_its_holder(connection: Connection) -> None:
    late = slots.take(connection, 0.0)
    assert late is not None
    mine = slots.take(connection, 60.0)
    assert mine is not None
    assert not slots.extend(late, 60.0)
    slots.give_back(late)  # changes nothing: it is another's
    assert slots.extend(mine, 60.0)
    assert slots.take(connection, 60.0) is None


def test_fewer_drains_leave_the_higher_slots_alone(connection: Connection) -> None:
    connection.drains = 2
    for held in [slots.take(connection, 60.0), slots.take(connection, 60.0)]:
        assert held is not None
        slots.give_back(held)
    connection.drains = 1
    assert slots.take(connection, 60.0) is not None
    assert slots.take(connection, 60.0) is None


def test_what_a_lost_task_held_is_free_at_once_and_only_that(connection: Connection) -> None:
    connection.drains = 2
    lost, alive = slots.take(connection, 60.0, "lost"), slots.take(connection, 60.0, "lost-not")
    assert lost is not None
    assert alive is not None
    slots.free("")
    assert slots.take(connection, 60.0) is None
    slots.free("lost")
    assert slots.extend(alive, 60.0)
    assert not slots.extend(lost, 60.0)
    again = slots.take(connection, 60.0, "x" * 300)
    assert again is not None
    assert again.id == lost.id
    slots.free("x" * 300)
    assert not slots.extend(again, 60.0)


# --- beside the slots ------------------------------------------------------------------------------------------------


def test_one_drain_of_a_connection_may_step_aside_and_leaves_its_slot_to_another(connection: Connection) -> None:
    first = slots.take(connection, 60.0)
    assert first is not None
    aside = slots.step_aside(first, connection, 60.0)
    assert aside is not None
    second = slots.take(connection, 60.0)
    assert second is not None
    assert second.id == first.id
    assert slots.step_aside(second, connection, 60.0) is None  # there is one such place
    assert slots.extend(second, 60.0)
    slots.give_back(aside)
    assert slots.step_aside(second, connection, 60.0) is not None


def test_a_connection_with_a_drain_aside_is_rung_all_the_same(connection: Connection) -> None:
    held = slots.take(connection, 60.0)
    assert held is not None
    slots.step_aside(held, connection, 60.0)
    Group.objects.create(name="a")
    assert draining.sweep().rung == (connection.pk,)


class Way:
    """Whether a drain makes way for another, and whether that one would have a slot then."""

    def __init__(self, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connection = connection
        self.made = threading.Event()
        self.taken: list[slots.Held | None] = []
        monkeypatch.setattr(delivery, "LAG_S", 0.05)
        monkeypatch.setattr(loop.wake, "ring", self.ring)

    def ring(self, ids: Any) -> None:
        if self.connection.pk in ids and not self.made.is_set():
            self.taken.append(slots.take(self.connection, 60.0))
            self.made.set()


def lasting(event: threading.Event, seconds: float) -> Fault:
    """A call that lasts until the event, or for so many seconds."""

    def fault(remote: MemoryRemote, request: Any) -> None:
        event.wait(seconds)

    return fault


@pytest.mark.parametrize("calls", [1, 12])
def test_a_drain_that_waits_for_nothing_but_calls_that_failed_before_makes_way(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    for number in range(calls):
        Group.objects.create(name=f"slow {number}")
    intake()
    Binding.objects.update(attempts=1)
    way = Way(connection, monkeypatch)
    remote.faults = [lasting(way.made, 5)]  # those behind it wait, too
    assert deliver().succeeded == calls
    assert way.taken
    assert way.taken[0] is not None


def test_a_drain_does_not_make_way_for_the_first_call_of_an_object(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    Group.objects.create(name="slow")
    way = Way(connection, monkeypatch)
    remote.faults = [lasting(way.made, 1)]
    assert deliver().succeeded == 1  # as long as nobody knows whether the whole remote is slow
    assert not way.taken


def test_a_drain_makes_way_before_it_takes_an_object_in_hand_that_may_have_ended_the_last_one(
    connection: Connection, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    Group.objects.create(name="a suspect")
    intake()
    Binding.objects.update(claims=2, leased=True)
    way = Way(connection, monkeypatch)
    assert deliver().succeeded == 1
    assert way.taken
    assert way.taken[0] is not None


def test_what_has_failed_is_claimed_apart_from_what_has_not(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed: list[set[int]] = []
    claim = loop.bindings.claim

    def noted(*args: Any, **options: Any) -> Any:
        found = claim(*args, **options)
        claimed.extend([{each.lane for each in found}] if found else [])
        return found

    monkeypatch.setattr(loop.bindings, "claim", noted)
    monkeypatch.setattr(loop, "TENTH", 0.0)
    queued(connection)
    assert deliver().succeeded == 6
    assert claimed == [{Lane.LIVE, Lane.BULK}, {Lane.RETRY}]


def test_now_and_then_what_has_failed_goes_first_and_aside(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "TENTH", 1.0)
    way = Way(connection, monkeypatch)
    queued(connection)
    assert deliver().succeeded == 2
    assert way.taken
    assert way.taken[0] is not None
    assert not Binding.objects.filter(lane=Lane.RETRY, due_at__isnull=False).exists()


def test_where_another_drain_is_aside_already_the_rest_goes_first(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "TENTH", 1.0)
    held = slots.take(connection, 60.0)
    assert held is not None
    assert slots.step_aside(held, connection, 60.0)
    queued(connection)
    assert deliver().succeeded == 6


def queued(connection: Connection) -> None:
    """Two objects in each lane."""
    for number in range(6):
        Group.objects.create(name=f"g{number}")
    intake()
    for number, row in enumerate(Binding.objects.order_by("pk")):
        Binding.objects.filter(pk=row.pk).update(lane=number % 3)


def test_a_slot_is_kept_while_a_call_lasts(
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    deliver: Deliver,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "window_s": 0.4}
    extended = threading.Event()
    extend = slots.extend
    times: list[float] = []

    def noting(held: slots.Held, ttl_s: float) -> bool:
        times.append(ttl_s)
        if len(times) > 2:
            extended.set()
        return extend(held, ttl_s)

    monkeypatch.setattr(slots, "extend", noting)
    remote.faults = [lasting(extended, 10)]
    Group.objects.create(name="a")
    assert deliver().succeeded == 1
    assert extended.is_set()
    assert set(times) == {0.4}
