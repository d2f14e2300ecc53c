from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from sync import drain as draining
from sync.drain import gate, slots
from sync.drain.loop import Drain
from sync.drain.sweep import sweep_if_overdue
from sync.models import Binding, Change, Connection, Gate, Sweep
from sync.types import Lane

pytestmark = pytest.mark.django_db

LATER = dt.timedelta(hours=1)


def rung() -> tuple[int, ...]:
    return draining.sweep().rung


def test_a_sweep_takes_in_and_rings_for_what_is_due(connection: Connection) -> None:
    Group.objects.create(name="a")
    report = draining.sweep()
    assert (report.taken, report.rung) == (1, (connection.pk,))
    assert not Change.objects.exists()
    Binding.objects.update(due_at=timezone.now() + LATER)
    assert rung() == ()


@pytest.mark.parametrize("lane", list(Lane))
def test_whatever_the_lane(connection: Connection, lane: Lane) -> None:
    Group.objects.create(name="a")
    draining.sweep()
    Binding.objects.update(lane=lane)
    assert rung() == (connection.pk,)


@pytest.mark.parametrize(
    "values",
    [
        {"blocked_until": LATER},
        {"next_token_at": LATER},
        {"blocked_until": -LATER, "probe_until": LATER},
    ],
)
def test_a_connection_that_may_not_send_is_not_rung(connection: Connection, values: dict[str, Any]) -> None:
    Group.objects.create(name="a")
    Gate.objects.update(**{name: timezone.now() + delta for name, delta in values.items()})
    report = draining.sweep()
    assert (report.taken, report.rung) == (1, ())


def test_a_gate_whose_time_has_come_is_rung_for_its_probe(connection: Connection) -> None:
    Group.objects.create(name="a")
    Gate.objects.update(blocked_until=timezone.now() - LATER, probe_until=timezone.now() - LATER)
    assert rung() == (connection.pk,)


def test_a_paused_connection_is_not_rung(connection: Connection) -> None:
    Group.objects.create(name="a")
    Connection.objects.update(paused=True)
    assert rung() == ()


def test_a_connection_whose_slots_are_taken_is_not_rung(connection: Connection) -> None:
    Group.objects.create(name="a")
    held = slots.take(connection, 60.0)
    assert rung() == ()
    assert held is not None
    slots.give_back(held)
    assert rung() == (connection.pk,)


def test_nothing_is_swept_while_everything_is_switched_off(connection: Connection, settings: Any) -> None:
    Group.objects.create(name="a")
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    assert draining.sweep() == draining.SweepReport()
    assert draining.drain(connection.pk).shut == "disabled"
    assert Change.objects.exists()


def test_a_drain_sweeps_only_where_beat_seems_dead(connection: Connection) -> None:
    assert sweep_if_overdue() is not None
    assert sweep_if_overdue() is None
    Sweep.objects.update(at=timezone.now() - LATER)
    assert sweep_if_overdue() is not None


def test_a_drain_of_what_is_not_there_does_nothing(connection: Connection, deliver: Callable[..., Any]) -> None:
    assert draining.drain(10**9, wait=False).moved is False
    assert deliver().moved is False


def test_when_the_next_token_comes_is_noted_and_forgotten(connection: Connection) -> None:
    gate.note_next_token(connection.pk, 30.0)
    assert Gate.objects.get().next_token_at is not None
    gate.note_next_token(connection.pk, None)
    assert Gate.objects.get().next_token_at is None


@pytest.mark.parametrize(("due_in_s", "wait", "rings"), [(2.0, True, True), (2.0, False, False), (60.0, True, False)])
def test_a_drain_that_ends_rings_for_what_came_in_meanwhile_and_rests_within_its_slice(
    connection: Connection, due_in_s: float, wait: bool, rings: bool
) -> None:
    at = timezone.now() + dt.timedelta(seconds=due_in_s)
    Binding.objects.create(connection=connection, object_type="product", object_id="1", model="shop.product", due_at=at)
    ending = Drain(connection.pk, slice_s=10.0, task_id="", wait=wait)
    assert ending._look_again() is rings
