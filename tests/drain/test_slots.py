from __future__ import annotations

import pytest

from sync.drain import slots
from sync.models import Connection, Slot

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
